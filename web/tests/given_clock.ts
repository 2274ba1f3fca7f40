// tests/given_clock.ts: imported first, it gives what comes behind it a clock that stands still until the test moves it: Date.now and intervals.

interface Interval { every: number; due: number; run: () => void }

let now = 1_700_000_000_000;
const intervals = new Map<object, Interval>();

Date.now = () => now;
globalThis.setInterval = ((run: () => void, every: number) => {
  const handle = { unref: () => handle };
  intervals.set(handle, { every, due: now + every, run });
  return handle;
}) as unknown as typeof setInterval;
globalThis.clearInterval = ((handle: object) => void intervals.delete(handle)) as typeof clearInterval;

/** Time goes by; what is due on the way runs at its time. */
export function pass(ms: number): void {
  const end = now + ms;
  for (;;) {
    const next = [...intervals.values()].reduce<Interval | null>((first, one) => (first === null || one.due < first.due ? one : first), null);
    if (next === null || next.due > end) break;
    now = next.due;
    next.due += next.every;
    next.run();
  }
  now = end;
}

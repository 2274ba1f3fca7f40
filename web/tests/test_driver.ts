// tests/test_driver.ts: core/driver.ts over a node that is none: what a step is given and in which turn, and what a hostile window or peer is worth.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { decodeAll, encode, type Value } from '../core/codec.ts';
import { Driver } from '../core/driver.ts';
import { encodeCredit, encodeFrame, FrameKind } from '../core/frames.ts';
import type { RtcToPage } from '../core/messages.ts';
import { EffectKind, ErrorCode, EventKind, type NodeEffect, type StepOutput } from '../core/seam.ts';

interface Event { kind: number; timeMs: number; wallMs: number; port: number; link: number; size: number; reason: number; body: Uint8Array }

const QUIET: StepOutput = { deadlineMs: null, token: null, effects: [] };
const NO_REQUEST = new Uint8Array(16);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
/** For tests that wait for something to happen. */
const PATIENCE = { timeout: 20_000 };
/** Every message that waits is heard in a turn of the loop, and so is what it brings about; no clock decides. */
const turn = async (): Promise<void> => { for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve)); };
const effect = (kind: NodeEffect['kind'], fields: Partial<NodeEffect>): NodeEffect => ({ kind, port: 0, link: 0, reason: 0, request: NO_REQUEST, body: new Uint8Array(0), ...fields });

/** A mirror that is slow: steps wait until release. */
function held() {
  let release = (): void => undefined;
  const done = new Promise<void>((resolve) => { release = resolve; });
  return { release, mirror: () => done };
}

/** A driver whose steps are kept, and answer what is put into answers. */
function setUp(t: TestContext, { token = null as Uint8Array | null, mirror = (): Promise<void> => Promise.resolve(), mirrorMaxMs = 5000 } = {}) {
  const steps: Event[][] = [], answers: StepOutput[] = [], toPage: RtcToPage[] = [], traced: string[] = [], open: MessagePort[] = [];
  const gone = new Map<string, () => void>();
  const driver = new Driver({
    step: (events) => {
      steps.push(decodeAll(events).map((event) => {
        const [kind, timeMs, wallMs, port, link, size, reason, , body] = event as [number, number, number, number, number, number, number, Uint8Array, Uint8Array];
        return { kind, timeMs, wallMs, port, link, size, reason, body };
      }));
      return answers.shift() ?? QUIET;
    },
    mirror,
    freed: (lock) => new Promise((resolve) => gone.set(lock, resolve)),
    toPage: (message) => toPage.push(message),
    trace: (line) => traced.push(line),
  }, token, mirrorMaxMs);
  const connect = (attachment: string, origin = '', client = 'tab'): MessagePort => {
    const { port1, port2 } = new MessageChannel();
    open.push(port2);
    driver.connect({ type: 'connect', client, attachment, origin }, port1);
    return port2;
  };
  t.after(() => { for (const port of open) port.close(); driver.stop(); });
  return { driver, steps, answers, toPage, traced, gone, connect, events: (kind: number) => steps.flat().filter((event) => event.kind === kind) };
}

const ask = (port: MessagePort, body = encode({ do: 'status' })): void => {
  const frame = encodeFrame(FrameKind.request, NO_REQUEST, body);
  port.postMessage(frame, [frame]);
};

test('ports are laid while the token is mirrored, and no step runs before it is', async (t) => {
  const { release, mirror } = held(), { steps, connect, events } = setUp(t, { token: new Uint8Array(16), mirror });
  ask(connect('own/0'));
  await turn();
  assert.equal(steps.length, 0);
  release();
  await turn();
  assert.equal(events(EventKind.portUp).length, 1);
  assert.equal(events(EventKind.command).length, 1);
});

test('a token of a step is mirrored before the next step', async (t) => {
  const { release, mirror } = held(), { steps, answers, connect } = setUp(t, { mirror });
  answers.push({ ...QUIET, token: new Uint8Array(16) });
  await turn();
  assert.equal(steps.length, 1);
  ask(connect('own/0'));
  await turn();
  assert.equal(steps.length, 1);
  release();
  await turn();
  assert.equal(steps.length, 2);
});

test('a mirror that cannot be written is told and holds nobody up', async (t) => {
  const { steps, traced } = setUp(t, { token: new Uint8Array(16), mirror: () => Promise.reject(new Error('full')) });
  await turn();
  assert.equal(steps.length, 1);
  assert.match(traced.join(), /clone guard.*full/);
});

test('a mirror that never answers is not waited for', PATIENCE, async (t) => {
  const { steps } = setUp(t, { token: new Uint8Array(16), mirror: () => new Promise(() => undefined), mirrorMaxMs: 1 });
  while (steps.length === 0) await turn();
  assert.equal(steps.length, 1);
});

test('a clock before 1970 is 1970', async (t) => {
  t.mock.method(Date, 'now', () => -5);
  const { steps } = setUp(t);
  await turn();
  assert.equal(steps[0]?.[0]?.wallMs, 0);
});

test('a port ends with its tab, with its farewell, with what is no frame, and when its program has another', async (t) => {
  const { driver, connect, events, gone } = setUp(t);
  connect('own/0', '', 'first');
  const farewell = connect('own/1'), broken = connect('own/2');
  connect('own/3');
  await turn();
  gone.get('client/first')?.();
  farewell.postMessage(null);
  broken.postMessage({ any: 'thing' });
  connect('own/3');
  driver.disconnect({ client: 'tab', attachment: 'own/9' }); // nobody's
  await turn();
  assert.deepEqual(events(EventKind.portDown).map((event) => event.port).sort(), [1, 2, 3, 4]);
  driver.disconnect({ client: 'tab', attachment: 'own/3' });
  await turn();
  assert.equal(events(EventKind.portDown).at(-1)?.port, 5);
});

test('one app\'s ports leave room for others, and all apps\' for the vault\'s own page', async (t) => {
  const { connect, events } = setUp(t), refused: string[] = [];
  const taken = (name: string, origin: string): void => { connect(name, origin).onmessage = ({ data }) => refused.push(`${origin} ${String(data)}`); };
  for (let n = 0; n < 130; n++) taken(`a/${n}`, 'https://a.example');
  for (let app = 0; app < 7; app++) for (let n = 0; n < 100; n++) taken(`${app}/${n}`, `https://${app}.example`);
  taken('own/0', '');
  await turn();
  const up = events(EventKind.portUp).map((event) => text(event.body));
  assert.equal(up.filter((origin) => origin === 'https://a.example').length, 128);
  assert.equal(up.filter((origin) => origin !== '').length, 768);
  assert.equal(up.filter((origin) => origin === '').length, 1);
  await turn();
  assert.equal(refused.length, 830 - 768, 'who was refused hears a farewell');
  assert.ok(refused.every((line) => line.endsWith(' null')));
});

test('a program that asks for much in large pieces holds up no other', PATIENCE, async (t) => {
  const { release, mirror } = held();
  const { steps, connect } = setUp(t, { token: new Uint8Array(16), mirror }), large = encode(new Uint8Array(4 * 1024 * 1024 - 16));
  const greedy = connect('own/0'), modest = connect('own/1');
  for (let n = 0; n < 10; n++) ask(greedy, large);
  ask(modest);
  for (let n = 0; n < 10; n++) await turn(); // all of it waits
  release();
  while (!steps.flat().some((event) => event.port === 2 && event.kind === EventKind.command)) await turn();
  const order = steps.flat().filter((event) => event.kind === EventKind.command).map((event) => event.port);
  assert.ok(order.indexOf(2) <= 3, `the other's request came after ${order.indexOf(2)} large ones`);
});

test('credit for what was never sent costs no step', async (t) => {
  const { steps, answers, connect, events } = setUp(t), port = connect('own/0');
  port.onmessage = () => undefined;
  await turn();
  const before = steps.length;
  for (let n = 0; n < 50; n++) port.postMessage(encodeCredit(NO_REQUEST, 1_000_000));
  await turn();
  assert.equal(steps.length, before);
  answers.push({ ...QUIET, effects: [effect(EffectKind.reply, { port: 1, body: new Uint8Array(100) })] });
  ask(port);
  await turn();
  port.postMessage(encodeCredit(NO_REQUEST, 1_000_000));
  await turn();
  assert.deepEqual(events(EventKind.portWritable).map((event) => event.size), [100]);
});

test('a peer that sends more than can wait is ended, and ports are heard meanwhile', PATIENCE, async (t) => {
  const { release, mirror } = held(), { driver, steps, answers, connect, events, toPage } = setUp(t, { mirror });
  answers.push({ ...QUIET, token: new Uint8Array(16), effects: [effect(EffectKind.linkOpen, { link: 1, body: new TextEncoder().encode('rtc:offer') })] });
  await turn();
  ask(connect('own/0'));
  for (let n = 0; n < 300; n++) driver.fromPage({ type: 'rtc-data', link: 1, data: new ArrayBuffer(64 * 1024) });
  await turn();
  release();
  await turn();
  const first = steps[1] as Event[];
  assert.ok(first.some((event) => event.kind === EventKind.command), 'a program\'s request is in the very next step');
  while (events(EventKind.linkDown).length === 0) await turn();
  assert.deepEqual(events(EventKind.linkDown).map((event) => [event.link, event.reason]), [[1, ErrorCode.E_FLOOD]]);
  assert.ok(events(EventKind.linkData).reduce((sum, event) => sum + event.body.length, 0) <= 16 * 1024 * 1024);
  assert.equal(toPage.at(-1)?.type, 'rtc-close');
});

test('effects for a port that went in the same step are dropped', async (t) => {
  const { answers, connect, steps } = setUp(t), port = connect('own/0');
  const heard: unknown[] = [];
  port.onmessage = ({ data }) => heard.push(data);
  answers.push({ ...QUIET, effects: [effect(EffectKind.reply, { port: 7 }), effect(EffectKind.reply, { port: 1, body: encode({} as Value) })] });
  await turn();
  await turn();
  assert.equal(steps.length, 1);
  assert.equal(heard.length, 1);
});

// apps/notes/kept.ts: the one line under a note: whether it is in the vault, and what became of it elsewhere.
import { useEffect, useRef, useState } from 'react';
import type { Observable, Space } from '../../client/src/index.ts';
import type { TextProvider } from '../../client/src/yjs/index.ts';

/** How often is looked who is connected. */
const LOOK_MS = 1000;
/** So long a word stays that something came together. */
const MERGED_MS = 8000;
/** What is saved sooner is not said to wait. */
const SOON_MS = 400;

export function useObserved<T>(observable: Observable<T>): T {
  const [value, setValue] = useState(observable.get());
  useEffect(() => observable.subscribe(setValue, { immediate: true }), [observable]);
  return value;
}

const edits = (count: number): string => (count === 1 ? '1 edit' : `${count} edits`);

/** Whether others are connected; undefined: not known yet, or nobody else is a member. */
function useOthers(space: Space): boolean | undefined {
  const [others, setOthers] = useState<boolean>();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>, ended = false;
    const look = (): void => void space.status().then(({ peers }) => { if (!ended) setOthers(space.members.get().length > 1 ? peers > 0 : undefined); }).catch(() => undefined)
      .finally(() => { if (!ended) timer = setTimeout(look, LOOK_MS); });
    look();
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, [space]);
  return others;
}

/** Counted since nobody else was connected: transactions of this page, and those of others that came when somebody was again. */
interface Apart { own: number; others: number }

function useApart(provider: TextProvider, others: boolean | undefined): { apart: number; merged: Apart | null } {
  const [apart, setApart] = useState(0), [merged, setMerged] = useState<Apart | null>(null);
  const counted = useRef<Apart>({ own: 0, others: 0 }), isApart = useRef(false);
  useEffect(() => {
    const { doc } = provider, count = (_update: Uint8Array, _origin: unknown, _doc: unknown, { local }: { local: boolean }): void => {
      if (isApart.current && local) setApart(++counted.current.own);
      if (isApart.current && !local) counted.current.others++;
    };
    doc.on('updateV2', count);
    return () => doc.off('updateV2', count);
  }, [provider, provider.doc]);
  useEffect(() => {
    if (others === undefined) return;
    if (!others) {
      isApart.current = true;
      return;
    }
    if (!isApart.current) return;
    isApart.current = false;
    const { own, others: theirs } = counted.current;
    counted.current = { own: 0, others: 0 };
    setApart(0);
    if (own + theirs === 0) return;
    setMerged({ own, others: theirs });
    const timer = setTimeout(() => setMerged(null), MERGED_MS);
    return () => clearTimeout(timer);
  }, [others]);
  return { apart, merged };
}

export function useKept(space: Space, provider: TextProvider): string {
  const waiting = useObserved(provider.waiting), error = useObserved(provider.error), mayWrite = useObserved(provider.mayWrite);
  const others = useOthers(space), { apart, merged } = useApart(provider, others);
  const [isLate, setLate] = useState(false), waits = waiting > 0;
  useEffect(() => {
    if (!waits) return setLate(false);
    const timer = setTimeout(() => setLate(true), SOON_MS);
    return () => clearTimeout(timer);
  }, [waits]);
  if (error !== null) return `${waits ? `${edits(waiting)} not kept: ` : ''}${error.message}`;
  if (waits && isLate) return `${edits(waiting)} waiting for your vault`;
  if (!mayWrite) return 'You may read this';
  if (others === false) return apart > 0 ? `Saved here; ${edits(apart)} waiting for others` : 'Saved here; nobody else is connected';
  if (merged !== null) return `Merged: ${edits(merged.own)} of yours${merged.others > 0 ? ' with those of others' : ''}`;
  return 'Saved';
}

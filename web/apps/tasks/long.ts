// apps/tasks/long.ts: which rows of a long list are rendered: those in sight and around it. In place of the others stands room of their height, so that the list
// is as long as it is, and a list of thousands costs what is seen of it.
//
// Rendered besides, wherever they are: the row with the focus and its neighbours, so that the keys go from row to row; those that are asked for; and the last one,
// which is scrolled to when something is added. Rows tell their place and the number of all (`aria-posinset`, `aria-setsize`): not all of them are there to be counted.
import { useEffect, useLayoutEffect, useRef, useState, type FocusEvent } from 'react';
import { keyOf, type Live } from '../../client/src/index.ts';

/** Lists up to here are rendered whole. */
const WHOLE_MAX = 120;
/** Of a row that was never seen, while none was. */
const ROW_PX = 48;
/** Rendered above and below what is in sight; and how far it is scrolled before more is. */
const AROUND_PX = 800, STEP_PX = 400;

/** A row, or room for rows that are not rendered. */
export type Piece<T> = { row: T; at: number; room?: undefined } | { room: number; at: number };

/** `ref` and `on` go to the element whose children are the pieces, rows as `data-at` says. */
export function useLong<T extends Live>(items: readonly T[], ...wanted: readonly (T | undefined)[]) {
  const ref = useRef<HTMLOListElement>(null), heights = useRef(new Map<string, number>());
  const [sight, setSight] = useState({ top: 0, bottom: 2 * STEP_PX });
  const [focused, setFocused] = useState<T | undefined>(undefined);
  const isLong = items.length > WHOLE_MAX;

  useEffect(() => {
    const scroller = ref.current?.closest('.shown');
    if (!isLong || !scroller) return;
    const look = (): void => {
      const top = -(ref.current?.getBoundingClientRect().top ?? 0), bottom = top + innerHeight;
      const next = { top: Math.floor(top / STEP_PX) * STEP_PX, bottom: Math.ceil(bottom / STEP_PX) * STEP_PX };
      setSight((before) => (before.top === next.top && before.bottom === next.bottom ? before : next));
    };
    look();
    scroller.addEventListener('scroll', look, { passive: true });
    addEventListener('resize', look);
    return () => {
      scroller.removeEventListener('scroll', look);
      removeEventListener('resize', look);
    };
  }, [isLong]);

  useLayoutEffect(() => {
    if (!isLong) return;
    for (const row of ref.current?.querySelectorAll<HTMLElement>(':scope > [data-at]') ?? []) {
      const item = items[Number(row.dataset['at'])];
      if (item !== undefined) heights.current.set(keyOf(item), row.offsetHeight);
    }
  });

  const on = {
    onFocus: ({ target }: FocusEvent): void => setFocused(items[placeOf(target)]),
    // On its way to another row it is kept, or that would be gone before it came; and while nothing else has it.
    onBlur: ({ relatedTarget }: FocusEvent): void => { if (relatedTarget !== null && placeOf(relatedTarget) < 0) setFocused(undefined); },
  };
  if (!isLong) return { ref, on, pieces: items.map((row, at): Piece<T> => ({ row, at })), isLong };

  const known = heights.current, usual = known.size === 0 ? ROW_PX : [...known.values()].reduce((sum, height) => sum + height, 0) / known.size;
  const focus = focused === undefined ? -9 : items.indexOf(focused), others = new Set(wanted.filter((item) => item !== undefined).map((item) => items.indexOf(item)));
  const pieces: Piece<T>[] = [];
  let y = 0, room = 0;
  items.forEach((row, at) => {
    const height = known.get(keyOf(row)) ?? usual;
    const isNear = y + height > sight.top - AROUND_PX && y < sight.bottom + AROUND_PX;
    y += height;
    if (!isNear && Math.abs(at - focus) > 1 && !others.has(at) && at !== items.length - 1) {
      room += height;
      return;
    }
    if (room > 0) pieces.push({ room, at });
    room = 0;
    pieces.push({ row, at });
  });
  return { ref, on, pieces, isLong };
}

/** The place of the row that an element is in, or -1. */
export const placeOf = (element: EventTarget | null): number =>
  Number((element as Element | null)?.closest<HTMLElement>('[data-at]')?.dataset['at'] ?? -1);

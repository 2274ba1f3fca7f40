// apps/tasks/order.ts: the order people give to lists and tasks, and the ways to give it: dragging, Alt with an arrow, and the buttons that pressing the grip brings.
//
// Each object has a text `order`, and they stand as these texts compare. A move writes the moved one alone, a text between those of its new neighbours:
// people who move things at the same time do not undo each other's moves, and all of them end with the same order.
import { useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import type { Live } from '../../client/src/index.ts';
import { placeOf } from './long.ts';

export interface Ordered { order: string }

/** For Array.sort. Two that were put in one place at the same time stand by their ids, everywhere alike. */
export const byOrder = (a: Live<Ordered>, b: Live<Ordered>): number => compare(orderOf(a), orderOf(b)) || compare(a.id, b.id);

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const orderOf = ({ order }: Ordered): string => (typeof order === 'string' ? order : ''); // other programs write objects too

/** What goes behind all others. */
export const orderAfter = (items: readonly Ordered[]): string => {
  const last = items.at(-1);
  return orderBetween(last && orderOf(last), undefined);
};

/** A text is a fraction in groups of four digits 0-9a-z; at an open end one goes on in small steps, so that texts stay short. */
const GROUP = 4, GROUP_END = 36 ** GROUP, STEP = 4096, MIDDLE = 'i000';

/** A text between two; undefined: there is none on that side. Chosen at random, so that two people rarely choose the same. */
export function orderBetween(low: string | undefined, high: string | undefined): string {
  if (low === undefined && high === undefined) return MIDDLE;
  let ceiling = low !== undefined && high !== undefined && low >= high ? undefined : high, text = '';
  for (let at = 0; ; at += GROUP) {
    let from = groupAt(low, at, 0), to = groupAt(ceiling, at, GROUP_END);
    if (to - from > 1) {
      if (high === undefined) to = Math.min(to, from + STEP);
      if (low === undefined) from = Math.max(from, to - STEP);
      return text + groupText(from + 1 + Math.floor(Math.random() * (to - from - 1)));
    }
    text += groupText(from);
    if (from < to) ceiling = undefined; // what follows is below it already
  }
}

const groupText = (group: number): string => group.toString(36).padStart(GROUP, '0');

function groupAt(text: string | undefined, at: number, without: number): number {
  if (text === undefined || at >= text.length) return without;
  const group = text.slice(at, at + GROUP).padEnd(GROUP, '0');
  return /^[0-9a-z]{4}$/.test(group) ? parseInt(group, 36) : 0;
}

/** Pressed and moved less than this, a grip is not dragged by: that was a click. */
const DRAG_PX = 4;

/**
 * Lets people order the rows of a list. `shown` are the items as they stand now, also in the middle of a drag; `on` goes to the element that holds their rows, each
 * of which says its place in `shown` (`data-at`) and has something of class `grip` to drag by; not all rows need be there. `moved` tells of the last move, for who
 * does not see it.
 */
export function useOrder<T extends Live<Ordered>>(items: readonly T[]) {
  const [drag, setDrag] = useState<{ item: T; to: number } | null>(null);
  const [moved, setMoved] = useState<{ item: T; place: number } | null>(null);
  const pressed = useRef<{ item: T; y: number } | null>(null);
  const rest = items.filter((item) => item !== drag?.item);
  const shown = drag === null ? items : [...rest.slice(0, drag.to), drag.item, ...rest.slice(drag.to)];

  const move = (item: T, to: number): void => {
    const others = items.filter((other) => other !== item);
    if (others.length === items.length || to < 0 || to > others.length || items[to] === item) return;
    const before = others[to - 1], after = others[to];
    item.order = orderBetween(before && orderOf(before), after && orderOf(after));
    setMoved({ item, place: to + 1 });
  };

  const on = {
    onPointerDown(event: PointerEvent<HTMLElement>): void {
      const item = shown[placeOf(event.target)];
      if (event.button !== 0 || item === undefined || (event.target as Element).closest('.grip') === null) return;
      pressed.current = { item, y: event.clientY };
    },
    onPointerMove(event: PointerEvent<HTMLElement>): void {
      if (event.buttons === 0) pressed.current = null; // let go where nobody heard it
      const press = pressed.current;
      if (drag === null && press !== null && Math.abs(event.clientY - press.y) > DRAG_PX) {
        event.currentTarget.setPointerCapture(event.pointerId);
        setDrag({ item: press.item, to: items.indexOf(press.item) });
      }
      if (drag === null) return;
      const rows = [...event.currentTarget.querySelectorAll<HTMLElement>(':scope > [data-at]')].map((row) => ({ row, at: placeOf(row) }));
      const others = rows.filter(({ at }) => at !== drag.to), above = others.filter(({ row }) => middleOf(row) < event.clientY).at(-1);
      const among = (at: number): number => (at > drag.to ? at - 1 : at); // the place among the others
      const to = above !== undefined ? among(above.at) + 1 : among(others[0]?.at ?? drag.to);
      if (to !== drag.to) setDrag({ ...drag, to });
      rows.find(({ at }) => at === drag.to)?.row.scrollIntoView({ block: 'nearest' });
    },
    onPointerUp(): void {
      pressed.current = null;
      if (drag !== null) move(drag.item, drag.to);
      setDrag(null);
    },
    onPointerCancel(): void {
      pressed.current = null;
      setDrag(null);
    },
    onKeyDown(event: KeyboardEvent<HTMLElement>): void {
      const step = { ArrowUp: -1, ArrowDown: 1 }[event.key], item = items[placeOf(event.target)];
      if (!event.altKey || step === undefined || item === undefined || event.target instanceof HTMLSelectElement) return; // which opens by these keys
      event.preventDefault();
      move(item, items.indexOf(item) + step);
    },
  };

  return { shown, held: drag?.item, move, moved, on };
}

function middleOf(row: Element): number {
  const { top, height } = row.getBoundingClientRect();
  return top + height / 2;
}

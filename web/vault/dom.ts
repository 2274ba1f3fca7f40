// vault/dom.ts: elements, and what belongs to a view as long as it is shown. Whatever is displayed is set as text: there is no way to markup here.
import type { Observable } from '../client/src/index.ts';

export type Child = Node | string | null | undefined | false;
type Listener = (event: Event) => void;
export type Attributes = Readonly<Record<string, string | number | boolean | Listener | undefined>>;

function fill<E extends Element>(element: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.replace(/^on/, ''), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== undefined) element.setAttribute(name, String(value));
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

/** A function among the attributes is a listener, as in `onclick`. */
export const el = <K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] =>
  fill(document.createElement(tag), attributes, children);

const SVG = 'http://www.w3.org/2000/svg';
export const svg = <K extends keyof SVGElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: Child[]): SVGElementTagNameMap[K] =>
  fill(document.createElementNS(SVG, tag), attributes, children);

/** An address that may be broken where it has its joints. */
export const address = (text: string): Child[] => text.split(/(?<=[.:/](?![/]))/).flatMap((part, at) => at === 0 ? [part] : [document.createElement('wbr'), part]);

/** Sets a text only when it is another one: a live region speaks at each setting. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** What ends with a view. */
export class Scope {
  readonly #ends: (() => void)[] = [];

  add(end: () => void): void { this.#ends.push(end); }

  /** Hears now and at each change. */
  watch<T>(observable: Observable<T>, hear: (value: T) => void): void { this.add(observable.subscribe(hear, { immediate: true })); }

  listen(target: EventTarget, type: string, listener: Listener): void {
    target.addEventListener(type, listener);
    this.add(() => target.removeEventListener(type, listener));
  }

  end(): void {
    for (const end of this.#ends.splice(0)) end();
  }
}

export interface Row<T> {
  readonly node: HTMLElement;
  update(item: T): void;
}

/** Keeps the children of a list as the items are: rows stay who they are by key, so that focus and what was typed stay too. */
export function keyed<T>(list: HTMLElement, keyOf: (item: T) => string, make: (item: T) => Row<T>): (items: readonly T[]) => void {
  const rows = new Map<string, Row<T>>();
  return (items) => {
    const keys = new Set(items.map(keyOf));
    for (const [key, { node }] of rows) {
      if (keys.has(key)) continue;
      node.remove();
      rows.delete(key);
    }
    items.forEach((item, at) => {
      const key = keyOf(item), row = rows.get(key) ?? make(item);
      rows.set(key, row);
      row.update(item);
      if (list.children[at] !== row.node) list.insertBefore(row.node, list.children[at] ?? null);
    });
  };
}

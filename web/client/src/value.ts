// client/src/value.ts: values as programs hold them and as the vault stores them; paths into them (docs/spec/object-model.md).
//
// Stored values are never changed in place: a change makes new maps along its path and shares the rest, so "the same object" means "not changed".
import { encode, Double, Reference, Timestamp, type Value } from '../../core/codec.ts';
import { failures } from './errors.ts';

/** An object's data: a map of texts. */
export type Data = { readonly [key: string]: Value };

export type Path = readonly string[];

export const isMap = (value: unknown): value is Data =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array) && !(value instanceof Reference)
  && !(value instanceof Timestamp) && !(value instanceof Double) && !(value instanceof Map);

/** The text of a path: parts joined by dots, a dot or backslash inside a part behind a backslash. */
export function pathText(path: Path): string {
  for (const part of path) {
    if (part === '' || /[\u0000-\u001f\u007f-\u009f]/.test(part)) throw new TypeError(`"${part}" cannot be a key`);
  }
  return path.map((part) => part.replace(/[\\.]/g, '\\$&')).join('.');
}

export function parsePath(text: string): string[] {
  const parts = [''];
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] as string;
    if (letter === '.') parts.push('');
    else parts[parts.length - 1] += letter === '\\' ? text[++at] ?? '' : letter;
  }
  return parts;
}

export function valueAt(data: Value | undefined, path: Path): Value | undefined {
  let value = data;
  for (const part of path) {
    if (Array.isArray(value)) value = (value as readonly Value[])[Number(part)];
    else if (isMap(value)) value = Object.hasOwn(value, part) ? value[part] : undefined;
    else return undefined;
  }
  return value;
}

/** A copy of `map` with one member more, other or (undefined) less. */
export function withMember(map: Data, key: string, value: Value | undefined): Data {
  const copy = { ...map };
  if (value === undefined) delete copy[key];
  else Object.defineProperty(copy, key, { value, enumerable: true, configurable: true, writable: true });
  return copy;
}

/** The data after a set (or, with undefined, a delete) at the path. A value that stands in the way gives way. */
export function setAt(data: Data, path: Path, value: Value | undefined): Data {
  const [key, ...rest] = path as [string, ...string[]];
  if (rest.length === 0) return withMember(data, key, value);
  const inner = Object.hasOwn(data, key) ? data[key] : undefined;
  if (!isMap(inner) && value === undefined) return data;
  return withMember(data, key, setAt(isMap(inner) ? inner : {}, rest, value));
}

/** What can be done inside a value so that it merges with what others do there (docs/spec/commands.md, Edits inside a value). */
export interface Edit {
  readonly kind: 'push' | 'insert' | 'replace' | 'remove' | 'reorder' | 'include' | 'exclude' | 'increment';
  /** Of an item: its number. */
  readonly at?: number;
  /** What stands there, as the program sees it: others may have moved it meanwhile, and the nearest item equal to it is meant. */
  readonly was?: Value;
}

/** The value after an edit, as the vault carries it out; what it will refuse changes nothing. */
export function editValue(before: Value | undefined, { kind, at = 0, was }: Edit, value: Value): Value | undefined {
  if (kind === 'increment') {
    const whole = before ?? 0;
    return typeof whole === 'bigint' || Number.isSafeInteger(whole) ? integer(BigInt(whole as number | bigint) + BigInt(value as number | bigint)) : before;
  }
  if (before !== undefined && !Array.isArray(before)) return before;
  const list = (before ?? []) as readonly Value[], values = value as readonly Value[];
  const place = was !== undefined ? nearest(list, at, was) : at < list.length ? at : undefined;
  switch (kind) {
    case 'push': return [...list, ...values];
    case 'insert': return list.toSpliced(place ?? at, 0, ...values);
    case 'replace': return place === undefined ? list : list.with(place, value);
    case 'remove': return place === undefined ? list : list.toSpliced(place, value as number);
    case 'reorder': return place === undefined ? list : list.toSpliced(place, 1).toSpliced(value as number, 0, list[place] as Value);
    case 'include': return values.reduce<readonly Value[]>((all, one) => (all.some((item) => isSame(item, one)) ? all : [...all, one]), list);
    case 'exclude': return list.filter((item) => !values.some((one) => isSame(item, one)));
  }
}

/** The number of the item equal to this one that is nearest to `at`; of two as near the one before it. */
export function nearest(list: readonly Value[], at: number, was: Value): number | undefined {
  for (let away = 0; away <= Math.max(at, list.length); away++) {
    for (const place of away === 0 ? [at] : [at - away, at + away]) {
      if (place >= 0 && place < list.length && isSame(list[place] as Value, was)) return place;
    }
  }
  return undefined;
}

/** An integer as it is read: a number where that is exact. */
const integer = (value: bigint): Value => (Number.isSafeInteger(Number(value)) ? Number(value) : value);

/** As the vault compares items: by their encoded form. */
const isSame = (a: Value, b: Value): boolean => Object.is(a, b) || (typeof a === 'object' && typeof b === 'object' && sameBytes(encode(a), encode(b)));

/** `next`, with every part of it that is what it was in `before` by the old object. */
export function reuse(before: Value | undefined, next: Value): Value {
  if (before === next || typeof before !== 'object' || typeof next !== 'object' || before === null || next === null) return next;
  if (Array.isArray(before) && Array.isArray(next)) {
    const old = before as readonly Value[], items = (next as readonly Value[]).map((item, at) => reuse(old[at], item));
    return old.length === items.length && items.every((item, at) => Object.is(item, old[at])) ? before : items;
  }
  if (!isMap(before) || !isMap(next)) return isAlike(before, next) ? before : next;
  const keys = Object.keys(next);
  let same = keys.length === Object.keys(before).length, map: Data = {};
  for (const key of keys) {
    const old = Object.hasOwn(before, key) ? before[key] : undefined, item = reuse(old, next[key] as Value);
    same &&= Object.is(item, old);
    if (key === '__proto__') map = withMember(map, key, item);
    else (map as Record<string, Value>)[key] = item;
  }
  return same ? before : map;
}

/** Of values that are neither maps with text keys nor lists. */
function isAlike(a: Value & object, b: Value & object): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return sameBytes(a, b);
  if (a instanceof Reference && b instanceof Reference) return sameBytes(a.bytes, b.bytes);
  if (a instanceof Timestamp && b instanceof Timestamp) return a.text === b.text;
  if (a instanceof Double && b instanceof Double) return Object.is(a.value, b.value);
  return a instanceof Map && b instanceof Map && sameBytes(encode(a), encode(b));
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, at) => byte === b[at]);

/** Turns what a program gives into what is stored: a copy of its own, live objects as references. `refer` knows live objects. */
export function storeValue(value: unknown, refer: (value: object) => Value | undefined): Value {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') return value;
  if (typeof value === 'bigint') return integer(value);
  if (typeof value !== 'object') throw new TypeError(`${typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`} cannot be stored`);
  const known = refer(value);
  if (known !== undefined) return known;
  if (value instanceof Reference || value instanceof Timestamp || value instanceof Double) return value;
  if (value instanceof Date) return new Timestamp(timeText(value));
  if (value instanceof Uint8Array) return value.slice();
  if (Array.isArray(value)) return Array.from(value as unknown[], (item) => storeValue(item, refer));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) throw new TypeError(`a ${value.constructor.name} cannot be stored`);
  let map: Data = {};
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue;
    const stored = storeValue(item, refer);
    if (key === '__proto__') map = withMember(map, key, stored); // assigned, it would be the prototype
    else (map as Record<string, Value>)[key] = stored;
  }
  return map;
}

function timeText(date: Date): string {
  const year = date.getUTCFullYear(); // NaN for an invalid date
  if (!(year >= 0 && year <= 9999)) throw new TypeError('a time lies outside the years 0000 to 9999');
  return date.toISOString().replace('.000Z', 'Z');
}

/** Whether two stored values are the same one (docs/spec/query.md: 2 and 2.0 are equal). */
export function equalValues(a: Value | undefined, b: Value | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return plainNumber(a) !== undefined && plainNumber(a) === plainNumber(b);
  }
  return sameBytes(encode(a), encode(b));
}

const plainNumber = (value: Value | undefined): number | undefined =>
  value instanceof Double ? value.value : typeof value === 'number' ? value : undefined;

/** The bytes it takes in a command. Throws where the value is nested too deep to be stored or is no canonical item. */
export function storedSize(value: Value, depth: number): number {
  const DEPTH_MAX = 24; // object-model.md: parts of a path and nesting of its value
  if (nesting(value) + depth > DEPTH_MAX) throw failures.invalid(`a value is nested deeper than ${DEPTH_MAX} levels`);
  return encode(value).length;
}

function nesting(value: Value): number {
  const items = Array.isArray(value) ? (value as readonly Value[]) : isMap(value) ? Object.values(value) : null;
  return items === null ? 0 : items.reduce<number>((deepest, item) => Math.max(deepest, 1 + nesting(item)), 1);
}

// client/src/entity.ts: one object or link as this client knows it, and the Proxy a program holds.
//
// `base` is what the vault said last; `pending` are changes of this client it has not acknowledged, in order; what is read is base with pending
// applied. A row from the vault replaces the base and leaves the pending changes on top (rebase); a refused change is taken out (rollback). Parts of a
// row that are what they were stay the same objects, so that "the same object" means "not changed" also across rows.
import { Double, Reference, Timestamp, type Value } from '../../core/codec.ts';
import { hexText, isStrongReference, referenceBytes, referencedId } from './id.ts';
import { Event, type Unsubscribe } from './observable.ts';
import { editValue, isMap, reuse, setAt, valueAt, type Data, type Edit, type Path } from './value.ts';

export type Kind = 'object' | 'link';

/** One write of this client. `sent`: it stands in a batch whose reply has not come. */
export interface Change {
  readonly entity: Entity;
  op: 'add' | 'link' | 'set' | 'unset' | 'edit' | 'rm' | 'restore' | 'move';
  /** Of an edit: which. */
  edit?: Edit | undefined;
  path: Path;
  value: Value | undefined;
  /** Of a move: the new parent, null: at the top. */
  to?: Entity | string | null;
  /** About what it takes in a command. */
  size: number;
  /** Objects without an id that the value refers to: it waits for them. */
  needs: Entity[];
  sent: boolean;
  order: number;
}

/** A row of an answer (docs/spec/commands.md). */
export interface Row {
  readonly id: string;
  readonly data: Data | null;
  readonly type: string | null;
  readonly parent?: string | null;
  readonly source?: string | null;
  readonly target?: string | null;
  readonly deleted: boolean;
}

/** What an entity asks of its database. */
export interface EntityOwner {
  /** item: what stood at the number in the path when it was read, where the path leads into one of a list. What it is now. */
  write(entity: Entity, path: Path, value: unknown, item?: Value): Value | undefined;
  /** A change inside the value at the path, which merges with those of others. */
  edit(entity: Entity, path: Path, edit: Edit, value: unknown): void;
  /** The entity with this id; one that is not here yet is fetched, and `referrer` then counts as changed. */
  resolve(id: string, referrer: Entity): Entity;
  /** Asks for it anew. */
  refresh(entity: Entity): void;
  /** Somebody listens to it from now on, or (false) nobody any more: what is listened to stays, also where nobody holds it. */
  heard(entity: Entity, on: boolean): void;
}

/** What every live object has beside its data. These names hide data of the same name (see dataOf). */
export interface LiveFields {
  /** Its id; until the vault has it a text of this client alone. keyOf() gives a text that never changes. */
  readonly id: string;
  readonly parent: Live | undefined;
  readonly __typename: string | undefined;
  readonly __deleted: boolean;
  toJSON(): Record<string, unknown>;
}

/** An object as a program holds it: read and write its data like those of any object. */
export type Live<T extends object = Record<string, any>> = T & LiveFields;

/** A link between two objects; it has data like them. */
export type LiveLink<T extends object = Record<string, any>> = Live<T> & { readonly source: Live; readonly target: Live };

const entities = new WeakMap<object, Entity>();
let fresh = 0;

/** Of an entity that nobody writes: most are. */
const NONE: readonly Change[] = Object.freeze([]);

export class Entity {
  /** Stable in this client, for the lifetime of the object here. */
  readonly key: string;
  /** Counts what listeners were told of. */
  version = 0;
  pending: readonly Change[] = NONE;
  base: Data = {};
  baseDeleted = false;
  /** Its data are here. False only for what was named before it was read. */
  loaded = true;
  /** It may have changed unheard: asked for anew when somebody reads it. */
  stale = false;
  /** There may be more to it than is here, as the vault said when it was last asked for by its id. */
  partial = false;
  /** The vault refused to make it. */
  refused: Error | null = null;
  /** The place in the queue of the change that makes it; 0: the vault made it known. */
  madeAt = 0;
  /** Where the vault says it stands. */
  baseParent: Entity | string | null = null;
  source: Entity | string | null = null;
  target: Entity | string | null = null;
  /** Who read something through this one before it was loaded. */
  referrers: Set<Entity> | null = null;
  #changed: Event<void> | null = null;
  #view: { data: Data; deleted: boolean } | null = null;
  #proxy: Live | null = null;
  #reference: Reference | null = null;
  #strongReference: Reference | null = null;

  constructor(readonly owner: EntityOwner, public kind: Kind, public type: string | null, public id: string | undefined) {
    this.key = id ?? `new-${++fresh}`;
  }

  get parent(): Entity | string | null {
    for (let at = this.pending.length; at-- > 0;) {
      const { op, to } = this.pending[at] as Change;
      if (op === 'move') return to ?? null;
    }
    return this.baseParent;
  }

  get data(): Data { return this.pending.length === 0 ? this.base : this.view().data; }
  get deleted(): boolean { return this.refused !== null || (this.pending.length === 0 ? this.baseDeleted : this.view().deleted); }

  private view(): { data: Data; deleted: boolean } {
    if (this.#view === null) {
      let data = this.base, deleted = this.baseDeleted;
      for (const change of this.pending) {
        data = applyChange(data, change);
        if (change.op === 'rm' || change.op === 'restore') deleted = change.op === 'rm';
      }
      this.#view = { data, deleted };
    }
    return this.#view;
  }

  /** The data for a program that reads them. */
  read(): Data {
    if (this.stale) {
      this.stale = false;
      this.owner.refresh(this);
    }
    return this.data;
  }

  subscribe(listener: () => void): Unsubscribe {
    const changed = this.#changed ??= new Event();
    if (!changed.heard) this.owner.heard(this, true);
    const leave = changed.subscribe(listener);
    return () => {
      leave();
      if (!changed.heard) this.owner.heard(this, false);
    };
  }

  get heard(): boolean { return this.#changed?.heard === true; }
  tell(): void { this.#changed?.emit(); }

  /** To be called when base or pending changed. */
  invalidate(): void { this.#view = null; }

  /** Whether anything is otherwise than before. */
  takeRow(row: Row): boolean {
    const data = reuse(this.base, row.data ?? {}) as Data, kind = 'source' in row ? 'link' : 'object';
    const same = this.loaded && data === this.base && row.deleted === this.baseDeleted && row.type === this.type && kind === this.kind
      && (['baseParent', 'source', 'target'] as const).every((end) => endKey(this[end]) === (rowEnd(row, end) ?? null));
    this.stale = false;
    if (same) return false;
    this.kind = kind;
    this.type = row.type;
    this.base = data;
    this.baseDeleted = row.deleted;
    for (const end of ['baseParent', 'source', 'target'] as const) if (endKey(this[end]) !== (rowEnd(row, end) ?? null)) this[end] = rowEnd(row, end) ?? null;
    this.loaded = true;
    this.invalidate();
    return true;
  }

  /** The vault knows it no more. Whether that is news. */
  takeEnd(): boolean {
    const before = this.baseDeleted;
    this.baseDeleted = true;
    this.invalidate();
    return !before;
  }

  push(change: Change): void {
    if (this.pending.length === 0) this.pending = [change];
    else (this.pending as Change[]).push(change);
    this.invalidate();
  }

  acknowledge(change: Change): void {
    this.base = applyChange(this.base, change);
    if (change.op === 'move') this.baseParent = change.to ?? null;
    if (change.op === 'rm' || change.op === 'restore') this.baseDeleted = change.op === 'rm';
    this.drop(change);
  }

  drop(change: Change): void {
    const at = this.pending.indexOf(change);
    if (at >= 0) (this.pending as Change[]).splice(at, 1);
    if (this.pending.length === 0) this.pending = NONE;
    this.invalidate();
  }

  named(id: string): void {
    this.id = id;
    // References made to it before have no bytes yet; nothing else holds these arrays.
    if (this.#reference !== null) (this.#reference as { bytes: Uint8Array }).bytes = referenceBytes(id, false);
    if (this.#strongReference !== null) (this.#strongReference as { bytes: Uint8Array }).bytes = referenceBytes(id, true);
  }

  get reference(): Reference { return this.#reference ??= this.#refer(false); }
  get strongReference(): Reference { return this.#strongReference ??= this.#refer(true); }

  #refer(strong: boolean): Reference {
    const reference = new Reference(referenceBytes(this.id, strong));
    unsaved.set(reference, this);
    return reference;
  }

  isReference(value: unknown): boolean { return value !== null && (value === this.#reference || value === this.#strongReference); }
  isStrongReference(value: unknown): boolean { return value !== null && value === this.#strongReference; }

  get proxy(): Live {
    if (this.#proxy === null) {
      this.#proxy = new Proxy(new Shown(), new ObjectHandler(this)) as Live;
      entities.set(this.#proxy, this);
    }
    return this.#proxy;
  }

  follow(end: Entity | string | null): Live | undefined {
    if (end === null) return undefined;
    return (typeof end === 'string' ? this.owner.resolve(end, this) : end).proxy;
  }
}

const unsaved = new WeakMap<Reference, Entity>();

export function applyChange(data: Data, change: Change): Data {
  switch (change.op) {
    case 'add': case 'link': return change.value as Data;
    case 'set': case 'unset': return setAt(data, change.path, change.value);
    case 'edit': return editAt(data, change.path, change.edit as Edit, change.value as Value);
    default: return data;
  }
}

/** Where something else stands than the edit is for the vault refuses it: until it says so nothing is otherwise. */
function editAt(data: Data, path: Path, edit: Edit, value: Value): Data {
  const before = valueAt(data, path), after = editValue(before, edit, value);
  return after === before ? data : setAt(data, path, after);
}

const rowEnd = (row: Row, end: 'baseParent' | 'source' | 'target'): string | null | undefined => row[end === 'baseParent' ? 'parent' : end];

/** The id at the end of an edge, or the key of one that has none yet. */
export const endKey = (end: Entity | string | null): string | null => (end === null || typeof end === 'string' ? end : end.id ?? end.key);

// --- The Proxy ------------------------------------------------------------------------------------------------------

const RESERVED = new Set(['id', 'parent', '__typename', '__deleted', 'toJSON', 'constructor']);
const hides = (kind: Kind, key: string): boolean => RESERVED.has(key) || (kind === 'link' && (key === 'source' || key === 'target'));
const isReserved = (entity: Entity, key: string): boolean => hides(entity.kind, key);
const reservedError = (key: string): TypeError => new TypeError(`"${key}" cannot be set: it belongs to the object itself`);

/** Data written by other programs may have such members, and dataOf() shows them; here nobody is to lose what they wrote. */
export function refuseReserved(kind: Kind, data: object): void {
  const key = Object.keys(data).find((name) => hides(kind, name));
  if (key !== undefined) throw reservedError(key);
}

/** What stands behind a live object's Proxy: nothing but how node's console shows it. */
class Shown {
  get [Symbol.for('nodejs.util.inspect.custom')](): (this: object) => unknown {
    return function (this: object) { return { id: (this as Live).id, type: (this as Live).__typename, ...dataOf(this) }; };
  }
}

function reserved(entity: Entity, key: string): unknown {
  switch (key) {
    case 'id': return entity.id ?? entity.key;
    case 'parent': return entity.follow(entity.parent);
    case 'source': return entity.follow(entity.source);
    case 'target': return entity.follow(entity.target);
    case '__typename': return entity.type ?? undefined;
    case '__deleted': return entity.deleted;
    case 'toJSON': return () => jsonOf(entity);
    default: return Object;
  }
}

/** A stored value as a program reads it. */
function present(entity: Entity, path: Path, value: Value | undefined, item: Item | null = null): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || value instanceof Map) return value;
  if (value instanceof Double) return value.value;
  if (value instanceof Timestamp) return new Date(value.text);
  if (value instanceof Reference) {
    const near = unsaved.get(value);
    if (near !== undefined) return near.proxy;
    const id = referencedId(value.bytes);
    return id === undefined ? value : entity.owner.resolve(id, entity).proxy;
  }
  return nestedProxy(entity, path, value, item);
}

/** Proxies of nested maps and lists, by the stored value: the same one as long as nothing in it changed. */
const nested = new WeakMap<object, { entity: Entity; at: string; proxy: object }>();

function nestedProxy(entity: Entity, path: Path, value: Value & object, item: Item | null): object {
  const at = path.join('\u0000'), known = nested.get(value);
  if (known !== undefined && known.entity === entity && known.at === at) return known.proxy;
  const proxy: object = new Proxy(Array.isArray(value) ? [] : {}, new NestedHandler(entity, path, item));
  nested.set(value, { entity, at, proxy });
  return proxy;
}

const describe = (value: unknown): PropertyDescriptor => ({ value, writable: true, enumerable: true, configurable: true });

class ObjectHandler implements ProxyHandler<object> {
  constructor(readonly entity: Entity) {}

  get(target: object, key: string | symbol): unknown {
    if (typeof key === 'symbol') return Reflect.get(target, key);
    if (isReserved(this.entity, key)) return reserved(this.entity, key);
    const data = this.entity.read();
    return Object.hasOwn(data, key) ? present(this.entity, [key], data[key]) : Reflect.get(Object.prototype, key);
  }

  set(_: object, key: string | symbol, value: unknown): boolean {
    this.refuseReserved(key);
    this.entity.owner.write(this.entity, [key as string], value);
    return true;
  }

  deleteProperty(_: object, key: string | symbol): boolean {
    this.refuseReserved(key);
    this.entity.owner.write(this.entity, [key as string], undefined);
    return true;
  }

  has(target: object, key: string | symbol): boolean {
    return typeof key === 'string' && (isReserved(this.entity, key) || Object.hasOwn(this.entity.data, key)) ? true : Reflect.has(target, key);
  }

  ownKeys(): string[] { return Object.keys(this.entity.read()).filter((key) => !isReserved(this.entity, key)); }

  getOwnPropertyDescriptor(_: object, key: string | symbol): PropertyDescriptor | undefined {
    if (typeof key === 'symbol' || isReserved(this.entity, key) || !Object.hasOwn(this.entity.data, key)) return undefined;
    return describe(present(this.entity, [key], this.entity.data[key]));
  }

  defineProperty(target: object, key: string | symbol, descriptor: PropertyDescriptor): boolean {
    return 'value' in descriptor && this.set(target, key, descriptor.value);
  }

  private refuseReserved(key: string | symbol): void {
    if (typeof key === 'symbol') throw new TypeError('a symbol cannot be a key of stored data');
    if (isReserved(this.entity, key)) throw reservedError(key);
  }

  getPrototypeOf(): object { return Object.prototype; }
  setPrototypeOf(): boolean { return false; }
  /** It changes for ever, whoever asks: a frozen target would contradict it. */
  preventExtensions(): boolean { return false; }
}

/** The item of a list that a path leads through, as it was when it was read, and how much of the path names it. */
interface Item {
  readonly value: Value;
  readonly depth: number;
}

/** What leaves a list, without a way back into it. */
function copied(entity: Entity, value: Value): unknown {
  if (Array.isArray(value)) return (value as readonly Value[]).map((item) => copied(entity, item));
  if (isMap(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copied(entity, item)]));
  return present(entity, [], value);
}

/** An index as Array's methods take it: counted from the end below 0, and within the list. */
const within = (at: number, length: number): number => (at < 0 ? Math.max(0, length + Math.trunc(at)) : Math.min(Math.trunc(at), length));

/**
 * A map or list inside an object's data, by its path: it follows the data as they change. What stands in a list has no path that stays its own
 * (sort and reverse read two items before they write one), so it is what it was when it was read, or last written through.
 */
class NestedHandler implements ProxyHandler<object> {
  constructor(readonly entity: Entity, readonly path: Path, private item: Item | null) {}

  private value(): Value | undefined {
    return this.item === null ? valueAt(this.entity.data, this.path) : valueAt(this.item.value, this.path.slice(this.item.depth));
  }

  private write(key: string, value: unknown): void {
    const { item } = this, written = this.entity.owner.write(this.entity, [...this.path, key], value, item?.value);
    if (item !== null && written !== undefined) this.item = { ...item, value: written };
  }

  private edit(edit: Edit, value: unknown): void { this.entity.owner.edit(this.entity, this.path, edit, value); }

  /** Where an item stands in a list of the data itself; in one that is an item's, that item is written as a whole. */
  private itemAt(list: readonly Value[], at: number): unknown {
    const depth = this.path.length + 1;
    return present(this.entity, [...this.path, String(at)], list[at], this.item ?? { value: list[at] as Value, depth });
  }

  /**
   * What changes a list of the data themselves: as edits, so that what others do in it stays, but for what gives all of it another order or length. Each is
   * what Array's method of that name does.
   */
  private method(key: string, list: readonly Value[], proxy: object): ((...args: any[]) => unknown) | undefined {
    const insert = (at: number, values: unknown[]): void => {
      if (values.length === 0) return;
      if (at === list.length) this.edit({ kind: 'push' }, values);
      else this.edit({ kind: 'insert', at, was: list[at] as Value }, values);
    };
    const splice = (at: number, count: number, values: unknown[]): unknown[] => {
      const both = Math.min(count, values.length), gone = list.slice(at, at + count);
      for (let i = 0; i < both; i++) this.edit({ kind: 'replace', at: at + i, was: gone[i] as Value }, values[i]);
      for (let i = both; i < count; i++) this.edit({ kind: 'remove', at: at + both, was: gone[i] as Value }, 1);
      insert(at + both, values.slice(both));
      return gone.map((value) => copied(this.entity, value));
    };
    const whole = (next: unknown[]): object => {
      this.entity.owner.write(this.entity, this.path, next);
      return proxy;
    };
    const { length } = list;
    switch (key) {
      case 'push': return (...values: unknown[]) => { insert(length, values); return length + values.length; };
      case 'unshift': return (...values: unknown[]) => { insert(0, values); return length + values.length; };
      case 'pop': return () => splice(Math.max(0, length - 1), Math.min(1, length), [])[0];
      case 'shift': return () => splice(0, Math.min(1, length), [])[0];
      case 'splice': return (...[start, count, ...values]: [number?, number?, ...unknown[]]) => {
        const at = within(start ?? 0, length);
        return splice(at, start === undefined ? 0 : Math.min(Math.max(count ?? length, 0), length - at), values);
      };
      case 'sort': return (order?: (a: unknown, b: unknown) => number) => {
        const items = list.map((stored, at) => ({ stored, shown: this.itemAt(list, at), toString: () => String(this.itemAt(list, at)) }));
        return whole(items.sort(order === undefined ? undefined : (a, b) => order(a.shown, b.shown)).map(({ stored }) => stored));
      };
      case 'reverse': return () => whole([...list].reverse());
      case 'fill': return (...args: [unknown, number?, number?]) => whole(([...list] as unknown[]).fill(...args));
      case 'copyWithin': return (...args: [number, number, number?]) => whole([...list].copyWithin(...args));
      default: return undefined;
    }
  }

  get(target: object, key: string | symbol, proxy: object): unknown {
    const value = this.value();
    if (typeof key === 'symbol') return Reflect.get(target, key);
    if (Array.isArray(value)) {
      const list = value as readonly Value[];
      if (key === 'length') return list.length;
      if (/^\d+$/.test(key)) return this.itemAt(list, Number(key));
      return (this.item === null ? this.method(key, list, proxy) : undefined) ?? Reflect.get(target, key);
    }
    if (isMap(value) && Object.hasOwn(value, key)) return present(this.entity, [...this.path, key], value[key], this.item);
    return key === 'toJSON' ? undefined : Reflect.get(target, key);
  }

  set(_: object, key: string | symbol, value: unknown): boolean {
    if (typeof key === 'symbol') throw new TypeError('a symbol cannot be a key of stored data');
    this.write(key, value);
    return true;
  }

  deleteProperty(_: object, key: string | symbol): boolean {
    if (typeof key === 'string') this.write(key, undefined);
    return true;
  }

  has(target: object, key: string | symbol): boolean {
    const value = this.value();
    return (typeof value === 'object' && value !== null && Object.hasOwn(value, key)) || Reflect.has(target, key);
  }

  ownKeys(target: object): (string | symbol)[] {
    const value = this.value();
    const keys = typeof value === 'object' && value !== null ? Object.keys(value) : [];
    return Array.isArray(target) ? [...keys, 'length'] : keys;
  }

  getOwnPropertyDescriptor(target: object, key: string | symbol): PropertyDescriptor | undefined {
    const value = this.value();
    if (key === 'length' && Array.isArray(target)) {
      return { value: Array.isArray(value) ? value.length : 0, writable: true, enumerable: false, configurable: false };
    }
    if (typeof key === 'symbol' || typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    return describe(Array.isArray(value) ? this.itemAt(value as readonly Value[], Number(key)) : present(this.entity, [...this.path, key], (value as Data)[key], this.item));
  }

  defineProperty(target: object, key: string | symbol, descriptor: PropertyDescriptor): boolean {
    return 'value' in descriptor && this.set(target, key, descriptor.value);
  }

  setPrototypeOf(): boolean { return false; }
  preventExtensions(): boolean { return false; }
}

// --- About live objects ---------------------------------------------------------------------------------------------

/** The entity behind a live object, or undefined. */
export const entityOf = (object: object): Entity | undefined => entities.get(object);

/** The entity behind a live object; throws for anything else. */
export function needEntity(object: object, what: string): Entity {
  const entity = entities.get(object);
  if (entity === undefined) throw new TypeError(`${what} must be an object of this client`);
  return entity;
}

/** Whether this is an object or link of a space. */
export const isLive = (object: unknown): object is Live => typeof object === 'object' && object !== null && entities.has(object);

/** A text that names the object in this client from its making on, also before it has an id: for React keys. */
export const keyOf = (object: object): string => needEntity(object, 'the argument').key;

/** Calls back, once per turn of the event loop, when anything of this object changed. */
export const subscribe = (object: object, listener: () => void): Unsubscribe => needEntity(object, 'the argument').subscribe(listener);

/** Another number after each change of this object: for who compares instead of listening. */
export const versionOf = (object: object): number => needEntity(object, 'the argument').version;

/** Whether there may be more to this object than is here, as the vault said when it was last got or fetched by its id: it keeps a part, and nobody was there to bring the rest. */
export const isPartial = (object: object): boolean => needEntity(object, 'the argument').partial;

/** What `strong` gives: stands where an object would, in data that are written. */
export class Strong {
  constructor(readonly entity: Entity) {}
}

/**
 * A strong reference to an object, to be written where the object itself would make a weak one: who refers so is not whole without it, and the vault deletes
 * it only with, or after, who refers (docs/spec/references.md). Both read as the object.
 */
export const strong = (object: object): Strong => new Strong(needEntity(object, 'the argument'));

/** The object that a value given by a program stands for, and the reference to be stored. */
export function referenceTo(value: object): { entity: Entity; reference: Reference } | undefined {
  if (value instanceof Strong) return { entity: value.entity, reference: value.entity.strongReference };
  const entity = entities.get(value);
  return entity === undefined ? undefined : { entity, reference: entity.reference };
}

/** The object's data as a plain copy: members with reserved names too, references as `{"@ref": id}`, strong ones as `{"@ref": "id!"}`. */
export const dataOf = (object: object): Record<string, unknown> => plain(needEntity(object, 'the argument').read()) as Record<string, unknown>;

/** As docs/spec/encoding.md writes values in JSON, with dates as Date. */
export function plain(value: Value | undefined): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (value instanceof Double) return value.value;
  if (value instanceof Timestamp) return new Date(value.text);
  if (value instanceof Reference) {
    const near = unsaved.get(value), id = referencedId(value.bytes) ?? near?.key;
    const strong = near?.isStrongReference(value) === true || isStrongReference(value.bytes);
    return { '@ref': id === undefined ? `~${hexText(value.bytes)}` : strong ? `${id}!` : id };
  }
  if (Array.isArray(value)) return (value as readonly Value[]).map(plain);
  if (value instanceof Map) return new Map([...(value as Map<string, Value>)].map(([key, item]) => [key, plain(item)]));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

function jsonOf(entity: Entity): Record<string, unknown> {
  const ends = entity.kind === 'link' ? { source: endKey(entity.source), target: endKey(entity.target) } : { parent: endKey(entity.parent) };
  return { id: entity.id ?? entity.key, type: entity.type, ...ends, deleted: entity.deleted, data: forJson(plain(entity.read())) };
}

/** What JSON does not know, so that writing an object as JSON never throws: integers beyond its numbers as text, bytes as encoding.md has them. */
function forJson(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) {
    const text = btoa(Array.from(value, (byte) => String.fromCharCode(byte)).join(''));
    return { '@bytes': text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '') };
  }
  if (value instanceof Map) return { '@map': [...(value as Map<unknown, unknown>)].map((member) => member.map(forJson)) };
  if (Array.isArray(value)) return (value as unknown[]).map(forJson);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, forJson(item)]));
}

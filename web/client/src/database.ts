// client/src/database.ts: the objects of one space as this client sees them, and the way of its writes to the vault.
//
// Reading: one `watch` of the space brings every change; a query asks once for its rows and is kept by the watch from then on. Writing: a change
// shows at once, waits in a queue to the end of the turn, and goes with all others as one `batch`, one batch at a time: so later changes can name
// what earlier ones made. A batch that is refused is tried again in halves until what is refused stands alone: only that is rolled back.
import type { Value } from '../../core/codec.ts';
import { rowsOf, type Body, type Connection, type Pending } from './connection.ts';
import { applyChange, Entity, entityOf, needEntity, type Change, type EntityOwner, type Live, type LiveLink, type Row } from './entity.ts';
import { Code, DxError, failures } from './errors.ts';
import { Matcher, type Filter, type Named } from './filter.ts';
import { idText } from './id.ts';
import { Event } from './observable.ts';
import { Query, type QueryOptions, type QueryOwner } from './query.ts';
import { isMap, pathText, storedSize, storeValue, valueAt, type Data, type Path } from './value.ts';

/** docs/spec/commands.md: ops of a batch. A batch is kept well below the 4 MiB of a command. */
const OPS_MAX = 4096;
const BATCH_SIZE = 1024 * 1024;
/** What an op takes beside its value: names, id, path. */
const OP_SIZE = 128;

/** A write the vault refused and this client took back. */
export interface Refusal {
  object: Live;
  error: DxError;
  /** add, link, set, unset, rm or restore. */
  op: Change['op'];
  /** The path of a set or unset. */
  path: string;
}

export interface AddOptions {
  type?: string;
  parent?: Named;
}

interface Waiter {
  upTo: number;
  error: DxError | null;
  resolve: () => void;
  reject: (error: DxError) => void;
}

interface Load {
  seen: Set<string>;
  /** What the watch told meanwhile: newer than a row that was gathered before. */
  touched: Set<string>;
  asked: Pending | null;
}

export class Database {
  /** Told for each write that was taken back. */
  readonly refused = new Event<Refusal>();
  readonly #connection: Connection;
  readonly #space: string;
  readonly #byId = new Map<string, WeakRef<Entity>>();
  readonly #gone = new FinalizationRegistry<string>((id) => { if (this.#byId.get(id)?.deref() === undefined) this.#byId.delete(id); });
  readonly #queries = new Set<Query<object>>();
  readonly #loads = new Map<Query<object>, Load>();
  readonly #watches = new Map<string, Pending>();
  readonly #owner: EntityOwner & QueryOwner;
  readonly #waiters: Waiter[] = [];
  readonly #changedEntities = new Set<Entity>();
  readonly #changedQueries = new Set<Query<object>>();
  #telling = false;
  #queue: Change[] = [];
  #flight: Change[] | null = null;
  #scheduled = false;
  #batchMax = OPS_MAX;
  #order = 0;
  /** Rows of what is not known here, while a batch is away that may have made them. */
  #held: Row[] = [];

  constructor(connection: Connection, space: string) {
    this.#connection = connection;
    this.#space = space;
    this.#owner = {
      write: (entity, path, value) => this.#write(entity, path, value),
      resolve: (id, referrer) => this.#resolve(id, referrer),
      opened: (query) => this.#opened(query),
      closed: (query) => {
        this.#queries.delete(query);
        this.#loads.get(query)?.asked?.cancel();
        this.#loads.delete(query);
      },
    };
  }

  // --- Writing ------------------------------------------------------------------------------------------------------

  /** A new object with these data. It is there at once; given a deleted object, that comes back. */
  add<T extends object>(data: T, options: AddOptions = {}): Live<T> {
    const known = entityOf(data);
    if (known !== undefined) {
      if (known.deleted && known.refused === null) this.#enqueue(known, 'restore', [], undefined);
      return known.proxy as Live<T>;
    }
    const entity = new Entity(this.#owner, 'object', options.type ?? null, undefined);
    entity.parent = this.#end(options.parent);
    this.#enqueue(entity, 'add', [], data);
    return entity.proxy as Live<T>;
  }

  /** A new link from one object to another. */
  link<T extends object = Record<string, unknown>>(source: Named, target: Named, type?: string, data?: T): LiveLink<T> {
    const entity = new Entity(this.#owner, 'link', type ?? null, undefined);
    entity.source = this.#end(source);
    entity.target = this.#end(target);
    this.#enqueue(entity, 'link', [], data ?? {});
    return entity.proxy as LiveLink<T>;
  }

  /** Deletes an object or link; db.add(object) brings it back. */
  remove(object: object): void {
    const entity = needEntity(object, 'what is removed');
    if (!entity.deleted) this.#enqueue(entity, 'rm', [], undefined);
  }

  /** Resolves when all that was written until now is on the vault's disk; rejects with the first of it that was refused. */
  flush(): Promise<void> {
    const upTo = this.#order;
    if (this.#queue.length === 0 && this.#flight === null) return Promise.resolve();
    return new Promise((resolve, reject) => { this.#waiters.push({ upTo, error: null, resolve, reject }); });
  }

  // --- Reading ------------------------------------------------------------------------------------------------------

  /** A live query. `{}` is every object. */
  query<T extends object = Record<string, any>>(filter: Filter = {}, options: QueryOptions<T> = {}): Query<T> {
    return new Query<T>(this.#owner, filter, options);
  }

  /** Any question of docs/spec/query.md (follow, path, after, limit): answered once, in the vault's order. */
  async run<T extends object = Record<string, unknown>>(query: { readonly [key: string]: unknown }): Promise<Live<T>[]> {
    await this.flush().catch(() => undefined); // what is asked about must be there; refusals have their own event
    this.#watch('');
    const stored = storeValue(query, (object) => entityOf(object)?.id);
    const rows = await this.#connection.rows({ do: 'query', space: this.#space, query: stored });
    return rows.map((row) => this.#known(row as unknown as Row).proxy as Live<T>);
  }

  /** How many match. */
  async count(filter: Filter = {}): Promise<number> {
    await this.flush().catch(() => undefined);
    const reply = await this.#connection.request({ do: 'query', space: this.#space, query: { ...new Matcher(filter).wire, count: true } });
    return Number(reply['count']);
  }

  /** The object with this id; undefined when there is none or it is deleted. */
  async get<T extends object = Record<string, unknown>>(id: string): Promise<Live<T> | undefined> {
    this.#watch('');
    const rows = await this.#connection.rows({ do: 'query', space: this.#space, query: { id } });
    const row = rows[0] as unknown as Row | undefined;
    return row === undefined ? undefined : (this.#known(row).proxy as Live<T>);
  }

  /** The same when it is here already, for instance in a query's result. */
  getObjectById<T extends object = Record<string, unknown>>(id: string): Live<T> | undefined {
    const entity = this.#lookUp(id);
    return entity === undefined || entity.deleted || !entity.loaded ? undefined : (entity.proxy as Live<T>);
  }

  close(): void {
    for (const watch of this.#watches.values()) watch.cancel();
    for (const query of [...this.#queries]) query.close();
    this.#watches.clear();
  }

  // --- What the vault tells -----------------------------------------------------------------------------------------

  #lookUp(id: string): Entity | undefined { return this.#byId.get(id)?.deref(); }

  #remember(entity: Entity, id: string): void {
    this.#byId.set(id, new WeakRef(entity));
    this.#gone.register(entity, id);
  }

  /** One watch sees all but types that begin with `dx.`, which are watched by name. */
  #watch(type: string): void {
    if (this.#watches.has(type)) return;
    const watch = this.#connection.ask(
      { do: 'watch', space: this.#space, query: type === '' ? { kind: 'any' } : { kind: 'any', type } },
      { onNotify: (body) => this.#watched(body), onRestart: () => this.#reloadAll() },
    );
    this.#watches.set(type, watch);
    watch.reply.catch((error: unknown) => {
      this.#watches.delete(type);
      if (error instanceof DxError && error.code !== Code.cancelled) for (const query of this.#queries) this.#settle(query, error);
    });
  }

  #watched(body: Body): void {
    for (const row of rowsOf(body)) {
      if (row['change'] === 'refresh') {
        this.#reloadAll();
        continue;
      }
      for (const load of this.#loads.values()) load.touched.add(row['id'] as string);
      this.#ingest(row as unknown as Row);
    }
  }

  #ingest(row: Row): void {
    const known = this.#lookUp(row.id);
    if (known !== undefined) {
      known.takeRow(row);
      this.#touched(known);
    } else if (this.#flight?.some((change) => change.op === 'add' || change.op === 'link')) {
      this.#held.push(row);
    } else {
      const entity = this.#entityOf(row);
      if (this.#touched(entity)) this.#remember(entity, row.id);
    }
  }

  #entityOf(row: Row): Entity {
    const entity = new Entity(this.#owner, 'object', row.type, row.id);
    entity.takeRow(row);
    return entity;
  }

  /** The entity of a row that somebody will hold. */
  #known(row: Row): Entity {
    const known = this.#lookUp(row.id) ?? this.#entityOf(row);
    if (known.rowNumber === 0 || !known.loaded) known.takeRow(row);
    this.#remember(known, row.id);
    this.#touched(known);
    return known;
  }

  #resolve(id: string, referrer: Entity): Entity {
    let entity = this.#lookUp(id);
    if (entity === undefined) {
      entity = new Entity(this.#owner, 'object', null, id);
      entity.loaded = false;
      this.#remember(entity, id);
      this.#watch('');
      this.#refresh(entity);
    }
    if (!entity.loaded) (entity.referrers ??= new Set()).add(referrer);
    return entity;
  }

  /** Asks for one entity again. */
  #refresh(entity: Entity): void {
    const query = { id: entity.id as string, deleted: 'show' };
    this.#connection.rows({ do: 'query', space: this.#space, query }).then(
      ([row]) => {
        if (row !== undefined) entity.takeRow(row as unknown as Row);
        this.#touched(entity);
      },
      () => undefined, // the next row of the watch, or the next connection, will tell
    );
  }

  /** Something in this entity is otherwise than before: queries and listeners follow. Whether a query has it. */
  #touched(entity: Entity): boolean {
    let wanted = false;
    for (const query of this.#queries) {
      if (query.consider(entity)) {
        wanted = true;
        this.#changedQueries.add(query);
      }
    }
    this.#changedEntities.add(entity);
    const referrers = entity.loaded ? entity.referrers : null;
    if (referrers !== null) {
      entity.referrers = null;
      for (const referrer of referrers) this.#touched(referrer);
    }
    this.#tell();
    return wanted;
  }

  #tell(): void {
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      const changed = [...this.#changedEntities], queries = [...this.#changedQueries];
      this.#changedEntities.clear();
      this.#changedQueries.clear();
      for (const entity of changed) entity.changed.emit();
      for (const query of queries) query.tell();
    });
  }

  // --- Queries ------------------------------------------------------------------------------------------------------

  #opened(query: Query<object>): void {
    this.#queries.add(query);
    this.#watch(query.matcher.filter.type?.startsWith('dx.') === true ? query.matcher.filter.type : '');
    for (const entity of this.#queue.map((change) => change.entity)) query.consider(entity);
    for (const entity of this.#flight?.map((change) => change.entity) ?? []) query.consider(entity);
    for (const reference of this.#byId.values()) {
      const entity = reference.deref();
      if (entity !== undefined) query.consider(entity);
    }
    void this.#load(query);
  }

  #reloadAll(): void {
    for (const query of this.#queries) if (!this.#loads.has(query)) void this.#load(query);
    for (const reference of this.#byId.values()) {
      const entity = reference.deref();
      const kept = entity !== undefined && [...this.#queries].some((query) => query.members.has(entity));
      if (entity !== undefined && !kept && entity.changed.heard) this.#refresh(entity);
    }
  }

  async #load(query: Query<object>): Promise<void> {
    const load: Load = { seen: new Set(), touched: new Set(), asked: null };
    this.#loads.set(query, load);
    try {
      if (query.matcher.unsaved.length > 0) await this.flush();
      if (this.#loads.get(query) !== load) return;
      load.asked = this.#connection.ask({ do: 'query', space: this.#space, query: query.matcher.wire }, {
        onNotify: (body) => {
          for (const row of rowsOf(body) as unknown as Row[]) {
            load.seen.add(row.id);
            if (!load.touched.has(row.id)) this.#ingest(row);
          }
        },
        onRestart: () => {
          load.seen.clear();
          load.touched.clear();
        },
      });
      await load.asked.reply;
      if (this.#loads.get(query) !== load) return;
      this.#loads.delete(query);
      for (const entity of query.members) {
        const id = entity.id;
        if (id !== undefined && !load.seen.has(id) && !load.touched.has(id)) this.#refresh(entity);
      }
      this.#settle(query, null);
    } catch (error) {
      if (this.#loads.get(query) !== load) return;
      this.#loads.delete(query);
      this.#settle(query, error instanceof DxError ? error : failures.protocol(String(error)));
    }
  }

  #settle(query: Query<object>, error: DxError | null): void {
    query.settle(error);
    this.#changedQueries.add(query);
    this.#tell();
  }

  // --- Changes ------------------------------------------------------------------------------------------------------

  #end(named: Named | undefined): Entity | string | null {
    if (named === undefined) return null;
    return typeof named === 'string' ? named : needEntity(named, 'a parent or an end of a link');
  }

  /** An assignment. Inside a list the whole list is written: it is one value (docs/spec/object-model.md). */
  #write(entity: Entity, path: Path, value: unknown): void {
    for (let depth = 1; depth < path.length; depth++) {
      const list = valueAt(entity.data, path.slice(0, depth));
      if (!Array.isArray(list)) continue;
      const changed = changeList(list as readonly Value[], path.slice(depth), value, this.#store(value === undefined ? null : value).stored);
      if (changed !== list) this.#enqueue(entity, 'set', path.slice(0, depth), changed);
      return;
    }
    this.#enqueue(entity, value === undefined ? 'unset' : 'set', path, value);
  }

  #store(value: unknown): { stored: Value; needs: Entity[] } {
    const needs: Entity[] = [];
    const stored = storeValue(value, (object) => {
      const entity = entityOf(object);
      if (entity !== undefined && entity.id === undefined) needs.push(entity);
      if (entity === undefined || entity.owner === this.#owner) return entity?.reference;
      throw new TypeError('an object cannot refer to one of another space');
    });
    return { stored, needs };
  }

  #enqueue(entity: Entity, op: Change['op'], path: Path, value: unknown): void {
    if (entity.owner !== this.#owner) throw new TypeError('the object is in another space');
    if ((op === 'set' || op === 'unset') && entity.deleted) throw failures.state('the object is deleted; db.add(object) brings it back');
    if (path.length > 0) pathText(path);
    const { stored, needs } = value === undefined ? { stored: undefined, needs: [] } : this.#store(value);
    if ((op === 'add' || op === 'link') && !isMap(stored)) throw new TypeError('the data of an object are a map: {key: value}');
    const size = OP_SIZE + (stored === undefined ? 0 : storedSize(stored, path.length));
    if (!this.#merge(entity, op, path, stored, size, needs)) {
      const change: Change = { entity, op, path, value: stored, size, needs, sent: false, rowAtSend: 0, order: ++this.#order };
      for (const end of [entity.parent, entity.source, entity.target]) {
        if ((op === 'add' || op === 'link') && end instanceof Entity && end.id === undefined) change.needs.push(end);
      }
      entity.pending.push(change);
      this.#queue.push(change);
    }
    entity.invalidate();
    this.#touched(entity);
    this.#schedule();
  }

  /** Puts a write into the one before it, when that has not gone yet: typing, and filling a new object, are one change. */
  #merge(entity: Entity, op: Change['op'], path: Path, value: Value | undefined, size: number, needs: Entity[]): boolean {
    const last = entity.pending.at(-1);
    if (last === undefined || last.sent || (op !== 'set' && op !== 'unset')) return false;
    if (last.op === 'add' || last.op === 'link') {
      last.value = applyChange(last.value as Data, { ...last, op, path, value });
      last.size += size;
      last.needs.push(...needs);
      return true;
    }
    if ((last.op !== 'set' && last.op !== 'unset') || pathText(last.path) !== pathText(path)) return false;
    Object.assign(last, { op, value, size, needs });
    return true;
  }

  #schedule(): void {
    if (this.#scheduled || this.#flight !== null) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (this.#flight === null) this.#sendBatch();
    });
  }

  /** Takes from the queue what goes as one batch: until a limit, or until something names in its data what has no id yet. */
  #gather(): { changes: Change[]; ops: Value[] } {
    const changes: Change[] = [], ops: Value[] = [], made = new Map<Entity, number>();
    let size = 0;
    while (this.#queue.length > changes.length && changes.length < this.#batchMax) {
      const change = this.#queue[changes.length] as Change;
      const lost = [change.entity, ...change.needs].find((entity) => entity.refused !== null);
      if (lost !== undefined && changes.length === 0) {
        this.#queue.shift();
        this.#takeBack(change, failures.notFound('it belongs to an object that was refused'));
        continue;
      }
      const waits = lost !== undefined || waitsForId(change, made);
      size += change.size;
      if (changes.length > 0 && (waits || size > BATCH_SIZE)) break;
      ops.push(opOf(change, made));
      if (change.op === 'add' || change.op === 'link') made.set(change.entity, changes.length);
      changes.push(change);
    }
    this.#queue = this.#queue.slice(changes.length);
    return { changes, ops };
  }

  #sendBatch(): void {
    const { changes, ops } = this.#gather();
    if (changes.length === 0) return this.#settleWaiters();
    for (const change of changes) {
      change.sent = true;
      change.rowAtSend = change.entity.rowNumber;
    }
    this.#flight = changes;
    this.#connection.request({ do: 'batch', space: this.#space, ops }).then(
      (reply) => this.#acknowledged(changes, (reply['ids'] ?? []) as (Uint8Array | null)[]),
      (error: unknown) => this.#batchRefused(changes, error instanceof DxError ? error : failures.invalid(String(error))),
    );
  }

  #acknowledged(changes: Change[], ids: (Uint8Array | null)[]): void {
    this.#flight = null;
    this.#batchMax = Math.min(OPS_MAX, 2 * this.#batchMax);
    changes.forEach((change, at) => {
      const { entity } = change, id = ids[at];
      entity.acknowledge(change);
      if (id instanceof Uint8Array) {
        entity.named(idText(id));
        this.#remember(entity, entity.id as string);
      } else if (entity.rowNumber !== change.rowAtSend) {
        this.#refresh(entity); // a row came meanwhile: whether before or after this change only the vault knows
      }
      this.#touched(entity);
    });
    this.#released();
  }

  /** What was refused together is tried in halves; what is refused alone, or for the space as a whole, is taken back. */
  #batchRefused(changes: Change[], error: DxError): void {
    this.#flight = null;
    const whole = error.code === Code.denied || error.code === Code.noIdentity || error.code === Code.cancelled || error.code < -11;
    if (changes.length > 1 && !whole) {
      for (const change of changes) change.sent = false;
      this.#queue = [...changes, ...this.#queue];
      this.#batchMax = Math.ceil(changes.length / 2);
    } else {
      for (const change of [...changes].reverse()) this.#takeBack(change, error);
    }
    this.#released();
  }

  #takeBack(change: Change, error: DxError): void {
    const { entity } = change;
    if (change.op === 'add' || change.op === 'link') entity.refused = error;
    entity.drop(change);
    this.#touched(entity);
    for (const waiter of this.#waiters) if (change.order <= waiter.upTo) waiter.error ??= error;
    this.refused.emit({ object: entity.proxy, error, op: change.op, path: change.path.length > 0 ? pathText(change.path) : '' });
  }

  #released(): void {
    const held = this.#held;
    this.#held = [];
    for (const row of held) this.#ingest(row);
    this.#settleWaiters();
    if (this.#queue.length > 0) this.#schedule();
  }

  #settleWaiters(): void {
    const first = this.#flight?.[0]?.order ?? this.#queue[0]?.order ?? Infinity;
    while (this.#waiters.length > 0 && (this.#waiters[0] as Waiter).upTo < first) {
      const waiter = this.#waiters.shift() as Waiter;
      if (waiter.error === null) waiter.resolve();
      else waiter.reject(waiter.error);
    }
  }
}

/** An op may name an earlier one of its batch by number, its data may not. */
function waitsForId(change: Change, made: ReadonlyMap<Entity, number>): boolean {
  const { entity } = change;
  return change.needs.some((needed) => needed.id === undefined
    && !(made.has(needed) && (needed === entity.parent || needed === entity.source || needed === entity.target) && !refers(change.value, needed)));
}

function refers(value: Value | undefined, entity: Entity): boolean {
  if (value === entity.reference) return true;
  if (Array.isArray(value)) return (value as readonly Value[]).some((item) => refers(item, entity));
  return isMap(value) && Object.values(value).some((item) => refers(item, entity));
}

function opOf(change: Change, made: ReadonlyMap<Entity, number>): Value {
  const { entity, op, path, value } = change;
  const name = (end: Entity | string | null): Value => (end instanceof Entity ? end.id ?? made.get(end) ?? null : end);
  const type = entity.type === null ? {} : { type: entity.type };
  switch (op) {
    case 'add': return { op, ...type, ...(entity.parent === null ? {} : { parent: name(entity.parent) }), data: value as Data };
    case 'link': return { op, ...type, source: name(entity.source), target: name(entity.target), data: value as Data };
    case 'set': return { op, id: name(entity), set: { [pathText(path)]: value as Value } };
    case 'unset': return { op, id: name(entity), unset: [pathText(path)] };
    default: return { op, id: name(entity) };
  }
}

/** A copy of a list with one assignment inside it carried out; the list itself when nothing changes. */
function changeList(list: readonly Value[], path: Path, value: unknown, stored: Value): readonly Value[] {
  const [key, ...rest] = path as [string, ...string[]];
  if (key === 'length' && rest.length === 0) return value === list.length ? list : list.slice(0, Number(value));
  const at = Number(key);
  if (!/^\d+$/.test(key) || at > list.length) throw new TypeError(`a list has no place "${key}"`);
  const copy = [...list];
  if (rest.length > 0) copy[at] = changeIn(copy[at] as Value, rest, value, stored);
  else if (value !== undefined) copy[at] = stored;
  else if (at === list.length - 1) copy.pop();
  else throw new TypeError('a list cannot have holes: use splice');
  return copy;
}

function changeIn(inner: Value, path: Path, value: unknown, stored: Value): Value {
  if (Array.isArray(inner)) return changeList(inner as readonly Value[], path, value, stored);
  const [key, ...rest] = path as [string, ...string[]];
  const map = isMap(inner) ? inner : {};
  const member = rest.length > 0 ? changeIn(map[key] ?? {}, rest, value, stored) : value === undefined ? undefined : stored;
  const copy: Record<string, Value> = { ...map };
  if (member === undefined) delete copy[key];
  else copy[key] = member;
  return copy;
}

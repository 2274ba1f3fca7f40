// client/src/database.ts: the objects of one space as this client sees them, and the way of its writes to the vault.
//
// Reading: one `watch` of the space brings every change, and what was missed while the vault was away; a query asks once for its rows and is kept by the
// watch from then on. Writing: a change shows at once, waits in a queue to the end of the turn, and goes with all others as one `batch`, one batch at a
// time: so later changes can name what earlier ones made. A batch that is refused is tried again in halves until what is refused stands alone: only that
// is rolled back.
//
// What is newer. A vault answers a batch before it tells any row that holds it, and all on one channel in order. So a row told before the reply is from
// before these changes (they stay on top of it), one told after holds them. Two things break that order: rows of a query are read some time before they
// are told, so those named by the watch or written here meanwhile are passed over; and a batch asked again on another channel may have been carried out
// on the one before, so what it changed is read anew.
import type { Value } from '../../core/codec.ts';
import { changeIn, joinEdits, listPlace, makes, opOf, waitsForId } from './change.ts';
import { rowsOf, type Body, type Connection, type Pending, type RequestOptions } from './connection.ts';
import { applyChange, Entity, entityOf, needEntity, referenceTo, refuseReserved, type Change, type EntityOwner, type Live, type LiveLink, type Row } from './entity.ts';
import { CALLER_LAST, Code, DxError, failures } from './errors.ts';
import { HIDDEN, Matcher, type Filter, type Named } from './filter.ts';
import { idText } from './id.ts';
import { Event, guarded } from './observable.ts';
import { History, type PageOptions } from './history.ts';
import type { Difference, Past, PastEntity, PathDifference, Transaction, Undone, Version } from './past.ts';
import { Query, type QueryOptions, type QueryOwner } from './query.ts';
import { isMap, nearest, parsePath, pathText, storedSize, storeValue, valueAt, type Data, type Edit, type Path } from './value.ts';

/** docs/spec/commands.md: ops of a batch. A batch is kept well below the 4 MiB of a command. */
const OPS_MAX = 4096;
const BATCH_SIZE = 1024 * 1024;
/** What an op takes beside its value: names, id, path. */
const OP_SIZE = 128;

/** A write the vault refused and this client took back. */
export interface Refusal {
  object: Live;
  error: DxError;
  /** add, link, set, unset, edit, rm, restore or move. */
  op: Change['op'];
  /** The path of a set, unset or edit. */
  path: string;
}

export interface AddOptions {
  type?: string;
  parent?: Named;
}

export interface RemoveOptions {
  /** With all that only it holds by strong references. */
  parts?: boolean;
  /** Also while another object holds it. */
  force?: boolean;
}

interface Waiter {
  upTo: number;
  error: DxError | null;
  resolve: () => void;
  reject: (error: DxError) => void;
}

/** A question on its way. */
interface Asking {
  /** What is newer here than a row of this question may be. */
  newer: Set<string>;
  /** Entities nobody else wants yet, so that their changes are heard of; null: who asks wants no others than there are. */
  held: Entity[] | null;
}

interface Load extends Asking {
  seen: Set<string>;
  asked: Pending | null;
}

export class Database {
  /** Told for each write that was taken back. */
  readonly refused = new Event<Refusal>();
  readonly #connection: Connection;
  readonly #space: string;
  readonly #byId = new Map<string, WeakRef<Entity>>();
  readonly #gone = new FinalizationRegistry<string>((id) => { if (this.#byId.get(id)?.deref() === undefined) this.#byId.delete(id); });
  readonly #heard = new Set<Entity>();
  readonly #queries = new Set<Query<object>>();
  readonly #loads = new Map<Query<object>, Load>();
  readonly #askings = new Set<Asking>();
  readonly #watches = new Map<string, Pending>();
  readonly #owner: EntityOwner & QueryOwner;
  readonly #history: History;
  readonly #waiters: Waiter[] = [];
  readonly #changedEntities = new Set<Entity>();
  readonly #changedQueries = new Set<Query<object>>();
  #telling = false;
  #queue: Change[] = [];
  #flight: Change[] | null = null;
  /** The batch on its way was asked again. */
  #again = false;
  #scheduled = false;
  #batchMax = OPS_MAX;
  #order = 0;
  /** Rows of what is not known here, while a batch is asked again that may have made them. */
  #held: Row[] = [];
  /** Why there is nothing more to read. */
  #closed: DxError | null = null;

  constructor(connection: Connection, space: string) {
    this.#connection = connection;
    this.#space = space;
    this.#history = new History(connection, space, { flush: () => this.flush().catch(() => undefined), idOf: (object) => this.#idOf(object) });
    this.#owner = {
      write: (entity, path, value, item) => this.#write(entity, path, value, item),
      edit: (entity, path, edit, value) => this.#edit(entity, path, edit, value),
      resolve: (id, referrer) => this.#resolve(id, referrer),
      refresh: (entity) => this.#refresh(entity),
      heard: (entity, on) => {
        if (!on) return void this.#heard.delete(entity);
        this.#heard.add(entity);
        if (entity.stale) entity.read();
      },
      opened: (query) => this.#opened(query),
      closed: (query) => {
        this.#queries.delete(query);
        this.#endLoad(query)?.asked?.cancel();
      },
    };
  }

  // --- Writing ------------------------------------------------------------------------------------------------------

  /** A new object with these data. It is there at once; given a deleted object, that comes back. */
  add<T extends object>(data: T, options: AddOptions = {}): Live<T> {
    const known = entityOf(data);
    if (known !== undefined) {
      if (known.deleted) this.#enqueue(known, 'restore', [], undefined);
      return known.proxy as Live<T>;
    }
    refuseReserved('object', data);
    const entity = new Entity(this.#owner, 'object', options.type ?? null, undefined);
    entity.baseParent = this.#end(options.parent);
    this.#enqueue(entity, 'add', [], data);
    return entity.proxy as Live<T>;
  }

  /** A new link from one object to another. */
  link<T extends object = Record<string, unknown>>(source: Named, target: Named, type?: string, data?: T): LiveLink<T> {
    const entity = new Entity(this.#owner, 'link', type ?? null, undefined);
    entity.source = this.#end(source);
    entity.target = this.#end(target);
    refuseReserved('link', data ?? {});
    this.#enqueue(entity, 'link', [], data ?? {});
    return entity.proxy as LiveLink<T>;
  }

  /**
   * Deletes an object or link; db.add(object) brings it back. What another object holds by a strong reference stays, and the write is taken back as refused.
   * `parts`: with all that only it holds; `force`: also what another one holds (docs/spec/references.md). With these the vault is asked, and
   * has done it when the promise resolves.
   */
  remove(object: object): void;
  remove(object: object, options: RemoveOptions): Promise<void>;
  remove(object: object, options?: RemoveOptions): void | Promise<void> {
    const entity = needEntity(object, 'what is removed');
    if (options !== undefined) return this.#removeWhole(entity, options);
    if (!entity.deleted) this.#enqueue(entity, 'rm', [], undefined);
  }

  async #removeWhole(entity: Entity, { parts, force }: RemoveOptions): Promise<void> {
    await this.flush().catch(() => undefined);
    const id = idOf(entity);
    if (id === undefined || entity.deleted) return;
    this.#watch(''); // which tells what went
    await this.#connection.request({ do: 'object.rm', space: this.#space, id, parts, force });
  }

  /**
   * Takes an object or link out of every vault of the space for good, with its history (docs/spec/purge.md): nothing brings it back. Admins may, and who
   * made it (E_DENIED); it is gone here when the promise resolves.
   */
  async purge(object: Named): Promise<void> {
    const id = await this.#idOf(object);
    this.#watch(''); // which tells that it went
    await this.#connection.request({ do: 'object.purge', space: this.#space, id });
    const entity = this.#lookUp(id);
    if (entity !== undefined) this.#refresh(entity);
  }

  /**
   * Puts an object under another one, or (null) at the top. Where it would stand below itself the vault refuses, and it goes back; what others move at the
   * same time may move it again: objects are never lost, and none stands below itself (docs/spec/entities.md).
   */
  move(object: object, parent: Named | null): void {
    const entity = needEntity(object, 'what is moved');
    if (entity.kind === 'link') throw new TypeError('a link stands under nothing; move an object');
    this.#enqueue(entity, 'move', [], undefined, { to: this.#end(parent ?? undefined) });
  }

  /** Adds to the integer at a key or path (nothing there is 0); what others add at the same time is added too. */
  increment(object: object, path: string, by: number | bigint = 1): void {
    if (typeof by === 'number' && !Number.isSafeInteger(by)) throw new TypeError('only integers can be added');
    this.#edit(needEntity(object, 'what is counted in'), parsePath(path), { kind: 'increment' }, by);
  }

  /** Adds values at the end of the list at a key or path (nothing there is empty). */
  push(object: object, path: string, ...values: unknown[]): void {
    if (values.length > 0) this.#edit(needEntity(object, 'what holds the list'), parsePath(path), { kind: 'push' }, values);
  }

  /** Puts values into the list at a key or path as into a set: each stands there once, whoever else puts it in. */
  include(object: object, path: string, ...values: unknown[]): void {
    if (values.length > 0) this.#edit(needEntity(object, 'what holds the set'), parsePath(path), { kind: 'include' }, values);
  }

  /** Takes values out of the list at a key or path, wherever they stand in it. */
  exclude(object: object, path: string, ...values: unknown[]): void {
    if (values.length > 0) this.#edit(needEntity(object, 'what holds the set'), parsePath(path), { kind: 'exclude' }, values);
  }

  /** The item `from` of the list at a key or path becomes item `to`; who moves or changes it at the same time does not make it two. */
  reorder(object: object, path: string, from: number, to: number): void {
    const entity = needEntity(object, 'what holds the list'), parts = parsePath(path), list = valueAt(entity.data, parts);
    const length = Array.isArray(list) ? (list as readonly Value[]).length : 0;
    for (const at of [from, to]) if (!Number.isInteger(at) || at < 0 || at >= length) throw new RangeError(`the list has no item ${at}`);
    if (from !== to) this.#edit(entity, parts, { kind: 'reorder', at: from, was: (list as readonly Value[])[from] as Value }, to);
  }

  /**
   * A command about this space that has no method here (docs/spec/commands.md). It waits while the vault is away and happens once. One that is a function is what it gives each time it is sent.
   */
  ask(command: Body | (() => Body), options?: RequestOptions): Pending {
    const whole = (body: Body): Body => ({ ...body, space: this.#space });
    return this.#connection.ask(typeof command === 'function' ? () => whole(command()) : whole(command), options);
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
    return (await this.#ask(this.storeQuestion(query))).map((entity) => entity.proxy as Live<T>);
  }

  /** As the vault is asked: ids in place of objects. */
  storeQuestion(query: { readonly [key: string]: unknown }): Value { return storeValue(query, (object) => idOf(entityOf(object))); }

  /** How many match. */
  async count(filter: Filter = {}): Promise<number> {
    await this.flush().catch(() => undefined);
    const reply = await this.#connection.request({ do: 'query', space: this.#space, query: { ...new Matcher(filter).wire, count: true } });
    return Number(reply['count']);
  }

  /** The object with this id; undefined when there is none here or it is deleted. */
  get<T extends object = Record<string, unknown>>(id: string): Promise<Live<T> | undefined> { return this.#one<T>({ do: 'object.get', space: this.#space, id }); }

  /**
   * The same, where the vault keeps a part of the space: all of it, brought from members; undefined: nobody who is connected has it. Whoever read it through a
   * reference hears. With nobody there for so long (10 s) it is what is here, isPartial() then; E_TIMEOUT: nothing is. What others do to it afterwards is left out again: fetch it anew when somebody looks.
   */
  fetch<T extends object = Record<string, unknown>>(id: string, options: { timeoutMs?: number } = {}): Promise<Live<T> | undefined> {
    return this.#one<T>({ do: 'object.get', space: this.#space, id, fetch: true, timeout_ms: options.timeoutMs });
  }

  async #one<T extends object>(command: Body): Promise<Live<T> | undefined> {
    this.#watch('');
    const asking: Asking = { newer: new Set(), held: [] };
    let entity: Entity | undefined;
    await this.#asks(asking, command, {
      onReply: (row) => {
        entity = this.#known(row as unknown as Row, asking);
        entity.partial = row['partial'] === true;
      },
    }).catch((error: unknown) => { if (!(error instanceof DxError) || error.code !== Code.notFound) throw error; });
    return entity === undefined || entity.deleted ? undefined : (entity.proxy as Live<T>);
  }

  /** The same when it is here already, for instance in a query's result. */
  getObjectById<T extends object = Record<string, unknown>>(id: string): Live<T> | undefined {
    const entity = this.#lookUp(id);
    return entity === undefined || entity.deleted || !entity.loaded ? undefined : (entity.proxy as Live<T>);
  }

  // --- What was -----------------------------------------------------------------------------------------------------

  /** What changed an object or link, the newest first: at most `limit` (100), those before a point. */
  history(object: Named, options: PageOptions = {}): Promise<Version[]> { return this.#history.versions(object, options); }

  /** What happened in this space, likewise. */
  transactions(options: PageOptions = {}): Promise<Transaction[]> { return this.#history.transactions(options); }

  /** An object or link as it was at a point; undefined: it was not made by then. E_GONE: history here begins later. */
  at(object: Named, point: string): Promise<Past | undefined> { return this.#history.at(object, point); }

  /** The answer of any question but `text` and `path` at a point, in the vault's order (docs/spec/query.md, Of a point). E_GONE: history here begins later. */
  runAt(query: { readonly [key: string]: unknown }, point: string): Promise<PastEntity[]> {
    return this.#history.answer(this.storeQuestion(query), point);
  }

  /** What shows otherwise at `to` (now, without it) than at `from`: of this space, the newest first. */
  difference(from: string, to?: string): Promise<Difference[]> { return this.#history.difference(from, to); }

  /** The same of one object or link, path by path. */
  differenceOf(object: Named, from: string, to?: string): Promise<PathDifference[]> { return this.#history.differenceOf(object, from, to); }

  /** Writes an object or link anew as what it was at a point. */
  restore(object: Named, point: string): Promise<void> { return this.#history.restore(object, point); }

  /** Takes back the latest transaction of this device here, over all it was about; undefined: there is none, or it lies before history begins here. */
  undo(): Promise<Undone | undefined> { return this.#history.takeBack('undo'); }

  /** Takes back the latest undo, as long as nothing else was written here since. */
  redo(): Promise<Undone | undefined> { return this.#history.takeBack('redo'); }

  /** Of an object that was just made: as soon as it has one. */
  async #idOf(object: Named): Promise<string> {
    if (typeof object === 'string') return object;
    const entity = needEntity(object, 'what was');
    await this.flush().catch(() => undefined);
    return idOf(entity) as string;
  }

  /** By its space, which has gone: queries hold nothing from now on, and what was written and has not arrived is taken back as the vault refuses it. */
  close(reason: DxError): void {
    this.#closed = reason;
    for (const watch of this.#watches.values()) watch.cancel();
    this.#watches.clear();
    for (const query of this.#queries) {
      this.#endLoad(query)?.asked?.cancel();
      if (query.end()) this.#changedQueries.add(query);
      query.settle(reason);
    }
    this.#tell();
    this.#queries.clear();
  }

  // --- What the vault tells -----------------------------------------------------------------------------------------

  #lookUp(id: string): Entity | undefined { return this.#byId.get(id)?.deref(); }

  #remember(entity: Entity, id: string): void {
    this.#byId.set(id, new WeakRef(entity));
    this.#gone.register(entity, id);
  }

  /** One watch sees all but types that begin with `dx.`, which are watched by name. Whether it began just now. */
  #watch(type: string): boolean {
    if (this.#watches.has(type) || this.#closed !== null) return false;
    let at = ''; // how far it was told; from there it goes on over another channel, or in a vault that was taken over
    const watch = this.#connection.ask(
      () => ({ do: 'watch', space: this.#space, query: type === '' ? { kind: 'any' } : { kind: 'any', type }, since: at }),
      {
        onNotify: (body) => {
          this.#watched(body);
          if (typeof body['at'] === 'string') at = body['at'];
        },
        onRestart: () => { if (at === '') this.#reloadAll(); },
        atOnce: true, watches: true,
      },
    );
    this.#watches.set(type, watch);
    watch.reply.catch((error: unknown) => {
      if (this.#watches.get(type) === watch) this.#watches.delete(type);
      if (error instanceof DxError && error.code !== Code.cancelled) for (const query of this.#queries) this.#settle(query, error);
    });
    return true;
  }

  #watched(body: Body): void {
    for (const row of rowsOf(body)) {
      if (row['change'] === 'refresh') {
        this.#reloadAll();
        continue;
      }
      for (const asking of this.#askings) asking.newer.add(row['id'] as string);
      this.#ingest(row as unknown as Row);
    }
  }

  /** loading: the query whose first rows these are; it is told when it has all. */
  #ingest(row: Row, loading?: Query<object>): void {
    const known = this.#lookUp(row.id);
    if (known !== undefined) {
      if (known.takeRow(row)) this.#touched(known, loading);
    } else if (this.#again && this.#flight?.some(makes) === true) {
      this.#held.push(row);
    } else {
      const entity = this.#entityOf(row);
      let wanted = this.#touched(entity, loading);
      for (const { held } of this.#askings) wanted = held !== null && held.push(entity) > 0 || wanted;
      if (wanted) this.#remember(entity, row.id);
    }
  }

  #entityOf(row: Row): Entity {
    const entity = new Entity(this.#owner, 'object', row.type, row.id);
    entity.takeRow(row);
    return entity;
  }

  /** All entities of an answer, in its order. */
  async #ask(query: Value): Promise<Entity[]> {
    this.#watch('');
    const asking: Asking = { newer: new Set(), held: [] };
    let found: Entity[] = [];
    await this.#asks(asking, { do: 'query', space: this.#space, query }, {
      onNotify: (body) => { for (const row of rowsOf(body) as unknown as Row[]) found.push(this.#known(row, asking)); },
      onRestart: () => { found = []; },
    });
    return found;
  }

  async #asks(asking: Asking, command: Body, options: RequestOptions): Promise<void> {
    this.#askings.add(asking);
    const onRestart = (): void => {
      asking.newer.clear();
      options.onRestart?.();
    };
    await this.#connection.request(command, { ...options, onRestart }).finally(() => this.#askings.delete(asking));
  }

  /** The entity of a row that somebody will hold. */
  #known(row: Row, { newer }: Asking): Entity {
    let known = this.#lookUp(row.id);
    if (known === undefined) {
      known = this.#entityOf(row);
      this.#remember(known, row.id);
      this.#touched(known);
    } else if (!newer.has(row.id) && known.takeRow(row)) {
      this.#touched(known);
    }
    this.#watchTypeOf(known);
    return known;
  }

  /** What somebody holds is kept as it is, also where the watch of all does not see it. */
  #watchTypeOf(entity: Entity): void {
    if (entity.type?.startsWith(HIDDEN) === true && this.#watch(entity.type)) entity.stale = true; // what came between row and watch
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
    const { id } = entity;
    if (id === undefined) return;
    this.#watch('');
    const asking: Asking = { newer: new Set(), held: null };
    this.#asks(asking, { do: 'object.get', space: this.#space, id }, {
      onReply: (row) => {
        if (!asking.newer.has(id) && entity.takeRow(row as unknown as Row)) this.#touched(entity);
        this.#watchTypeOf(entity);
      },
    }).catch((error: unknown) => {
      const gone = error instanceof DxError && error.code === Code.notFound && entity.loaded && !asking.newer.has(id);
      if (gone && entity.takeEnd()) this.#touched(entity); // else the next row of the watch, or the next connection, will tell
    });
  }

  /** Something in this entity is otherwise than before: queries and listeners follow. Whether a query has it. */
  #touched(entity: Entity, loading?: Query<object>): boolean {
    let wanted = false;
    for (const query of this.#queries) {
      if (!query.consider(entity)) continue;
      wanted = true;
      if (query !== loading) this.#changedQueries.add(query);
    }
    this.#changedEntities.add(entity);
    entity.version++;
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
      for (const entity of changed) entity.tell();
      for (const query of queries) guarded(() => query.tell());
    });
  }

  // --- Queries ------------------------------------------------------------------------------------------------------

  #opened(query: Query<object>): void {
    if (this.#closed !== null) return this.#settle(query, this.#closed);
    this.#queries.add(query);
    this.#watch(query.matcher.filter.type?.startsWith(HIDDEN) === true ? query.matcher.filter.type : '');
    for (const { entity } of [...this.#queue, ...this.#flight ?? []]) query.consider(entity);
    for (const reference of this.#byId.values()) {
      const entity = reference.deref();
      if (entity !== undefined) query.consider(entity);
    }
    void this.#load(query);
  }

  /** What a watch did not tell may be otherwise. What nobody listens to is asked for when it is read. */
  #reloadAll(): void {
    for (const query of this.#queries) if (!this.#loads.has(query)) void this.#load(query);
    for (const reference of this.#byId.values()) {
      const entity = reference.deref();
      if (entity === undefined || [...this.#queries].some((query) => query.members.has(entity))) continue;
      if (entity.heard) this.#refresh(entity);
      else entity.stale = true;
    }
  }

  async #load(query: Query<object>): Promise<void> {
    const load: Load = { seen: new Set(), newer: new Set(), held: null, asked: null };
    this.#loads.set(query, load);
    this.#askings.add(load);
    try {
      if (query.matcher.unsaved.length > 0) await this.flush().catch(() => undefined); // a refusal has its own event
      if (this.#loads.get(query) !== load) return;
      const reply = query.matcher.unsaved.length === 0 ? await this.#readRows(query, load) : {}; // else the vault refused what it is about: there is none
      if (this.#loads.get(query) !== load) return;
      this.#endLoad(query);
      for (const entity of query.members) {
        const id = entity.id;
        if (id !== undefined && !load.seen.has(id) && !load.newer.has(id)) this.#refresh(entity);
      }
      this.#settle(query, null, reply['partial'] === true);
    } catch (error) {
      if (this.#loads.get(query) !== load) return;
      this.#endLoad(query);
      this.#settle(query, error instanceof DxError ? error : failures.protocol(String(error)));
    }
  }

  #readRows(query: Query<object>, load: Load): Promise<Body> {
    load.asked = this.#connection.ask({ do: 'query', space: this.#space, query: query.matcher.wire }, {
      onNotify: (body) => {
        for (const row of rowsOf(body) as unknown as Row[]) {
          load.seen.add(row.id);
          if (!load.newer.has(row.id)) this.#ingest(row, query);
        }
      },
      onRestart: () => {
        load.seen.clear();
        load.newer.clear();
      },
    });
    return load.asked.reply;
  }

  #endLoad(query: Query<object>): Load | undefined {
    const load = this.#loads.get(query);
    this.#loads.delete(query);
    if (load !== undefined) this.#askings.delete(load);
    return load;
  }

  #settle(query: Query<object>, error: DxError | null, partial = false): void {
    query.settle(error, partial);
    this.#changedQueries.add(query);
    this.#tell();
  }

  // --- Changes ------------------------------------------------------------------------------------------------------

  #end(named: Named | undefined): Entity | string | null {
    if (named === undefined) return null;
    return typeof named === 'string' ? named : needEntity(named, 'a parent or an end of a link');
  }

  /** An assignment. Inside a list it is an edit of the item; `item`: what that was when the program read it. */
  #write(entity: Entity, path: Path, value: unknown, item?: Value): Value | undefined {
    for (let depth = 1; depth < path.length; depth++) {
      const list = valueAt(entity.data, path.slice(0, depth));
      if (Array.isArray(list)) return this.#writeItem(entity, path.slice(0, depth), list as readonly Value[], path.slice(depth), value, item);
    }
    this.#enqueue(entity, value === undefined ? 'unset' : 'set', path, value);
    return undefined;
  }

  #writeItem(entity: Entity, path: Path, list: readonly Value[], [key, ...rest]: Path, value: unknown, item?: Value): Value | undefined {
    const at = listPlace(list, key as string);
    if (at !== 'length' && rest.length > 0) {
      const place = item === undefined ? at : nearest(list, at, item) ?? at, was = list[place];
      const next = changeIn(was ?? {}, rest, value, this.#store(value === undefined ? null : value).stored);
      if (next !== was) this.#assignItem(entity, path, list, place, next);
      return next;
    }
    if (at === 'length') {
      if (value !== list.length) this.#enqueue(entity, 'set', path, list.slice(0, Number(value)));
    } else if (value !== undefined) {
      this.#assignItem(entity, path, list, at, value);
    } else if (at === list.length - 1) {
      this.#edit(entity, path, { kind: 'remove', at, was: list[at] as Value }, 1);
    } else if (at < list.length) {
      throw new TypeError('a list cannot have holes: use splice');
    }
    return undefined;
  }

  #assignItem(entity: Entity, path: Path, list: readonly Value[], at: number, value: unknown): void {
    if (at === list.length) this.#edit(entity, path, { kind: 'push' }, [value]);
    else this.#edit(entity, path, { kind: 'replace', at, was: list[at] as Value }, value);
  }

  /** An edit inside a value: it merges with what others do there. */
  #edit(entity: Entity, path: Path, edit: Edit, value: unknown): void {
    this.#enqueue(entity, 'edit', path, value, { edit });
  }

  #store(value: unknown): { stored: Value; needs: Entity[] } {
    const needs: Entity[] = [];
    const stored = storeValue(value, (object) => {
      const to = referenceTo(object);
      if (to === undefined) return undefined;
      if (to.entity.id === undefined) needs.push(to.entity);
      if (to.entity.owner === this.#owner) return to.reference;
      throw new TypeError('an object cannot refer to one of another space');
    });
    return { stored, needs };
  }

  #enqueue(entity: Entity, op: Change['op'], path: Path, value: unknown, more: Pick<Change, 'to' | 'edit'> = {}): void {
    if (entity.owner !== this.#owner) throw new TypeError('the object is in another space');
    if (entity.refused !== null) throw failures.state(`the vault refused to make this object: ${entity.refused.message}`, 'db.add(data)');
    if (op !== 'rm' && op !== 'restore' && entity.deleted) throw failures.state('the object is deleted; db.add(object) brings it back', 'db.add(object)');
    if (path.length > 0) pathText(path);
    const { stored, needs } = value === undefined ? { stored: undefined, needs: [] } : this.#store(value);
    if ((op === 'add' || op === 'link') && !isMap(stored)) throw new TypeError('the data of an object are a map: {key: value}');
    const { to = null, edit } = more, was = edit?.was;
    const size = OP_SIZE + (stored === undefined ? 0 : storedSize(stored, path.length)) + (was === undefined ? 0 : storedSize(was, 0));
    if (!this.#merge(entity, op, path, stored, size, needs, edit)) {
      const change: Change = { entity, op, edit, path, value: stored, size, needs, sent: false, order: ++this.#order };
      if (makes(change)) entity.madeAt = change.order;
      if (op === 'move') change.to = to;
      if (to instanceof Entity && to.id === undefined) change.needs.push(to);
      for (const end of [entity.baseParent, entity.source, entity.target]) {
        if (makes(change) && end instanceof Entity && end.id === undefined) change.needs.push(end);
      }
      entity.push(change);
      this.#queue.push(change);
    } else {
      entity.invalidate();
    }
    this.#touched(entity);
    this.#schedule();
  }

  /**
   * Puts a write into the one before it, when that has not gone yet: typing, and filling a new object, are one change. Not where it refers to what is made
   * later than that one, or by it: a change has to wait for the ids it names, and what it names stands before it in the queue.
   */
  #merge(entity: Entity, op: Change['op'], path: Path, value: Value | undefined, size: number, needs: Entity[], edit?: Edit): boolean {
    const last = entity.pending.at(-1);
    if (last === undefined || last.sent || (op !== 'set' && op !== 'unset' && op !== 'edit')) return false;
    if (needs.some((needed) => needed.madeAt >= last.order)) return false;
    if (makes(last)) {
      last.value = applyChange(last.value as Data, { ...last, op, edit, path, value });
      last.size += size;
      last.needs.push(...needs);
      return true;
    }
    if (op === 'edit') {
      const joined = last.op === 'edit' && pathText(last.path) === pathText(path) ? joinEdits(last, edit as Edit, value as Value) : undefined;
      if (joined === undefined) return false;
      last.value = joined;
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
      if (makes(change)) made.set(change.entity, changes.length);
      changes.push(change);
    }
    this.#queue = this.#queue.slice(changes.length);
    return { changes, ops };
  }

  #sendBatch(): void {
    const { changes, ops } = this.#gather();
    if (changes.length === 0) return this.#settleWaiters();
    for (const change of changes) change.sent = true;
    this.#flight = changes;
    this.#again = false;
    this.#connection.request({ do: 'batch', space: this.#space, ops }, {
      onReply: (reply) => this.#acknowledged(changes, (reply['ids'] ?? []) as (Uint8Array | null)[]),
      onRestart: () => { this.#again = true; },
      atOnce: true,
    }).catch((error: unknown) => this.#batchRefused(changes, error instanceof DxError ? error : failures.invalid(String(error))));
  }

  #acknowledged(changes: Change[], ids: (Uint8Array | null)[]): void {
    const again = this.#again;
    this.#flight = null;
    this.#batchMax = Math.min(OPS_MAX, 2 * this.#batchMax);
    changes.forEach((change, at) => {
      const { entity } = change, id = ids[at];
      entity.acknowledge(change);
      if (id instanceof Uint8Array) {
        entity.named(idText(id));
        this.#remember(entity, entity.id as string);
        this.#touched(entity); // its id is another one
        if (this.#watches.size === 0) entity.stale = true; // who only writes is told nothing; who reads it wants to be
        if (entity.heard) entity.read();
      }
      for (const asking of this.#askings) asking.newer.add(entity.id as string);
    });
    if (again) for (const entity of new Set(changes.map((change) => change.entity))) this.#refresh(entity);
    this.#released();
  }

  /** What was refused together is tried in halves; what is refused alone, or for the space as a whole, is taken back. */
  #batchRefused(changes: Change[], error: DxError): void {
    this.#flight = null;
    const over = this.#closed !== null || this.#connection.status.get() === 'closed';
    const whole = over || error.code === Code.denied || error.code === Code.noIdentity || error.code === Code.cancelled || error.code < CALLER_LAST;
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
    if (makes(change)) entity.refused = error;
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

/** The id of what a question names; undefined: it is no object of ours. */
function idOf(entity: Entity | undefined): string | undefined {
  if (entity?.refused) throw failures.notFound('the vault refused to make the object this is about');
  return entity?.id;
}

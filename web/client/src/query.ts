// client/src/query.ts: a live question about a space: its objects now, and word of every change.
import { DxError } from './errors.ts';
import type { Entity, Live } from './entity.ts';
import { Matcher, type Filter } from './filter.ts';
import { Event, guarded, type Unsubscribe } from './observable.ts';

export interface QueryOptions<T extends object> {
  /** A condition in this program, beyond what a filter can say. */
  filter?: (object: Live<T>) => boolean;
  /** As for Array.sort. Without it the vault's own order. */
  sort?: (a: Live<T>, b: Live<T>) => number;
  /** At most so many, after sorting. */
  limit?: number;
}

/**
 * The objects of a query. `loaded`: the vault has answered, so these are all; `error`: why it refuses to. Until then they are what this client knows already.
 * `partial`: the vault keeps a part of what was asked about, and there may be more (docs/spec/partial.md).
 */
export type Result<T extends object> = readonly Live<T>[] & { readonly loaded: boolean; readonly error: DxError | null; readonly partial: boolean };

/** As an array that is written out and compared as one. */
export const resultOf = <T extends object>(objects: Live<T>[], loaded = false, error: DxError | null = null, partial = false): Result<T> =>
  Object.freeze(Object.defineProperties(objects, { loaded: { value: loaded }, error: { value: error }, partial: { value: partial } })) as unknown as Result<T>;

/** What a query asks of its database. */
export interface QueryOwner {
  opened(query: Query<object>): void;
  closed(query: Query<object>): void;
}

/** How long a query that nobody listens to stays live: components come and go between two renders. */
const LINGER_MS = 5000;

export class Query<T extends object = Record<string, unknown>> {
  readonly matcher: Matcher;
  readonly options: QueryOptions<T>;
  readonly #owner: QueryOwner;
  readonly #members = new Set<Entity>();
  readonly #changed = new Event<Result<T>>();
  #objects: Result<T> = resultOf<T>([]);
  #dirty = false;
  #open = false;
  #settled: { promise: Promise<void>; resolve: () => void } | null = null;
  #linger: ReturnType<typeof setTimeout> | undefined;
  #error: DxError | null = null;
  #loaded = false;
  #partial = false;

  constructor(owner: QueryOwner, filter: Filter, options: QueryOptions<T>) {
    this.#owner = owner;
    this.matcher = new Matcher(filter);
    this.options = options;
  }

  /**
   * What matches now. Its first use begins the question; until `loaded` it holds what this client knows already. The array is another one exactly
   * when something in it is, or when it says of itself that it is all.
   */
  get objects(): Result<T> {
    this.#touch();
    if (this.#dirty) this.#collect();
    return this.#objects;
  }

  /** The vault has answered. */
  get loaded(): boolean { return this.#loaded; }
  /** There may be more: the vault keeps a part of what this is about. */
  get partial(): boolean { return this.#partial; }
  /** Why the vault refuses to answer. */
  get error(): DxError | null { return this.#error; }
  get isOpen(): boolean { return this.#open; }
  get members(): ReadonlySet<Entity> { return this.#members; }

  /** Calls back after each turn of the event loop in which the result, or an object in it, changed; at once with `immediate`. */
  subscribe(listener: (objects: Result<T>) => void, options?: { immediate?: boolean }): Unsubscribe {
    const leave = this.#changed.subscribe(listener);
    this.#touch();
    if (options?.immediate) listener(this.objects);
    return () => {
      leave();
      this.#rest();
    };
  }

  /** The objects as soon as the vault has answered. */
  async run(): Promise<Result<T>> {
    this.#touch();
    if (!this.#loaded && this.#error === null) {
      this.#settled ??= deferred();
      await this.#settled.promise;
    }
    if (this.#error !== null) throw this.#error;
    return this.objects;
  }

  /** Ends it now, not a while after the last listener left. The next use begins anew. */
  close(): void {
    clearTimeout(this.#linger);
    if (!this.#open) return;
    this.#open = false;
    this.#loaded = false;
    this.#members.clear();
    this.#dirty = true;
    this.#owner.closed(this as unknown as Query<object>);
  }

  // --- For the database ---------------------------------------------------------------------------------------------

  /** Puts an entity in or takes it out as it is now. Whether this concerns the query. */
  consider(entity: Entity): boolean {
    const before = this.#members.has(entity), now = this.matcher.matches(entity) && this.#passes(entity);
    if (now && !before) this.#members.add(entity);
    if (!now && before) this.#members.delete(entity);
    if (now || before) this.#dirty = true;
    return now || before;
  }

  /** Its space has gone. Whether it held anything. */
  end(): boolean {
    const held = this.#members.size > 0;
    this.#members.clear();
    this.#dirty ||= held;
    return held;
  }

  settle(error: DxError | null, partial = false): void {
    this.#dirty ||= this.#loaded !== (error === null) || this.#error !== error || this.#partial !== partial;
    this.#loaded = error === null;
    this.#error = error;
    this.#partial = partial;
    this.#settled?.resolve();
    this.#settled = null;
  }

  tell(): void { if (this.#changed.heard) this.#changed.emit(this.objects); }

  /** The program's own condition; one that throws does not hold. */
  #passes(entity: Entity): boolean {
    const { filter } = this.options;
    let passes = filter === undefined;
    if (filter !== undefined) guarded(() => { passes = filter(entity.proxy as Live<T>); });
    return passes;
  }

  #collect(): void {
    let objects = [...this.#members].map((entity) => entity.proxy as Live<T>);
    if (this.options.sort !== undefined) objects.sort(this.options.sort);
    if (this.options.limit !== undefined) objects = objects.slice(0, this.options.limit);
    this.#objects = resultOf(objects, this.#loaded, this.#error, this.#partial);
    this.#dirty = false;
  }

  #touch(): void {
    if (!this.#open) {
      this.#open = true;
      this.#dirty ||= this.#error !== null;
      this.#error = null;
      this.#owner.opened(this as unknown as Query<object>);
    }
    this.#rest();
  }

  #rest(): void {
    clearTimeout(this.#linger);
    if (this.#changed.heard || !this.#open) return;
    this.#linger = setTimeout(() => { if (!this.#changed.heard) this.close(); }, LINGER_MS);
    (this.#linger as { unref?: () => void }).unref?.(); // node need not wait for it
  }
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => { resolve = done; });
  return { promise, resolve };
}

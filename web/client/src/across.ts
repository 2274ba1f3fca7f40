// client/src/across.ts: one live question to all spaces that this program sees: the live queries of each (query.ts), and one answer.
//
// Spaces that come are asked too, and those that go leave with what they held. Nothing leads from one space into another (docs/spec/query.md, Several
// spaces): each decides for itself what matches; `sort` and `limit` are of the whole.
import { DxError } from './errors.ts';
import { Matcher, type Filter } from './filter.ts';
import { Event, type Observable, type Unsubscribe } from './observable.ts';
import { resultOf, type Query, type QueryOptions, type Result } from './query.ts';

/** What it asks of a space. */
interface Asked {
  readonly key: string;
  readonly db: { query<T extends object>(filter: Filter, options: QueryOptions<T>): Query<T> };
}

interface Part<T extends object> {
  readonly query: Query<T>;
  readonly leave: Unsubscribe;
}

export class SpacesQuery<T extends object = Record<string, unknown>> {
  readonly #spaces: Observable<readonly Asked[]>;
  readonly #filter: Filter;
  readonly #options: QueryOptions<T>;
  readonly #parts = new Map<string, Part<T>>();
  readonly #changed = new Event<Result<T>>();
  #leaveSpaces: Unsubscribe | undefined;
  #objects: Result<T> = resultOf<T>([]);
  #seen: readonly Result<T>[] = [];
  #telling = false;

  constructor(spaces: Observable<readonly Asked[]>, filter: Filter, options: QueryOptions<T>) {
    new Matcher(filter); // what is wrong with it is said now
    this.#spaces = spaces;
    this.#filter = filter;
    this.#options = options;
  }

  /** What matches now, space after space unless sorted. Another array exactly when something in it is another. Its first use begins the question, close() ends it. */
  get objects(): Result<T> {
    this.#open();
    const results = [...this.#parts.values()].map(({ query }) => query.objects);
    if (results.length === this.#seen.length && results.every((result, at) => result === this.#seen[at])) return this.#objects;
    let objects = results.flatMap((result) => [...result]);
    if (this.#options.sort !== undefined) objects.sort(this.#options.sort);
    if (this.#options.limit !== undefined) objects = objects.slice(0, this.#options.limit);
    this.#seen = results;
    return (this.#objects = resultOf(objects, results.every(({ loaded }) => loaded), results.find(({ error }) => error !== null)?.error ?? null,
      results.some(({ partial }) => partial)));
  }

  /** All spaces have answered. */
  get loaded(): boolean { return this.objects.loaded; }
  get partial(): boolean { return this.objects.partial; }
  /** Why one of them refuses to. */
  get error(): DxError | null { return this.objects.error; }

  /** Calls back after each turn of the event loop in which the result, or an object in it, changed; at once with `immediate`. */
  subscribe(listener: (objects: Result<T>) => void, options?: { immediate?: boolean }): Unsubscribe {
    const leave = this.#changed.subscribe(listener);
    this.#open();
    if (options?.immediate) listener(this.objects);
    return leave;
  }

  /** The objects as soon as all spaces have answered. */
  async run(): Promise<Result<T>> {
    this.#open();
    await Promise.all([...this.#parts.values()].map(({ query }) => query.run()));
    return this.objects;
  }

  /** The next use begins anew. */
  close(): void {
    this.#leaveSpaces?.();
    this.#leaveSpaces = undefined;
    for (const part of this.#parts.values()) end(part);
    this.#parts.clear();
  }

  #open(): void {
    if (this.#leaveSpaces !== undefined) return;
    this.#leaveSpaces = this.#spaces.subscribe((spaces) => { if (this.#follow(spaces)) this.#tell(); });
    this.#follow(this.#spaces.get());
  }

  /** Whether other spaces are asked now. Each sorts and limits by itself, so that the first ones of all are among those it gives. */
  #follow(spaces: readonly Asked[]): boolean {
    const keys = new Set(spaces.map(({ key }) => key));
    let other = false;
    for (const [key, part] of this.#parts) {
      if (keys.has(key)) continue;
      end(part);
      this.#parts.delete(key);
      other = true;
    }
    for (const space of spaces) {
      if (this.#parts.has(space.key)) continue;
      const query = space.db.query<T>(this.#filter, this.#options);
      this.#parts.set(space.key, { query, leave: query.subscribe(() => this.#tell()) });
      other = true;
    }
    return other;
  }

  /** Once for all spaces that changed in this turn. */
  #tell(): void {
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      if (this.#leaveSpaces !== undefined && this.#changed.heard) this.#changed.emit(this.objects);
    });
  }
}

function end<T extends object>({ query, leave }: Part<T>): void {
  leave();
  query.close();
}

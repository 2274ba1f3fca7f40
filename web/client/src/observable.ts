// client/src/observable.ts: a value that changes, and those who want to hear of it.

export type Unsubscribe = () => void;

/** What a program's function throws is told as an error of the program, and keeps nobody else from being told. */
export function guarded(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => { throw error; });
  }
}

/** Calls its listeners; one that throws does not keep the others from hearing. */
export class Event<T> {
  readonly #listeners = new Set<(value: T) => void>();

  get heard(): boolean { return this.#listeners.size > 0; }

  subscribe(listener: (value: T) => void): Unsubscribe {
    const own = (value: T): void => listener(value); // the same function may subscribe twice
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  emit(value: T): void {
    for (const listener of [...this.#listeners]) if (this.#listeners.has(listener)) guarded(() => listener(value));
  }
}

/** Read it now with get(), or subscribe: the listener is called at each change, and at once with `{immediate: true}`. */
export interface Observable<T> {
  get(): T;
  /** The same as get(). */
  readonly value: T;
  subscribe(listener: (value: T) => void, options?: { immediate?: boolean }): Unsubscribe;
}

/** An Observable its owner sets. `watched` is called when the first listener comes (true) and the last goes (false). */
export class Cell<T> implements Observable<T> {
  readonly #changed = new Event<T>();
  #value: T;
  readonly #watched: ((on: boolean) => void) | undefined;

  constructor(value: T, watched?: (on: boolean) => void) {
    this.#value = value;
    this.#watched = watched;
  }

  get(): T { return this.#value; }
  get value(): T { return this.#value; }
  get heard(): boolean { return this.#changed.heard; }

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    this.#changed.emit(value);
  }

  subscribe(listener: (value: T) => void, options?: { immediate?: boolean }): Unsubscribe {
    const first = !this.#changed.heard;
    const leave = this.#changed.subscribe(listener);
    if (first) this.#watched?.(true);
    if (options?.immediate) listener(this.#value);
    let gone = false;
    return () => {
      if (gone) return;
      gone = true;
      leave();
      if (!this.#changed.heard) this.#watched?.(false);
    };
  }
}

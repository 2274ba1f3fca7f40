// client/src/listed.ts: a list the vault answers when asked: asked when somebody begins to listen, and again when its owner hears that it changed.
import { Cell, type Observable, type Unsubscribe } from './observable.ts';

export class Listed<T> implements Observable<T> {
  readonly #cell: Cell<T>;
  readonly #ask: () => Promise<T>;
  #asking: Promise<T> | null = null;
  #again = false;
  #known = false;

  constructor(start: T, ask: () => Promise<T>) {
    this.#ask = ask;
    this.#cell = new Cell(start, (on) => { if (on && !this.#known) this.#refreshQuietly(); });
  }

  get(): T { return this.#cell.get(); }
  get value(): T { return this.#cell.get(); }

  subscribe(listener: (value: T) => void, options?: { immediate?: boolean }): Unsubscribe { return this.#cell.subscribe(listener, options); }

  /** Asks now. */
  refresh(): Promise<T> {
    this.#again = this.#asking !== null; // what is on its way may have been gathered before this call
    this.#asking ??= this.#run().finally(() => { this.#asking = null; });
    return this.#asking;
  }

  /** It changed in the vault: asked again when somebody knows the old one. */
  stale(): void { if (this.#known || this.#cell.heard) this.#refreshQuietly(); }

  async #run(): Promise<T> {
    do {
      this.#again = false;
      const value = await this.#ask();
      this.#known = true;
      if (JSON.stringify(value) !== JSON.stringify(this.get())) this.#cell.set(value);
    } while (this.#again);
    return this.get();
  }

  #refreshQuietly(): void { this.refresh().catch(() => { this.#known = false; }); } // who listens next asks again
}

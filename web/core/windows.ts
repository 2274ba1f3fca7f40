// core/windows.ts: which windows of apps a page of the vault serves, and how many clients in each. Windows come and go, and nobody tells when one is closed;
// whatever an app does here costs its own window, and never another's.

/** A page is opened by, or framed in, a few windows. */
const WINDOWS_MAX = 64;
/** An app makes one client, a page of several parts a few; of more the oldest gives way, as after reloads that could not say bye. */
const CLIENTS_OF_WINDOW_MAX = 16;
/** A client says hello until it is answered: what comes sooner than this after the first is the same one. */
const REPEATED_MS = 1000;
/** Between two looks for windows that were closed. */
const LOOK_MS = 5000;

/** As much of a Window as this needs. */
export interface AppWindow { readonly closed: boolean }

interface Served {
  readonly name: string;
  origin: string;
  /** Clients, the oldest first, and when each was last admitted. */
  readonly clients: Map<string, number>;
}

export interface Admitted {
  /** Of this client among all of this page's. */
  name: string;
  /** It has a port, or gets one, without another. */
  repeated: boolean;
}

export class AppWindows {
  readonly #gone: (name: string) => void;
  readonly #windows = new Map<AppWindow, Served>();
  #named = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** gone: what was admitted under this name is not there any more. */
  constructor(gone: (name: string) => void) { this.#gone = gone; }

  /** null: too many windows. */
  admit(source: AppWindow, origin: string, client: string, nowMs: number): Admitted | null {
    const before = this.#windows.get(source);
    // Another page has been loaded there: those of the one before are gone.
    if (before && before.origin !== origin) this.#drop(source, before);
    if (!this.#windows.has(source) && this.#windows.size >= WINDOWS_MAX) this.look();
    if (!this.#windows.has(source) && this.#windows.size >= WINDOWS_MAX) return null;
    const served = this.#windows.get(source) ?? { name: `window/${this.#named++}`, origin, clients: new Map<string, number>() };
    this.#windows.set(source, served);
    this.#timer ??= setInterval(() => this.look(), LOOK_MS);
    const lastMs = served.clients.get(client), name = `${served.name}/${client}`;
    if (lastMs !== undefined && nowMs - lastMs < REPEATED_MS) return { name, repeated: true };
    served.clients.set(client, nowMs);
    const [oldest] = served.clients.keys();
    if (served.clients.size > CLIENTS_OF_WINDOW_MAX && oldest !== undefined) this.remove(source, origin, oldest);
    return { name, repeated: false };
  }

  remove(source: AppWindow, origin: string, client: string): void {
    const served = this.#windows.get(source);
    if (served?.origin === origin && served.clients.delete(client)) this.#gone(`${served.name}/${client}`);
  }

  /** Drops windows that were closed. */
  look(): void {
    for (const [source, served] of this.#windows) if (source.closed) this.#drop(source, served);
    if (this.#windows.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #drop(source: AppWindow, { name, clients }: Served): void {
    this.#windows.delete(source);
    for (const client of clients.keys()) this.#gone(`${name}/${client}`);
  }
}

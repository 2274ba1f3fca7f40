// client/src/vault.ts: the vault in the browser, from an app's page: a hidden frame of the vault's origin that hands out ports (web/core/messages.ts).
//
// Where the browser keeps the vault's storage from a frame in a foreign page (state no-access), the vault's own window does the same after a click; it
// has to stay open. Every message is believed only from the vault's origin and those two windows; who this page is, the vault learns from the browser.
// Nothing is said before the vault's page says that it listens: so whoever else loads there hears nothing, and a page that was loaded again is noticed.
import type { HelloMessage, ListeningMessage, PortMessage, StateMessage } from '../../core/messages.ts';
import { failures } from './errors.ts';
import { Cell } from './observable.ts';
import { portChannel, type AppRequest, type Channel, type ChannelEvents, type Services } from './services.ts';

export interface VaultOptions {
  /** The vault's page, as in `https://halo.example/`. Any origin may host one. */
  url: string | URL;
  /** What this app calls itself when the person is asked. */
  name: string;
  /** What it wants to be allowed (docs/spec/commands.md). */
  want?: readonly string[];
}

const DEFAULT_WANT = ['identity', 'create', 'join'];
/** A frame that says nothing so long is loaded again (whoever serves it was away), and later and later. */
const PATIENCE_MS = 10_000, PATIENCE_MAX_MS = 60_000;
/** No event tells that the vault's window was closed. */
const LOOK_MS = 250;

export function fromVault(options: VaultOptions): Services {
  return new VaultServices(options);
}

class VaultServices implements Services {
  readonly app: AppRequest;
  readonly state = new Cell<'ready' | 'needsAccess'>('ready');
  readonly #url: URL;
  readonly #client = crypto.randomUUID();
  #frame: HTMLIFrameElement | null = null;
  /** The vault's own window: where the person decides, and what serves where the frame sees no vault. */
  #window: Window | null = null;
  #frameSeesNothing = false;
  /** The page that serves listens; it was asked for a port. */
  #listens = false;
  #greeted = false;
  #patience: ReturnType<typeof setTimeout> | undefined;
  #patienceMs = PATIENCE_MS;
  #looking: ReturnType<typeof setInterval> | undefined;
  /** The newest port, until somebody takes it. */
  #port: MessagePort | null = null;
  #waiting: { take(port: MessagePort): void; fail(reason: Error): void } | null = null;
  #lose: ((reason: Error) => void) | null = null;

  constructor({ url, name, want = DEFAULT_WANT }: VaultOptions) {
    this.#url = new URL(url, location.href);
    this.app = { name, want };
  }

  async open(events: ChannelEvents): Promise<Channel> {
    if (this.#frame === null) this.#embed();
    else if (this.#port === null && !this.#greeted) this.#greet();
    const port = this.#port ?? await new Promise<MessagePort>((take, fail) => { this.#waiting = { take, fail }; });
    this.#port = null;
    let closed = false;
    const channel = portChannel(port, { ...events, onClosed: (reason) => { if (!closed) events.onClosed(reason); } });
    this.#lose = (reason) => {
      if (closed) return;
      closed = true;
      channel.close();
      events.onClosed(reason);
    };
    return { ...channel, close: () => { closed = true; channel.close(); } };
  }

  /**
   * Opens the vault's window at this app's question, or brings it to the front: call it in a click handler, or the browser will not. Where this page is kept
   * apart from windows it opens (COOP) the address alone says whose question it is; that is enough where the frame sees the vault.
   */
  async requestAccess(): Promise<void> {
    if (this.#window?.closed === false) return this.#window.focus();
    const question = new URL(`#/ask/${encodeURIComponent(location.origin)}`, this.#url);
    this.#window = window.open(question, 'dx-vault', 'popup,width=480,height=720');
    if (this.#window === null) throw failures.state('the browser did not open the vault\'s window', 'allow this page to open windows, and press again');
    clearInterval(this.#looking);
    this.#looking = setInterval(() => { if (this.#window?.closed === true) this.#loseWindow(); }, LOOK_MS);
  }

  destroy(): void {
    const bye: HelloMessage = { dx: 1, type: 'bye', client: this.#client };
    if (this.#listens) this.#server()?.postMessage(bye, this.#url.origin);
    clearTimeout(this.#patience);
    clearInterval(this.#looking);
    removeEventListener('message', this.#hear);
    this.#frame?.remove();
    this.#frame = null;
    this.#window = null;
    this.#listens = this.#greeted = false;
    this.#port?.close();
    this.#port = null;
    this.#waiting?.fail(failures.cancelled('the client was destroyed'));
    this.#waiting = null;
  }

  #embed(): void {
    addEventListener('message', this.#hear);
    this.#frame = document.createElement('iframe');
    this.#frame.hidden = true;
    this.#frame.title = 'vault';
    this.#frame.src = this.#url.href;
    (document.body ?? document.documentElement).append(this.#frame);
    this.#expectWord();
  }

  #server(): Window | null { return this.#frameSeesNothing ? this.#window : this.#frame?.contentWindow ?? null; }

  #greet(): void {
    if (!this.#listens) return;
    const hello: HelloMessage = { dx: 1, type: 'hello', client: this.#client };
    this.#greeted = true;
    this.#server()?.postMessage(hello, this.#url.origin);
    this.#expectWord();
  }

  #expectWord(): void {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => {
      this.#patienceMs = Math.min(2 * this.#patienceMs, PATIENCE_MAX_MS);
      this.#listens = this.#greeted = false;
      if (this.#frameSeesNothing) return this.#loseWindow();
      if (this.#frame !== null) this.#frame.src = this.#url.href;
      this.#expectWord();
    }, this.#patienceMs);
  }

  #loseWindow(): void {
    clearInterval(this.#looking);
    this.#window = null;
    if (!this.#frameSeesNothing) return;
    this.#listens = this.#greeted = false;
    clearTimeout(this.#patience);
    this.state.set('needsAccess');
    this.#losePort(new Error('the vault\'s window was closed'));
  }

  readonly #hear = ({ data, origin, source, ports: [port] }: MessageEvent<ListeningMessage | PortMessage | StateMessage | null>): void => {
    if (origin !== this.#url.origin || source === null || typeof data !== 'object' || data?.dx !== 1) return;
    if (source === this.#window && source !== this.#server()) return this.#nameTo(this.#window, data);
    if (source !== this.#server()) return;
    if (data.type !== 'state' || data.state !== 'ready') clearTimeout(this.#patience); // what is ready gives a port
    this.#patienceMs = PATIENCE_MS;
    if (data.type === 'listening') this.#begin();
    if (data.type === 'port' && port !== undefined && data.client === this.#client) this.#takePort(port);
    if (data.type === 'state') this.#hearState(data);
  };

  /** The window where the person decides wants to know who asks: the browser tells it. The frame serves, so it need not. */
  #nameTo(vault: Window | null, { type }: { type: string }): void {
    const hello: HelloMessage = { dx: 1, type: 'hello', client: this.#client }, bye: HelloMessage = { dx: 1, type: 'bye', client: this.#client };
    if (type === 'listening') for (const message of [hello, bye]) vault?.postMessage(message, this.#url.origin);
  }

  /** The page that serves has just been loaded: ports from one before it are dead. */
  #begin(): void {
    const again = this.#listens;
    this.#listens = true;
    this.#greeted = false;
    if (again) this.#losePort(new Error('the vault\'s page was loaded again'));
    this.#greet();
  }

  #hearState({ state, message }: StateMessage): void {
    if (state === 'failed') {
      this.#waiting?.fail(new Error(message));
      this.#waiting = null;
    }
    if (state === 'no-access' && !this.#frameSeesNothing) {
      this.#frameSeesNothing = true;
      this.#listens = this.#greeted = false;
      this.state.set('needsAccess');
      if (this.#window?.closed === false) this.#begin();
    } else if (state !== 'no-access') {
      this.state.set('ready');
    }
  }

  #losePort(reason: Error): void {
    const lose = this.#lose;
    this.#lose = null;
    this.#port?.close();
    this.#port = null;
    lose?.(reason);
  }

  /** Another worker holds the vault now: what the old port was asked is asked again on this one. */
  #takePort(port: MessagePort): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    this.#greeted = false;
    if (waiting !== null) return waiting.take(port);
    this.#losePort(new Error('the vault moved to another worker'));
    this.#port = port;
  }
}

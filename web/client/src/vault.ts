// client/src/vault.ts: the vault in the browser, from an app's page: a hidden frame of the vault's origin that hands out ports (web/core/messages.ts).
//
// Where the browser keeps the vault's storage from a frame in a foreign page (state no-access), the vault's own window does the same after a click; it
// has to stay open. Every message is believed only from the vault's origin and that window; who this page is, the vault learns from the browser.
import type { HelloMessage, PortMessage, StateMessage } from '../../core/messages.ts';
import { failures } from './errors.ts';
import { Cell } from './observable.ts';
import { portChannel, type AppRequest, type Channel, type ChannelEvents, type Services, type ServicesState } from './services.ts';

export interface VaultOptions {
  /** The vault's page, as in `https://halo.example/vault.html`. Any origin may host one. */
  url: string | URL;
  /** What this app calls itself when the person is asked. */
  name: string;
  /** What it wants to be allowed (docs/spec/commands.md). */
  want?: readonly string[];
}

/** Until the frame's page listens it is greeted again. */
const HELLO_EVERY_MS = 20;
const DEFAULT_WANT = ['identity', 'create'];

export function fromVault(options: VaultOptions): Services {
  return new VaultServices(options);
}

class VaultServices implements Services {
  readonly app: AppRequest;
  readonly state = new Cell<ServicesState>('ready');
  readonly #url: URL;
  readonly #client = crypto.randomUUID();
  #frame: HTMLIFrameElement | null = null;
  #window: Window | null = null;
  #greeting: ReturnType<typeof setInterval> | undefined;
  /** The newest port, until somebody takes it. */
  #port: MessagePort | null = null;
  #waiting: ((port: MessagePort) => void) | null = null;
  #lose: ((reason: Error) => void) | null = null;

  constructor({ url, name, want = DEFAULT_WANT }: VaultOptions) {
    this.#url = new URL(url, location.href);
    this.app = { name, want };
  }

  async open(events: ChannelEvents): Promise<Channel> {
    if (this.#frame === null && this.#window === null) this.#embed();
    const port = this.#port ?? await new Promise<MessagePort>((resolve) => { this.#waiting = resolve; });
    this.#port = null;
    let closed = false;
    const channel = portChannel(port, events);
    this.#lose = (reason) => {
      if (closed) return;
      closed = true;
      channel.close();
      events.onClosed(reason);
    };
    return { ...channel, close: () => { closed = true; channel.close(); } };
  }

  /** Opens the vault's window: call it in a click handler, or the browser will not. */
  async requestAccess(): Promise<void> {
    const opened = window.open(this.#url, 'dx-vault', 'popup,width=480,height=720');
    if (opened === null) throw failures.denied('the browser did not open the vault: allow its window, and press again');
    if (this.state.get() === 'needsAccess') {
      this.#window = opened;
      this.#greet();
    }
  }

  destroy(): void {
    clearInterval(this.#greeting);
    const bye: HelloMessage = { dx: 1, type: 'bye', client: this.#client };
    this.#vault()?.postMessage(bye, this.#url.origin);
    removeEventListener('message', this.#hear);
    this.#frame?.remove();
    this.#frame = null;
    this.#window = null;
    this.#port?.close();
    this.#port = null;
  }

  #embed(): void {
    addEventListener('message', this.#hear);
    this.#frame = document.createElement('iframe');
    this.#frame.hidden = true;
    this.#frame.title = 'vault';
    this.#frame.src = this.#url.href;
    document.body.append(this.#frame);
    this.#greet();
  }

  #greet(): void {
    const hello: HelloMessage = { dx: 1, type: 'hello', client: this.#client };
    clearInterval(this.#greeting);
    this.#greeting = setInterval(() => this.#vault()?.postMessage(hello, this.#url.origin), HELLO_EVERY_MS);
  }

  #vault(): Window | null { return this.#window ?? this.#frame?.contentWindow ?? null; }

  readonly #hear = ({ data, origin, source, ports: [port] }: MessageEvent<PortMessage | StateMessage | null>): void => {
    if (origin !== this.#url.origin || source === null || source !== this.#vault() || typeof data !== 'object' || data?.dx !== 1) return;
    clearInterval(this.#greeting);
    if (data.type === 'port' && port !== undefined && data.client === this.#client) this.#takePort(port);
    if (data.type === 'state' && data.state === 'no-access') this.state.set('needsAccess');
    if (data.type === 'state' && data.state === 'ready' && this.state.get() === 'needsAccess') this.state.set('ready');
  };

  /** Another worker holds the vault now: what the old port was asked is asked again on this one. */
  #takePort(port: MessagePort): void {
    const waiting = this.#waiting, lose = this.#lose;
    this.#waiting = null;
    this.#lose = null;
    if (waiting !== null) return waiting(port);
    this.#port?.close();
    this.#port = port;
    lose?.(new Error('the vault moved to another worker'));
  }
}

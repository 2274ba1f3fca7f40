// core/tab.ts: what every page of the vault's origin does, shown or hidden in an app's frame: it stands for election and hands out ports.
//
// One tab of all keeps a worker ready that leads once the leader is gone (the lock vault-standby), so that taking over costs no compiling; the others
// cost nothing. Ports go through the broker to whoever leads; when another leads they are laid anew. README.md shows the whole of it.
import { BROKER_FILE, MODULE_FILE, WORKER_FILE } from './files.ts';
import {
  clientLock, holdLock, lockFreed, STANDBY_LOCK, workerLock, type ConnectMessage, type HelloMessage, type IceServer, type LeaderMessage,
  type PortMessage, type StartMessage, type StateMessage, type TabToBroker, type VaultState, type WorkerToTab,
} from './messages.ts';
import { PageRtc } from './rtc.ts';

export interface TabOptions {
  /** Where the files of core/files.ts are. */
  base: URL | string;
  iceServers?: IceServer[];
  onState?: (state: VaultState, message: string) => void;
  onTrace?: (room: string, text: string) => void;
  /** The worker of this tab leads. */
  onLeading?: (openMs: number) => void;
}

/** Somebody who wants a port to the vault, and a new one after each change of leader. */
interface Attachment {
  origin: string;
  deliver(port: MessagePort, generation: number): void;
  tell(state: VaultState, message: string): void;
}

const RETRY_MIN_MS = 50, RETRY_MAX_MS = 30_000;
/** Who has led this long did not fail by leading. */
const STEADY_MS = 5000;
/** Of one frame: an app asks once for each client it makes. */
const ATTACHMENTS_MAX = 64;

export class VaultTab {
  /** Names this page among all that are open: whoever waits for lock client/NAME learns of its end. */
  readonly client = crypto.randomUUID();
  readonly #options: TabOptions;
  readonly #attachments = new Map<string, Attachment>();
  readonly #windows = new Map<MessageEventSource, string>();
  #broker: MessagePort | null = null;
  #generation = 0;
  #state: VaultState = 'starting';
  #message = '';
  #worker: Worker | null = null;

  constructor(options: TabOptions) { this.#options = options; }

  get state(): VaultState { return this.#state; }
  /** The worker of this tab, leading or standing by; tests end it. */
  get worker(): Worker | null { return this.#worker; }

  /** Resolves when this tab takes part (or cannot: state no-access). */
  async start(): Promise<void> {
    if (window.top !== window && !await document.hasStorageAccess()) {
      this.#setState('no-access', 'this frame does not see the vault; open the vault itself, or allow access');
      return;
    }
    await holdLock(clientLock(this.client));
    this.#broker = new SharedWorker(new URL(BROKER_FILE, this.#options.base), { name: WORKER_FILE, type: 'module' }).port;
    this.#broker.onmessage = ({ data }: MessageEvent<LeaderMessage>) => this.#followLeader(data.generation);
    this.#tellBroker({ type: 'hello', client: this.client });
    void this.#standBy();
  }

  /** A port for this page itself, with every right: only for the vault's own top-level page. deliver is called again after each change of leader. */
  connectOwn(deliver: (port: MessagePort, generation: number) => void): void {
    if (window.top !== window) throw new Error('only the vault\'s own page may do everything; a frame in an app may not');
    this.#attach(`own/${this.#attachments.size}`, { origin: '', deliver, tell: () => undefined });
  }

  /** Serves the windows that say hello, each as the origin that the browser says it has. */
  serveApps(): void {
    addEventListener('message', ({ data, origin, source }: MessageEvent<HelloMessage | null>) => {
      if (data === null || typeof data !== 'object' || data.dx !== 1 || data.type !== 'hello' || typeof data.client !== 'string') return;
      if (!source || !('postMessage' in source) || origin === 'null' || origin === '') return; // an opaque origin is nobody
      const say = (message: PortMessage | StateMessage, transfer: Transferable[] = []): void =>
        source.postMessage(message, { targetOrigin: origin, transfer });
      const { client } = data;
      this.#attach(`${this.#nameOf(source)}/${client}`, {
        origin,
        deliver: (port, generation) => say({ dx: 1, type: 'port', client, generation }, [port]),
        tell: (state, message) => say({ dx: 1, type: 'state', state, message }),
      });
    });
  }

  #nameOf(source: MessageEventSource): string {
    const name = this.#windows.get(source) ?? `window/${this.#windows.size}`;
    this.#windows.set(source, name);
    return name;
  }

  #attach(name: string, attachment: Attachment): void {
    if (!this.#attachments.has(name) && this.#attachments.size >= ATTACHMENTS_MAX) return;
    this.#attachments.set(name, attachment);
    attachment.tell(this.#state, this.#message);
    if (this.#generation > 0) this.#connect(attachment);
  }

  #connect(attachment: Attachment): void {
    const { port1, port2 } = new MessageChannel();
    this.#tellBroker({ type: 'connect', client: this.client, origin: attachment.origin } satisfies ConnectMessage, [port1]);
    attachment.deliver(port2, this.#generation);
  }

  #tellBroker(message: TabToBroker, transfer: Transferable[] = []): void { this.#broker?.postMessage(message, transfer); }

  #followLeader(generation: number): void {
    this.#generation = generation;
    this.#setState('ready', '');
    for (const attachment of this.#attachments.values()) this.#connect(attachment);
  }

  #setState(state: VaultState, message: string): void {
    this.#state = state;
    this.#message = message;
    this.#options.onState?.(state, message);
    for (const { tell } of this.#attachments.values()) tell(state, message);
  }

  // --- Election -------------------------------------------------------------------------------------------------------

  /** For as long as this page lives: keep a worker ready, see it lead and end, begin again. */
  async #standBy(): Promise<void> {
    for (let retryMs = RETRY_MIN_MS; ;) {
      const release = await holdLock(STANDBY_LOCK);
      const { leading, ended } = this.#startWorker();
      const led = await Promise.race([leading, ended.then(() => false)]), ledAt = performance.now();
      release();
      await ended;
      // A worker that has led for a while is replaced at once; one that could not, or not for long, tries again later and later.
      if (led && performance.now() - ledAt > STEADY_MS) retryMs = RETRY_MIN_MS;
      else await new Promise((resolve) => setTimeout(resolve, retryMs *= 2));
      retryMs = Math.min(retryMs, RETRY_MAX_MS);
    }
  }

  /** leading: true once it leads. ended: resolves when it is gone, whatever ended it. */
  #startWorker(): { leading: Promise<boolean>; ended: Promise<void> } {
    const name = crypto.randomUUID(), { port1, port2 } = new MessageChannel();
    const worker = new Worker(new URL(WORKER_FILE, this.#options.base), { type: 'module', name: 'dx-vault' });
    const rtc = new PageRtc(worker, this.#options.iceServers ?? []);
    this.#worker = worker;
    this.#tellBroker({ type: 'worker' }, [port1]);
    const start: StartMessage = { type: 'start', worker: name, wasm: new URL(MODULE_FILE, this.#options.base).href };
    worker.postMessage(start, [port2]);
    let stoodBy = false;
    let setLeading: (led: boolean) => void, setEnded: () => void;
    const leading = new Promise<boolean>((resolve) => { setLeading = resolve; });
    const ended = new Promise<void>((resolve) => { setEnded = resolve; });
    worker.onmessage = ({ data }: MessageEvent<WorkerToTab>) => {
      switch (data.type) {
        case 'alive': void lockFreed(workerLock(name)).then(() => setEnded()); break;
        case 'standby': stoodBy = true; break;
        case 'leading':
          this.#options.onLeading?.(data.openMs);
          setLeading(true);
          break;
        // While another leads it says nothing of the vault that this one could not even stand by.
        case 'failed': if (stoodBy || this.#generation === 0) this.#setState('failed', data.message); break;
        case 'trace': this.#options.onTrace?.(data.room, data.text); break;
        default: rtc.fromWorker(data);
      }
    };
    // It could not even be loaded.
    worker.onerror = (event) => {
      this.#setState('failed', event.message || 'the vault\'s worker could not be loaded');
      worker.terminate();
      setEnded();
    };
    void ended.then(() => rtc.closeAll());
    return { leading, ended };
  }
}

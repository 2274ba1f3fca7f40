// core/tab.ts: what every page of the vault's origin does, shown or hidden in an app's frame: it stands for election and hands out ports.
//
// One tab of all keeps a worker ready that leads once the leader is gone (the lock vault-standby), so that taking over costs no compiling; the others
// cost nothing. Ports go through the broker to whoever leads; when another leads they are laid anew. README.md shows the whole of it.
//
// A page takes part while it runs. One that is closed, kept for going back (bfcache) or frozen lets go of everything at once: its locks, its worker and
// so the vault's files, for a lock held by a page that stands still would hold up all others. Should it run again it takes part anew.
import {
  brokerLock, clientLock, groupLock, holdLock, LEADER_LOCK, lockFreed, STANDBY_LOCK, workerLock, type BrokerToTab, type Failure, type HelloMessage,
  type IceServer, type LeadingTimes, type ListeningMessage, type PortMessage, type StateMessage, type TabToBroker, type TabToWorker, type VaultState,
  type WorkerToTab,
} from './messages.ts';
import { BROKER_FILE, MODULE_FILE, WORKER_FILE } from './files.ts';
import { Hub } from './hub.ts';
import { PageRtc } from './rtc.ts';
import { AppWindows } from './windows.ts';

export interface TabOptions {
  /** Where the files of core/files.ts are. */
  base: URL | string;
  iceServers?: IceServer[];
  /** failure: of the state failed, what it asks for. */
  onState?: (state: VaultState, message: string, failure: Failure | null) => void;
  onTrace?: (room: string, text: string) => void;
  /** The worker of this tab leads. */
  onLeading?: (steps: LeadingTimes) => void;
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
/** A worker's script is small: one that does not even begin by then never will, and holds up those who could. */
const BEGIN_MAX_MS = 60_000;
/** A broker that could not be loaded is tried again. */
const BROKER_RETRY_MS = 5000;
/** Between the end of a leader within reach and the look for one out of reach: another takes over within this. */
const HINDRANCE_MS = 2000;
/** Pages without a broker tell each other whose turn it is. */
const TURNS_CHANNEL = 'dx-vault';
const hasBroker = (): boolean => typeof SharedWorker !== 'undefined';

/** Of the name that an app gives a client: a random one has 36. */
const CLIENT_NAME_MAX = 128;

/** Resolves after a while, or as soon as one of the signals is given. */
const pause = (ms: number, ...signals: AbortSignal[]): Promise<void> => new Promise((resolve) => {
  const timer = setTimeout(resolve, ms);
  for (const signal of signals) signal.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
});

export class VaultTab {
  readonly #options: TabOptions;
  readonly #attachments = new Map<string, Attachment>();
  /** While this page takes part: ends all that it holds. */
  #part: AbortController | null = null;
  #client = '';
  #broker: MessagePort | null = null;
  /** The pages that share a broker: those of this build, or this one alone. */
  get #group(): string { return hasBroker() ? WORKER_FILE : this.#client; }
  /** Counts the leaders that this tab has seen, whatever broker told it of them. */
  #generation = 0;
  #own = 0;
  #state: VaultState = 'starting';
  #message = '';
  #failure: Failure | null = null;
  #worker: Worker | null = null;
  /** This page is older than the vault, or than the vault's other pages: it does not lead any more. */
  #outdated = false;
  /** The next worker of this tab sets a vault aside that it cannot open. */
  #anew = false;
  /** Ends the wait before the next worker. */
  #hurry: AbortController | null = null;

  constructor(options: TabOptions) { this.#options = options; }

  /** Names this page's part among all tabs: whoever waits for lock client/NAME learns of its end. */
  get client(): string { return this.#client; }
  get state(): VaultState { return this.#state; }
  get message(): string { return this.#message; }
  get failure(): Failure | null { return this.#failure; }
  /** The worker of this tab, leading or standing by; tests end it. */
  get worker(): Worker | null { return this.#worker; }

  /** Resolves when this tab takes part (or cannot: its state says why). */
  async start(): Promise<void> {
    addEventListener('pagehide', () => this.#leave());
    document.addEventListener('freeze', () => this.#leave());
    addEventListener('pageshow', ({ persisted }) => { if (persisted) void this.#takePart(); });
    document.addEventListener('resume', () => void this.#takePart());
    await this.#takePart();
  }

  /** A port for this page itself, with every right: only for the vault's own top-level page. deliver is called again after each change of leader. */
  connectOwn(deliver: (port: MessagePort, generation: number) => void): void {
    if (window.top !== window) throw new Error('only the vault\'s own page may do everything; a frame in an app may not');
    this.#attach(`own/${this.#own++}`, { origin: '', deliver, tell: () => undefined });
  }

  /** Serves the windows that say hello, each as the origin that the browser says it has. */
  serveApps(): void {
    const windows = new AppWindows((name) => this.#detach(name));
    addEventListener('message', ({ data, origin, source }: MessageEvent<HelloMessage | null>) => {
      if (data === null || typeof data !== 'object' || data.dx !== 1) return;
      if (typeof data.client !== 'string' || data.client.length > CLIENT_NAME_MAX) return;
      if (!source || !('closed' in source) || origin === 'null' || origin === '') return; // an opaque origin is nobody
      const { type, client } = data;
      if (type === 'bye') windows.remove(source, origin, client);
      if (type !== 'hello') return;
      const say = (message: PortMessage | StateMessage, transfer: Transferable[] = []): void =>
        source.postMessage(message, { targetOrigin: origin, transfer });
      const admitted = windows.admit(source, origin, client, performance.now());
      if (!admitted) return say({ dx: 1, type: 'state', state: 'failed', message: 'this page of the vault serves too many windows' });
      if (admitted.repeated) return say({ dx: 1, type: 'state', state: this.#state, message: this.#message });
      this.#attach(admitted.name, {
        origin,
        deliver: (port, generation) => say({ dx: 1, type: 'port', client, generation }, [port]),
        tell: (state, message) => say({ dx: 1, type: 'state', state, message }),
      });
    });
    const listening: ListeningMessage = { dx: 1, type: 'listening' }, asker = (window.opener ?? window.parent) as Window;
    if (asker !== window) asker.postMessage(listening, '*');
  }

  /**
   * Begins with an empty vault where the one that is here cannot be opened (failure "unreadable"): it is set aside with its key, whole, as dx/damaged-TIME, and
   * is nobody's from then on. Only for a person who was told what that means. A vault that opens after all is left as it is.
   */
  beginAnew(): void {
    if (this.#failure !== 'unreadable') throw new Error('the vault is not damaged');
    this.#anew = true;
    this.#hurry?.abort();
  }

  // --- Taking part ------------------------------------------------------------------------------------------------------

  /** yields: it does not ask for the vault that it has just let another page have. */
  async #takePart(yields = false): Promise<void> {
    if (this.#part) return;
    const part = this.#part = new AbortController();
    if (this.#state === 'ready') this.#setState('starting', '');
    try {
      if (window.top !== window && !await document.hasStorageAccess()) {
        this.#setState('no-access', 'this frame does not see the vault; open the vault itself, or allow access');
        return;
      }
      this.#client = crypto.randomUUID();
      await holdLock(clientLock(this.#client), part.signal);
      this.#joinBroker(part.signal);
    } catch (error) {
      // No locks, no storage: a frame in a sandbox, or a browser without them.
      if (!part.signal.aborted) this.#fail('unsupported', `this browser, or this frame, cannot hold a vault: ${String(error)}`);
      return;
    }
    void this.#standBy(part.signal);
    void this.#watchLeaders(part.signal);
    if (!hasBroker()) this.#takeTurns(part.signal, !yields);
  }

  /** Without a broker the vault goes to the page that a person opens or comes back to: it asks, and the others let go. */
  #takeTurns(signal: AbortSignal, asks: boolean): void {
    const channel = new BroadcastChannel(TURNS_CHANNEL);
    const ask = (): void => { if (document.visibilityState === 'visible') channel.postMessage(null); };
    channel.onmessage = () => {
      this.#leave();
      void this.#takePart(true);
    };
    document.addEventListener('visibilitychange', ask, { signal });
    signal.addEventListener('abort', () => channel.close(), { once: true });
    if (asks) ask();
  }

  /** At once, as nothing may run later. */
  #leave(): void {
    this.#part?.abort();
    this.#part = null;
    this.#broker?.close();
    this.#broker = null;
  }

  #joinBroker(signal: AbortSignal): void {
    if (signal.aborted) return;
    const broker = this.#broker = this.#reachBroker(signal);
    const again = (): void => { if (this.#broker === broker) this.#joinBroker(signal); };
    broker.onmessage = ({ data }: MessageEvent<BrokerToTab>) => {
      if (this.#broker !== broker) return;
      switch (data.type) {
        case 'welcome':
          if (data.broker !== '') void lockFreed(brokerLock(data.broker)).then(again);
          break;
        case 'leader': this.#followLeader(); break;
        case 'failed': this.#fail(data.failure, data.message); break;
      }
    };
    this.#tellBroker({ type: 'hello', client: this.#client });
    const worker = this.#worker;
    if (worker) this.#layChannel((port) => worker.postMessage({ type: 'broker' } satisfies TabToWorker, [port]));
  }

  #reachBroker(signal: AbortSignal): MessagePort {
    if (!hasBroker()) {
      const { port1, port2 } = new MessageChannel();
      new Hub('', (client) => lockFreed(clientLock(client))).serveTab(port1);
      return port2;
    }
    const shared = new SharedWorker(new URL(BROKER_FILE, this.#options.base), { name: WORKER_FILE, type: 'module' });
    shared.onerror = () => {
      if (this.#broker !== shared.port) return;
      this.#fail('other', 'the vault\'s broker could not be loaded');
      void pause(BROKER_RETRY_MS, signal).then(() => { if (this.#broker === shared.port) this.#joinBroker(signal); });
    };
    return shared.port;
  }

  #layChannel(give: (port: MessagePort) => void): void {
    const { port1, port2 } = new MessageChannel();
    this.#tellBroker({ type: 'worker' }, [port1]);
    give(port2);
  }

  #tellBroker(message: TabToBroker, transfer: Transferable[] = []): void { this.#broker?.postMessage(message, transfer); }

  /** Says so when somebody leads whom this page cannot reach: without SharedWorker any other page, else one of another build, which has another broker. */
  async #watchLeaders(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await lockFreed(groupLock(this.#group), signal).catch(() => undefined); // at once where nobody within reach leads
      await pause(HINDRANCE_MS, signal);
      const { held = [] } = await navigator.locks.query(), isHeld = (lock: string): boolean => held.some(({ name }) => name === lock);
      if (signal.aborted || isHeld(groupLock(this.#group)) || !isHeld(LEADER_LOCK)) continue;
      if (hasBroker()) this.#fail('outdated', 'a page of another version has the vault: close it, or load it again');
      else this.#fail('unsupported', 'this browser lets one page at a time have the vault (it has no SharedWorker): it comes back when you come back to this page');
    }
  }

  // --- Programs ---------------------------------------------------------------------------------------------------------

  #attach(name: string, attachment: Attachment): void {
    this.#attachments.set(name, attachment);
    attachment.tell(this.#state, this.#message);
    if (this.#state === 'ready') this.#connect(name, attachment);
  }

  #detach(name: string): void {
    if (this.#attachments.delete(name)) this.#tellBroker({ type: 'disconnect', client: this.#client, attachment: name });
  }

  #connect(name: string, { origin, deliver }: Attachment): void {
    const { port1, port2 } = new MessageChannel();
    this.#tellBroker({ type: 'connect', client: this.#client, attachment: name, origin }, [port1]);
    deliver(port2, this.#generation);
  }

  #followLeader(): void {
    this.#generation++;
    this.#setState('ready', '');
    for (const [name, attachment] of this.#attachments) this.#connect(name, attachment);
  }

  #setState(state: VaultState, message: string, failure: Failure | null = null): void {
    if (state === this.#state && message === this.#message) return;
    this.#state = state;
    this.#message = message;
    this.#failure = failure;
    this.#options.onState?.(state, message, failure);
    for (const { tell } of this.#attachments.values()) tell(state, message);
  }

  #fail(failure: Failure, message: string): void { this.#setState('failed', message, failure); }

  // --- Election -------------------------------------------------------------------------------------------------------

  /** For as long as this page takes part: keep a worker ready, see it lead and end, begin again. */
  async #standBy(signal: AbortSignal): Promise<void> {
    for (let retryMs = RETRY_MIN_MS; !this.#outdated;) {
      const release = await holdLock(STANDBY_LOCK, signal).catch(() => null);
      if (!release) return;
      const { leading, ended } = this.#startWorker(signal);
      const led = await Promise.race([leading, ended.then(() => false)]), ledAt = performance.now();
      release();
      await ended;
      if (signal.aborted) return;
      // A worker that has led for a while is replaced at once; one that could not, or not for long, tries again later and later.
      if (led && performance.now() - ledAt > STEADY_MS) {
        retryMs = RETRY_MIN_MS;
        continue;
      }
      retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
      this.#hurry = new AbortController();
      if (!this.#anew) await pause(retryMs, signal, this.#hurry.signal);
    }
  }

  /** leading: true once it leads. ended: resolves when it is gone, whatever ended it. */
  #startWorker(signal: AbortSignal): { leading: Promise<boolean>; ended: Promise<void> } {
    const name = crypto.randomUUID(), anew = this.#anew;
    this.#anew = false;
    const worker = new Worker(new URL(WORKER_FILE, this.#options.base), { type: 'module', name: 'dx-vault' });
    const rtc = new PageRtc(worker, this.#options.iceServers ?? []);
    this.#worker = worker;
    const wasm = new URL(MODULE_FILE, this.#options.base).href;
    this.#layChannel((port) => worker.postMessage({ type: 'start', worker: name, group: this.#group, wasm, anew } satisfies TabToWorker, [port]));
    let setLeading: (led: boolean) => void, setEnded: () => void;
    const leading = new Promise<boolean>((resolve) => { setLeading = resolve; });
    const ended = new Promise<void>((resolve) => { setEnded = resolve; });
    const end = (): void => {
      worker.terminate();
      setEnded();
    };
    const late = setTimeout(() => {
      this.#failUnlessLed('the vault\'s worker does not begin');
      end();
    }, BEGIN_MAX_MS);
    signal.addEventListener('abort', end, { once: true });
    void ended.then(() => {
      clearTimeout(late);
      signal.removeEventListener('abort', end);
      rtc.closeAll();
      if (this.#worker === worker) this.#worker = null;
    });
    worker.onmessage = ({ data }: MessageEvent<WorkerToTab>) => {
      switch (data.type) {
        case 'alive':
          clearTimeout(late);
          void lockFreed(workerLock(name)).then(() => setEnded());
          break;
        case 'standby': break;
        case 'leading':
          this.#options.onLeading?.(data.steps);
          setLeading(true);
          break;
        // While another leads it says nothing of the vault that this one could not even stand by.
        case 'failed':
          this.#outdated ||= data.failure === 'outdated';
          if (data.led || this.#state !== 'ready') this.#fail(data.failure, data.message);
          if (!data.led) end(); // before it was alive nothing else tells
          break;
        case 'trace': this.#options.onTrace?.(data.room, data.text); break;
        default: rtc.fromWorker(data);
      }
    };
    // It could not even be loaded.
    worker.onerror = (event) => {
      this.#failUnlessLed(event.message || 'the vault\'s worker could not be loaded');
      end();
    };
    return { leading, ended };
  }

  #failUnlessLed(message: string): void {
    if (this.#state !== 'ready') this.#fail('other', message);
  }
}

// core/hub.ts: the broker's own part: it knows who leads, passes ports on and sees no frame. broker.ts runs it as a SharedWorker for all tabs of the vault;
// where a browser has no SharedWorker a tab runs one for itself alone.
//
// It also keeps the unlocked page key while any tab of the vault lives, so that closing the leader's tab locks nobody out.
import type { BrokerToTab, BrokerToWorker, TabToBroker, WorkerToBroker } from './messages.ts';

export class Hub {
  readonly #name: string;
  readonly #tabGone: (client: string) => Promise<void>;
  readonly #tabs = new Map<string, MessagePort>();
  #leader: MessagePort | null = null;
  #generation = 0;
  #key: Uint8Array | null = null;
  #failure: Extract<BrokerToTab, { type: 'failed' }> | null = null;

  /** name: of the lock that tells of this hub's end, or empty. tabGone resolves when that tab is gone. */
  constructor(name: string, tabGone: (client: string) => Promise<void>) {
    this.#name = name;
    this.#tabGone = tabGone;
  }

  serveTab(tab: MessagePort): void {
    const tell = (message: BrokerToTab): void => tab.postMessage(message);
    tab.onmessage = ({ data, ports: [port] }: MessageEvent<TabToBroker>) => {
      switch (data.type) {
        case 'hello':
          this.#tabs.set(data.client, tab);
          void this.#tabGone(data.client).then(() => this.#tabs.delete(data.client));
          tell({ type: 'welcome', broker: this.#name });
          if (this.#leader) tell({ type: 'leader', generation: this.#generation });
          else if (this.#failure) tell(this.#failure);
          break;
        case 'worker':
          if (port) this.#serveWorker(port);
          break;
        // To a leader that has died it goes unheard; the next one's announcement makes every tab connect anew.
        case 'connect':
          if (port) this.#leader?.postMessage(data, [port]);
          break;
        case 'disconnect':
          this.#leader?.postMessage(data);
          break;
      }
    };
  }

  #serveWorker(worker: MessagePort): void {
    worker.onmessage = ({ data }: MessageEvent<WorkerToBroker>) => {
      switch (data.type) {
        case 'key?':
          worker.postMessage({ type: 'key', key: this.#key } satisfies BrokerToWorker);
          break;
        case 'lead':
          this.#leader = worker;
          this.#key = data.key;
          this.#failure = null;
          this.#tellAll({ type: 'leader', generation: ++this.#generation });
          break;
        // Only who holds the leader's lock says so, so nobody else leads; who comes later is told as well.
        case 'failed':
          this.#leader = null;
          this.#failure = data;
          this.#tellAll(data);
          break;
      }
    };
  }

  #tellAll(message: BrokerToTab): void {
    for (const tab of this.#tabs.values()) tab.postMessage(message);
  }
}

// core/broker.ts: a SharedWorker that knows who leads and passes ports on; it sees no frame.
//
// It also keeps the unlocked page key while any tab of the vault lives, so that closing the leader's tab locks nobody out.
import { clientLock, lockFreed, type BrokerToWorker, type LeaderMessage, type TabToBroker, type WorkerToBroker } from './messages.ts';

const tabs = new Map<string, MessagePort>();
let leader: MessagePort | null = null;
let generation = 0;
let key: Uint8Array | null = null;

function serveWorker(channel: MessagePort): void {
  channel.onmessage = ({ data }: MessageEvent<WorkerToBroker>) => {
    if (data.type === 'key?') {
      channel.postMessage({ type: 'key', key } satisfies BrokerToWorker);
      return;
    }
    leader = channel;
    key = data.key;
    generation++;
    for (const tab of tabs.values()) tab.postMessage({ type: 'leader', generation } satisfies LeaderMessage);
  };
}

function serveTab(tab: MessagePort): void {
  tab.onmessage = ({ data, ports: [port] }: MessageEvent<TabToBroker>) => {
    switch (data.type) {
      case 'hello':
        tabs.set(data.client, tab);
        void lockFreed(clientLock(data.client)).then(() => tabs.delete(data.client));
        if (leader) tab.postMessage({ type: 'leader', generation } satisfies LeaderMessage);
        break;
      case 'worker':
        if (port) serveWorker(port);
        break;
      case 'connect':
        // To a leader that has died it goes unheard; the next one's announcement makes every tab connect anew.
        if (port) leader?.postMessage(data, [port]);
        break;
    }
  };
}

addEventListener('connect', (event) => {
  const [port] = (event as MessageEvent).ports;
  if (port) serveTab(port);
});

// vault/own_port.ts: the page's own port as the client takes it: opened anew whenever another worker leads.
import type { VaultTab } from '../core/tab.ts';
import { portChannel, type Channel, type Services } from '../client/src/services.ts';

/** At the top level only, after tab.start(): this port may everything. */
export function fromOwnTab(tab: VaultTab): Services {
  let port: MessagePort | null = null;
  let wanted: ((port: MessagePort) => void) | null = null;
  let lose: (() => void) | null = null;
  tab.connectOwn((next) => {
    const take = wanted;
    wanted = null;
    if (take) return take(next);
    port?.close();
    port = next;
    lose?.(); // the one before it is dead, and says nothing
  });
  return {
    async open(events) {
      const taken = port ?? await new Promise<MessagePort>((resolve) => { wanted = resolve; });
      port = null;
      const channel: Channel = portChannel(taken, events);
      lose = () => {
        lose = null;
        channel.close();
        events.onClosed(new Error('the vault moved to another worker'));
      };
      return channel;
    },
  };
}

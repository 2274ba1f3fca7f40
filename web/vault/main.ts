// vault/main.ts: the vault's page. At the top level it is the whole page; in an app's frame it shows nothing and hands out ports.
//
// One file for both, so that one service worker keeps both for when the kube is stopped. A frame never shows a question or an identity: whatever
// frames this page could draw over it.
import { VaultTab } from '../core/tab.ts';
import type { IceServer } from '../core/messages.ts';
import { Cell } from '../client/src/observable.ts';
import { frameView } from './views/states.ts';
import { Page } from './page.ts';
import { startUpdates } from './update.ts';
import { Vault } from './vault.ts';

const isTop = window.top === window;
const servers: IceServer[] = [];
let vault: Vault | null = null;
const tab = new VaultTab({
  base: new URL('/core/', location.href), iceServers: servers,
  onState: (state, message, failure) => {
    vault?.hear(state, message, failure);
    if (state === 'no-access') document.body.replaceChildren(frameView());
  },
});
const update = startUpdates();
tab.serveApps();

if (isTop) {
  const asker = new Cell<string | null>(null), served = new Cell(false), opener = window.opener as Window | null;
  addEventListener('message', ({ data, origin, source }: MessageEvent<{ dx?: unknown; type?: unknown } | null>) => {
    if (opener === null || source !== opener || data?.dx !== 1) return;
    if (data.type === 'hello') asker.set(origin);
    if (data.type === 'hello' || data.type === 'bye') served.set(data.type === 'hello'); // who has a frame says both: it tells its name
  });
  vault = new Vault(tab, servers);
  new Page(vault, { opened: opener !== null, asker, served }, update);
  await tab.start();
  await vault.open().catch((error: unknown) => vault?.hear('failed', error instanceof Error ? error.message : String(error), 'other'));
} else {
  await tab.start();
}

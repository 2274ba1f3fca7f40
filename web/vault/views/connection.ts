// vault/views/connection.ts: how this vault meets others: signaling services and their state, peers that are here now.
import { address, el, keyed, setText } from '../dom.ts';
import { icon, mark } from '../icons.ts';
import type { Context } from '../page.ts';
import { button, confirm, empty, failureOf, field, form, heading, linkTo, section } from '../parts.ts';
import type { Facts, Peer, Signal, Unreached } from '../vault.ts';
import { listed, plural, sentence, shortKey, signalMood, signalWords, unreachedWords } from '../words.ts';
import { namesOf } from './home.ts';

const URL_MAX = 255;

/** The state of things in a sentence: calm, as everything already here goes on in each case. */
function summary({ signals, peers }: Facts): string {
  const count = new Set(peers.map(({ peer }) => peer)).size;
  const here = count > 0 ? `${plural(count, 'peer')} connected.` : 'No peer is connected.';
  switch (signalMood(signals)) {
    case 'ready': return `${here} New peers can find you.`;
    case 'idle': return 'New peers can find you as soon as you have a space.';
    case 'trying': return `${here} No way to meet new peers now; it is tried again by itself.`;
    case 'none': return `${here} No signaling service: new peers cannot find you.`;
  }
}

export function connectionSummary({ vault, scope }: Context): HTMLElement {
  const text = el('span', { class: 'row-text' }, '');
  scope.watch(vault.facts, (facts) => setText(text, summary(facts)));
  return section('Connection', [], el('div', { class: 'rows' }, linkTo({ at: 'connection' }, 'row', icon('signal'), text, icon('next'))));
}

/** The host of an address; the whole of it where it is none. */
function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}

function signaling({ vault, scope, say }: Context): HTMLElement {
  const list = el('ul', { class: 'rows' }), none = empty('No signaling service. Open this page from your kube, or add one by its address.');
  const wrong = el('p', { class: 'field-error', role: 'alert' });
  const update = keyed(list, (signal: Signal) => signal.url, (first) => {
    const state = el('span', { class: 'row-about' }), own = (): boolean => vault.config.get()?.signal === first.url;
    const remove = button('Remove', async () => {
      if (!await confirm('Remove this service?', `Peers who know you only through ${hostOf(first.url)} will not find you any more. Connections that stand go on.`, 'Remove')) return;
      await vault.removeSignal(first.url).then(() => say('Removed'), (error: unknown) => setText(wrong, failureOf(error)));
    }, { kind: 'plain', label: `Remove ${hostOf(first.url)}` });
    return {
      node: el('li', { class: 'row' }, icon('signal'), el('span', { class: 'row-text' }, el('span', { class: 'row-name origin' }, ...address(hostOf(first.url))), state), remove),
      update(signal) {
        remove.hidden = own();
        const where = own() ? 'this kube' : signal.invited ? 'named by an invitation' : 'added by you';
        setText(state, `${where} · ${signalWords(signal)}`);
      },
    };
  });
  scope.watch(vault.facts, ({ signals }) => {
    update(signals);
    none.hidden = signals.length > 0;
    list.hidden = signals.length === 0;
  });
  const url = field('Add a signaling service', { type: 'url', inputmode: 'url', maxlength: URL_MAX, spellcheck: 'false', placeholder: 'wss://halo.example.net/.well-known/dx/signal' });
  const submit = async (): Promise<void> => {
    const text = url.input.value.trim();
    if (!/^wss?:\/\/[^/]+/.test(text)) return url.fail({ what: 'That is no address of a signaling service: it begins with wss://.', remedy: '' });
    await vault.addSignal(text);
    url.input.value = '';
    say('Added');
  };
  return section('Signaling services', [], el('p', { class: 'muted' }, 'Where peers meet who cannot dial each other. A service sees random names only, and connections that stand do not need it.'),
    none, list, wrong, form(submit, url.fail, 'inline', url.node, button('Add', null, { submit: true })));
}

interface Group { readonly peer: string; readonly spaces: readonly Peer[] }

/** A device may be connected once for each space that is shared with it. */
function grouped(peers: readonly Peer[]): Group[] {
  const groups = new Map<string, Peer[]>();
  for (const peer of peers) groups.set(peer.peer, [...groups.get(peer.peer) ?? [], peer]);
  return [...groups].map(([peer, spaces]) => ({ peer, spaces }));
}

function peers({ vault, scope }: Context): HTMLElement {
  const list = el('ul', { class: 'rows' }), none = empty('Nobody is connected now. Members of your spaces appear here when their vaults are open.');
  const update = keyed(list, (group: Group) => group.peer, (first) => {
    const about = el('span', { class: 'row-about' });
    return {
      node: el('li', { class: 'row' }, mark(first.peer, '', 'person'), el('span', { class: 'row-text' }, el('span', { class: 'row-name' }, 'Device ', el('code', {}, shortKey(first.peer))), about)),
      update({ spaces }) {
        const names = namesOf(vault), behind = spaces.some(({ synced }) => !synced);
        setText(about, `${listed(spaces.map(({ space }) => names.get(space) ?? 'a space'))} · ${behind ? 'catching up' : 'in step'}`);
      },
    };
  });
  scope.watch(vault.facts, (facts) => {
    const groups = grouped(facts.peers);
    update(groups);
    none.hidden = groups.length > 0;
    list.hidden = groups.length === 0;
  });
  return section('Peers', [], none, list);
}

/** Who was tried in vain, and at which step it failed: what a person can tell somebody who helps. */
function unreached({ vault, scope }: Context): HTMLElement {
  const list = el('ul', { class: 'rows' });
  const part = section('Not reached', [], el('p', { class: 'muted' }, 'These are tried again by themselves.'), list);
  const update = keyed(list, ({ space, address: way, why, error }: Unreached) => [space, way, why || error].join('\n'), (first) => {
    const name = el('span', { class: 'row-name' });
    return {
      node: el('li', { class: 'row' }, icon('signal'), el('span', { class: 'row-text' }, name, el('span', { class: 'row-about' }, sentence(unreachedWords(first))))),
      update: ({ space, address: way }) => setText(name, `${namesOf(vault).get(space) ?? 'A space'} · ${way.startsWith('rtc:') ? 'somebody there' : way}`),
    };
  });
  scope.watch(vault.facts, (facts) => {
    update([...new Map(facts.unreached.map((row) => [[row.space, row.address, row.why || row.error].join('\n'), row])).values()]);
    part.hidden = facts.unreached.length === 0;
  });
  return part;
}

export function connectionView(context: Context): HTMLElement {
  context.title('Connection');
  const text = el('p', { class: 'lead', role: 'status' });
  context.scope.watch(context.vault.facts, (facts) => setText(text, summary(facts)));
  return el('div', { class: 'narrow' }, heading('Connection'), text, signaling(context), peers(context), unreached(context));
}

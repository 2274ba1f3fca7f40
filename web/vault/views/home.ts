// vault/views/home.ts: who you are, your spaces, devices, apps, and how the vault reaches others.
import type { Device, Space } from '../../client/src/index.ts';
import { address, el, keyed, setText, type Row, type Scope } from '../dom.ts';
import { icon, mark, setMark } from '../icons.ts';
import type { Context } from '../page.ts';
import { askName, button, copyButton, empty, heading, linkTo, section } from '../parts.ts';
import type { App, Vault } from '../vault.ts';
import { listed, plainName, plural, rightsWords, shortKey, spaceWords } from '../words.ts';
import { connectionSummary } from './connection.ts';

const NAME_MAX = 100;

/** Peers of a space by what was asked last. */
export function peersOf(vault: Vault, space: string): { peers: number; behind: number } {
  const peers = vault.facts.get().peers.filter((peer) => peer.space === space);
  return { peers: peers.length, behind: peers.filter(({ synced }) => !synced).length };
}

export const nameOf = (space: Space): string => plainName(space.name) || 'Unnamed space';

/** The names of all spaces by key. */
export const namesOf = (vault: Vault): Map<string, string> => new Map(vault.client.spaces.get().map((space) => [space.key, nameOf(space)]));

/** Asks for a space's name, makes it and goes there. */
export async function makeSpace({ vault, go, say }: Context): Promise<void> {
  await askName({ title: 'New space', label: 'Name', action: 'Create', maxlength: NAME_MAX, hint: 'A space holds what you share with the same people: a household, a project, a club.' },
    async (name) => {
      const space = await vault.createSpace(name);
      say(`${name} is made.`);
      go({ at: 'space', space: space.key });
    });
}

function who({ vault, scope, say }: Context): HTMLElement {
  const face = mark('', '', 'person'), name = heading(''), key = el('code', {});
  const rename = button('Rename', () => {
    const identity = vault.client.halo.identity.get();
    return askName({ title: 'Rename yourself', label: 'Your name', value: identity?.displayName ?? '', action: 'Save', maxlength: NAME_MAX, hint: 'Members of your spaces see it.' },
      (text) => vault.renameIdentity(text));
  }, { kind: 'plain', icon: 'pen', label: 'Rename yourself' });
  scope.watch(vault.client.halo.identity, (identity) => {
    if (!identity) return;
    setMark(face, identity.identityKey, identity.displayName);
    setText(name, identity.displayName);
    setText(key, shortKey(identity.identityKey));
  });
  return el('header', { class: 'who' }, face,
    el('div', { class: 'who-text' }, el('div', { class: 'title-row' }, name, rename),
      el('p', { class: 'muted small key' }, el('span', {}, 'Public key '), key, copyButton(() => vault.client.halo.identity.get()?.identityKey ?? '', 'your public key', say))));
}

/** Whether the browser keeps the vault. */
function keeping({ vault, scope, say }: Context): HTMLElement {
  const word = el('span', {});
  const ask = button('Ask to keep it', async () => {
    await vault.askStorage(true);
    say(vault.storage.get().kept ? 'The browser keeps your vault' : 'The browser did not agree');
  }, { kind: 'plain' });
  const line = el('p', { class: 'keeping' }, word, ask);
  scope.watch(vault.storage, ({ kept }) => {
    line.hidden = kept === null;
    line.dataset['kept'] = String(kept);
    ask.hidden = kept === true;
    setText(word, kept ? 'This browser keeps your vault until you clear its data. There is no recovery yet.'
      : 'This browser may clear your vault when its disk is full. There is no recovery yet.');
  });
  return line;
}

function spaceRow(vault: Vault, scope: Scope): (space: Space) => Row<Space> {
  return (first) => {
    const face = mark(first.key, '', 'space'), name = el('span', { class: 'row-name' }), about = el('span', { class: 'row-about' }), state = el('span', { class: 'row-state' });
    const node = el('li', {}, linkTo({ at: 'space', space: first.key }, 'row', face, el('span', { class: 'row-text with-state' }, name, about, state), icon('next')));
    let members = 0;
    const show = (): void => {
      const count = vault.facts.get().counts.get(first.key), { peers, behind } = peersOf(vault, first.key);
      setText(about, [members > 0 && plural(members, 'member'), count !== undefined && plural(count, 'object')].filter(Boolean).join(' · '));
      setText(state, spaceWords({ peers, behind, members }));
      state.dataset['mood'] = peers === 0 ? 'alone' : behind > 0 ? 'behind' : 'step';
    };
    scope.watch(first.members, (all) => { members = all.length; show(); });
    scope.watch(vault.facts, show);
    return { node, update: (space) => { setText(name, nameOf(space)); setMark(face, space.key, nameOf(space)); } };
  };
}

function spaces(context: Context): HTMLElement {
  const { vault, scope } = context;
  const list = el('ul', { class: 'rows' }), none = empty('No spaces yet. Make one for what you want to share, or join one with an invitation link.');
  const update = keyed(list, (space: Space) => space.key, spaceRow(vault, scope));
  scope.watch(vault.client.spaces, (all) => {
    update([...all].sort((a, b) => nameOf(a).localeCompare(nameOf(b))));
    none.hidden = all.length > 0;
    list.hidden = all.length === 0;
  });
  return section('Spaces', [linkTo({ at: 'join', link: null }, 'button quiet', el('span', {}, 'Join')), button('New space', () => makeSpace(context), { kind: 'primary', icon: 'plus' })], none, list);
}

function devices({ vault, scope }: Context): HTMLElement {
  const list = el('ul', { class: 'rows' });
  const update = keyed(list, (device: Device) => device.deviceKey, (first) => {
    const name = el('span', { class: 'row-name' });
    let device = first;
    const rename = button('Rename', () => askName({ title: 'Rename device', label: 'Name of the device', value: device.displayName, action: 'Save', maxlength: NAME_MAX },
      (text) => vault.renameDevice(text, device.deviceKey)), { kind: 'plain', icon: 'pen' });
    const about = el('span', { class: 'row-about' }, el('code', {}, shortKey(first.deviceKey)));
    const line = el('span', { class: 'name-line' }, name, first.current && el('span', { class: 'tag' }, 'this one'));
    return {
      node: el('li', { class: 'row' }, icon('device'), el('span', { class: 'row-text' }, line, about), rename),
      update(next) {
        device = next;
        setText(name, next.displayName || 'Unnamed device');
        rename.setAttribute('aria-label', `Rename ${next.displayName || 'this device'}`);
      },
    };
  });
  scope.watch(vault.client.halo.devices, update);
  return section('Devices', [], list, el('p', { class: 'muted small' }, 'A second device cannot take on this identity yet. It can join your spaces as a member of its own.'));
}

function apps({ vault, scope }: Context): HTMLElement {
  const list = el('ul', { class: 'rows' }), none = empty('No app yet. Open one: when it wants something of yours, you are asked.');
  const update = keyed(list, (app: App) => app.origin, (first) => {
    const about = el('span', { class: 'row-about' }), link = linkTo({ at: 'apps' }, 'row', icon('app'),
      el('span', { class: 'row-text' }, el('span', { class: 'row-name origin' }, ...address(first.origin)), about), icon('next'));
    return {
      node: el('li', {}, link),
      update(app) {
        link.href = app.asks ? `#/ask/${encodeURIComponent(app.origin)}` : `#/app/${encodeURIComponent(app.origin)}`;
        const may = rightsWords(app.scopes, app.spaces, namesOf(vault));
        setText(about, app.asks ? 'asks for your answer' : may.length > 0 ? `may ${listed(may.slice(0, 2))}${may.length > 2 ? ', and more' : ''}` : 'may nothing');
      },
    };
  });
  scope.watch(vault.apps, (all) => {
    update(all);
    none.hidden = all.length > 0;
    list.hidden = all.length === 0;
  });
  return section('Apps', [], none, list);
}

export function homeView(context: Context): HTMLElement {
  context.title('Vault');
  return el('div', { class: 'home' }, who(context), keeping(context),
    el('div', { class: 'columns' }, el('div', { class: 'column wide' }, spaces(context)),
      el('div', { class: 'column' }, apps(context), devices(context), connectionSummary(context))));
}

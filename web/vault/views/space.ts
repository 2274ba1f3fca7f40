// vault/views/space.ts: a space: its name, members, how it stands with the others, and the way out.
import type { Member, Role, Space, SpaceStatus } from '../../client/src/index.ts';
import { address, el, keyed, setText } from '../dom.ts';
import { icon, mark, setMark } from '../icons.ts';
import type { Context } from '../page.ts';
import { askName, button, confirm, empty, failureOf, heading, linkTo, section } from '../parts.ts';
import type { OpenInvitation } from '../vault.ts';
import { dueWords, hostWords, plainName, plural, ROLE_WORDS, spaceWords } from '../words.ts';
import { nameOf, peersOf } from './home.ts';

const NAME_MAX = 100;
const STATUS_EVERY_MS = 2000;

/** What this vault's identity is in the space; null: not known yet. */
export function ownRole({ vault }: Context, members: readonly Member[]): Role | null {
  const own = vault.client.halo.identity.get()?.identityKey;
  return members.find(({ identityKey }) => identityKey === own)?.role ?? null;
}

export const mayShare = (role: Role | null): boolean => role === 'owner' || role === 'admin';

/** Shows `view` of the space, also if it is told only later, and that it is not there if it goes. */
export function withSpace(context: Context, key: string, view: (space: Space) => HTMLElement): HTMLElement {
  const box = el('div', { class: 'narrow' });
  let shown: Space | null | undefined;
  context.scope.watch(context.vault.client.spaces, () => {
    const space = context.vault.client.getSpace(key) ?? null;
    if (space === shown) return;
    shown = space;
    if (!space) context.title('No such space');
    box.replaceChildren(space ? view(space) : el('div', { class: 'centre card' }, heading('No such space'),
      el('p', {}, 'This vault does not hold it, or no longer does.'), el('div', { class: 'actions' }, linkTo({ at: 'home' }, 'button primary', 'Home'))));
  });
  return box;
}

function members(context: Context, space: Space): HTMLElement {
  const list = el('ul', { class: 'rows' });
  const share = linkTo({ at: 'share', space: space.key }, 'button primary', icon('plus'), el('span', {}, 'Invite'));
  const alone = empty('Only you, so far. Invite somebody: they get a link and a PIN.');
  const update = keyed(list, (member: Member) => member.identityKey, (first) => {
    const face = mark(first.identityKey, '', 'person'), name = el('span', { class: 'row-name' }), you = el('span', { class: 'tag' }, 'you'), role = el('span', { class: 'row-state' });
    return {
      node: el('li', { class: 'row' }, face, el('span', { class: 'row-text' }, el('span', { class: 'name-line' }, name, you)), role),
      update(member) {
        const text = plainName(member.displayName) || 'Name not here yet';
        setMark(face, member.identityKey, member.displayName);
        setText(name, text);
        setText(role, ROLE_WORDS[member.role] ?? member.role);
        you.hidden = member.identityKey !== context.vault.client.halo.identity.get()?.identityKey;
      },
    };
  });
  context.scope.watch(space.members, (all) => {
    update(all);
    share.hidden = !mayShare(ownRole(context, all));
    alone.hidden = all.length !== 1;
  });
  return section('Members', [share], list, alone);
}

/** What is open, also when the page that made it has gone: link and PIN are known to that page alone, but it can be called off here. */
export function invitations({ vault, scope, say }: Context, space: Space): HTMLElement {
  const list = el('ul', { class: 'rows' }), wrong = el('p', { class: 'field-error', role: 'alert' });
  const update = keyed(list, (one: OpenInvitation) => one.id, ({ id, role, app }) => {
    const name = role === null ? 'Guest' : ROLE_WORDS[role], about = el('span', { class: 'row-about' });
    const cancel = button('Cancel', async () => {
      await vault.cancelInvitation(id).then(() => say('The invitation is cancelled: its link opens nothing any more.'), (error: unknown) => setText(wrong, failureOf(error)));
    }, { label: `Cancel the invitation of a guest as ${name}` });
    return {
      node: el('li', { class: 'row' }, icon('link'), el('span', { class: 'row-text' }, el('span', { class: 'row-name' }, `For a guest as ${name}`), about, app !== null && el('span', { class: 'row-about' }, 'Made by ', ...address(app))), cancel),
      update: ({ state, expiresMs, uses, failures }) => setText(about, [
        hostWords(state), uses > 0 && `used ${plural(uses, 'time')}`, failures > 0 && plural(failures, 'wrong PIN'), `runs out ${dueWords(expiresMs - Date.now())}`,
      ].filter(Boolean).join(' · ')),
    };
  });
  const part = section('Open invitations', [], list, wrong);
  scope.watch(vault.facts, ({ invitations: all }) => {
    const own = all.filter((one) => one.space === space.key);
    update(own);
    part.hidden = own.length === 0;
  });
  return part;
}

function standing({ vault, scope }: Context, space: Space): HTMLElement {
  const value = (label: string): { node: HTMLElement; set(text: string): void } => {
    const text = el('dd', {}, '–');
    return { node: el('div', {}, el('dt', {}, label), text), set: (next) => setText(text, next) };
  };
  const objects = value('Objects'), links = value('Links'), peers = value('Peers here now'), pending = value('Blocks on their way');
  const hidden = el('p', { class: 'notice warn', hidden: true }), unreached = el('p', { class: 'muted', hidden: true });
  let ended = false;
  const ask = async (): Promise<void> => {
    const status = await space.status().catch(() => null) as (SpaceStatus & { hidden?: number }) | null;
    if (!status || ended) return;
    objects.set(status.objects.toLocaleString('en'));
    links.set(status.links.toLocaleString('en'));
    peers.set(status.peers.toLocaleString('en'));
    pending.set(status.pending.toLocaleString('en'));
    unreached.hidden = status.unreached === undefined;
    setText(unreached, status.unreached === undefined ? '' : `Tried in vain: ${status.unreached}.`);
    hidden.hidden = !status.hidden;
    setText(hidden, status.hidden ? `${plural(status.hidden, 'block')} of a member who wrote the same place twice ${status.hidden === 1 ? 'is' : 'are'} kept and not shown.` : '');
  };
  const timer = setInterval(() => { if (document.visibilityState === 'visible') void ask(); }, STATUS_EVERY_MS);
  scope.add(() => {
    ended = true;
    clearInterval(timer);
  });
  scope.watch(vault.facts, () => undefined); // keeps them asked for the words above
  void ask();
  return section('How it stands', [], el('dl', { class: 'facts' }, objects.node, links.node, peers.node, pending.node), unreached, hidden);
}

function leaving({ vault, go, say }: Context, space: Space): HTMLElement {
  const wrong = el('p', { class: 'field-error', role: 'alert' });
  const leave = button('Leave this space', async () => {
    const others = space.members.get().length - 1, name = nameOf(space);
    const text = others > 0 ? `This vault forgets ${name} and everything in it. ${others === 1 ? 'The other member keeps' : `The ${others} other members keep`} it; you come back only by a new invitation.`
      : `You are its only member: everything in ${name} is gone for good.`;
    if (!await confirm(`Leave ${name}?`, text, 'Leave')) return;
    await vault.leaveSpace(space).then(() => {
      say(`This vault has forgotten ${name}.`);
      go({ at: 'home' }, { replace: true });
    }, (error: unknown) => setText(wrong, failureOf(error)));
  }, { kind: 'danger' });
  return section('Leave', [], el('p', { class: 'muted' }, 'Leaving means that this vault forgets the space. Others keep what they have.'), el('div', { class: 'actions' }, leave), wrong);
}

export function spaceView(context: Context, key: string): HTMLElement {
  const { vault, scope, title } = context;
  return withSpace(context, key, (space) => {
    const face = mark(space.key, '', 'space'), name = heading(''), state = el('p', { class: 'muted' });
    const rename = button('Rename', () => askName({ title: 'Rename space', label: 'Name', value: space.name, action: 'Save', maxlength: NAME_MAX, hint: 'All members see it.' },
      (text) => vault.renameSpace(space, text)), { kind: 'plain', icon: 'pen', label: 'Rename space' });
    scope.watch(vault.client.spaces, () => {
      title(nameOf(space));
      setText(name, nameOf(space));
      setMark(face, space.key, nameOf(space));
    });
    const show = (): void => setText(state, `${spaceWords({ ...peersOf(vault, key), members: space.members.get().length }).replace(/^./, (first) => first.toUpperCase())}.`);
    scope.watch(vault.facts, show);
    scope.watch(space.members, (all) => {
      show();
      rename.hidden = ownRole(context, all) === 'reader';
    });
    return el('div', { class: 'stack wide' }, linkTo({ at: 'home' }, 'back', icon('back'), 'Home'),
      el('header', { class: 'who' }, face, el('div', { class: 'who-text' }, el('div', { class: 'title-row' }, name, rename), state)),
      members(context, space), invitations(context, space), standing(context, space), leaving(context, space));
  });
}

// vault/views/share.ts: inviting to a space: what the guest becomes, then the link, its QR code, the PIN, and how it goes until its end.
import type { Invitation, InvitationSnapshot, Role, Space } from '../../client/src/index.ts';
import { el, setText } from '../dom.ts';
import { icon } from '../icons.ts';
import type { Context } from '../page.ts';
import { button, copyButton, freshId, heading, linkTo } from '../parts.ts';
import { qrCode } from '../qr.ts';
import { pageLink } from '../route.ts';
import { hostWords, invitationEnd, LIVES } from '../words.ts';
import { nameOf } from './home.ts';
import { invitations, mayShare, ownRole, withSpace } from './space.ts';

const ROLES: readonly (readonly [Role, string, string])[] = [
  ['editor', 'Editor', 'reads and writes'], ['reader', 'Reader', 'only reads'], ['admin', 'Admin', 'reads, writes and invites others'],
];
const DAY_MS = 86_400_000;

interface Choice { readonly value: string; readonly word: string; readonly about: string }

function choices(legend: string, name: string, options: readonly Choice[], chosen: string): HTMLFieldSetElement {
  return el('fieldset', { class: 'choices' }, el('legend', {}, legend), ...options.map(({ value, word, about }) =>
    el('label', { class: 'choice' }, el('input', { type: 'radio', name, value, checked: value === chosen }), el('span', {}, el('strong', {}, word), ' ', el('span', { class: 'muted' }, about)))));
}

function terms({ vault }: Context, space: Space, began: (invitation: Invitation<void>) => void): HTMLElement {
  const expiry = freshId();
  const expires = el('select', { id: expiry, class: 'input' }, ...LIVES.map(([ms, words]) => el('option', { value: ms, selected: ms === DAY_MS }, words)));
  const make = button('Make an invitation', null, { kind: 'primary', submit: true });
  const form = el('form', {
    class: 'card stack',
    onsubmit: (event) => {
      event.preventDefault();
      const data = new FormData(form);
      began(vault.share(space, { role: data.get('role') as Role, multi: data.get('guests') === 'several', expiresMs: Number(expires.value) }));
    },
  }, choices('The guest becomes', 'role', ROLES.map(([value, word, about]) => ({ value, word, about })), 'editor'),
  choices('It lets in', 'guests', [{ value: 'one', word: 'One guest', about: 'then it is used up' }, { value: 'several', word: 'Several guests', about: 'until it runs out' }], 'one'),
  el('div', { class: 'field' }, el('label', { for: expiry }, 'It runs out after'), expires), make);
  return form;
}

const isOver = ({ status, error }: InvitationSnapshot): boolean => error !== undefined || status === 'success';

/** An invitation at work: what to send, what to tell, how it goes. */
function open(context: Context, invitation: Invitation<void>, space: Space, another: () => void): HTMLElement {
  const { scope, vault, say } = context;
  const state = el('p', { class: 'progress', role: 'status' }), remedy = el('p', { class: 'muted' });
  const offer = el('div', { class: 'offer' });
  const cancel = button('Cancel the invitation', () => invitation.cancel(), { kind: 'danger' });
  const again = button('Make another', () => {
    vault.putAway(space);
    another();
  }, { kind: 'primary' });
  let url: string | undefined;
  scope.watch({ get: () => invitation.get(), value: invitation.get(), subscribe: (listener, options) => invitation.subscribe(listener, options) }, (snapshot) => {
    const over = isOver(snapshot), end = snapshot.error ? invitationEnd(snapshot.error) : null;
    const known = over && snapshot.error?.symbol === 'E_CANCELLED' ? `${hostWords('cancelled')}.` : end ? end.what : `${hostWords(snapshot.state)}.`;
    setText(state, known);
    state.dataset['mood'] = snapshot.status === 'success' ? 'good' : over ? 'ended' : 'going';
    setText(remedy, over && snapshot.error && snapshot.error.symbol !== 'E_CANCELLED' ? 'Make another invitation to try again.' : '');
    if (over) offer.replaceChildren();
    else if (snapshot.url !== undefined && snapshot.url !== url) offer.replaceChildren(...whatToSend(snapshot.url, snapshot.pin ?? '', say));
    url = snapshot.url;
    cancel.hidden = over;
    again.hidden = !over;
  });
  return el('div', { class: 'card stack' }, offer, state, remedy, el('div', { class: 'actions' }, cancel, again));
}

function whatToSend(link: string, pin: string, say: (text: string) => void): HTMLElement[] {
  const text = pageLink(location.origin, link), id = freshId(), data = { title: 'Invitation', url: text };
  const input = el('input', { id, class: 'input mono', readonly: true, value: text, onfocus: () => input.select() });
  const pass = 'share' in navigator && navigator.canShare?.(data)
    ? button('Send', () => navigator.share(data).catch(() => undefined), { label: 'Send the invitation link' }) : null;
  return [
    el('div', { class: 'offer-link' }, el('div', { class: 'field' }, el('label', { for: id }, 'Send this link'),
      el('div', { class: 'with-button' }, input, copyButton(() => text, 'the invitation link', say), pass),
      el('p', { class: 'hint' }, 'It opens this page for your guest. A guest whose vault is elsewhere pastes it there.')),
    el('div', { class: 'pin-box' }, el('h2', { class: 'pin-title' }, 'Tell this PIN by another way'),
      el('p', { class: 'pin' }, el('span', { 'aria-hidden': 'true' }, pin.slice(0, 3)), el('span', { 'aria-hidden': 'true' }, pin.slice(3)), el('span', { class: 'unseen' }, [...pin].join(' '))),
      el('p', { class: 'hint' }, 'Say it, or show it: whoever has both link and PIN gets in.'))),
    el('figure', { class: 'qr-box' }, qrCode(text, 'QR code of the invitation link'), el('figcaption', { class: 'hint' }, 'Or let the guest scan the link')),
  ];
}

export function shareView(context: Context, key: string): HTMLElement {
  return withSpace(context, key, (space) => {
    const box = el('div', {}), name = el('span', {});
    const show = (focus: boolean): void => {
      const invitation = context.vault.shareOf(space);
      box.replaceChildren(invitation ? open(context, invitation, space, () => show(true)) : el('div', { class: 'stack wide' }, terms(context, space, () => show(true)), invitations(context, space)));
      if (focus) head.focus();
    };
    const head = heading('Invite to ', name);
    context.scope.watch(context.vault.client.spaces, () => {
      setText(name, nameOf(space));
      context.title(`Invite to ${nameOf(space)}`);
    });
    show(false);
    const denied = el('p', { class: 'notice' }, 'Only the owner and admins of this space may invite.');
    context.scope.watch(space.members, (all) => {
      const role = ownRole(context, all);
      denied.hidden = role === null || mayShare(role);
      box.hidden = !denied.hidden;
    });
    return el('div', { class: 'stack wide' }, linkTo({ at: 'space', space: key }, 'back', icon('back'), name.textContent || 'Space'), head, denied, box);
  });
}

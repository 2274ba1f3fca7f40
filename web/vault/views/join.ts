// vault/views/join.ts: joining a space: a link, pasted or arrived with, then the PIN, then how it goes until its end.
//
// A link that was arrived with does nothing by itself: a person presses Join.
import type { Invitation, InvitationSnapshot, Space } from '../../client/src/index.ts';
import { el, setText } from '../dom.ts';
import { icon } from '../icons.ts';
import type { Context } from '../page.ts';
import { armed, button, field, form, freshId, heading, linkTo } from '../parts.ts';
import { readLink } from '../route.ts';
import { guestWords, invitationEnd, isSpent, plural, troubleOf } from '../words.ts';
import { nameOf } from './home.ts';

const PIN_SIZE = 6;

function asking({ scope }: Context, link: string | null, join: (link: string) => void): HTMLElement {
  const arrived = link !== null, press = button('Join', null, { kind: 'primary', submit: true });
  if (arrived) armed(press, () => true, (target, type, listener) => scope.listen(target, type, listener)); // whoever opened this page chose the moment
  const url = field('Invitation link', { value: link ?? '', inputmode: 'url', spellcheck: 'false', autocapitalize: 'off', placeholder: 'https://…/#join=…  or  dxos://join#…' },
    'As it was sent to you. You will be asked for a PIN, which the host tells you by another way.');
  const submit = (): Promise<void> => {
    const found = readLink(url.input.value);
    if (found === null) url.fail({ what: 'That is not an invitation link.', remedy: 'Copy the whole of it again.' });
    else join(found);
    return Promise.resolve();
  };
  return form(submit, url.fail, 'card stack', arrived && el('p', {}, 'Somebody has sent you this invitation. Joining tells them your name, and them and all other members from then on when you are here.'),
    url.node, press);
}

/** One field of six figures; it is sent as it is full. */
function pinForm(invitation: Invitation<Space>): { node: HTMLElement; send: HTMLButtonElement; show(snapshot: InvitationSnapshot): void } {
  const id = freshId(), about = `${id}-about`, wrong = `${id}-wrong`;
  const input = el('input', {
    id, class: 'input pin-input', type: 'text', inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: PIN_SIZE, pattern: '[0-9]{6}', required: true, 'aria-describedby': `${wrong} ${about}`,
  });
  const left = el('p', { id: about, class: 'hint' }), error = el('p', { id: wrong, class: 'field-error', role: 'alert' });
  const send = button('Join', null, { kind: 'primary', submit: true });
  send.setAttribute('form', `${id}-form`); // it stands beside the way back
  let tried = 0, asked = false, sending = false;
  const fail = (text: string): void => {
    setText(error, text);
    input.setAttribute('aria-invalid', String(text !== ''));
  };
  const submit = async (): Promise<void> => {
    if (sending) return;
    const pin = input.value.replace(/\D/g, '');
    if (pin.length !== PIN_SIZE) {
      fail('A PIN has six figures.');
      input.focus();
      return;
    }
    sending = true;
    tried++;
    fail('');
    await invitation.authenticate(pin).catch((reason: unknown) => fail(troubleOf(reason).what)).finally(() => { sending = false; });
  };
  input.addEventListener('input', () => {
    input.value = input.value.replace(/\D/g, '').slice(0, PIN_SIZE);
    if (input.value.length === PIN_SIZE) void submit();
  });
  const node = el('form', { id: `${id}-form`, class: 'pin-form', novalidate: true, onsubmit: (event) => { event.preventDefault(); void submit(); } },
    el('div', { class: 'field' }, el('label', { for: id }, 'PIN'), input, left, error));
  return {
    node, send,
    show({ status, left: count }) {
      const wanted = status === 'ready-for-authentication';
      node.hidden = send.hidden = !wanted && !asked;
      send.disabled = input.readOnly = !wanted;
      setText(left, count === undefined ? 'Six figures, which the host tells you.' : `Six figures, which the host tells you. ${plural(count, 'attempt')} left.`);
      if (wanted && (!asked || tried > 0)) {
        if (tried > 0) {
          fail('That PIN was wrong.');
          input.value = '';
        }
        tried = 0;
        setTimeout(() => input.focus(), 0); // after what it belongs to is shown
      }
      asked ||= wanted;
    },
  };
}

/** again: with the same link, or, where that is spent, with another. */
function joining(context: Context, invitation: Invitation<Space>, again: (spent: boolean) => void): HTMLElement {
  const state = el('p', { class: 'progress', role: 'status' }), remedy = el('p', { class: 'muted' });
  const pin = pinForm(invitation);
  const spent = (): boolean => { const { error } = invitation.get(); return error !== undefined && isSpent(error); };
  const cancel = button('Cancel', () => invitation.cancel()), retry = button('Try again', () => again(spent()), { kind: 'primary' });
  const box = el('div', { class: 'card stack' }, state, remedy, pin.node, el('div', { class: 'actions' }, pin.send, cancel, retry));
  const hear = (snapshot: InvitationSnapshot): void => {
    const over = snapshot.error !== undefined, end = snapshot.error ? invitationEnd(snapshot.error) : null;
    setText(state, end ? end.what : `${guestWords(snapshot.state)}.`);
    state.dataset['mood'] = over ? 'ended' : snapshot.status === 'success' ? 'good' : snapshot.status === 'ready-for-authentication' ? 'ask' : 'going';
    setText(remedy, end?.remedy ?? '');
    if (over) {
      pin.node.remove();
      pin.send.remove();
    }
    if (!over) pin.show(snapshot);
    cancel.hidden = over || snapshot.status === 'success';
    retry.hidden = !over;
    if (spent()) setText(retry, 'Use another link');
  };
  context.scope.add(invitation.subscribe(hear, { immediate: true }));
  let left = false;
  context.scope.add(() => {
    left = true;
    if (!isOver(invitation)) invitation.cancel();
  });
  invitation.wait().then(async (space) => {
    await space.members.refresh().catch(() => undefined);
    context.say(`You have joined ${space.name === '' ? 'the space' : nameOf(space)}.`);
    if (!left) context.go({ at: 'space', space: space.key }, { replace: true });
  }, () => undefined); // hear() has told it
  return box;
}

const isOver = (invitation: Invitation<Space>): boolean => invitation.get().error !== undefined || invitation.status === 'success';

export function joinView(context: Context, link: string | null): HTMLElement {
  context.title('Join a space');
  const box = el('div', {});
  const ask = (from: string | null): void => box.replaceChildren(asking(context, from, begin));
  const begin = (found: string): void => {
    box.replaceChildren(joining(context, context.vault.client.acceptInvitation(found), (spent) => ask(spent ? null : found)));
  };
  ask(link);
  return el('div', { class: 'narrow stack' }, linkTo({ at: 'home' }, 'back', icon('back'), 'Home'), heading(link === null ? 'Join a space' : 'You are invited'), box);
}

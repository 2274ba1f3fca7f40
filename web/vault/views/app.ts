// vault/views/app.ts: an app that was allowed something: what it may, how it behaves, and taking it back.
import { address, el, setText } from '../dom.ts';
import { icon } from '../icons.ts';
import type { Context } from '../page.ts';
import { button, confirm, failureOf, heading, linkTo, section } from '../parts.ts';
import type { App } from '../vault.ts';
import { plural, rightsWords } from '../words.ts';
import { claimOf } from './apps.ts';
import { namesOf } from './home.ts';

/** Only what a browser opens as a page: an origin is whatever the platform of a port vouched for. */
const isPage = (origin: string): boolean => /^https?:\/\//.test(origin);

export function appView({ vault, scope, title, go, say }: Context, origin: string): HTMLElement {
  title(origin);
  const claim = el('p', { class: 'muted' }), rights = el('ul', { class: 'rights' }), use = el('p', {}), denied = el('p', { class: 'notice warn' }), wrong = el('p', { class: 'field-error', role: 'alert' });
  const question = linkTo({ at: 'ask', origin }, 'notice', 'It asks for more: look at its question');
  const gone = el('p', { class: 'notice' }, 'This app is allowed nothing now.');
  const revoke = button('Take everything back', async () => {
    if (!await confirm('Take everything back?', `${origin} may nothing any more, and whatever it has open ends at once. What it has read already it may have kept.`, 'Take back')) return;
    await vault.revoke(origin).then(() => {
      say(`${origin} is allowed nothing any more.`);
      go({ at: 'apps' }, { replace: true });
    }, (error: unknown) => setText(wrong, failureOf(error)));
  }, { kind: 'danger' });
  const change = linkTo({ at: 'ask', origin }, 'button quiet', 'Change');
  const may = section('It may', [change], rights), body = el('div', { class: 'stack' }, may, section('Use', [], use, denied), el('div', { class: 'actions' }, revoke), wrong);
  const show = (app: App | undefined): void => {
    const granted = app?.granted === true;
    body.hidden = !granted;
    gone.hidden = granted;
    question.hidden = app?.asks === null || app === undefined;
    change.hidden = !question.hidden;
    setText(claim, app ? claimOf(app) : '');
    if (!app) return;
    const words = rightsWords(app.scopes, app.spaces, namesOf(vault));
    rights.replaceChildren(...(words.length > 0 ? words : ['nothing yet: you chose nothing']).map((text) => el('li', {}, text)));
    setText(use, app.ports > 0 ? `Open now, in ${plural(app.ports, 'place')}.` : 'Not open now.');
    denied.hidden = app.denied === 0;
    setText(denied, `${plural(app.denied, 'request')} of it ${app.denied === 1 ? 'was' : 'were'} refused since it came: it wanted more than it may.`);
  };
  scope.watch(vault.apps, (all) => show(all.find((app) => app.origin === origin)));
  scope.watch(vault.client.spaces, () => show(vault.apps.get().find((app) => app.origin === origin)));
  return el('div', { class: 'narrow stack' }, linkTo({ at: 'apps' }, 'back', icon('back'), 'Apps'),
    el('header', {}, heading(el('span', { class: 'origin' }, ...address(origin))), claim),
    isPage(origin) && el('p', {}, el('a', { href: origin, target: '_blank', rel: 'noopener noreferrer' }, 'Open the app')), gone, question, body);
}

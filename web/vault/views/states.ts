// vault/views/states.ts: what is shown where there is nothing else to show: starting, failed, no such place, a frame of a foreign site.
import type { Failure } from '../../core/messages.ts';
import { el } from '../dom.ts';
import { icon } from '../icons.ts';
import type { Context } from '../page.ts';
import { button, confirm, heading, linkTo } from '../parts.ts';
import { failureWords } from '../words.ts';

/** It takes a fraction of a second, as a rule: its words are faded in only after that. */
export function startingView({ title }: Context): HTMLElement {
  title('Starting');
  return el('div', { class: 'centre late', role: 'status' }, el('span', { class: 'spinner', 'aria-hidden': 'true' }), el('p', {}, 'Opening the vault'));
}

export function failedView({ vault, title }: Context, failure: Failure, message: string): HTMLElement {
  const words = failureWords(failure, message);
  title(words.title);
  const anew = failure === 'unreadable' && button('Begin with an empty vault', async () => {
    const yes = await confirm('Begin with an empty vault?', 'You get a new identity, which is nobody in your spaces until it is invited. What is here now is set aside in this browser, and nothing of it is used any more.', 'Begin anew');
    if (yes) vault.beginAnew();
  }, { kind: 'danger' });
  return el('div', { class: 'centre card', role: 'alert' }, icon('warn'), heading(words.title), el('p', {}, words.what), el('p', { class: 'muted' }, words.remedy),
    el('div', { class: 'actions' }, button('Reload', () => location.reload(), { kind: 'primary' }), anew));
}

export function nowhereView({ title }: Context): HTMLElement {
  title('Not found');
  return el('div', { class: 'centre card' }, heading('There is nothing here'), el('p', {}, 'The address names no place of this vault.'),
    el('div', { class: 'actions' }, linkTo({ at: 'home' }, 'button primary', 'Home')));
}

/** Of the whole document, for the case that somebody sees it: nothing of the vault is here, and nothing is made here. */
export function frameView(): HTMLElement {
  return el('p', { class: 'framed' }, 'In this frame the browser keeps the vault\'s storage away. ',
    el('a', { href: `${location.origin}/`, target: '_blank' }, 'Open the vault itself'));
}

// vault/views/ask.ts: an app's question, and the person's answer. Only at the top level or in a popup: the page shows no view in a frame.
//
// The origin stands first and large, as it alone is true. What is asked is ticked; the person may tick less, or other spaces. Allow can be pressed only
// after the question has been looked at for half a second, and again after each change of it.
import type { Space } from '../../client/src/index.ts';
import { address, el, keyed, Scope, setText } from '../dom.ts';
import { icon, mark } from '../icons.ts';
import type { Context } from '../page.ts';
import { armed, button, failureOf, freshId, heading, linkTo } from '../parts.ts';
import { hashOf } from '../route.ts';
import type { App } from '../vault.ts';
import { LEVEL_WORDS, levelAbout, levelEverywhere, LEVELS, SCOPE_WORDS, type Level } from '../words.ts';
import { claimOf } from './apps.ts';
import { nameOf } from './home.ts';

interface Answer { scopes(): string[]; spaces(): Record<string, string>; node: HTMLElement }

const levelSelect = (label: string, chosen: Level, changed: () => void): HTMLSelectElement =>
  el('select', { class: 'input small-input', 'aria-label': label, onchange: changed }, ...LEVELS.map((level) => el('option', { value: level, selected: level === chosen }, LEVEL_WORDS[level])));

/** Which spaces, and what in each. `has`: what it may now; `everywhere`: what it asks for in all. */
function spaceChoice({ vault, scope }: Context, has: Readonly<Record<string, string>>, everywhere: Level | null, offersAll: boolean, changed: () => void): Answer {
  const name = freshId(), rows = new Map<string, { box: HTMLInputElement; level: HTMLSelectElement }>();
  const all = el('input', { type: 'radio', name, checked: everywhere !== null, onchange: () => show() });
  const some = el('input', { type: 'radio', name, checked: everywhere === null, onchange: () => show() });
  const allLevel = levelSelect('What it may in all spaces', everywhere ?? 'read', () => show());
  const list = el('ul', { class: 'space-choices' }), none = el('p', { class: 'hint' }, 'You have no spaces yet.'), about = el('p', { class: 'hint' });
  /** The highest level that is chosen for any space. */
  const highest = (): Level | null => levelEverywhere(offersAll && all.checked ? [allLevel.value] : [...rows.values()].filter(({ box }) => box.checked).map(({ level }) => level.value));
  const show = (): void => {
    list.hidden = offersAll && all.checked;
    none.hidden = list.hidden || rows.size > 0;
    allLevel.hidden = !all.checked;
    for (const { box, level } of rows.values()) level.hidden = !box.checked;
    const level = highest();
    about.hidden = level === null;
    setText(about, level === null ? '' : levelAbout(level));
    changed();
  };
  const update = keyed(list, (space: Space) => space.key, (space) => {
    const level = levelSelect(`What it may in ${nameOf(space)}`, LEVELS.find((each) => each === has[space.key]) ?? everywhere ?? 'write', () => show());
    const box = el('input', { type: 'checkbox', checked: space.key in has, onchange: () => show() });
    rows.set(space.key, { box, level });
    return { node: el('li', {}, el('label', { class: 'choice' }, box, mark(space.key, nameOf(space), 'space'), el('span', {}, nameOf(space))), level), update: () => undefined };
  });
  scope.watch(vault.client.spaces, (spaces) => {
    update(spaces);
    for (const key of rows.keys()) if (!vault.client.getSpace(key)) rows.delete(key);
    show();
  });
  const node = offersAll
    ? el('fieldset', { class: 'choices' }, el('legend', {}, 'In which spaces'),
      el('div', { class: 'choice-row' }, el('label', { class: 'choice' }, all, el('span', {}, el('strong', {}, 'All'), ', also those to come')), allLevel),
      el('label', { class: 'choice' }, some, el('span', {}, el('strong', {}, 'Only these'))), list, none, about)
    : el('details', { class: 'more', open: Object.keys(has).length > 0 }, el('summary', {}, 'Spaces you have already'), list, none, about);
  return {
    node,
    scopes: () => offersAll && all.checked ? [`all:${allLevel.value}`] : [],
    spaces: () => offersAll && all.checked ? {} : Object.fromEntries([...rows].filter(([, { box }]) => box.checked).map(([key, { level }]) => [key, level.value])),
  };
}

/** What is asked, as choices; what it has already stands beside it. */
function answerTo(context: Context, app: App, changed: () => void): Answer {
  const asked = new Set([...app.asks ?? [], ...app.scopes]), everywhere = levelEverywhere([...asked]);
  const boxes = [...SCOPE_WORDS].filter(([scope]) => asked.has(scope)).map(([scope, { words, about }]) => ({
    scope, words, about, box: el('input', { type: 'checkbox', checked: true, onchange: changed }),
  }));
  const spaces = spaceChoice(context, app.spaces, everywhere, everywhere !== null, changed);
  const node = el('div', { class: 'stack' },
    boxes.length > 0 && el('fieldset', { class: 'choices' }, el('legend', {}, app.asks ? 'It asks to' : 'It may'),
      ...boxes.map(({ box, words, about }) => el('label', { class: 'choice' }, box, el('span', {}, el('strong', {}, words), el('span', { class: 'choice-about' }, about))))),
    spaces.node);
  return { node, scopes: () => [...boxes.filter(({ box }) => box.checked).map(({ scope }) => scope), ...spaces.scopes()], spaces: spaces.spaces };
}

/** The window through which an app of another site reaches the vault. */
const serving = (app: App, title: string): HTMLElement => el('div', { class: 'centre card' }, icon('done'), heading(title),
  el('p', {}, 'The app is on another site than the vault, so your browser lets it reach the vault only through this window. It ends when you close it.'),
  el('p', { class: 'origin' }, ...address(app.origin)));

/** A page opened this window at the question of an app that it is not. */
const elsewhere = (origin: string): HTMLElement => el('div', { class: 'centre card' }, heading('Not from here'),
  el('p', {}, 'Another page opened this window, so it shows no question of this app. You can look at it in a window of your own.'),
  el('p', { class: 'origin' }, ...address(origin)),
  el('div', { class: 'actions' }, el('a', { class: 'button primary', href: hashOf({ at: 'ask', origin }), target: '_blank', rel: 'noopener' }, 'Open it by itself')));

/** After the answer: a popup that was only for it goes; one through which an app of another site reaches the vault stays. */
function after(context: Context, app: App, allowed: boolean): HTMLElement | null {
  const { opener, go, say } = context;
  say(allowed ? `${app.origin} is allowed what you chose.` : `${app.origin} was told no.`);
  if (!opener.opened) {
    go(allowed ? { at: 'app', origin: app.origin } : { at: 'apps' }, { replace: true });
    return null;
  }
  if (opener.served.get() && allowed) return serving(app, 'Allowed. Keep this window open');
  window.close();
  return el('div', { class: 'centre card' }, icon('done'), heading(allowed ? 'Allowed' : 'Not now'), el('p', {}, 'You can close this window.'));
}

/** decide: the vault tells that the question is gone before it answers, and this must not go with it. */
function question(context: Context, app: App, decide: (allowed: boolean, act: () => Promise<void>) => Promise<void>): HTMLElement {
  const { vault, scope } = context, wrong = el('p', { class: 'field-error', role: 'alert' });
  const isEdit = app.asks === null;
  const allow = button(isEdit ? 'Save' : 'Allow', async () => {
    await decide(true, () => vault.grant(app.origin, answer.scopes(), answer.spaces(), app.name)).catch((error: unknown) => setText(wrong, failureOf(error)));
  }, { kind: 'primary' });
  const later = button(isEdit ? 'Cancel' : 'Not now', async () => {
    if (isEdit && context.opener.opened) return window.close();
    if (isEdit) return context.go({ at: 'app', origin: app.origin }, { replace: true });
    await decide(false, () => vault.refuse(app.origin)).catch((error: unknown) => setText(wrong, failureOf(error)));
  });
  const anything = (): boolean => answer.scopes().length + Object.keys(answer.spaces()).length > 0;
  const nothing = el('p', { class: 'hint' }, 'Nothing is chosen: there is nothing to allow.');
  const changed = (): void => {
    if (built) guard.look();
    nothing.hidden = !built || anything();
  };
  let built = false;
  const answer = answerTo(context, app, changed);
  const guard = armed(allow, anything, (target, type, listener) => scope.listen(target, type, listener));
  built = true;
  changed();
  const plain = app.origin.startsWith('http:') && !/^http:\/\/(?:[^/]*\.)?localhost(?::\d+)?$/.test(app.origin);
  return el('div', { class: 'card stack ask' },
    el('header', {}, el('p', { class: 'eyebrow' }, isEdit ? 'What this app may' : 'An app asks'), heading(el('span', { class: 'origin' }, ...address(app.origin))),
      el('p', { class: 'muted' }, claimOf(app), app.name === '' ? '' : ' Only the address above is certain.')),
    plain && el('p', { class: 'notice warn' }, icon('warn'), el('span', {}, 'This address is not encrypted: whoever stands on the way can be this app.')),
    answer.node, nothing, wrong, el('div', { class: 'actions end' }, later, allow));
}

const WAIT_MS = 3000;
/** An app that is allowed something already and asks no more by then wants the person to look at that. */
const SETTLE_MS = 1000;
/** A question stands at least so long before anything else takes its place, or an app that keeps changing it, or calls it off, could not be told no. */
const STAND_MS = 1500;

export function askView(context: Context, origin: string | null): HTMLElement {
  const { vault, scope, opener, title } = context;
  title('An app asks');
  const box = el('div', { class: 'narrow' }), waiting = el('p', { class: 'centre muted', role: 'status' }, 'Waiting for the app\'s question');
  const none = el('div', { class: 'centre card' }, heading('No app asks'),
    el('p', {}, opener.opened ? 'The app that opened this window has no question now. You can close it, or look at your vault.' : 'When an app wants something of yours, its question is here.'),
    el('div', { class: 'actions' }, linkTo({ at: 'home' }, 'button primary', 'Home'), linkTo({ at: 'apps' }, 'button quiet', 'Apps')));
  const asked = new Scope();
  let shown = '', over = false, late = false, settled = false, stands = false, since = 0;
  let again: ReturnType<typeof setTimeout> | undefined;
  /** The app whose question this is. In a window that another page opened that is the page, as the browser vouches, and none but it. */
  const asker = (): App | undefined => {
    const all = vault.apps.get(), from = opener.asker.get();
    if (opener.opened) return from !== null && (origin ?? from) === from ? all.find((each) => each.origin === from) : undefined;
    return origin === null ? all.find((each) => each.asks !== null) : all.find((each) => each.origin === origin);
  };
  const content = (): [name: string, node: () => HTMLElement] => {
    const app = asker(), serves = opener.opened && opener.served.get();
    const edits = app?.granted === true && (!opener.opened || (settled && origin !== null && !serves));
    if (app && (app.asks !== null || edits)) {
      return [JSON.stringify([app.origin, app.name, app.asks, app.scopes, app.spaces]), () => question({ ...context, scope: asked }, app, (allowed, act) => decide(app, allowed, act))];
    }
    if (app?.granted && serves && settled) return [`serves ${app.origin}`, () => serving(app, 'Keep this window open')];
    if (!late) return ['waiting', () => waiting];
    return opener.opened && origin !== null && origin !== opener.asker.get() ? ['elsewhere', () => elsewhere(origin)] : ['none', () => none];
  };
  const show = (): void => {
    const [name, node] = content();
    clearTimeout(again);
    if (over || name === shown) return; // the same question stays, and with it what was ticked
    const now = performance.now(), stood = now - since;
    if (stands && stood < STAND_MS) { // what is pressed meanwhile answers what is shown
      again = setTimeout(show, STAND_MS - stood);
      return;
    }
    [shown, stands, since] = [name, name.startsWith('['), now];
    asked.end();
    box.replaceChildren(node());
  };
  const decide = async (app: App, allowed: boolean, act: () => Promise<void>): Promise<void> => {
    over = true;
    await act().catch((error: unknown) => {
      over = false;
      throw error;
    });
    const next = after(context, app, allowed);
    if (!next) return;
    box.replaceChildren(next);
    next.querySelector('h1')?.focus();
  };
  const timers = [setTimeout(() => { settled = true; show(); }, SETTLE_MS), setTimeout(() => { late = true; show(); }, opener.opened ? WAIT_MS : 0)];
  scope.add(() => { for (const timer of [...timers, again]) clearTimeout(timer); asked.end(); });
  scope.watch(opener.asker, show);
  scope.watch(opener.served, show);
  scope.watch(vault.apps, show);
  return box;
}

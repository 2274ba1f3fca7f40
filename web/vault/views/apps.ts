// vault/views/apps.ts: all apps that ask or have been allowed something.
import { address, el, keyed, setText } from '../dom.ts';
import { icon } from '../icons.ts';
import type { Context } from '../page.ts';
import { empty, heading, linkTo, section } from '../parts.ts';
import type { App } from '../vault.ts';
import { listed, rightsWords } from '../words.ts';
import { namesOf } from './home.ts';

/** The origin, which is true, before the name, which the app gives itself. */
export const claimOf = (app: App): string => app.name === '' ? 'It gives itself no name.' : `It calls itself “${app.name}”.`;

function rows(about: (app: App) => string, link: (app: App) => HTMLAnchorElement): { list: HTMLElement; update: (apps: readonly App[]) => void } {
  const list = el('ul', { class: 'rows' });
  const update = keyed(list, (app: App) => app.origin, (first) => {
    const text = el('span', { class: 'row-about' }), anchor = link(first);
    anchor.append(icon('app'), el('span', { class: 'row-text' }, el('span', { class: 'row-name origin' }, ...address(first.origin)), text), icon('next'));
    return { node: el('li', {}, anchor), update: (app) => setText(text, about(app)) };
  });
  return { list, update };
}

export function appsView(context: Context): HTMLElement {
  const { vault, scope, title } = context;
  title('Apps');
  const asking = rows(claimOf, ({ origin }) => linkTo({ at: 'ask', origin }, 'row asks'));
  const allowed = rows((app) => {
    const may = rightsWords(app.scopes, app.spaces, namesOf(vault));
    return `${app.name === '' ? '' : `“${app.name}” · `}${may.length > 0 ? `may ${listed(may)}` : 'may nothing'}`;
  }, ({ origin }) => linkTo({ at: 'app', origin }, 'row'));
  const questions = section('Questions', [], asking.list);
  const none = empty('No app has been allowed anything. Open one, from your kube or from elsewhere: when it wants something of yours, it is asked here.');
  scope.watch(vault.apps, (all) => {
    const open = all.filter((app) => app.asks !== null), granted = all.filter((app) => app.granted);
    asking.update(open);
    allowed.update(granted);
    questions.hidden = open.length === 0;
    none.hidden = granted.length > 0;
    allowed.list.hidden = granted.length === 0;
  });
  return el('div', { class: 'narrow' }, heading('Apps'),
    el('p', { class: 'lead' }, 'Apps get no keys. They ask this vault, and it answers what you have allowed; you can take that back at any time.'),
    questions, section('Allowed', [], none, allowed.list));
}

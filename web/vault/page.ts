// vault/page.ts: the page around the views: header, notices, live regions, and which view is shown.
//
// A view is shown for a part of the address (route.ts). When another comes its heading takes the focus and the title changes, as on a page of its own;
// what a view began ends with its scope.
import type { Observable } from '../client/src/index.ts';
import { el, Scope, setText } from './dom.ts';
import { icon } from './icons.ts';
import { button, linkTo } from './parts.ts';
import { hashOf, readRoute, type Route } from './route.ts';
import type { Update } from './update.ts';
import type { Vault } from './vault.ts';
import { plural, signalMood, type SignalMood } from './words.ts';
import { appView } from './views/app.ts';
import { appsView } from './views/apps.ts';
import { askView } from './views/ask.ts';
import { connectionView } from './views/connection.ts';
import { failedView, nowhereView, startingView } from './views/states.ts';
import { homeView } from './views/home.ts';
import { joinView } from './views/join.ts';
import { shareView } from './views/share.ts';
import { spaceView } from './views/space.ts';
import { welcomeView } from './views/welcome.ts';

/** What a view has at hand. */
export interface Context {
  readonly vault: Vault;
  readonly scope: Scope;
  /** The page that opened this one as a popup: `asker`, its origin once it said hello; `served`: it reaches the vault by this window, as its own frame sees none. */
  readonly opener: { readonly opened: boolean; readonly asker: Observable<string | null>; readonly served: Observable<boolean> };
  title(text: string): void;
  go(route: Route, options?: { replace?: boolean }): void;
  /** To who does not see it. */
  say(text: string): void;
}

type View = (context: Context) => HTMLElement;
const NAME = 'Vault';
/** Where no peer is. */
const MOODS: Readonly<Record<SignalMood, string>> = { ready: 'Online', idle: 'Idle', trying: 'On its own', none: 'On its own' };

function viewOf(route: Route): View {
  switch (route.at) {
    case 'home': return homeView;
    case 'apps': return appsView;
    case 'connection': return connectionView;
    case 'space': return (context) => spaceView(context, route.space);
    case 'share': return (context) => shareView(context, route.space);
    case 'app': return (context) => appView(context, route.origin);
    case 'ask': return (context) => askView(context, route.origin);
    case 'join': return (context) => joinView(context, route.link);
    case 'nowhere': return nowhereView;
  }
}

export class Page {
  readonly #vault: Vault;
  readonly #opener: Context['opener'];
  readonly #main = el('main', { id: 'main', tabindex: -1 });
  readonly #polite = el('div', { class: 'unseen', role: 'status' });
  readonly #nav = new Map<Route['at'], HTMLAnchorElement>();
  #scope = new Scope();
  #shown = '';

  constructor(vault: Vault, opener: Context['opener'], update: Update) {
    this.#vault = vault;
    this.#opener = opener;
    const skip = el('a', { class: 'skip', href: '#main', onclick: (event) => {
      event.preventDefault(); // the part of the address is a view's name
      this.#main.focus();
    } }, 'Skip to content');
    document.body.append(skip, this.#header(), this.#notices(update), this.#main, this.#polite);
    addEventListener('hashchange', () => this.#show());
    vault.phase.subscribe(() => this.#show());
    vault.entered.subscribe(() => this.#show());
    this.#show();
  }

  #header(): HTMLElement {
    const item = (route: Route, text: string): HTMLLIElement => {
      const link = linkTo(route, 'nav-link', text);
      this.#nav.set(route.at, link);
      return el('li', {}, link);
    };
    const nav = el('nav', { 'aria-label': NAME }, el('ul', {}, item({ at: 'home' }, 'Home'), item({ at: 'apps' }, 'Apps'), item({ at: 'connection' }, 'Connection')));
    const word = el('span', {}), status = linkTo({ at: 'connection' }, 'pill', el('span', { class: 'dot', 'aria-hidden': 'true' }), word);
    this.#vault.facts.subscribe(({ signals, peers }) => {
      const mood = signalMood(signals), count = new Set(peers.map(({ peer }) => peer)).size;
      status.dataset['mood'] = count > 0 ? 'peers' : mood;
      setText(word, count > 0 ? plural(count, 'peer') : MOODS[mood]);
    });
    const asks = el('span', { class: 'count' });
    this.#nav.get('apps')?.append(asks);
    this.#vault.apps.subscribe((apps) => {
      const open = apps.filter((app) => app.asks !== null).length;
      setText(asks, open > 0 ? `${open} asking` : '');
    });
    const shown = (): void => {
      const inside = this.#vault.phase.get().at === 'open' && this.#vault.entered.get();
      nav.hidden = status.hidden = !inside;
    };
    this.#vault.phase.subscribe(shown);
    this.#vault.entered.subscribe(shown);
    shown();
    return el('header', { class: 'top' }, linkTo({ at: 'home' }, 'brand', icon('vault'), el('span', {}, NAME)), nav, status);
  }

  /** Of the whole vault, above any view. */
  #notices({ waiting, take }: Update): HTMLElement {
    const full = el('p', { class: 'notice warn' }, icon('warn'),
      el('span', {}, 'Storage is full: your vault can be read, and nothing new is kept until there is room on this device.'));
    const newer = el('div', { class: 'notice' }, el('span', {}, 'A newer version of this page is ready.'),
      button('Use it now', take, { kind: 'plain' }));
    const box = el('div', { class: 'notices', role: 'status' });
    const show = (): void => {
      const wanted = [this.#vault.facts.get().full && full, waiting.get() && newer].filter((node) => node !== false);
      if (wanted.length !== box.childElementCount || wanted.some((node, at) => box.children[at] !== node)) box.replaceChildren(...wanted);
    };
    this.#vault.facts.subscribe(show);
    waiting.subscribe(show);
    show();
    return box;
  }

  #route(): Route {
    const route = readRoute(location.hash);
    // An app opened this window: it begins with what the app asks.
    return this.#opener.opened && location.hash === '' ? { at: 'ask', origin: null } : route;
  }

  /** The view for the vault's state and the address; the one that is there stays when it is the same. */
  #show(): void {
    const phase = this.#vault.phase.get(), route = this.#route();
    const entered = this.#vault.entered.get();
    const view: View = phase.at === 'starting' ? startingView : phase.at === 'failed' ? (context) => failedView(context, phase.failure, phase.message)
      : !entered ? (context) => welcomeView(context, route) : viewOf(route);
    const name = phase.at !== 'open' ? JSON.stringify(phase) : !entered ? 'welcome' : hashOf(route) + route.at;
    if (name === this.#shown) return;
    const first = this.#shown === '' || this.#shown === JSON.stringify({ at: 'starting' });
    this.#shown = name;
    this.#scope.end();
    this.#scope = new Scope();
    for (const [at, link] of this.#nav) {
      if (at === route.at) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    document.body.classList.toggle('asked', this.#opener.opened && route.at === 'ask'); // nothing but the question
    this.#main.replaceChildren(view(this.#context()));
    if (first) return; // a page that was just loaded is read from its beginning
    scrollTo(0, 0);
    this.#main.querySelector<HTMLElement>('[autofocus], h1')?.focus();
  }

  #context(): Context {
    return {
      vault: this.#vault, scope: this.#scope, opener: this.#opener,
      title: (text) => { document.title = text === NAME ? NAME : `${text} · ${NAME}`; },
      go: (route, { replace = false } = {}) => {
        if (replace) history.replaceState(null, '', hashOf(route));
        else if (location.hash !== hashOf(route)) history.pushState(null, '', hashOf(route));
        this.#show();
      },
      // The same words again are said again.
      say: (text) => {
        this.#polite.textContent = '';
        setTimeout(() => { this.#polite.textContent = text; }, 50);
      },
    };
  }
}

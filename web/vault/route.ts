// vault/route.ts: the part of the address behind #, which says what the page shows, and the two forms of an invitation link. Pure.
//
// A fragment is never sent to a server. Nothing is done because of one: whatever it names, a person presses a button.

export type Route =
  | { at: 'home' } | { at: 'apps' } | { at: 'connection' } | { at: 'nowhere' }
  | { at: 'space' | 'share'; space: string }
  /** origin: the app whose question is meant; null: whichever asks. */
  | { at: 'ask'; origin: string | null }
  /** An app that has a grant. */
  | { at: 'app'; origin: string }
  /** link: in its canonical form; null: it is still to be typed. */
  | { at: 'join'; link: string | null };

const CANONICAL = 'dxos://join#';
/** Of the canonical form (docs/spec/invitation.md). */
const LINK_MAX = 2048;

/** The canonical link in what somebody pasted, in either form, however a mail has broken it; null: there is none. */
export function readLink(text: string): string | null {
  const payload = /(?:^dxos:\/\/join#|#join=)([A-Za-z0-9_-]+)$/.exec(text.replace(/\s+/g, ''))?.[1];
  const link = `${CANONICAL}${payload}`;
  return payload === undefined || link.length > LINK_MAX ? null : link;
}

/** The form that opens this page: a browser knows what to do with it. */
export const pageLink = (origin: string, link: string): string => `${origin}/#join=${link.slice(CANONICAL.length)}`;

/** null: not of the form that a part of an address has. */
function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

export function readRoute(hash: string): Route {
  if (hash === '' || hash === '#' || hash === '#/') return { at: 'home' };
  if (hash.startsWith('#join=')) return { at: 'join', link: readLink(hash) };
  const [name, argument, more, ...rest] = hash.slice(hash.startsWith('#/') ? 2 : 1).split('/');
  if (rest.length > 0) return { at: 'nowhere' };
  if (argument === undefined) {
    if (name === 'apps' || name === 'connection') return { at: name };
    if (name === 'ask') return { at: 'ask', origin: null };
    if (name === 'join') return { at: 'join', link: null };
    return { at: 'nowhere' };
  }
  if (name === 'space' && /^[0-9a-f]{64}$/.test(argument)) {
    if (more === undefined) return { at: 'space', space: argument };
    return more === 'share' ? { at: 'share', space: argument } : { at: 'nowhere' };
  }
  const origin = decoded(argument);
  if ((name === 'ask' || name === 'app') && origin && more === undefined) return { at: name, origin };
  return { at: 'nowhere' };
}

export function hashOf(route: Route): string {
  switch (route.at) {
    case 'space': return `#/space/${route.space}`;
    case 'share': return `#/space/${route.space}/share`;
    case 'app': return `#/app/${encodeURIComponent(route.origin)}`;
    case 'ask': return route.origin === null ? '#/ask' : `#/ask/${encodeURIComponent(route.origin)}`;
    case 'join': return route.link === null ? '#/join' : `#join=${route.link.slice(CANONICAL.length)}`;
    case 'home': case 'nowhere': return '#/';
    default: return `#/${route.at}`;
  }
}

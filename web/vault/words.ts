// vault/words.ts: what the page says in words: rights, states, errors, counts. Pure, so that each sentence can be tried.
import type { DxError, Role } from '../client/src/index.ts';
import type { Failure } from '../core/messages.ts';

export type Level = 'read' | 'write' | 'share';
export const LEVELS: readonly Level[] = ['read', 'write', 'share'];

export const plural = (count: number, one: string, many = `${one}s`): string => `${count.toLocaleString('en')} ${count === 1 ? one : many}`;

/** "a, b and c". */
export function listed(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}

/** A vault's sentence, which begins small and has no stop, as one of this page. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  return trimmed === '' ? '' : trimmed.charAt(0).toUpperCase() + trimmed.slice(1) + (/[.!?]$/.test(trimmed) ? '' : '.');
}

/**
 * A name that somebody else has chosen, to stand in a sentence of this page: without line ends, control characters, and what turns the direction of
 * writing, all of which would reach beyond the name into the words around it.
 */
export const plainName = (name: string): string => name.replace(/[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim();

// --- Rights -----------------------------------------------------------------------------------------------------------

/**
 * What a scope lets an app do: `words` where it is asked for, with `about` below, and `may` where it is told in a row. No command of the vault's may come under a
 * scope or a level without its sentence saying so (tests/test_vault.ts holds them against the core's table).
 */
export interface ScopeWords { readonly words: string; readonly about: string; readonly may: string }
export const SCOPE_WORDS: ReadonlyMap<string, ScopeWords> = new Map([
  ['identity', { words: 'See who you are', about: 'your name, your public key, and the names and keys of your devices', may: 'see your name, your public key and your devices' }],
  ['create', { words: 'Make spaces', about: 'it may read, write and invite people in those it makes, and in no other', may: 'make spaces' }],
  ['join', {
    words: 'Join spaces by invitation',
    about: 'all members of a space it joins are told your name and your public key; it may read, write and invite people in those it joins, and in no other',
    may: 'join spaces by invitation',
  }],
]);

export const LEVEL_WORDS: Readonly<Record<Level, string>> = { read: 'read', write: 'read and write', share: 'read, write and invite people' };
/** What each level adds to those before it. */
const LEVEL_ABOUT: Readonly<Record<Level, string>> = {
  read: 'It sees all that is and was written in the space, what programs of its members say to each other, and the names and public keys of its members.',
  write: 'It changes, deletes and brings back what is written there, sends messages to who is there, and renames the space, as if you did it yourself.',
  share: 'It invites people, who become members as if you had invited them, and decides what objects of a type must be like.',
};
export const levelAbout = (level: Level): string => LEVELS.slice(0, LEVELS.indexOf(level) + 1).map((each) => LEVEL_ABOUT[each]).join(' ');
const isLevel = (text: string): text is Level => (LEVELS as readonly string[]).includes(text);

/** The level that scopes give everywhere; null: none. */
export function levelEverywhere(scopes: readonly string[]): Level | null {
  const levels = scopes.map((scope) => scope.replace(/^all:/, '')).filter(isLevel);
  return [...LEVELS].reverse().find((level) => levels.includes(level)) ?? null;
}

/** What an app may, a sentence each, without its subject ("It may …"). names: of spaces, by their keys. */
export function rightsWords(scopes: readonly string[], spaces: Readonly<Record<string, string>>, names: ReadonlyMap<string, string>): string[] {
  const words: string[] = [], everywhere = levelEverywhere(scopes);
  for (const [scope, { may }] of SCOPE_WORDS) if (scopes.includes(scope)) words.push(may);
  if (everywhere) words.push(`${LEVEL_WORDS[everywhere]} in every space, also in those to come`);
  for (const level of LEVELS) {
    if (everywhere && LEVELS.indexOf(level) <= LEVELS.indexOf(everywhere)) continue;
    const found = Object.keys(spaces).filter((key) => spaces[key] === level).map((key) => names.get(key) || 'a space without a name');
    if (found.length > 0) words.push(`${LEVEL_WORDS[level]} in ${listed(found)}`);
  }
  return words;
}

export const ROLE_WORDS: Readonly<Record<Role, string>> = { owner: 'Owner', admin: 'Admin', editor: 'Editor', reader: 'Reader' };

// --- Spaces, peers, signaling -------------------------------------------------------------------------------------------

/** How a space stands with the others: a short word for a row. */
export function spaceWords({ peers, behind, members }: { peers: number; behind: number; members: number }): string {
  if (peers === 0) return members > 1 ? 'nobody else is here now' : 'only on this device';
  if (behind > 0) return 'catching up';
  return `in step with ${plural(peers, 'peer')}`;
}

interface SignalState { readonly state: string; readonly error: string | null }

/** idle: a service is dialled only when there is somebody to look for, that is, a space. */
export type SignalMood = 'ready' | 'idle' | 'trying' | 'none';

const isIdle = ({ state, error }: SignalState): boolean => state === 'waiting to dial' && error === null;

export function signalMood(signals: readonly SignalState[]): SignalMood {
  if (signals.length === 0) return 'none';
  if (signals.some(({ state }) => state === 'ready')) return 'ready';
  return signals.some(isIdle) ? 'idle' : 'trying';
}

export function signalWords(signal: SignalState): string {
  if (signal.state === 'ready') return 'connected';
  if (signal.state !== 'waiting to dial') return 'connecting';
  return isIdle(signal) ? 'dialled as soon as you have a space' : 'not reached; tried again by itself';
}

const STEP_WORDS: Readonly<Record<string, string>> = {
  signal: 'it did not answer through the signaling service', path: 'no way through the network to it was found', encryption: 'a way was found, but no encryption was agreed on',
  channel: 'a connection came up, but broke before it could be used',
};

/** Why somebody was not reached: the step that failed in a person's words, then what the vault says of it. */
export function unreachedWords({ why, error }: { why: string; error: string }): string {
  const [step = '', rest] = why.split(/: (.*)/s), words = STEP_WORDS[step];
  return words === undefined ? why || error : `${words} (${rest ?? why})`;
}

// --- Invitations ----------------------------------------------------------------------------------------------------------

const HOST_WORDS: Readonly<Record<string, string>> = {
  advertising: 'Waiting for a guest to open the link', connected: 'A guest is at the door', 'pin-wait': 'The guest is typing the PIN',
  proving: 'The guest is proving the PIN', verifying: 'Checking the PIN', admitting: 'The PIN was right; letting the guest in',
  admitted: 'The guest is fetching the space', success: 'Your guest has joined', cancelled: 'Cancelled: the link opens nothing any more',
  expired: 'This invitation ran out', locked: 'Three wrong PINs: the link is locked', exhausted: 'The invitation was used',
};

const GUEST_WORDS: Readonly<Record<string, string>> = {
  parsed: 'The link is well formed', connecting: 'Looking for the host', handshake: 'The host is there; waiting for its answer',
  'pin-required': 'Enter the PIN that the host shows', proving: 'Proving the PIN', requested: 'Asking to be let in', joining: 'Let in; fetching the space',
  ready: 'You have joined', success: 'You have joined',
};

const LENGTHS: readonly (readonly [ms: number, one: string])[] = [[86_400_000, 'day'], [3_600_000, 'hour'], [60_000, 'minute']];

/** "in 3 hours". */
export function dueWords(leftMs: number): string {
  const [ms, one] = LENGTHS.find(([length]) => leftMs >= length) ?? [];
  return ms === undefined || one === undefined ? 'within a minute' : `in ${plural(Math.floor(leftMs / ms), one)}`;
}

export const hostWords = (state: string | undefined): string => HOST_WORDS[state ?? ''] ?? 'Making the invitation';
export const guestWords = (state: string | undefined): string => GUEST_WORDS[state ?? ''] ?? 'Looking at the link';

/** How an invitation ended, of either side, and what to do: by the name of its error. */
const ENDS: Readonly<Record<string, readonly [end: string, remedy: string]>> = {
  E_LINK: ['This is not a whole invitation link', 'Copy the whole link again; if it still fails, ask for a new one.'],
  E_PIN: ['The PIN is wrong', 'Look at the PIN that the host shows, and enter it again.'],
  E_LOCKED: ['Locked after three wrong PINs', 'Ask the host for a new invitation.'],
  E_EXPIRED: ['The invitation ran out', 'Ask the host for a new one.'],
  E_WITHDRAWN: ['The host withdrew the invitation', 'Ask for a new one.'],
  E_EXHAUSTED: ['The invitation was used already', 'Ask the host for a new one.'],
  E_CANCELLED: ['Cancelled', ''],
  E_NO_HOST: ['Nobody answered', 'Ask the host to keep their vault open and online, then try the same link again.'],
  E_UNREACHABLE: ['The host could not be reached', 'Check both connections, and try the same link again.'],
  E_TIMEOUT: ['It took too long', 'Check both connections, and try the same link again.'],
  E_BUSY: ['The host is letting somebody else in', 'Try again in a minute.'],
  E_HOST_PROOF: ['The host did not know the PIN: it may be somebody else in its place', 'Do not enter the PIN again. Tell the host by another way.'],
  E_CHANNEL_BINDING: ['Somebody stands between you and the host', 'Do not enter the PIN. Tell the host by another way.'],
  E_EXISTS: ['You are a member of this space already', 'You find it at home.'],
  E_DENIED: ['The host may not let anybody in', 'Ask an owner or admin of the space.'],
  E_VERIFY: ['What the host sent does not verify', 'Update both sides; if it happens again, do not trust this host.'],
};

/** After these the same link opens nothing. */
const SPENT = new Set(['E_LINK', 'E_LOCKED', 'E_EXPIRED', 'E_WITHDRAWN', 'E_EXHAUSTED', 'E_HOST_PROOF', 'E_CHANNEL_BINDING', 'E_VERIFY']);
export const isSpent = (error: DxError): boolean => SPENT.has(error.symbol);

export interface Trouble {
  readonly what: string;
  /** What a person can do about it; may be empty. */
  readonly remedy: string;
}

export function invitationEnd(error: DxError): Trouble {
  const [what, remedy] = ENDS[error.symbol] ?? [error.message, ''];
  return error.symbol in ENDS ? { what: sentence(what), remedy } : troubleOf(error);
}

// --- Errors -----------------------------------------------------------------------------------------------------------------

/** The vault's own remedies are commands of a terminal; these are for a page. */
const REMEDIES: Readonly<Record<string, string>> = {
  E_NO_SPACE: 'Free space on this device or in the browser, then try again. Reading goes on.',
  E_NO_MEMORY: 'Close other pages, then try again.',
  E_STORE: 'Reload the page. If it stays, the disk of this device may be failing.',
  E_IO: 'Reload the page.',
  E_UNSUPPORTED: 'A newer version of this page is needed: reload it.',
  E_NO_IDENTITY: 'Create an identity first.',
};

export function troubleOf(error: unknown): Trouble {
  const symbol = typeof error === 'object' && error !== null && 'symbol' in error ? String(error.symbol) : '';
  const message = symbol === 'E_NO_SPACE' ? 'there is no room left' : error instanceof Error ? error.message : String(error);
  return { what: sentence(message), remedy: REMEDIES[symbol] ?? '' };
}

/** Why there is no vault to speak to, as the tab says it (core/messages.ts). */
export function failureWords(failure: Failure, message: string): Trouble & { title: string } {
  switch (failure) {
    case 'unreadable': return {
      title: 'This vault cannot be read', what: sentence(message),
      remedy: 'Nothing was changed. What you share is with the other members of your spaces still: they can invite you again.',
    };
    case 'outdated': return { title: 'This page is older than the vault', what: sentence(message), remedy: 'Reload it, and other pages of the vault.' };
    case 'unsupported': return { title: 'The vault cannot run here', what: sentence(message), remedy: 'Open it in a window of its own, in a browser that is up to date, by https.' };
    case 'other': return { title: 'The vault cannot be opened now', what: sentence(message), remedy: 'It is tried again by itself. If it stays so, close other pages of the vault and reload this one.' };
  }
}

// --- Devices ------------------------------------------------------------------------------------------------------------------

const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/\bEdgA?\//, 'Edge'], [/\bOPR\//, 'Opera'], [/\bFirefox\/|\bFxiOS\//, 'Firefox'], [/\bChromium\//, 'Chromium'], [/\bHeadlessChrome\//, 'Chromium'],
  [/\bChrome\/|\bCriOS\//, 'Chrome'], [/\bSafari\//, 'Safari'],
];
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/\bAndroid\b/, 'Android'], [/\biPhone\b/, 'iPhone'], [/\biPad\b/, 'iPad'], [/\bCrOS\b/, 'ChromeOS'], [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b|\bMacintosh\b/, 'Mac'], [/\bLinux\b/, 'Linux'],
];
const firstOf = (table: readonly (readonly [RegExp, string])[], text: string): string | undefined => table.find(([form]) => form.test(text))?.[1];

/** A first name for this device. brands: of navigator.userAgentData, where there is one; it knows Chromium from Chrome. */
export function deviceName(userAgent: string, brands: readonly string[] = []): string {
  const known = brands.length > 0 && firstOf(BROWSERS, userAgent) === 'Chrome' && !brands.includes('Google Chrome') && brands.includes('Chromium');
  const browser = known ? 'Chromium' : firstOf(BROWSERS, userAgent) ?? 'Browser', system = firstOf(SYSTEMS, userAgent);
  return system === undefined ? browser : `${browser} on ${system}`;
}

// --- Keys, times ------------------------------------------------------------------------------------------------------------

/** A key as people compare it: its first digits, in fours. */
export const shortKey = (key: string): string => (key.slice(0, 16).match(/.{1,4}/g) ?? []).join(' ');

export const LIVES: readonly (readonly [ms: number, words: string])[] = [
  [3_600_000, '1 hour'], [86_400_000, '1 day'], [604_800_000, '7 days'], [2_592_000_000, '30 days'],
];

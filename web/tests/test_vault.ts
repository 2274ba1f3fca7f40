// tests/test_vault.ts: what of the vault page is pure: addresses and links, words, the kube's configuration, QR codes.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { DxError } from '../client/src/index.ts';
import { readConfig } from '../vault/config.ts';
import { qrPath } from '../vault/qr.ts';
import { hashOf, pageLink, readLink, readRoute, type Route } from '../vault/route.ts';
import { deviceName, dueWords, failureWords, guestWords, hostWords, invitationEnd, isSpent, levelAbout, levelEverywhere, listed, plainName, plural, rightsWords, SCOPE_WORDS, sentence, shortKey, signalMood, signalWords, spaceWords, troubleOf, type Level } from '../vault/words.ts';

const KEY = 'ab'.repeat(32);

test('a route and its address say the same', () => {
  const routes: Route[] = [
    { at: 'home' }, { at: 'apps' }, { at: 'connection' }, { at: 'space', space: KEY }, { at: 'share', space: KEY }, { at: 'ask', origin: null },
    { at: 'ask', origin: 'https://todo.example:8443' }, { at: 'app', origin: 'http://tasks.kube.localhost:8100' }, { at: 'join', link: null }, { at: 'join', link: 'dxos://join#abc-_9' },
  ];
  for (const route of routes) assert.deepEqual(readRoute(hashOf(route)), route);
  for (const hash of ['', '#', '#/']) assert.deepEqual(readRoute(hash), { at: 'home' });
});

test('whatever else stands behind # is nowhere, and no link', () => {
  const foreign = ['#/space', '#/space/ab', `#/space/${KEY}/rights`, `#/space/${KEY}/share/x`, `#/space/${KEY.toUpperCase()}`, '#/app', '#/app/', '#/app/%zz', '#/app/a/b', '#/toString', '#/__proto__', '#/<script>', '#////'];
  for (const hash of foreign) assert.deepEqual(readRoute(hash), { at: 'nowhere' }, hash);
  for (const hash of ['#join=', '#join=a b!', '#join=<b>']) assert.deepEqual(readRoute(hash), { at: 'join', link: null }, hash);
});

test('a link is found in either form, however a mail has broken it, and in nothing else', () => {
  const link = 'dxos://join#AbC-_09';
  for (const text of [link, ` ${link}\n`, 'dxos://join#AbC\n  -_09', 'https://halo.example/#join=AbC-_09', 'http://halo.kube.localhost:8100/#join=AbC-_09', '#join=AbC-_09', pageLink('https://a.b', link)]) {
    assert.equal(readLink(text), link, text);
  }
  for (const text of ['', 'dxos://join#', 'AbC', 'https://a.b/#join=', 'dxos://join#a?b', 'javascript:alert(1)', `dxos://join#${'a'.repeat(2048)}`]) assert.equal(readLink(text), null, text);
});

test('a name stays within itself, whatever it is made of', () => {
  assert.equal(plainName('\u202eevil\u2069\u2028one\ntwo\u0000\u009b'), 'evil one two');
  for (const name of ['Ada Lovelace', 'علي', '👩‍👩‍👧', 'می‌خواهم', '<b>', '']) assert.equal(plainName(name), name);
});

test('rights in words: each once, the widest only', () => {
  const names = new Map([['1', 'Home'], ['2', 'Work'], ['3', '']]);
  assert.deepEqual(rightsWords([], {}, names), []);
  assert.deepEqual(rightsWords(['identity', 'create'], { 1: 'write', 2: 'write', 3: 'read' }, names),
    ['see your name, your public key and your devices', 'make spaces', 'read in a space without a name', 'read and write in Home and Work']);
  assert.deepEqual(rightsWords(['all:write'], { 1: 'read', 2: 'share' }, names), ['read and write in every space, also in those to come', 'read, write and invite people in Work']);
  assert.equal(levelEverywhere(['identity', 'all:read', 'all:share']), 'share');
  assert.equal(levelEverywhere(['create', 'all:everything']), null);
});

const READS = /sees all that is and was written in the space/, WRITES = /changes, deletes and brings back what is written there/;
/** What the consent must say of a command: by itself, or by its noun and need. Another noun needs a row here, and perhaps a sentence in vault/words.ts. */
const SAID: Readonly<Record<string, RegExp>> = {
  'halo:identity': /your name, your public key/, 'device:identity': /names and keys of your devices/, 'space:create': /Make spaces/,
  'space:join': /Join spaces by invitation.*told your name and your public key/, 'space.members': /names and public keys of its members/,
  'space.rename': /renames the space/, 'space.post': /sends messages to who is there/, 'space:share': /invites people/, 'space:read': READS,
  'object:read': READS, 'link:read': READS, 'query:read': READS, 'watch:read': READS, 'export:read': READS, 'history:read': READS, 'index:read': READS,
  'text:read': READS, 'text:write': WRITES, 'object:write': WRITES, 'link:write': WRITES, 'batch:write': WRITES, 'history:write': WRITES, 'undo:write': WRITES, 'redo:write': WRITES, 'index:write': WRITES,
  'schema:read': READS, 'schema:write': WRITES, 'schema:share': /must be like/,
};

test('every right that the core gives an app is a sentence of the consent', () => {
  const read = (path: string): string => readFileSync(new URL(`../../../src/core/node/${path}`, import.meta.url), 'utf8');
  const scopes = [...read('commands_app.c').matchAll(/\{"([a-z:]+)",\s*\{(?:DX_SCOPE_|0, DX_LEVEL_)/g)].map(([, name]) => name as string);
  assert.ok(scopes.includes('identity') && scopes.length >= 6, `the core's table of scopes was not read: ${scopes}`);
  for (const scope of scopes) assert.ok(SCOPE_WORDS.has(scope) || levelEverywhere([scope]) !== null, `nothing is said of the scope ${scope}`);
  for (const scope of scopes) assert.equal(rightsWords([scope], {}, new Map()).length, 1, scope);

  const needs = [...read('grant.c').matchAll(/\{"([a-z.]+)",\s*DX_NEED_([A-Z]+)\}/g)].map(([, command, need]) => [command as string, (need as string).toLowerCase()] as const);
  assert.ok(needs.length > 40, 'the core\'s table of needs was not read');
  for (const [command, need] of needs) {
    if (need === 'own' || need === 'nothing' || need === 'grant') continue; // what it answers then is of other rights
    const scope = SCOPE_WORDS.get(need), said = scope ? `${scope.words}: ${scope.about}` : levelAbout(need as Level), holds = SAID[command] ?? SAID[`${command.split('.')[0]}:${need}`];
    assert.ok(holds, `${command} needs ${need}: what does the consent say of it? A row in SAID, and a sentence in vault/words.ts`);
    assert.match(said, holds, `${command} needs ${need}`);
  }
});

test('counts, lists, sentences, keys', () => {
  assert.equal(plural(1, 'peer'), '1 peer');
  assert.equal(plural(1200, 'object'), '1,200 objects');
  assert.equal(listed([]), '');
  assert.equal(listed(['a']), 'a');
  assert.equal(listed(['a', 'b', 'c']), 'a, b and c');
  assert.equal(sentence('the disk is full'), 'The disk is full.');
  assert.equal(sentence('Why?'), 'Why?');
  assert.deepEqual([90_000_000, 7_300_000, 60_000, 59_999, -1].map(dueWords), ['in 1 day', 'in 2 hours', 'in 1 minute', 'within a minute', 'within a minute']);
  assert.equal(shortKey('0123456789abcdef0123'), '0123 4567 89ab cdef');
});

test('spaces and signaling in words', () => {
  assert.equal(spaceWords({ peers: 0, behind: 0, members: 1 }), 'only on this device');
  assert.equal(spaceWords({ peers: 0, behind: 0, members: 3 }), 'nobody else is here now');
  assert.equal(spaceWords({ peers: 2, behind: 1, members: 3 }), 'catching up');
  assert.equal(spaceWords({ peers: 2, behind: 0, members: 3 }), 'in step with 2 peers');
  const ready = { state: 'ready', error: null }, idle = { state: 'waiting to dial', error: null }, away = { state: 'waiting to dial', error: 'it could not be reached' };
  assert.deepEqual([[], [away, ready], [idle, away], [away], [{ state: 'proving', error: null }]].map(signalMood), ['none', 'ready', 'idle', 'trying', 'trying']);
  assert.deepEqual([ready, idle, away].map(signalWords), ['connected', 'dialled as soon as you have a space', 'not reached; tried again by itself']);
});

test('every state and end of an invitation has words, and an unknown one breaks nothing', () => {
  for (const state of ['advertising', 'connected', 'pin-wait', 'proving', 'verifying', 'admitting', 'admitted', 'success', 'cancelled', 'expired', 'locked', 'exhausted']) {
    assert.notEqual(hostWords(state), hostWords(undefined), state);
  }
  for (const state of ['parsed', 'connecting', 'handshake', 'pin-required', 'proving', 'requested', 'joining', 'ready', 'success']) assert.notEqual(guestWords(state), guestWords('unheard of'), state);
  assert.deepEqual(invitationEnd(new DxError(-49, 'E_LOCKED', 'x')), { what: 'Locked after three wrong PINs.', remedy: 'Ask the host for a new invitation.' });
  assert.deepEqual(invitationEnd(new DxError(-22, 'E_NO_SPACE', 'the disk is full', 'dx something')).what, 'There is no room left.');
  assert.deepEqual(['E_WITHDRAWN', 'E_NO_HOST'].map((symbol) => isSpent(new DxError(-1, symbol, ''))), [true, false]);
  assert.ok(!troubleOf(new DxError(-7, 'E_NO_IDENTITY', 'none', 'dx halo create NAME')).remedy.includes('dx '), 'no command of a terminal');
});

test('why there is no vault to speak to', () => {
  const titles = (['unreadable', 'outdated', 'unsupported', 'other'] as const).map((failure) => failureWords(failure, 'the reason').title);
  assert.equal(new Set(titles).size, 4);
  assert.equal(failureWords('other', 'the worker could not be loaded').what, 'The worker could not be loaded.');
});

test('a first name for the device', () => {
  const chrome = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36';
  assert.equal(deviceName(chrome), 'Chrome on Linux');
  assert.equal(deviceName(chrome, ['Not.A/Brand', 'Chromium']), 'Chromium on Linux');
  assert.equal(deviceName(chrome, ['Chromium', 'Google Chrome']), 'Chrome on Linux');
  assert.equal(deviceName('Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1'), 'Safari on iPhone');
  assert.equal(deviceName('Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0'), 'Firefox on Windows');
  assert.equal(deviceName(''), 'Browser');
});

test('the kube\'s configuration is believed only as far as it is one', () => {
  assert.deepEqual(readConfig({ signal: 'wss://halo.k/.well-known/dx/signal', ice: [{ urls: 'stun:k:1' }, { urls: ['turn:k:2'], username: 'u', credential: 'c' }] }),
    { signal: 'wss://halo.k/.well-known/dx/signal', ice: [{ urls: 'stun:k:1' }, { urls: 'turn:k:2', username: 'u', credential: 'c' }] });
  assert.deepEqual(readConfig({ signal: 'javascript:1', ice: [{ urls: 'http://k' }, null, 7, { urls: [] }] }), { signal: null, ice: [] });
  assert.deepEqual(readConfig({ signal: null, ice: 'none' }), { signal: null, ice: [] });
  for (const foreign of [null, 7, 'text']) assert.equal(readConfig(foreign), null);
});

test('a QR code has its three corners and white around it', () => {
  const { path, size } = qrPath(`https://halo.example/#join=${'A'.repeat(400)}`);
  assert.ok(size > 60 && size < 120, String(size));
  const corner = (x: number, y: number): string => `M${x} ${y}h7v1h-7z`;
  for (const [x, y] of [[4, 4], [size - 11, 4], [4, size - 11]] as const) assert.ok(path.includes(corner(x, y)), `${x} ${y}`);
  assert.ok(!/M[0-3] /.test(path));
});

// tests/test_react.ts: the hooks against a real agent. Components render nothing and say what they read, so no document is needed but its outline.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createElement, StrictMode, useLayoutEffect, type ReactNode } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { renderToString } from 'react-dom/server.browser';
import { act as reactAct } from 'react-dom/test-utils';
import type { Client, Invitation, Live, Space } from '../client/src/index.ts';
import { fromAgent } from '../client/src/node/socket.ts';
import {
  ClientProvider, useClient, useIdentity, useInvitationStatus, useMay, useMembers, useObject, useQuery, useSpace, useSpaces, useStatus,
} from '../react/src/index.ts';
import { Agent, until } from './agent.ts';

interface Task { title: string; done: boolean }

/** React's act waits through one, and would keep this process from its end for ever. */
class TurnChannel {
  readonly port1: { onmessage: (() => void) | null } = { onmessage: null };
  readonly port2 = { postMessage: () => void setImmediate(() => this.port1.onmessage?.()) };
}

/** As much of a document as React asks for when nothing is shown. */
function outline(): Element {
  const listeners = { addEventListener: () => undefined, removeEventListener: () => undefined };
  const page = { nodeType: 9, nodeName: '#document', ...listeners, activeElement: null, body: null };
  const element = { nodeType: 1, nodeName: 'DIV', tagName: 'DIV', namespaceURI: 'http://www.w3.org/1999/xhtml', ownerDocument: page, ...listeners, textContent: '', childNodes: [] };
  Object.assign(globalThis, { MessageChannel: TurnChannel, window: { ...listeners, document: page, HTMLIFrameElement: class {} }, document: page });
  Object.assign(page, { defaultView: (globalThis as { window?: unknown }).window, documentElement: element });
  return element as unknown as Element;
}

/** React's act, which must know when it is one: the vault's words come at other times too. */
async function act(turn: () => Promise<void>): Promise<void> {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
  await reactAct(turn);
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: false });
}

let agent: Agent, client: Client, space: Space, root: Root;
before(async () => {
  agent = await Agent.start('Alice');
  client = await agent.client();
  space = await client.createSpace({ name: 'notes' });
});
after(async () => {
  await act(async () => root.unmount());
  await agent.end();
});

/** Renders a component below a provider; what it returned last is `seen.at(-1)`. */
async function show<T>(read: () => T, provider: object = { client }): Promise<T[]> {
  const seen: T[] = [];
  const Reader = (): ReactNode => {
    seen.push(read());
    return null;
  };
  root ??= createRoot(outline());
  await act(async () => root.render(createElement(ClientProvider, provider, createElement(Reader))));
  return seen;
}

/** Lets the vault's words come in, in short acts: React 18 renders at the end of one. */
async function settles(what: string, holds: () => boolean): Promise<void> {
  await until(what, async () => {
    await act(() => new Promise((resolve) => setTimeout(resolve, 5)));
    return holds();
  });
}

/** The same for what a component sets itself, which React renders when the turn of act is over. */
async function renders(what: string, holds: () => boolean): Promise<void> {
  await until(what, async () => {
    await act(() => new Promise((resolve) => setTimeout(resolve, 5)));
    return holds();
  });
}

test('identity, spaces, members, status', async () => {
  const seen = await show(() => [useIdentity()?.displayName, useSpaces(), useSpace(space.key), useMembers(space.key).length, useStatus(), useClient()] as const);
  await settles('the members', () => seen.at(-1)?.[3] === 1);
  assert.deepEqual(seen.at(-1), ['Alice', [space], space, 1, 'open', client]);
  const second = await client.createSpace({ name: 'second' });
  await settles('the second space', () => seen.at(-1)?.[1].length === 2);
  await client.removeSpace(second.key);
  await settles('it goes', () => seen.at(-1)?.[1].length === 1);
});

test('a query renders when its result changed, with the same array while it did not', async () => {
  let renders = 0;
  const seen = await show(() => {
    renders++;
    return useQuery<Task>(space, { type: 'task', where: { done: false } }, { sort: (a, b) => (a.title < b.title ? -1 : 1) });
  });
  await settles('the answer', () => seen.at(-1)?.loaded === true);
  let one = {} as Live<Task>;
  await act(async () => { one = space.db.add<Task>({ title: 'b', done: false }, { type: 'task' }); });
  assert.deepEqual(seen.at(-1)?.map(({ title }) => title), ['b']);
  await act(async () => {
    space.db.add<Task>({ title: 'a', done: false }, { type: 'task' });
    await space.db.flush();
  });
  assert.deepEqual(seen.at(-1)?.map(({ title }) => title), ['a', 'b']);
  const before = renders, last = seen.at(-1);
  await act(async () => {
    space.db.add({ title: 'other' }, { type: 'other' });
    await space.db.flush();
  });
  assert.equal(renders, before);
  await act(async () => root.render(createElement(ClientProvider, { client }, createElement(() => null))));
  assert.equal(seen.at(-1), last);
  const again = await show(() => useQuery<Task>(space, { type: 'task', where: { done: false } }));
  await act(async () => { one.done = true; });
  assert.deepEqual(again.at(-1)?.map(({ title }) => title), ['a']);
  assert.deepEqual((await show(() => useQuery(undefined))).map((objects) => objects.length), [0]);
});

test('a query says when it has loaded, also when there is nothing', async () => {
  const seen = await show(() => {
    const objects = useQuery(space, { type: 'nothing of the sort' });
    return [objects.length, objects.loaded, objects.error, useMay('create')] as const;
  });
  assert.deepEqual(seen[0], [0, false, null, true]);
  await settles('the answer', () => seen.at(-1)?.[1] === true);
  assert.deepEqual(seen.at(-1), [0, true, null, true]);
  const nowhere = await show(() => useQuery(undefined).loaded);
  assert.equal(nowhere.at(-1), false);
});

test('one object', async () => {
  const one = space.db.add({ title: 'x', done: false }, { type: 'single' });
  const seen = await show(() => useObject(one).title);
  await act(async () => { one.title = 'y'; });
  assert.deepEqual([seen[0], seen.at(-1)], ['x', 'y']);
});

test('what changes between rendering and listening is not missed', async () => {
  const one = space.db.add({ title: 'x' }, { type: 'single' });
  let first = true;
  const seen = await show(() => {
    useLayoutEffect(() => {
      if (first) one.title = 'y';
      first = false;
    });
    return [useObject(one).title, useObject(undefined)];
  });
  assert.deepEqual(seen.at(-1), ['y', undefined]);
});

test('one write, one rendering', async () => {
  const one = space.db.add({ title: 'x', tags: ['a'] }, { type: 'often' });
  await space.db.flush();
  let renders = 0;
  const seen = await show(() => {
    renders++;
    return useQuery<{ title: string; tags: string[] }>(space, { type: 'often' }, { sort: (a, b) => (a.title < b.title ? -1 : 1) });
  });
  await settles('it is there', () => seen.at(-1)?.length === 1);
  const before = renders, tags = seen.at(-1)?.[0]?.tags;
  await act(async () => {
    one.title = 'y';
    await space.db.flush();
    await space.status(); // what the watch tells of it has come by now
  });
  assert.equal(renders, before + 1);
  assert.equal(seen.at(-1)?.[0]?.tags, tags);
});

test('a vault that is not there at first: the fallback tries again', async () => {
  const tries: ((() => void) | null)[] = [];
  let folder = '/nowhere', shown = 0;
  const provider = {
    key: 'retry', services: () => fromAgent({ vault: folder }), config: { connectTimeoutMs: 20 },
    fallback: (_: Client | null, error: Error | null, retry: () => void) => {
      tries.push(error === null ? null : retry);
      return null;
    },
  };
  await act(async () => root.render(createElement(ClientProvider, provider, createElement(() => {
    shown++;
    return null;
  }))));
  await renders('why', () => typeof tries.at(-1) === 'function');
  assert.equal(shown, 0);
  folder = agent.vault;
  provider.config.connectTimeoutMs = 5000;
  await act(async () => tries.at(-1)?.());
  await renders('it is there', () => shown > 0);
});

test('an invitation, from making it to its end', async () => {
  const invitation: Invitation<void> = space.createInvitation();
  const seen = await show(() => useInvitationStatus(invitation));
  await settles('link and PIN', () => seen.at(-1)?.url !== undefined);
  assert.match(seen.at(-1)?.pin ?? '', /^[0-9]{6}$/);
  await act(async () => seen.at(-1)?.cancel());
  await settles('its end', () => seen.at(-1)?.status === 'cancelled');
  assert.equal(seen.at(-1)?.haltedAt, 'connecting');
  assert.equal((await show(() => useInvitationStatus(undefined))).at(-1)?.status, 'init');
});

test('a provider makes its own client, shows the fallback meanwhile, and twice under StrictMode', async () => {
  const made: Client[] = [], waited: unknown[] = [];
  const provider = {
    services: () => fromAgent({ vault: agent.vault }),
    fallback: (own: Client | null, error: Error | null) => {
      waited.push([own, error]);
      return null;
    },
    onInitialized: (own: Client) => made.push(own),
  };
  await act(async () => root.render(createElement(StrictMode, null, createElement(ClientProvider, { key: 'own', ...provider }, createElement(() => {
    useSpaces();
    return null;
  })))));
  await settles('it is there', () => made.length > 0);
  assert.ok(waited.length > 0);
  assert.equal(made.at(-1)?.spaces.get().length, 1);
  await act(async () => root.render(null));
  assert.equal(made.at(-1)?.status.get(), 'closed');
});

test('on a server, and without a provider', () => {
  const Names = (): ReactNode => useSpaces().map(({ name }) => name).join();
  assert.equal(renderToString(createElement(ClientProvider, { client }, createElement(Names))), 'notes');
  assert.throws(() => renderToString(createElement(Names)), /no ClientProvider/);
});

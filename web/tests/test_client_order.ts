// tests/test_client_order.ts: the client against a scripted vault: what is asked when, and answers in orders that are rare with a real one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, DxError, fromPort, type Live, type Refusal, type Space } from '../client/src/index.ts';
import { idText } from '../client/src/id.ts';
import { until } from './agent.ts';
import { objectId, row, ScriptedVault, SPACE, type Request } from './scripted_vault.ts';

interface Task { title: string; done?: boolean; tags?: string[] }

const DENIED = -6;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const watchOf = (vault: ScriptedVault): Request => vault.named('watch')[0] as Request;

/** A live query that holds what was read once: object 1. */
async function shown(vault: ScriptedVault): Promise<{ client: Client; space: Space; one: Live<Task>; told: () => number; objects: () => readonly Live<Task>[] }> {
  vault.answers['query'] = (request) => {
    request.notify({ rows: [row(1, { title: 'a', tags: ['x'] })] });
    request.reply({ count: 1 });
  };
  const { client, space } = await vault.client(), query = space.db.query<Task>({ type: 'task' });
  let told = 0;
  query.subscribe(() => { told++; });
  const [one] = await query.run();
  await turn();
  told = 0;
  return { client, space, one: one as Live<Task>, told: () => told, objects: () => query.objects };
}

test('a row told before the reply stays below the change, one told right behind it is newer', async () => {
  const vault = new ScriptedVault(), { client, space, one } = await shown(vault), changed = (title: string): object => ({ rows: [{ ...row(1, { title }), change: 'changed' }] });
  let batch = {} as Request;
  vault.answers['batch'] = (request) => { batch = request; };
  one.title = 'mine';
  await turn();
  watchOf(vault).notify(changed('theirs, before') as never);
  assert.equal(one.title, 'mine');
  const questions = vault.asked.length;
  // In one turn, as two frames of one chunk of a socket: the row holds what was acknowledged, and a later change of another.
  batch.reply({ ids: [null] });
  watchOf(vault).notify(changed('theirs, after') as never);
  await turn();
  assert.equal(one.title, 'theirs, after');
  await space.db.flush();
  assert.equal(vault.asked.length, questions, 'nothing had to be asked again');
  await client.destroy();
});

test('an own write is told once, and what did not change stays the same object', async () => {
  const vault = new ScriptedVault(), { client, space, one, told, objects } = await shown(vault), tags = one.tags;
  one.done = true;
  await turn();
  const now = objects();
  await space.db.flush();
  watchOf(vault).notify({ rows: [{ ...row(1, { done: true, title: 'a', tags: ['x'] }), change: 'changed' }] });
  await turn();
  assert.equal(told(), 1);
  assert.equal(objects(), now);
  assert.equal(one.tags, tags);
  watchOf(vault).notify({ rows: [{ ...row(1, { done: false, title: 'a', tags: ['x'] }), change: 'changed' }] });
  assert.notEqual(objects(), now);
  assert.equal(one.tags, tags);
  await client.destroy();
});

test('rows of a query are older than what was written and told meanwhile', async () => {
  const vault = new ScriptedVault(), { client, space, one } = await shown(vault);
  let late = {} as Request;
  vault.answers['query'] = (request) => { late = request; };
  const reading = space.db.run<Task>({ type: 'task', limit: 2 });
  await until('the question', () => late.reply !== undefined);
  one.title = 'written';
  await space.db.flush();
  watchOf(vault).notify({ rows: [{ ...row(2, { title: 'new' }), change: 'changed' }] });
  late.notify({ rows: [row(1, { title: 'a' }), row(2, { title: 'old' })] });
  late.reply({ count: 2 });
  assert.deepEqual((await reading).map(({ title }) => title), ['written', 'new']);
  await client.destroy();
});

test('on another channel: watches first, then their queries, and what a batch changed is read anew', async () => {
  const vault = new ScriptedVault(), { client, one } = await shown(vault), batches: Request[] = [];
  vault.answers['batch'] = (request) => void batches.push(request);
  one.title = 'mine';
  await until('the batch', () => batches.length === 1);
  // Carried out there, and changed by another since; the reply is lost.
  vault.answers['query'] = (request) => {
    request.notify({ rows: [row(1, { title: 'theirs, later' })] });
    request.reply({ count: 1 });
  };
  vault.answers['object.get'] = (request) => request.reply(row(1, { title: 'theirs, later' }));
  vault.cut();
  await until('the batch again', () => batches.length === 2);
  assert.deepEqual(batches[1]?.id, batches[0]?.id);
  const order = vault.asked.map(({ command }) => command['do']);
  assert.ok(order.indexOf('watch') < order.indexOf('query'), order.join());
  await turn();
  batches[1]?.reply({ ids: [null] });
  await until('the newer word', () => one.title === 'theirs, later');
  await client.destroy();
});

test('what nobody listens to is asked for after a gap when it is read', async () => {
  const vault = new ScriptedVault();
  let title = 'before';
  vault.answers['object.get'] = (request) => request.reply(row(1, { title }));
  const { client, space } = await vault.client();
  const one = await space.db.get<Task>(idText(objectId(1))) as Live<Task>;
  title = 'after';
  vault.cut();
  await until('another channel', () => vault.named('watch').length === 1 && client.status.get() === 'open');
  await turn();
  assert.equal(vault.named('object.get').length, 0);
  assert.equal(one.title, 'before');
  await until('what it is now', () => one.title === 'after');
  await client.destroy();
});

test('many questions at once go in their turn, watches and writes at once', async () => {
  const vault = new ScriptedVault(), waiting: Request[] = [];
  vault.answers['query'] = (request) => void waiting.push(request);
  const { client, space } = await vault.client();
  const counts = Promise.all(Array.from({ length: 300 }, () => space.db.count()));
  await until('the first of them', () => waiting.length === 64);
  await turn();
  assert.equal(waiting.length, 64);
  space.db.add({ n: 1 });
  await space.db.flush();
  vault.cut();
  waiting.length = 0;
  await until('the same after a cut', () => waiting.length === 64);
  vault.answers['query'] = (request) => request.reply({ count: 1 });
  for (const request of waiting) request.reply({ count: 1 });
  assert.equal((await counts).length, 300);
  await client.destroy();
});

test('a condition or a listener of the program that throws keeps nothing from its way', async () => {
  const vault = new ScriptedVault(), thrown: unknown[] = [], real = globalThis.queueMicrotask;
  globalThis.queueMicrotask = (call) => real(() => { // by which an error becomes one of the program: else it would be this process's
    try {
      call();
    } catch (error) {
      thrown.push(error);
    }
  });
  try {
    const { client, space, one } = await shown(vault);
    const bad = space.db.query<Task>({ type: 'task' }, { filter: ({ title }) => { if (title === 'b') throw new Error('filter'); return true; } });
    bad.subscribe(() => { throw new Error('listener'); });
    await bad.run();
    one.title = 'b';
    await space.db.flush();
    watchOf(vault).notify({ rows: [{ ...row(1, { title: 'c' }), change: 'changed' }, { ...row(3, { title: 'd' }), change: 'added' }] });
    await turn();
    assert.deepEqual(bad.objects.map(({ title }) => title), ['c', 'd']);
    assert.equal(vault.channels, 1);
    await until('both are heard of', () => ['filter', 'listener'].every((message) => thrown.some((error) => (error as Error).message === message)));
    await client.destroy();
  } finally {
    globalThis.queueMicrotask = real;
  }
});

test('a space made while the vault lists its spaces stays', async () => {
  const vault = new ScriptedVault(), { client } = await vault.client(), other = 'cd'.repeat(32);
  let listing = {} as Request;
  vault.answers['space.watch'] = (request) => { listing = request; };
  vault.answers['space.create'] = (request) => request.reply({ space: other, name: 'new' });
  vault.cut();
  await until('another channel', () => listing.notify !== undefined);
  const made = await client.createSpace({ name: 'new' });
  listing.notify({ rows: [{ change: 'added', space: SPACE, name: 'notes', rights: 'a' }] });
  listing.notify({ state: 'listed' });
  assert.deepEqual(client.spaces.get().map(({ key }) => key).sort(), [SPACE, other]);
  assert.equal(client.getSpace(other), made);
  await client.destroy();
});

test('a grant: asked for when nothing is allowed, once however often the button is pressed', async () => {
  const vault = new ScriptedVault();
  let granted = false, question = {} as Request;
  const guard = (request: Request): void => (granted ? vault.usual(request) : request.refuse(DENIED, 'E_DENIED'));
  Object.assign(vault.answers, { 'space.watch': guard, 'app.ask': (request: Request) => { question = request; } });
  vault.answers['halo.watch'] = (request) => request.refuse(DENIED, 'E_DENIED'); // spaces were allowed, the person's name was not
  const client = new Client({ services: vault.services({ name: 'Todo', want: ['identity'] }) }), starting = client.initialize();
  await until('the question', () => client.access.get() === 'needsGrant' && question.reply !== undefined);
  await client.requestAccess();
  await client.requestAccess();
  assert.equal(vault.named('app.ask').length, 1);
  question.refuse(DENIED, 'E_DENIED');
  await until('the refusal', () => client.access.get() === 'refused');
  await client.requestAccess();
  await until('it asks again', () => vault.named('app.ask').length === 2 && client.access.get() === 'needsGrant');
  granted = true;
  question.reply({ origin: 'https://todo.example', scopes: [], spaces: {} });
  await starting;
  assert.deepEqual([client.access.get(), client.initialized, client.halo.identity.get()], ['ready', true, null]);
  assert.deepEqual(client.spaces.get().map(({ role, level, mayWrite }) => [role, level, mayWrite]), [['owner', 'share', true]]);
  const listed = client.spaces.get();
  (vault.named('space.watch').at(-1) as Request).notify({ rows: [{ change: 'changed', space: SPACE, name: 'notes', rights: 'a', role: 'owner', level: 'read' }] });
  assert.notEqual(client.spaces.get(), listed);
  assert.deepEqual(client.spaces.get().map(({ level, mayWrite }) => [level, mayWrite]), [['read', false]]);
  assert.deepEqual(client.spaces.get().map(({ name }) => name), ['notes']);
  assert.equal(vault.named('space.watch').length, 3);

  // Taken back while a write waits: what was shown goes, the write comes back refused, and asking again begins anew.
  const space = client.spaces.get()[0] as Space, refusals: Refusal[] = [], query = space.db.query({ type: 'task' });
  const seen: number[] = [];
  query.subscribe((objects) => seen.push(objects.length));
  space.db.refused.subscribe((refusal) => refusals.push(refusal));
  granted = false;
  let batch = {} as Request;
  vault.answers['batch'] = (request) => { batch = request; };
  space.db.add({ title: 'late' }, { type: 'task' });
  await until('it is shown and sent', () => seen.at(-1) === 1 && batch.refuse !== undefined);
  batch.refuse(DENIED, 'E_DENIED');
  (vault.named('space.watch').at(-1) as Request).refuse(DENIED, 'E_DENIED');
  await assert.rejects(space.db.flush(), (error: DxError) => error.symbol === 'E_DENIED');
  assert.deepEqual([client.access.get(), client.spaces.get().length, refusals.length], ['needsGrant', 0, 1]);
  await until('the list is empty', () => seen.at(-1) === 0);
  const again = client.requestAccess();
  await until('it asks again', () => vault.named('app.ask').length === 3);
  granted = true;
  question.reply({});
  await again;
  assert.deepEqual([client.access.get(), client.spaces.get().length], ['ready', 1]);
  await client.destroy();
});

test('a grant that grows, or shrinks, tells the running program', async () => {
  const vault = new ScriptedVault();
  vault.answers['halo.watch'] = (request) => request.refuse(DENIED, 'E_DENIED');
  const client = await new Client({ services: vault.services({ name: 'Todo', want: ['identity', 'create'] }) }).initialize(), heard: (readonly string[] | undefined)[] = [];
  client.grant.subscribe((grant) => heard.push(grant?.scopes), { immediate: true });
  assert.deepEqual([client.may('create'), client.may('identity'), client.halo.identity.get()], [true, false, null]);
  const watch = vault.named('grant.watch').at(-1) as Request, spaces = { [SPACE]: 'write' };
  delete vault.answers['halo.watch'];
  watch.notify({ origin: 'https://todo.example', scopes: ['identity', 'create'], spaces });
  await until('who the person is', () => client.halo.identity.get()?.displayName === 'Ada');
  assert.deepEqual([client.may('identity'), client.grant.get()?.spaces], [true, spaces]);
  assert.equal(vault.named('app.ask').length, 0, 'nobody was asked again');
  watch.notify({ origin: 'https://todo.example', scopes: [], spaces });
  (vault.named('halo.watch').at(-1) as Request).refuse(DENIED, 'E_DENIED');
  assert.deepEqual([client.may('identity'), client.may('create'), client.access.get()], [false, false, 'ready']);
  await until('it is not known any more', () => client.halo.identity.get() === null);
  watch.refuse(DENIED, 'E_DENIED');
  await until('no grant', () => client.grant.get() === null);
  assert.deepEqual(heard, [['create'], ['identity', 'create'], [], undefined]);
  await client.destroy();
  const own = new Client({ services: vault.services() });
  assert.equal(own.may('identity') && own.may('join'), true, 'the person\'s own program');
});

test('an invitation cancelled while the vault is away is cancelled when it is back', async () => {
  const vault = new ScriptedVault(), { client, space } = await vault.client();
  vault.answers['space.share'] = (request) => request.notify({ url: 'dxos://join#x', pin: '123456' });
  const invitation = space.createInvitation();
  await invitation.until(({ url }) => url !== undefined);
  const [share] = vault.named('space.share');
  vault.cut();
  invitation.cancel();
  await until('it is told', () => vault.named('request.cancel').some(({ command }) => Buffer.from(command['of'] as Uint8Array).equals(share?.id as Uint8Array)));
  await client.destroy();
});

test('destroy ends in every state', async () => {
  const vault = new ScriptedVault(), { client, space } = await vault.client();
  vault.answers['batch'] = () => undefined; // never answered
  space.db.add({ n: 1 });
  const flushed = assert.rejects(space.db.flush(), (error: DxError) => error.symbol === 'E_CANCELLED');
  await turn();
  const ending = client.destroy();
  assert.equal(client.destroy(), ending);
  vault.cut(); // else it would wait five seconds for the write
  await ending;
  await flushed;
  assert.deepEqual([client.status.get(), client.spaces.get().length, client.halo.identity.get()], ['closed', 0, null]);
  await assert.rejects(client.initialize(), /destroyed/);
  space.db.add({ n: 2 });
  await assert.rejects(space.db.flush(), (error: DxError) => error.remedy === 'initialize()');
  await new Client({ services: vault.services() }).destroy();
  // While it waits for a person.
  vault.answers['space.watch'] = (request) => request.refuse(DENIED, 'E_DENIED');
  vault.answers['app.ask'] = (request) => request.refuse(DENIED, 'E_DENIED');
  const asking = new Client({ services: vault.services({ name: 'Todo', want: [] }) }), starting = assert.rejects(asking.initialize(), /destroyed/);
  await until('the refusal', () => asking.access.get() === 'refused');
  await asking.destroy();
  await starting;
});

test('a vault that has died without a word is noticed, and reached again', async () => {
  const looks: (() => void)[] = [], real = globalThis.setInterval;
  const look = async (times: number): Promise<void> => {
    for (let n = 0; n < times; n++) looks.at(-1)?.();
    await turn();
  };
  globalThis.setInterval = ((call: () => void, ms: number) => {
    looks.push(call);
    return real(() => undefined, ms).unref();
  }) as typeof setInterval;
  try {
    const vault = new ScriptedVault();
    vault.wantsCredit = true;
    const { client } = await vault.client(), before = vault.channels;
    await look(2);
    assert.equal(vault.named('request.cancel').length, 1, 'silence brings a question');
    await look(2);
    assert.equal(vault.named('request.cancel').length, 2, 'it was answered, so all is well');
    vault.answers['request.cancel'] = () => undefined;
    await look(5);
    await until('another channel', () => vault.channels === before + 1);
    await client.destroy();
  } finally {
    globalThis.setInterval = real;
  }
});

test('one port is one channel', async () => {
  const { port1, port2 } = new MessageChannel(), services = fromPort(port1 as unknown as MessagePort), events = { onFrame: () => undefined, onClosed: () => undefined };
  (await services.open(events)).close();
  await assert.rejects(services.open(events), (error: DxError) => error.symbol === 'E_UNREACHABLE');
  port2.close();
});

test('what is watched goes on after a full disk has undone the step it stood in; other requests are told', async () => {
  const vault = new ScriptedVault(), { client, space } = await shown(vault), NO_SPACE = -22;
  const watches = (): Request[] => [...vault.named('space.watch'), ...vault.named('halo.watch'), ...vault.named('watch')];
  const before = watches().length, channels = vault.channels;
  vault.answers['space.status'] = (request) => request.refuse(NO_SPACE, 'E_NO_SPACE');
  await assert.rejects(space.status(), (error: DxError) => error.symbol === 'E_NO_SPACE');
  for (const watch of watches()) watch.refuse(NO_SPACE, 'E_NO_SPACE');
  await until('all are asked again', () => watches().length === 2 * before);
  assert.equal(vault.channels, channels, 'on the same channel');
  (vault.named('space.watch')[1] as Request).notify({ rows: [{ change: 'changed', space: SPACE, name: 'another name', members: 1, rights: 'a', role: 'owner' }] });
  assert.equal(space.name, 'another name');
  assert.equal(client.getSpace(SPACE), space);
  (vault.named('space.watch')[1] as Request).refuse(NO_SPACE, 'E_NO_SPACE');
  await client.destroy(); // while it waits
});

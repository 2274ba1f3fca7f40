// tests/test_client_part.ts: a client of a vault that keeps a part of a space: what its queries say of themselves, objects that are fetched when somebody looks at
// them, and live queries across a widening and a narrowing.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isPartial, type Client, type Live, type Space } from '../client/src/index.ts';
import { Agent, until } from './agent.ts';

interface Photo { title: string; content?: Live<Content> }
interface Content { bytes: Uint8Array }
interface Note { text: string }
interface Task { title: string; done: boolean }

let alice: Agent, bob: Agent, hers: Client, his: Client, space: Space, part: Space;
const bytes = new Uint8Array(300_000).map((_, at) => at * 7 % 251);

before(async () => {
  [alice, bob] = await Promise.all([Agent.start('Alice'), Agent.start('Bob')]);
  [hers, his] = await Promise.all([alice.client(), bob.client()]);
  space = await hers.createSpace({ name: 'album' });
  const content = space.db.add<Content>({ bytes }, { type: 'photo.content' });
  space.db.add<Photo>({ title: 'the sea', content }, { type: 'photo' });
  space.db.add<Note>({ text: 'buy film' }, { type: 'note' });
  await space.db.flush();
  const host = space.createInvitation();
  const { url, pin } = await host.until((snapshot) => snapshot.url !== undefined);
  await bob.dx('space', 'join', url as string, '--pin', pin as string, '--type', 'photo');
  await host.wait();
  await until('the space', () => his.getSpace(space.key) !== undefined);
  part = his.getSpace(space.key) as Space;
  await part.waitUntilSynced();
});

after(async () => {
  await Promise.all([alice.end(), bob.end()]);
});

test('results say whether there may be more', async () => {
  const photos = await part.db.query<Photo>({ type: 'photo' }).run();
  assert.deepEqual(photos.map(({ title }) => title), ['the sea']);
  assert.deepEqual([photos.loaded, photos.partial], [true, false]);
  const notes = await part.db.query<Note>({ type: 'note' }).run();
  assert.deepEqual([notes.length, notes.loaded, notes.partial], [0, true, true]);
  assert.equal((await part.db.query({}).run()).partial, true);
  assert.equal((await space.db.query({}).run()).partial, false);
  const status = await part.status();
  assert.deepEqual([status.partial, status.types, status.outside, status.missing], [true, ['photo'], 2, undefined]);
});

test('what is looked at is fetched, and who refers to it hears', async () => {
  const query = part.db.query<Photo>({ type: 'photo' });
  let told = 0;
  const leave = query.subscribe(() => { told++; });
  const photo = (await query.run())[0] as Live<Photo>;
  const blob = photo.content as Live<Content>;
  assert.equal(blob.bytes, undefined);
  assert.equal(await part.db.get(blob.id), undefined);
  const before = told;
  const fetched = await part.db.fetch<Content>(blob.id);
  assert.equal(fetched, blob);
  assert.deepEqual(blob.bytes, bytes);
  assert.equal(isPartial(blob), false);
  assert.equal(await part.db.get(blob.id), blob);
  assert.equal(isPartial(blob), true, 'what others do to it from now on is left out');
  assert.equal(isPartial(photo), false);
  await until('word of it', () => told > before);
  leave();
  assert.equal(await part.db.fetch(blob.id.replace(/^\d+/, '4999'), { timeoutMs: 3000 }), undefined);
});

test('live queries go along when another part is kept', async () => {
  const query = part.db.query<Note>({ type: 'note' });
  const seen: [number, boolean][] = [];
  const leave = query.subscribe((notes) => { seen.push([notes.length, notes.partial]); });
  await query.run();
  await part.keep({ types: ['photo', 'note'] });
  await until('the note, and that it is all', () => query.objects.length === 1 && !query.objects.partial);
  assert.ok(seen.every(([length, partial]) => length === 1 || partial), 'nothing was said to be all before it was');
  space.db.add<Note>({ text: 'buy more' }, { type: 'note' });
  await until('the next one', () => query.objects.length === 2);
  await part.keep({ types: ['photo'] });
  await until('word that there may be more from now on', () => query.objects.partial);
  assert.equal(query.objects.length, 2); // what is here stays
  await part.keep('all');
  await until('everything', () => !query.objects.partial);
  assert.equal((await part.db.query({}).run()).partial, false);
  assert.equal((await part.status()).partial, undefined);
  leave();
});

test('what matches a question is kept', async () => {
  const open = { type: 'task', where: { done: false } };
  const query = part.db.query<Task>(open);
  const leave = query.subscribe(() => undefined);
  await part.keep({ query: open });
  const tasks = ['water', 'weed', 'sow'].map((title, at) => space.db.add<Task>({ title, done: at === 1 }, { type: 'task' }));
  await until('those that are open', () => query.objects.length === 2 && query.objects.partial);
  assert.equal((await part.db.query<Task>({ type: 'task' }).run()).length, 2);
  assert.deepEqual((await part.status()).query, open);
  await until('word of who told it', async () => (await part.status()).told_by === hers.halo.identity.get()?.identityKey);
  (tasks[0] as Live<Task>).done = true;
  (tasks[1] as Live<Task>).done = false;
  await until('one more and one less', () => query.objects.map(({ title }) => title).sort().join() === 'sow,weed');
  await assert.rejects(part.keep({ query: { ...open, follow: [{ out: 'after' }] } }), { symbol: 'E_INVALID' });
  await part.keep('all');
  await until('everything', () => !query.objects.partial);
  leave();
});

test('with nobody there what is here is said to be a part', async () => {
  const note = (await part.db.query<Note>({ type: 'note' }).run())[0] as Live<Note>;
  await part.keep({ types: ['photo'] });
  assert.equal(await part.db.fetch<Note>(note.id), note);
  assert.equal(isPartial(note), false);
  await alice.kill();
  assert.equal(await part.db.fetch<Note>(note.id, { timeoutMs: 500 }), note);
  assert.equal(isPartial(note), true);
  await assert.rejects(part.db.fetch(note.id.replace(/^\d+/, '4999'), { timeoutMs: 500 }), { symbol: 'E_TIMEOUT' });
  await alice.resume();
  await part.keep('all');
});

test('how much a vault keeps is the person\'s to say', async () => {
  await assert.rejects(part.keep({ types: ['dx.space'] }), { symbol: 'E_INVALID' });
  await assert.rejects(part.keep({ since: new Date(-5) }), { symbol: 'E_INVALID' });
  await part.keep({ since: new Date(Date.now() - 60_000) });
  assert.equal((await part.db.query({ type: 'photo' }).run()).partial, true);
  await part.keep('all');
});

// tests/test_text.ts: Yjs documents upon texts of a space (client/src/yjs): with real agents, two vaults, one that is killed and one that is restored; against
// a scripted vault for what is asked and how often.
import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import * as Y from 'yjs';
import type { Client, Space } from '../client/src/index.ts';
import { createText, TextProvider } from '../client/src/yjs/index.ts';
import { rewrite } from '../client/src/yjs/rewrite.ts';
import { Agent, until } from './agent.ts';
import { ScriptedVault, type Request } from './scripted_vault.ts';

// --- Real vaults ----------------------------------------------------------------------------------------------------

let alice: Agent, bob: Agent, hers: Client, his: Client, space: Space, part: Space;
const open: TextProvider[] = [];

before(async () => {
  [alice, bob] = await Promise.all([Agent.start('Alice'), Agent.start('Bob')]);
  [hers, his] = await Promise.all([alice.client(), bob.client()]);
  space = await hers.createSpace({ name: 'desk' });
  part = await join(his, space);
});

after(async () => {
  for (const provider of open) provider.destroy();
  await Promise.all([alice.end(), bob.end()]);
});

async function join(guest: Client, into: Space, role: 'editor' | 'reader' = 'editor'): Promise<Space> {
  const host = into.createInvitation({ role });
  const { url, pin } = await host.until((snapshot) => snapshot.url !== undefined);
  await guest.acceptInvitation(url as string, { pin: pin as string }).wait();
  await host.wait();
  await until('the space', () => guest.getSpace(into.key) !== undefined);
  const joined = guest.getSpace(into.key) as Space;
  await joined.waitUntilSynced();
  return joined;
}

async function edit(of: Space, id: string): Promise<TextProvider> {
  await until('the text', async () => (await of.db.get(id)) !== undefined);
  const provider = new TextProvider(of.db, id, new Y.Doc());
  open.push(provider);
  await provider.whenSynced();
  return provider;
}

const textIn = (provider: TextProvider): Y.Text => provider.doc.getText('text');
const saved = (provider: TextProvider): Promise<void> => until('it is kept', () => provider.waiting.get() === 0);
const shows = (provider: TextProvider, words: string): Promise<void> => until(words, () => textIn(provider).toString() === words);

test('documents of one vault and of another show one text, as the command does', async () => {
  const id = await createText(space.db, { text: 'Roses want sun.', type: 'note' });
  const [first, second, third] = [await edit(space, id), await edit(space, id), await edit(part, id)];
  for (const provider of [first, second, third]) assert.equal(textIn(provider).toString(), 'Roses want sun.');
  textIn(first).insert(5, ' and lilies');
  textIn(third).insert(15, ' So do 🐝.');
  for (const provider of [first, second, third]) await shows(provider, 'Roses and lilies want sun. So do 🐝.');
  textIn(second).format(0, 5, { bold: true });
  textIn(second).insertEmbed(5, { image: 'rose.png' });
  await until('formatting', () => JSON.stringify(textIn(third).toDelta()) === JSON.stringify(textIn(second).toDelta()));
  assert.equal(textIn(third).toDelta()[1].insert.image, 'rose.png');
  for (const provider of [first, second, third]) await saved(provider);
  await alice.dx('text', 'delete', 'desk', id, '5', '12');
  await until('what the command deleted', () => [first, second, third].every((provider) => textIn(provider).length === 25));
  assert.deepEqual(await bob.dx('text', 'cat', 'desk', id), ['Roses want sun. So do 🐝.']);
  assert.equal((await space.db.get<{ text: string }>(id))?.text, 'Roses want sun. So do 🐝.');
});

test('what is written while the vault is away is kept once, and merges with what others wrote', async () => {
  const id = await createText(space.db), mine = await edit(space, id), theirs = await edit(part, id);
  textIn(mine).insert(0, 'one two');
  await shows(theirs, 'one two');
  const typing = (async () => {
    for (let n = 0; n < 100; n++) {
      textIn(mine).insert(textIn(mine).length, ` ${n}`);
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (n === 50) await alice.kill();
    }
  })();
  await typing;
  assert.ok(mine.waiting.get() > 0);
  textIn(theirs).insert(3, ' and a half');
  await saved(theirs);
  await alice.resume();
  await saved(mine);
  const expected = `one and a half two ${Array.from({ length: 100 }, (_, n) => n).join(' ')}`;
  await shows(mine, expected);
  await shows(theirs, expected);
  assert.deepEqual(await bob.dx('text', 'cat', 'desk', id), [expected]);
});

test('a vault that was restored: what was not kept is written once more, as the new client', async () => {
  const id = await createText(space.db, { text: 'kept' }), mine = await edit(space, id), theirs = await edit(part, id);
  await alice.kill();
  await cp(alice.vault, `${alice.vault}.backup`, { recursive: true });
  await alice.resume();
  textIn(mine).insert(4, ', and later');
  await saved(mine);
  await shows(theirs, 'kept, and later');
  await alice.kill();
  await rm(alice.vault, { recursive: true });
  await cp(`${alice.vault}.backup`, alice.vault, { recursive: true });
  textIn(mine).insert(0, 'Well ');
  textIn(mine).format(0, 4, { bold: true });
  const before = mine.doc.clientID;
  let renewed = 0;
  mine.renewed.subscribe(() => { renewed++; });
  await alice.resume();
  await until('another document', () => renewed === 1);
  await saved(mine);
  assert.notEqual(mine.doc.clientID, before);
  await until('all of it once', () => [mine, theirs].every((provider) => JSON.stringify(textIn(provider).toDelta()) === JSON.stringify([{ insert: 'Well', attributes: { bold: true } }, { insert: ' kept, and later' }])));
  textIn(mine).insert(0, 'So: ');
  await saved(mine);
  await until('and on', () => textIn(theirs).toString() === 'So: Well kept, and later');
});

test('a reader reads along, and is told that nothing more is kept', async () => {
  const carol = await Agent.start('Carol');
  try {
    const id = await createText(space.db, { text: 'read' }), mine = await edit(space, id);
    const client = await carol.client(), reader = await edit(await join(client, space, 'reader'), id);
    assert.equal(reader.mayWrite.get(), false);
    textIn(mine).insert(4, ' me');
    await shows(reader, 'read me');
    textIn(reader).insert(0, 'x');
    await until('word', () => reader.error.get()?.symbol === 'E_DENIED');
    assert.equal(reader.waiting.get(), 1);
    reader.destroy();
  } finally {
    await carol.end();
  }
});

test('no text, no document', async () => {
  const note = space.db.add({ title: 'no text' });
  await space.db.flush();
  const provider = new TextProvider(space.db, note.id, new Y.Doc());
  await assert.rejects(provider.whenSynced(), { symbol: 'E_UNSUPPORTED' });
  provider.destroy();
});

// --- What is asked --------------------------------------------------------------------------------------------------

const CLIENT = 7_000_000_000_001, ID = '1-0-abcd';

/** A vault with an empty text, its pushes held until they are answered by the test. */
async function script(): Promise<{ vault: ScriptedVault; provider: TextProvider; pushes: Request[] }> {
  const vault = new ScriptedVault(), pushes: Request[] = [];
  vault.answers['text.open'] = (request) => request.reply({ client: CLIENT, session: 5, update: Y.encodeStateAsUpdateV2(new Y.Doc()) });
  vault.answers['text.watch'] = () => undefined;
  vault.answers['text.push'] = (request) => void pushes.push(request);
  vault.answers['space.listen'] = (request) => request.refuse(-16, 'E_UNSUPPORTED');
  const { space: scripted } = await vault.client();
  const provider = new TextProvider(scripted.db, ID, new Y.Doc());
  await provider.whenSynced();
  return { vault, provider, pushes };
}

const pushed = (request: Request | undefined): string => {
  const doc = new Y.Doc();
  Y.applyUpdateV2(doc, request?.command['update'] as Uint8Array);
  return doc.getText('text').toString();
};

test('one push at a time: what is written meanwhile goes together behind it, and after a lost channel once more with its id', async () => {
  const { vault, provider, pushes } = await script();
  assert.equal(provider.doc.clientID, CLIENT);
  for (const letter of 'abc') textIn(provider).insert(textIn(provider).length, letter);
  await until('a push', () => pushes.length === 1);
  assert.deepEqual([pushed(pushes[0]), provider.waiting.get()], ['a', 3]);
  vault.cut();
  await until('the push again', () => pushes.length === 2);
  assert.deepEqual(pushes[1]?.id, pushes[0]?.id);
  pushes[1]?.reply();
  await until('the next', () => pushes.length === 3);
  const both = new Y.Doc();
  for (const push of [pushes[1], pushes[2]]) Y.applyUpdateV2(both, push?.command['update'] as Uint8Array);
  assert.equal(both.getText('text').toString(), 'abc');
  assert.equal(provider.waiting.get(), 2);
  pushes[2]?.reply();
  await saved(provider);
  provider.destroy();
});

test('what others write is told from what the document has on, over a new channel from there, and nothing is asked for beside', async () => {
  const { vault, provider, pushes } = await script(), other = new Y.Doc(), updates: Uint8Array[] = [];
  other.clientID = 9;
  other.on('updateV2', (update: Uint8Array) => void updates.push(update));
  for (const word of ['one', ' two', ' three']) other.getText('text').insert(other.getText('text').length, word);
  let changes = 0;
  provider.doc.on('updateV2', (_update: Uint8Array, origin: unknown) => { changes++; assert.equal(origin, provider); });
  const [watch] = vault.named('text.watch');
  assert.deepEqual([watch?.command['id'], watch?.command['session'], watch?.command['form']], [ID, 5, 2]);
  watch?.notify({ rows: updates.slice(0, 2).map((update) => ({ update })) });
  await shows(provider, 'one two');
  assert.equal(changes, 1, 'what is told together shows together');
  vault.cut();
  await until('the watch again', () => vault.channels === 2 && vault.named('text.watch').length === 1);
  const [again] = vault.named('text.watch'), clocks = Y.decodeStateVector(again?.command['clocks'] as Uint8Array);
  assert.deepEqual([...clocks], [[9, 7]]);
  again?.notify({ rows: [{ update: Y.encodeStateAsUpdateV2(other, again.command['clocks'] as Uint8Array) }, { update: updates[0] as Uint8Array }] });
  await shows(provider, 'one two three');
  assert.deepEqual([pushes.length, vault.named('text.pull').length, vault.named('watch').length], [0, 0, 0]);
  provider.destroy();
});

test('what is refused waits with the reason, and goes again when something is written or asked for', async () => {
  const { provider, pushes } = await script();
  textIn(provider).insert(0, 'a');
  await until('a push', () => pushes.length === 1);
  pushes[0]?.refuse(-5, 'E_LIMIT');
  await until('the reason', () => provider.error.get()?.symbol === 'E_LIMIT');
  assert.equal(provider.waiting.get(), 1);
  provider.retry();
  await until('another', () => pushes.length === 2);
  assert.equal(pushed(pushes[1]), 'a');
  pushes[1]?.reply();
  await saved(provider);
  assert.equal(provider.error.get(), null);
  provider.destroy();
});

test('a session that is refused is opened anew once, and no more when that is refused, too', async () => {
  const { vault, provider, pushes } = await script();
  textIn(provider).insert(0, 'a');
  await until('a push', () => pushes.length === 1);
  vault.answers['text.open'] = (request) => request.reply({ client: CLIENT + 1, session: 6, update: Y.encodeStateAsUpdateV2(new Y.Doc()) });
  pushes[0]?.refuse(-1, 'E_INVALID');
  await until('the same from another', () => pushes.length === 2);
  assert.deepEqual([pushes[1]?.command['session'], pushed(pushes[1]), provider.doc.clientID], [6, 'a', CLIENT + 1]);
  pushes[1]?.refuse(-1, 'E_INVALID');
  await until('the reason', () => provider.error.get()?.symbol === 'E_INVALID');
  assert.equal(vault.named('text.open').length, 2);
  assert.equal(provider.waiting.get(), 1);
  provider.destroy();
});

test('who is there is told as messages, and who comes is told by those who are there', async () => {
  const vaults = [new ScriptedVault(), new ScriptedVault()], listening: (Request | undefined)[] = [];
  const providers: TextProvider[] = [];
  for (const [at, vault] of vaults.entries()) {
    vault.answers['text.open'] = (request) => request.reply({ client: CLIENT + at, session: 5, update: Y.encodeStateAsUpdateV2(new Y.Doc()) });
    vault.answers['space.listen'] = (request) => { listening[at] = request; };
    vault.answers['space.post'] = (request) => {
      assert.equal(request.command['channel'], `text/${ID}`);
      listening[1 - at]?.notify({ rows: [{ message: request.command['message'] as Uint8Array }] });
      request.reply();
    };
    const { space: scripted } = await vault.client();
    const provider = new TextProvider(scripted.db, ID, new Y.Doc());
    await provider.whenSynced();
    provider.awareness.setLocalStateField('user', { name: `user ${at}` });
    providers.push(provider);
  }
  const [ada, bea] = providers as [TextProvider, TextProvider];
  await until('both know both', () => [ada, bea].every(({ awareness }) => [CLIENT, CLIENT + 1].every((client, at) => awareness.getStates().get(client)?.['user']?.name === `user ${at}`)));
  assert.equal(ada.awareness.getStates().size, 2);
  listening[0]?.notify({ rows: [{ message: Uint8Array.of(1, 200, 3) }] });
  bea.destroy();
  await until('she left', () => ada.awareness.getStates().size === 1);
  ada.destroy();
});

// --- Written once more ----------------------------------------------------------------------------------------------

const isAsXml = (doc: Y.Doc): string => doc.getXmlFragment('page').toString();

test('insertions, formats and deletes in all types are written once more by another', () => {
  const state = new Y.Doc(), old = new Y.Doc(), copy = new Y.Doc();
  state.getText('text').applyDelta([{ insert: 'plain ' }, { insert: 'bold', attributes: { bold: true } }, { insert: '\n' }]);
  state.getMap('map').set('list', new Y.Array());
  (state.getMap('map').get('list') as Y.Array<number>).insert(0, [1, 2, 3]);
  const paragraph = new Y.XmlElement('p');
  state.getXmlFragment('page').insert(0, [paragraph]);
  paragraph.insert(0, [new Y.XmlText('words')]);
  const kept = Y.encodeStateAsUpdateV2(state);
  Y.applyUpdateV2(old, kept);
  Y.applyUpdateV2(copy, kept);

  const text = old.getText('text'), list = old.getMap('map').get('list') as Y.Array<unknown>, page = old.getXmlFragment('page');
  text.applyDelta([{ retain: 2, attributes: { italic: true } }, { insert: 'é🐝' }, { retain: 5 }, { retain: 2, attributes: { bold: null } }, { delete: 1 }, { insert: { image: 'x' } }]);
  text.insert(text.length, '\n');
  list.delete(1, 1);
  list.insert(0, ['new', new Y.Map([['deep', 1]])]);
  old.getMap('map').set('key', 'value');
  const first = page.get(0) as Y.XmlElement;
  first.setAttribute('class', 'wide');
  (first.get(0) as Y.XmlText).insert(5, ' more');
  page.insert(0, [new Y.XmlElement('hr')]);

  const lacking = Y.encodeStateAsUpdateV2(old, Y.encodeStateVector(state));
  assert.ok(rewrite(copy, kept, lacking, old));
  assert.deepEqual(copy.getText('text').toDelta(), text.toDelta());
  assert.deepEqual(copy.getMap('map').toJSON(), old.getMap('map').toJSON());
  assert.equal(isAsXml(copy), isAsXml(old));
  for (const client of Y.decodeStateVector(Y.encodeStateVector(copy)).keys()) assert.notEqual(client, old.clientID);

  assert.equal(rewrite(new Y.Doc(), Y.encodeStateAsUpdateV2(new Y.Doc()), lacking, old), false, 'what names something that is not there is not written by halves');
});

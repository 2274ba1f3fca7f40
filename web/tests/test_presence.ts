// tests/test_presence.ts: who is there, by a clock that is given: who is heard of no more vanishes, and who only looks on is said to be there all the same.
import { pass } from './given_clock.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Awareness from 'y-protocols/awareness';
import * as Y from 'yjs';
import { TextProvider } from '../client/src/yjs/index.ts';
import { until } from './agent.ts';
import { ScriptedVault, type Request } from './scripted_vault.ts';

const ID = '1-0-abcd', CLIENT = 7_000_000_000_001, STATES = 1;
/** As in y-protocols; other programs go by it. */
const GONE_MS = 30_000;

interface There { vault: ScriptedVault; provider: TextProvider; listening: Request; said: () => number }

async function open(): Promise<There> {
  const vault = new ScriptedVault();
  let listening: Request | undefined, said = 0;
  vault.answers['text.open'] = (request) => request.reply({ client: CLIENT, session: 5, update: Y.encodeStateAsUpdateV2(new Y.Doc()) });
  vault.answers['text.watch'] = () => undefined;
  vault.answers['space.listen'] = (request) => { listening = request; };
  vault.answers['space.post'] = (request) => {
    if ((request.command['message'] as Uint8Array)[0] === STATES) said++;
    request.reply();
  };
  const { space } = await vault.client();
  const provider = new TextProvider(space.db, ID, new Y.Doc());
  await provider.whenSynced();
  await until('it listens', () => listening !== undefined);
  return { vault, provider, listening: listening as unknown as Request, said: () => said };
}

/** Somebody else's program, as far as it says who is there. */
function somebody(client: number, name: string): { awareness: Awareness.Awareness; say: (to: Request) => void } {
  const doc = new Y.Doc();
  doc.clientID = client;
  const awareness = new Awareness.Awareness(doc);
  awareness.setLocalState({ user: { name } });
  return { awareness, say: (to) => to.notify({ rows: [{ message: Uint8Array.of(STATES, ...Awareness.encodeAwarenessUpdate(awareness, [client])) }] }) };
}

const names = ({ provider }: There): string[] => [...provider.awareness.getStates()].filter(([client]) => client !== CLIENT).map(([, state]) => state['user'].name).sort();

test('who is heard of no more vanishes after 30 s; who is said once more stays', async () => {
  const mine = await open(), bob = somebody(1, 'Bob'), eve = somebody(2, 'Eve');
  for (const other of [bob, eve]) other.say(mine.listening);
  await until('both', () => names(mine).join() === 'Bob,Eve');
  pass(GONE_MS / 2 + 3000); // Bob's own program has said it again by itself; Eve's page was frozen
  bob.say(mine.listening);
  await until('it is taken', () => (mine.provider.awareness.meta.get(1)?.clock ?? 0) === bob.awareness.meta.get(1)?.clock);
  assert.deepEqual(names(mine), ['Bob', 'Eve']);
  pass(GONE_MS / 2);
  assert.deepEqual(names(mine), ['Bob']);
  pass(GONE_MS / 2);
  assert.deepEqual(names(mine), []);
  eve.say(mine.listening);
  await until('she is back', () => names(mine).join() === 'Eve');
  for (const { awareness } of [bob, eve]) awareness.destroy();
  mine.provider.destroy();
});

test('one who does nothing is announced every 15 s, and is gone when the text is closed', async () => {
  const mine = await open();
  mine.provider.awareness.setLocalStateField('user', { name: 'Ada' });
  await until('it is said', () => mine.said() > 0);
  await new Promise((resolve) => setTimeout(resolve, 100)); // the pace of what is said
  const before = mine.said();
  pass(GONE_MS / 2 - 1);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(mine.said(), before, 'not sooner');
  for (let n = 1; n <= 3; n++) {
    pass(GONE_MS / 2);
    await until('once more', () => mine.said() === before + n);
  }
  mine.provider.destroy();
  await until('good-bye', () => mine.said() === before + 4);
  pass(10 * GONE_MS);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(mine.said(), before + 4, 'and not a word more');
});

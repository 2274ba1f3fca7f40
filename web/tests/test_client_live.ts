// tests/test_client_live.ts: live queries against a real agent: what a client shows after each change, its own and others', is what the vault answers when it
// is asked anew, for random questions and writes; what watches with an order tell, carried out, likewise; and what was, and the way back.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DxError, dataOf, strong, type Client, type Condition, type Database, type Filter, type Live, type Query, type Space } from '../client/src/index.ts';
import { Connection, rowsOf, type Body } from '../client/src/connection.ts';
import { fromAgent } from '../client/src/node/socket.ts';
import { plain } from '../client/src/entity.ts';
import { Code } from '../client/src/errors.ts';
import type { Value } from '../core/codec.ts';
import { Agent, until } from './agent.ts';

let agent: Agent, client: Client, other: Client, space: Space, theirs: Database;
before(async () => {
  agent = await Agent.start('Alice');
  [client, other] = [await agent.client(), await agent.client()];
  space = await client.createSpace({ name: 'live' });
  await until('the other has it', () => other.getSpace(space.key) !== undefined);
  theirs = (other.getSpace(space.key) as Space).db;
});
after(() => agent.end());

let seed = 1;
function below(n: number): number {
  seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
  return (seed >> 8) % n;
}
const pick = <T>(all: readonly T[]): T => all[below(all.length)] as T;

interface Tree { n?: number | null; site?: unknown; tags?: string[] }
const VALUES: readonly unknown[] = [0, 1, 2, 2.5, -1, null, 'north', 'south', 'nort', true, false, 9007199254740993n];
const TYPES = ['tree', 'stone'];

function someCondition(parents: readonly Live[], depth = 0): Condition {
  const operators = ['eq', 'ne', 'gt', 'ge', 'lt', 'le', 'prefix', 'in', 'has', 'exists'];
  const one = (): unknown => {
    const operator = pick(operators);
    switch (operator) {
      case 'in': return { in: [pick(VALUES), pick(VALUES)] };
      case 'exists': return { exists: below(2) === 0 };
      case 'prefix': return { prefix: pick(['n', 'north', '']) };
      case 'has': return { has: pick(['a', 'b']) };
      case 'gt': case 'ge': case 'lt': case 'le': return { [operator]: pick(VALUES.filter((value) => value !== null)) };
      default: return { [operator]: pick(VALUES) };
    }
  };
  switch (below(depth < 3 ? 8 : 4)) {
    case 0: return { type: pick(TYPES) };
    case 1: return { parent: below(2) === 0 ? null : pick(parents) };
    case 2: return { where: { [pick(['n', 'site', 'tags', 'in.deep'])]: one() } };
    case 3: return { where: { n: one(), site: one() } };
    case 4: return { and: [someCondition(parents, depth + 1), someCondition(parents, depth + 1)] };
    case 5: case 6: return { or: [someCondition(parents, depth + 1), someCondition(parents, depth + 1)] };
    default: return { not: someCondition(parents, depth + 1) };
  }
}

function someFilter(parents: readonly Live[]): Filter {
  const condition = someCondition(parents), kind = 'parent' in condition || below(5) !== 0 ? {} : { kind: 'any' as const };
  return { ...condition, ...kind, ...(below(3) === 0 ? { deleted: pick(['show', 'only'] as const) } : {}) };
}

function changeSomething(db: Database, all: Live<Tree>[]): void {
  const one = below(4) === 0 ? undefined : all[below(all.length)];
  if (one === undefined) return void all.push(db.add<Tree>({ n: below(4), site: pick(VALUES), tags: [pick(['a', 'b'])] }, { type: pick(TYPES), ...(below(2) === 0 && all[0] ? { parent: all[0] } : {}) }));
  if (one.__deleted) return void db.add(one);
  switch (below(7)) {
    case 0: return db.remove(one);
    case 1: one.site = pick(VALUES); return;
    case 2: delete one.n; return;
    case 3: return db.push(one, 'tags', pick(['a', 'b', 'c']));
    case 4: return db.move(one, below(2) === 0 ? null : all[0] === one ? null : all[0] as object);
    case 5: (one as { in?: unknown }).in = { deep: pick(VALUES) }; return;
    default: one.n = below(4);
  }
}

const idsOf = (objects: readonly Live[]): string[] => objects.map(({ id }) => id).sort();

test('live queries of every kind show what the vault answers, whoever writes', async () => {
  const all: Live<Tree>[] = [], roots = [space.db.add({ n: 1 }), space.db.add({ n: 2 })];
  await space.db.flush();
  let compared = 0;
  for (let round = 0; round < 6; round++) {
    const queries: Query<object>[] = Array.from({ length: 40 }, () => space.db.query<object>(someFilter(roots)));
    for (const query of queries) query.subscribe(() => undefined);
    await Promise.all(queries.map((query) => query.run()));
    for (let step = 0; step < 8; step++) {
      for (let n = 0; n < 5; n++) changeSomething(space.db, all);
      await space.db.flush();
      const known = (await Promise.all(all.map((one) => theirs.get<Tree>(one.id)))).filter((one): one is Live<Tree> => one !== undefined);
      for (let n = 0; n < 3 && known.length > 0; n++) { const one = pick(known); if (!one.__deleted) { if (below(4) === 0) theirs.remove(one); else one.site = pick(VALUES); } }
      await theirs.flush();
      const mark = theirs.add({ mark: step, round }, { type: 'mark' });
      await theirs.flush();
      await until('all of it has come', () => space.db.getObjectById(mark.id) !== undefined || space.db.query({ type: 'mark' }).objects.some(({ id }) => id === mark.id));
      for (const query of queries) {
        const answer = idsOf(await space.db.run(query.matcher.wire));
        assert.deepEqual(idsOf(query.objects as readonly Live[]), answer, text(plain(query.matcher.wire)));
        compared++;
      }
    }
    for (const query of queries) query.close();
  }
  assert.equal(compared, 6 * 8 * 40);
});

interface Row { name: string; id: string | undefined }

/** A list as the watcher of an order holds it; `skip`: carries out one row less, as a client with a bug would. */
class Held {
  rows: Row[] = [];
  at = '';
  listed = false;
  told = 0;

  take(body: Body, skip = -1): void {
    for (const row of rowsOf(body)) {
      const { change, from, to } = row as { change: string; from?: number; to?: number };
      if (change === 'refresh') [this.rows, this.listed] = [[], false];
      else if (change === 'listed') this.listed = true;
      else if (this.told++ !== skip) {
        if (from !== undefined) this.rows.splice(from, 1);
        if (to !== undefined) this.rows.splice(to, 0, rowOf(row));
      }
    }
    if (typeof body['at'] === 'string') this.at = body['at'];
  }
}

const text = (value: unknown): string => JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner)) ?? 'nothing';
const rowOf = (row: Body): Row => ('id' in row ? { id: row['id'] as string, name: text(plain(row['data'])) } : { id: undefined, name: text([plain(row['value']), row['count']]) });

test('what watches with an order and with groups tell, carried out, is what the vault answers; also after they come back', async () => {
  const connection = new Connection(fromAgent({ vault: agent.vault })), all: Live<Tree>[] = [];
  connection.open();
  const orders: readonly Value[] = ['n', { path: 'n', descending: true }, ['site', 'n'], 'in.deep'];
  const wires = Array.from({ length: 30 }, (): { [key: string]: Value } => {
    const limit = below(3) === 0 ? {} : { limit: 1 + below(8) };
    const filter = below(2) === 0 ? { type: pick(TYPES) } : { where: { n: { ge: 1 } } };
    return below(4) === 0 ? { ...filter, group: pick(['n', 'site']), ...limit } : { ...filter, order: pick(orders), ...limit };
  });
  const watch = (query: { [key: string]: Value }, held: Held, skip = -1): { cancel(): void } => {
    const holds = held.rows.map(({ id }) => id ?? '');
    const pending = connection.ask({ do: 'watch', space: space.key, query, since: held.at, ...(held.at === '' ? {} : { holds }) }, { onNotify: (body) => held.take(body, skip), atOnce: true });
    pending.reply.catch(() => undefined);
    return pending;
  };
  const lists = wires.map(() => new Held()), broken = new Held();
  let watches = wires.map((wire, at) => watch(wire, lists[at] as Held));
  const bug = watch({ type: 'tree', order: 'n' }, broken, 7);
  let compared = 0, seen = false;
  const compare = async (): Promise<void> => {
    await space.db.flush();
    const ask = async (query: Value): Promise<Row[]> => (await connection.rows({ do: 'query', space: space.key, query })).map(rowOf);
    for (const [at, wire] of wires.entries()) {
      const answer = await ask(wire), list = lists[at] as Held;
      await until(`${text(wire)} shows what is answered`, () => list.listed && text(list.rows.map(({ name }) => name)) === text(answer.map(({ name }) => name)))
        .catch(() => assert.deepEqual(list.rows, answer));
      compared++;
    }
    seen ||= text(broken.rows) !== text(await ask({ type: 'tree', order: 'n' }));
  };
  for (let step = 0; step < 40; step++) {
    for (let n = 0; n < 1 + below(6); n++) changeSomething(space.db, all);
    await compare();
    if (step % 10 !== 5) continue;
    for (const one of watches) one.cancel();
    for (let n = 0; n < 4; n++) changeSomething(space.db, all);
    await space.db.flush();
    const before = lists.map(({ told }) => told);
    watches = wires.map((wire, at) => {
      (lists[at] as Held).listed = false;
      return watch(wire, lists[at] as Held);
    });
    await compare();
    wires.forEach((wire, at) => { if ('order' in wire) assert.ok((lists[at] as Held).told - (before[at] as number) <= 12, 'no more than changed'); });
  }
  assert.equal(compared, 30 * 44);
  assert.ok(seen, 'a row that is not carried out is seen');
  bug.cancel();
  connection.close();
});

test('history, a point of the past, undo and redo', async () => {
  const db = space.db, note = db.add<{ title: string; n?: number }>({ title: 'first' }, { type: 'note' });
  await db.flush();
  note.title = 'second';
  await db.flush();
  note.n = 1;
  delete (note as { title?: string }).title;
  await db.flush();
  const versions = await db.history(note);
  assert.deepEqual(versions.map(({ did, set, unset }) => [did, set, unset]), [['changed', { n: 1 }, ['title']], ['changed', { title: 'second' }, []], ['made', { title: 'first' }, []]]);
  assert.ok(versions[0] !== undefined && versions[2] !== undefined && Math.abs(Number(versions[0].time?.getTime()) - Date.now()) < 60_000);
  assert.equal(versions[0].identity, client.halo.identity.get()?.identityKey);
  assert.deepEqual((await db.history(note, { limit: 1, before: versions[0].at })).map(({ set }) => set), [{ title: 'second' }]);
  assert.deepEqual((await db.at(note, versions[2].at))?.data, { title: 'first' });
  assert.equal(await db.at(note, '1'), undefined);
  const [latest] = await db.transactions({ limit: 1 });
  assert.deepEqual([latest?.changed, latest?.ids], [1, [note.id]]);
  const shown = (): unknown => dataOf(note), query = db.query({ type: 'note' });
  await query.run();
  assert.deepEqual(await db.undo().then((undone) => [undone?.entities, undone?.kept]), [1, 0]);
  await until('it is taken back', () => (shown() as { title?: string }).title === 'second');
  await db.redo();
  await until('and done again', () => (shown() as { n?: number }).n === 1);
  await db.restore(note, versions[2].at);
  await until('it is what it was', () => (shown() as { title?: string }).title === 'first');
  assert.deepEqual(shown(), { title: 'first' });
  const empty = await client.createSpace({ name: 'empty' });
  assert.equal(await empty.db.undo(), undefined);
  await assert.rejects(db.history('no id'));
});

test('a question about a point, differences, and a purge', async () => {
  const other = await client.createSpace({ name: 'past' }), db = other.db;
  const oak = db.add<{ name: string; high?: number }>({ name: 'oak' }, { type: 'tree' }), elm = db.add({ name: 'elm' }, { type: 'tree' });
  const near = db.link(oak, elm, 'near');
  await db.flush();
  const [then] = await db.transactions({ limit: 1 });
  assert.ok(then !== undefined);
  oak.high = 20;
  db.remove(near);
  await db.flush();
  db.remove(elm);
  const ash = db.add({ name: 'ash' }, { type: 'tree' });
  await db.flush();
  const names = (query: object, point: string): Promise<unknown[]> => db.runAt({ ...query }, point).then((rows) => rows.map(({ data }) => data['name']));
  assert.deepEqual(await names({ type: 'tree' }, then.at), ['oak', 'elm']);
  assert.deepEqual(await names({ type: 'tree', order: 'name', limit: 1 }, then.at), ['elm']);
  assert.deepEqual(await names({ id: oak, follow: [{ out: 'near' }] }, then.at), ['elm']);
  const [link] = await db.runAt({ kind: 'link' }, then.at);
  assert.deepEqual([link?.id, link?.source, link?.target, link?.deleted], [near.id, oak.id, elm.id, false]);
  assert.deepEqual(await db.runAt({ where: { high: { exists: true } } }, then.at), []);
  const changes = await db.difference(then.at);
  assert.deepEqual(changes.map(({ id, did }) => [id, did]).sort(), [[ash.id, 'made'], [elm.id, 'deleted'], [near.id, 'deleted'], [oak.id, 'changed']].sort());
  assert.deepEqual(changes.find(({ id }) => id === oak.id)?.changes, [{ path: 'high', to: 20 }]);
  assert.deepEqual(await db.differenceOf(oak, then.at), [{ path: 'high', to: 20 }]);
  assert.deepEqual(await db.difference(then.at, then.at), []);
  await assert.rejects(db.runAt({ path: { to: {} } }, then.at), { code: Code.invalid });
  const trees = db.query({ type: 'tree' });
  assert.equal((await trees.run()).length, 2);
  await db.purge(ash);
  await until('it is gone for good', () => trees.objects.length === 1);
  assert.equal(await db.get(ash.id as string), undefined);
  assert.deepEqual(await names({ type: 'tree' }, then.at), ['oak', 'elm']);
  await assert.rejects(db.purge(ash), { code: Code.notFound });
  trees.close();
});

test('history that begins at an epoch says so; what lies before it is gone', async () => {
  const garden = await client.createSpace({ name: 'garden' }), db = garden.db, note = db.add<{ title: string }>({ title: 'first' }, { type: 'note' });
  await db.flush();
  note.title = 'second';
  await db.flush();
  const [, made] = await db.history(note);
  const connection = new Connection(fromAgent({ vault: agent.vault }));
  connection.open();
  await connection.request({ do: 'space.epoch', space: garden.key });
  await connection.request({ do: 'space.compact', space: garden.key, now: true });
  const [begins, ...more] = await db.history(note);
  assert.deepEqual([begins?.did, begins?.epoch, begins?.identity, more], ['begins', 1, client.halo.identity.get()?.identityKey, []]);
  assert.ok(begins !== undefined && made !== undefined && Math.abs(Number(begins.time?.getTime()) - Date.now()) < 60_000);
  assert.deepEqual((await db.transactions()).map(({ at, epoch, ids }) => [at, epoch, ids]), [[begins.at, 1, []]]);
  assert.deepEqual((await db.at(note, begins.at))?.data, { title: 'second' });
  await assert.rejects(db.at(note, made.at), { code: Code.gone, message: /^history here begins at epoch 1 \(/ });
  assert.equal(await db.undo(), undefined);
  note.title = 'third';
  await db.flush();
  assert.deepEqual((await db.history(note)).map(({ did }) => did), ['changed', 'begins']);
  assert.deepEqual(await db.undo().then((undone) => [undone?.entities, undone?.kept]), [1, 0]);
  await until('it is taken back', () => note.title === 'second');
  connection.close();
});

test('one live query of all spaces follows what changes in each, and spaces that come and go', async () => {
  const one = await client.createSpace({ name: 'first' }), query = client.query<Tree>({ type: 'across' }, { sort: (a, b) => Number(a.n) - Number(b.n), limit: 3 });
  let told = 0;
  query.subscribe(() => { told++; });
  one.db.add({ n: 3 }, { type: 'across' });
  one.db.add({ n: 1 }, { type: 'across' });
  await one.db.flush();
  assert.deepEqual((await query.run()).map(({ n }) => n), [1, 3]);
  const two = await client.createSpace({ name: 'second' });
  const tree = two.db.add({ n: 2 }, { type: 'across' });
  two.db.add({ n: 4 }, { type: 'across' });
  await two.db.flush();
  await until('it is asked too', () => query.objects.length === 3);
  assert.deepEqual(query.objects.map(({ n }) => n), [1, 2, 3]);
  tree.n = 9;
  await until('the change is seen', () => query.objects.map(({ n }) => n).join() === '1,3,4');
  assert.equal(query.objects, query.objects);
  await client.removeSpace(one.key);
  await until('what was there has gone', () => query.objects.map(({ n }) => n).join() === '4,9');
  assert.ok(told > 0 && query.loaded && query.error === null);
  query.close();
  await client.removeSpace(two.key);
});

test('a whole is removed with its parts; what another holds is not, unless forced', async () => {
  const { db } = await client.createSpace({ name: 'wholes' });
  const page = db.add({ n: 1 }, { type: 'page' }), shared = db.add({ n: 2 }, { type: 'page' });
  const book = db.add({ pages: [strong(page), strong(shared)] }, { type: 'book' }), other = db.add({ pages: [strong(shared)] }, { type: 'book' });
  await db.flush();
  await assert.rejects(db.remove(page, {}), (error) => error instanceof DxError);
  await db.remove(book, { parts: true });
  await until('the whole has gone', async () => (await db.count({ type: 'book' })) === 1);
  assert.equal(await db.count({ type: 'page' }), 1);
  await db.remove(shared, { force: true });
  assert.equal(await db.count({ type: 'page' }), 0);
  db.remove(other);
  await db.flush();
});

test('an epoch is made and listed', async () => {
  const space = await client.createSpace({ name: 'epochs' });
  space.db.add({ n: 1 });
  await space.db.flush();
  const made = await space.makeEpoch();
  assert.deepEqual([made.number, made.confirmed], [1, true]);
  assert.deepEqual((await space.epochs()).map(({ id }) => id), [made.id]);
});

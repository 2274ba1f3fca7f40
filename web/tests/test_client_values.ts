// tests/test_client_values.ts: what a live object can hold and how it behaves where JavaScript looks at it, against a real agent.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { dataOf, keyOf, subscribe, versionOf, type Client, type DxError, type Live, type Space } from '../client/src/index.ts';
import { Agent, until } from './agent.ts';

type Any = Record<string, any>;

let agent: Agent, client: Client, space: Space, theirs: Space;
before(async () => {
  agent = await Agent.start('Alice');
  client = await agent.client();
  space = await client.createSpace({ name: 'values' });
  const other = await agent.client();
  theirs = other.getSpace(space.key) as Space;
});
after(() => agent.end());

/** The object as another client reads it. */
async function stored(object: Live): Promise<Live> {
  await space.db.flush();
  return await theirs.db.get(object.id) as Live;
}

test('new objects may refer to each other and to themselves, in any order', async () => {
  const a = space.db.add<Any>({ name: 'a' }), b = space.db.add<Any>({ name: 'b', first: a });
  a['other'] = b;
  a['self'] = a;
  a['all'] = [b, { deep: a }];
  const old = space.db.add<Any>({ name: 'old', who: null });
  await space.db.flush();
  old['who'] = 'somebody';
  const made = space.db.add<Any>({ name: 'made later' });
  old['who'] = made;
  const read = await stored(a), readOld = await stored(old);
  await until('all that is named', () => read['other']?.name === 'b' && readOld['who']?.name === 'made later');
  assert.equal(read['self'], read);
  assert.equal(read['other']['first'], read);
  assert.equal(read['all'][0], read['other']);
  assert.equal(read['all'][1].deep, read);
});

test('keys with a meaning in JavaScript are data like others; those of the object itself are refused', async () => {
  const odd = JSON.parse('{"__proto__": {"admin": true}, "constructor2": 1, "then": {"x": 1}, "toString": "mine", "hasOwnProperty": 5, "subscribe": "s", "length": 3}') as Any;
  const one = space.db.add<Any>({ odd, list: [JSON.parse('{"__proto__": {"admin": true}}')], then: 'not a promise' });
  one['list'][0]['__proto__'] = { admin: false };
  one['odd']['__proto__'].admin = 2;
  one['odd'].length++;
  const read = await stored(one);
  assert.deepEqual(Object.keys(read['odd']).sort(), [...Object.keys(odd)].sort());
  assert.equal(read['odd']['__proto__'].admin, 2);
  assert.equal(read['list'][0]['__proto__'].admin, false);
  assert.equal(read['odd'].length, 4);
  assert.equal(read['then'], 'not a promise');
  assert.equal(({} as Any)['admin'], undefined);
  assert.equal((dataOf(read)['odd'] as Any)['admin'], undefined);
  for (const key of ['id', 'parent', '__typename', '__deleted', 'toJSON', 'constructor']) assert.throws(() => space.db.add({ [key]: 1 }), /belongs to the object/);
  assert.throws(() => space.db.link(one, one, 'tie', { source: 1 }), /belongs to the object/);
  // Written by somebody else: there, and hidden only by the object's own.
  const [line] = await agent.dx('object', 'add', space.key, '--json', '--data', '{"id": "theirs", "then": "x"}');
  const other = await space.db.get<Any>((JSON.parse(line as string) as { id: string }).id) as Live<Any>;
  assert.match(other.id, /^\d+-\d+-/);
  assert.deepEqual(dataOf(other), { id: 'theirs', then: 'x' });
  assert.deepEqual(Object.keys(other), ['then']);
});

test('lists do what lists do', async () => {
  const one = space.db.add<{ n: number[]; rows: { at: number }[] }>({ n: [3, 1, 2], rows: [{ at: 1 }, { at: 2 }] });
  const { n, rows } = one;
  assert.ok(Array.isArray(n));
  assert.deepEqual([n.length, 1 in n, 3 in n, [...n], n.map((x) => 2 * x), n.indexOf(2), n.includes(9), n.at(-1), n.concat([4]), n.slice(1)],
    [3, true, false, [3, 1, 2], [6, 2, 4], 2, false, 2, [3, 1, 2, 4], [1, 2]]);
  n.push(5, 6);
  assert.equal(n.pop(), 6);
  assert.equal(n.shift(), 3);
  n.unshift(9);
  assert.deepEqual(n.splice(1, 2, 7, 8), [1, 2]);
  n.fill(0, 3);
  n.copyWithin(0, 1, 2);
  assert.deepEqual([...n], [7, 7, 8, 0]);
  rows.reverse();
  (rows.find(({ at }) => at === 2) as { at: number }).at = 20;
  rows.sort((a, b) => a.at - b.at);
  n.length = 2;
  assert.throws(() => { n[5] = 1; }, /no place/);
  assert.throws(() => { delete n[0]; }, /holes/);
  assert.deepEqual(JSON.parse(JSON.stringify(rows)), [{ at: 1 }, { at: 20 }]);
  assert.deepEqual(Object.entries(rows[0] as object), [['at', 1]]);
  assert.deepEqual(dataOf(await stored(one)), { n: [7, 7], rows: [{ at: 1 }, { at: 20 }] });
});

test('copies, JSON, the console, and what cannot be', async () => {
  const one = space.db.add<Any>({ big: 2n ** 60n, small: 2n, raw: Uint8Array.of(251, 255), due: new Date(5), deep: { a: [1] }, half: 0.5, minus: -0 }, { type: 'odd' });
  assert.deepEqual(structuredClone(dataOf(one)), { big: 2n ** 60n, small: 2, raw: Uint8Array.of(251, 255), due: new Date(5), deep: { a: [1] }, half: 0.5, minus: -0 });
  const json = JSON.parse(JSON.stringify(one)) as Any;
  assert.deepEqual([json['data'].big, json['data'].raw, json['type']], ['1152921504606846976', { '@bytes': '-_8' }, 'odd']);
  assert.match(inspect(one), /deep: \{ a: \[ 1 \] \}/);
  assert.deepEqual({ ...one }['deep'].a[0], 1);
  assert.throws(() => Object.freeze(one), TypeError);
  assert.throws(() => Object.freeze(one['deep']), TypeError);
  assert.throws(() => Object.setPrototypeOf(one, null), TypeError);
  assert.deepEqual(Object.keys(one).length, 7);
  for (const value of [Symbol('x'), new Map(), () => 1, new (class Own {})(), '\ud800']) assert.throws(() => { one['bad'] = value; });
  assert.equal('bad' in one, false);
  const read = await stored(one);
  assert.deepEqual(dataOf(read), dataOf(one));
  assert.equal(Object.is(read['minus'], -0), true);
  assert.deepEqual((await theirs.db.query({ type: 'odd', where: { small: 2 } }).run()).length, 1);
});

test('what was refused says so; what was deleted is not found', async () => {
  const bad = space.db.add<Any>({ ['x'.repeat(2000)]: 1 });
  const about = space.db.query({ parent: bad });
  about.subscribe(() => undefined);
  await assert.rejects(space.db.flush(), (error: DxError) => error.symbol === 'E_INVALID');
  assert.throws(() => { bad['n'] = 1; }, (error: DxError) => error.symbol === 'E_STATE' && error.remedy === 'db.add(data)');
  assert.throws(() => space.db.add(bad), /refused to make/);
  assert.deepEqual(await about.run(), []);
  assert.equal(about.error, null);
  await assert.rejects(space.db.run({ parent: bad }), (error: DxError) => error.symbol === 'E_NOT_FOUND');
  const one = space.db.add<Any>({ n: 1 });
  await space.db.flush();
  const { id } = one;
  space.db.remove(one);
  assert.equal(await space.db.get(id), undefined);
  assert.throws(() => { one['n'] = 2; }, (error: DxError) => error.remedy === 'db.add(object)');
});

test('what nobody holds, shows or listens to is let go', async () => {
  for (let n = 0; n < 20; n++) space.db.add({ n }, { type: 'many' });
  await space.db.flush();
  let told = 0;
  const read = async (): Promise<WeakRef<object>[]> => {
    const all = await theirs.db.run({ type: 'many' });
    subscribe(all[0] as object, () => { told++; });
    return all.map((object) => new WeakRef(object));
  };
  const seen = await read(), query = theirs.db.query({ type: 'many', where: { n: 1 } });
  query.subscribe(() => undefined);
  await query.run();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  await until('all but two are gone', async () => {
    await new Promise((resolve) => setImmediate(resolve)); // what was looked at in this turn stays in it
    collect();
    return seen.filter((one) => one.deref() !== undefined).length === 2;
  });
  const [first] = await space.db.query<{ n: number }>({ type: 'many', where: { n: 0 } }).run();
  (first as { n: number }).n = 100;
  await until('who listens hears', () => told > 0);
  query.close();
});

test('a member is an object that links lead to, and follows their name', async () => {
  const [me] = await space.db.query<{ identity: Uint8Array; name: string }>({ type: 'dx.member' }).run();
  assert.equal(me?.name, 'Alice');
  const job = space.db.add({ title: 'shop' }, { type: 'job' }), tie = space.db.link(job, me as Live, 'assigned');
  await space.db.flush();
  const [read] = await theirs.db.query({ source: job.id, type: 'assigned' }).run();
  await until('whom it leads to', () => (read as unknown as typeof tie).target['name'] === 'Alice');
  const version = versionOf((read as unknown as typeof tie).target), key = keyOf(read as object);
  (me as unknown as Any)['name'] = 'Alice B.';
  await until('the other name', () => (read as unknown as typeof tie).target['name'] === 'Alice B.');
  assert.ok(versionOf((read as unknown as typeof tie).target) > version);
  assert.equal(keyOf(read as object), key);
});

test('conditions: a live query holds what the vault finds, for every operator and class of value', async () => {
  const values = [null, false, true, 0, -1, 2, 2.5, 2 ** 53, 2n ** 53n + 1n, NaN, 'a', 'ab', 'b', '\uffff', '😀', '', new Date(0), new Date(500), new Date(1000), new Uint8Array([1]), new Uint8Array([1, 2]), [1, 'a'], [], { x: 1 }];
  for (const v of values) space.db.add({ v }, { type: 'conditioned' });
  space.db.add({}, { type: 'conditioned' });
  await space.db.flush();
  const against = [...values.filter((value) => !(typeof value === 'object' && value !== null && !Array.isArray(value) && Object.getPrototypeOf(value) === Object.prototype)), { x: 1 }];
  const conditions: Record<string, unknown>[] = [{ exists: true }, { exists: false }, { in: values }, { in: [] }, { ge: 0, lt: 2.5 }, { prefix: 'a', ne: 'ab' }];
  for (const value of against) for (const name of ['eq', 'ne', 'has']) conditions.push({ [name]: value });
  for (const value of [true, 0, 2, 2.5, 2 ** 53, 2n ** 53n + 1n, 'a', '\uffff', new Date(500), new Uint8Array([1])]) for (const name of ['gt', 'ge', 'lt', 'le']) conditions.push({ [name]: value });
  for (const value of ['a', '', new Uint8Array([1])]) conditions.push({ prefix: value });
  await space.db.query({ type: 'conditioned' }).run();
  for (const condition of conditions) {
    const filter = { type: 'conditioned', where: { v: condition } }, query = space.db.query(filter), here = query.objects.length; // before the vault has answered: all are known
    assert.equal(here, await space.db.count(filter), `${Object.keys(condition).join()} ${String(Object.values(condition)[0])}`);
    query.close();
  }
  assert.throws(() => space.db.query({ where: { v: { x: 1 } } }), /no operator "x"/);
  assert.throws(() => space.db.query({ where: { v: { in: 1 } } }), /array/);
});

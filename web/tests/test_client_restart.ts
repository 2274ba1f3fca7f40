// tests/test_client_restart.ts: the agent is killed and started again while clients write, listen and ask.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Client, fromPort, type DxError, type Space } from '../client/src/index.ts';
import { fromAgent } from '../client/src/node/socket.ts';
import { decode } from '../core/codec.ts';
import { decodeFrame } from '../core/frames.ts';
import { Agent, until } from './agent.ts';

const agent = await Agent.start('Alice');
after(() => agent.end());

test('killed in mid-write: what was acknowledged is there, what was not arrives once', async () => {
  const client = await agent.client(), space = await client.createSpace({ name: 'crash' });
  const watching = await agent.client(), theirs = (watching.getSpace(space.key) as Space).db.query<{ n: number }>({ type: 'row' });
  theirs.subscribe(() => undefined);
  await theirs.run();
  const acknowledged: number[] = [];
  let n = 0;
  for (let round = 0; round < 3; round++) {
    const end = n + 300;
    const writing = (async () => {
      for (; n < end; n++) {
        space.db.add({ n }, { type: 'row' });
        const mine = n;
        void space.db.flush().then(() => acknowledged.push(mine));
        if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    await until('some are acknowledged', () => acknowledged.length > 300 * round + 50);
    const before = [...acknowledged];
    await agent.kill();
    await agent.resume();
    const rows = (await agent.dx('object', 'ls', space.key, '--type', 'row', '--json')).map((line) => (JSON.parse(line) as { data: { n: number } }).data.n);
    assert.deepEqual(before.filter((written) => !rows.includes(written)), []);
    await writing;
  }
  await space.db.flush();
  assert.equal(acknowledged.length, 900);
  const stored = (await space.db.run<{ n: number }>({ type: 'row' })).map((row) => row.n).sort((a, b) => a - b);
  assert.deepEqual(stored, Array.from({ length: 900 }, (_, at) => at));
  await until('who listened has all of it', () => theirs.objects.length === 900);
  assert.equal(new Set(theirs.objects.map((row) => row.n)).size, 900);
});

test('away: reads go on, writes wait, what changed meanwhile is heard of', async () => {
  const client = await agent.client(), other = await agent.client(), space = client.spaces.get()[0] as Space;
  const query = space.db.query<{ n: number; mark?: string }>({ type: 'away' });
  const leave = query.subscribe(() => undefined);
  await query.run();
  const one = space.db.add({ n: 1 } as { n: number; mark?: string }, { type: 'away' }), two = space.db.add({ n: 2 }, { type: 'away' });
  await space.db.flush();
  await agent.kill();
  await until('it is noticed', () => client.status.get() === 'waiting');
  one.mark = 'offline';
  assert.equal(query.objects[0]?.mark, 'offline');
  await agent.resume();
  await space.db.flush();
  assert.equal(client.status.get(), 'open');
  const theirs = other.getSpace(space.key) as Space;
  await until('the other client is back too', async () => (await theirs.db.get<{ mark: string }>(one.id))?.mark === 'offline');
  // This client misses a deletion: its channel alone is cut.
  theirs.db.remove((await theirs.db.get(two.id)) as object);
  await theirs.db.flush();
  await until('the deletion', () => query.objects.length === 1);
  leave();
});

test('what is deleted while the channel is down is gone after it came back', async () => {
  let cut = (): void => undefined, blocked = false;
  const services = fromAgent({ vault: agent.vault });
  const client = new Client({ services: { open: async (events) => {
    if (blocked) throw new Error('cut');
    const channel = await services.open(events);
    cut = () => { channel.close(); events.onClosed(new Error('cut')); };
    return channel;
  } } });
  await client.initialize();
  const other = await agent.client(), space = client.spaces.get()[0] as Space, theirs = other.getSpace(space.key) as Space;
  const [a, b] = [theirs.db.add({ n: 1 }, { type: 'cut' }), theirs.db.add({ n: 2 }, { type: 'cut' })];
  await theirs.db.flush();
  const query = space.db.query<{ n: number }>({ type: 'cut' });
  query.subscribe(() => undefined);
  assert.equal((await query.run()).length, 2);
  blocked = true;
  cut();
  theirs.db.remove(a as object);
  (b as { n: number }).n = 3;
  await theirs.db.flush();
  assert.equal(query.objects.length, 2);
  blocked = false;
  await until('it caught up', () => query.objects.length === 1 && query.objects[0]?.n === 3);
  await client.destroy();
});

test('after its channel broke, and after the vault was opened anew, a client is told what it missed and nothing else', async () => {
  const services = fromAgent({ vault: agent.vault });
  let heard = 0, cut = (): void => undefined, blocked = false;
  const asked: string[] = [];
  const client = new Client({ services: { open: async (events) => {
    if (blocked) throw new Error('cut');
    const channel = await services.open({ ...events, onFrame: (frame) => { heard += frame.byteLength; events.onFrame(frame); } });
    cut = () => { channel.close(); events.onClosed(new Error('cut')); };
    return { ...channel, send: (frame) => {
      const sent = decodeFrame(frame.slice(0));
      if ('body' in sent) asked.push((decode(sent.body) as { do: string }).do);
      channel.send(frame);
    } };
  } } });
  await client.initialize();
  const other = await agent.client(), space = client.spaces.get()[0] as Space, theirs = (other.getSpace(space.key) as Space).db;
  const many = Array.from({ length: 2000 }, (_, n) => theirs.add({ n, text: 'as long as a title is' }, { type: 'much' }));
  await theirs.flush();
  const query = space.db.query<{ n: number }>({ type: 'much' });
  query.subscribe(() => undefined);
  assert.equal((await query.run()).length, 2000);
  const whole = heard;
  for (const lose of [async () => { cut(); }, async () => { await agent.kill(); await agent.resume(); }]) {
    blocked = true;
    heard = asked.length = 0;
    await lose();
    (many[7] as { n: number }).n += 5000;
    theirs.remove(many.pop() as object);
    theirs.add({ n: -1 }, { type: 'much' });
    await theirs.flush();
    blocked = false;
    await until('it caught up', () => query.objects.length === 2000 && query.objects.some(({ n }) => n === -1 && many.length > 0) && query.objects.some(({ n }) => n === (many[7] as { n: number }).n));
    theirs.remove(theirs.query({ type: 'much' }).objects.find(({ n }) => n === -1) ?? {});
    many.push(theirs.add({ n: 1, text: '' }, { type: 'much' }));
    await theirs.flush();
    await until('and goes on', () => query.objects.every(({ n }) => n !== -1) && query.objects.length === 2000);
    assert.ok(!asked.includes('query'), `it asks ${asked.join()}`);
    assert.ok(heard < 8000 && whole > 200_000, `${heard} bytes, where all of it has ${whole}`);
  }
  await client.destroy();
});

test('a vault that is not there: initialize says so; a closed client refuses', async () => {
  const client = new Client({ services: fromAgent({ vault: '/nowhere' }), config: { connectTimeoutMs: 500 } });
  await assert.rejects(client.initialize(), /no agent runs for \/nowhere/);
  await assert.rejects(client.createSpace(), /initialize/);
  await client.destroy();
});

test('destroyed while it connects: initialize ends, at once', async () => {
  const client = new Client({ services: fromAgent({ vault: '/nowhere' }) }), starting = client.initialize();
  await client.destroy();
  await assert.rejects(starting, (error: DxError) => error.symbol === 'E_CANCELLED');
});

test('the same through a MessagePort, with credits', async () => {
  const services = fromAgent({ vault: agent.vault }), { port1, port2 } = new MessageChannel();
  let owed = 0, paid = 0;
  // A vault's end of the port: the agent behind it; credit frames are counted here, as a worker would.
  const channel = await services.open({
    onFrame: (frame) => {
      const { kind } = decodeFrame(frame);
      assert.ok(kind === 1 || kind === 2);
      const answer = decodeFrame(frame);
      owed += 'body' in answer ? answer.body.length : 0;
      port2.postMessage(frame, [frame]);
    },
    onClosed: () => port2.postMessage(null),
  });
  let farewell = false;
  port2.onmessage = ({ data }: { data: ArrayBuffer | null }) => {
    farewell = data === null;
    if (data === null) return;
    const frame = decodeFrame(data);
    if ('taken' in frame) paid += frame.taken;
    else channel.send(data);
  };
  const client = new Client({ services: fromPort(port1 as unknown as MessagePort) });
  await client.initialize();
  const space = client.spaces.get()[0] as Space;
  assert.equal((await space.db.query({ type: 'row' }).run()).length, 900);
  await until('all was paid', () => owed > 40_000 && paid === owed);
  await client.destroy();
  await until('the farewell', () => farewell);
  channel.close();
  port2.close();
});

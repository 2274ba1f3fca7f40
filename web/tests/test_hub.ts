// tests/test_hub.ts: core/hub.ts: who is told of leaders and failures, and where ports go.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Hub } from '../core/hub.ts';
import type { BrokerToTab } from '../core/messages.ts';

/** Every message that waits is heard in a turn of the loop, and so is what it brings about; no clock decides. */
const turn = async (): Promise<void> => { for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve)); };

function setUp(t: TestContext) {
  const gone = new Map<string, () => void>(), open: MessagePort[] = [];
  const hub = new Hub('hub', (client) => new Promise((resolve) => gone.set(client, resolve)));
  t.after(() => { for (const port of open) port.close(); });
  const channel = (): [MessagePort, MessagePort] => {
    const { port1, port2 } = new MessageChannel();
    open.push(port1);
    return [port1, port2];
  };
  const tab = (client: string) => {
    const [here, there] = channel(), heard: BrokerToTab[] = [];
    hub.serveTab(there);
    here.onmessage = ({ data }) => heard.push(data);
    here.postMessage({ type: 'hello', client });
    const worker = () => {
      const [end, broker] = channel(), got: { type: string; ports: number }[] = [];
      here.postMessage({ type: 'worker' }, [broker]);
      end.onmessage = ({ data, ports }: MessageEvent) => got.push({ ...data, ports: ports.length });
      return { end, got };
    };
    return { here, heard, worker };
  };
  return { gone, tab, channel };
}

test('every tab hears who leads, also one that comes later, and generations ascend', async (t) => {
  const { tab } = setUp(t), first = tab('a'), { end } = first.worker();
  await turn();
  assert.deepEqual(first.heard, [{ type: 'welcome', broker: 'hub' }]);
  end.postMessage({ type: 'lead', key: new Uint8Array(32) });
  await turn();
  const second = tab('b');
  await turn();
  for (const { heard } of [first, second]) assert.deepEqual(heard.at(-1), { type: 'leader', generation: 1 });
  second.worker().end.postMessage({ type: 'lead', key: new Uint8Array(32) });
  await turn();
  for (const { heard } of [first, second]) assert.deepEqual(heard.at(-1), { type: 'leader', generation: 2 });
});

test('the key is kept for who leads next', async (t) => {
  const { tab } = setUp(t), first = tab('a'), one = first.worker(), two = tab('b').worker();
  one.end.postMessage({ type: 'key?' });
  one.end.postMessage({ type: 'lead', key: new Uint8Array(32).fill(7) });
  await turn();
  two.end.postMessage({ type: 'key?' });
  await turn();
  assert.deepEqual(one.got, [{ type: 'key', key: null, ports: 0 }]);
  assert.deepEqual(two.got, [{ type: 'key', key: new Uint8Array(32).fill(7), ports: 0 }]);
});

test('ports and their ends go to who leads now, and nowhere while nobody does', async (t) => {
  const { tab, channel } = setUp(t), first = tab('a'), one = first.worker(), two = first.worker();
  const connect = (): void => first.here.postMessage({ type: 'connect', client: 'a', attachment: 'own/0', origin: '' }, [channel()[1]]);
  connect();
  one.end.postMessage({ type: 'lead', key: new Uint8Array(32) });
  await turn();
  connect();
  first.here.postMessage({ type: 'disconnect', client: 'a', attachment: 'own/0' });
  await turn();
  two.end.postMessage({ type: 'lead', key: new Uint8Array(32) });
  await turn();
  connect();
  await turn();
  assert.deepEqual(one.got.map(({ type, ports }) => [type, ports]), [['connect', 1], ['disconnect', 0]]);
  assert.deepEqual(two.got.map(({ type, ports }) => [type, ports]), [['connect', 1]]);
});

test('a failure to lead is told to all, and to who comes, until somebody leads', async (t) => {
  const { tab } = setUp(t), first = tab('a'), one = first.worker(), other = tab('b');
  await turn();
  const failed = { type: 'failed', failure: 'unreadable', message: 'its key is gone' } as const;
  one.end.postMessage(failed);
  await turn();
  const late = tab('c');
  await turn();
  for (const { heard } of [first, other, late]) assert.deepEqual(heard.at(-1), failed);
  first.worker().end.postMessage({ type: 'lead', key: new Uint8Array(32) });
  await turn();
  const later = tab('d');
  await turn();
  for (const { heard } of [first, other, late, later]) assert.deepEqual(heard.at(-1), { type: 'leader', generation: 1 });
});

test('a tab that is gone is told nothing more; what is of no form is passed over', async (t) => {
  const { tab, gone } = setUp(t), first = tab('a'), second = tab('b'), { end } = second.worker();
  first.here.postMessage({ type: 'of no kind' });
  first.here.postMessage({ type: 'worker' }); // without its port
  end.postMessage({ type: 'of no kind' });
  await turn();
  gone.get('a')?.();
  await turn();
  end.postMessage({ type: 'lead', key: new Uint8Array(32) });
  await turn();
  assert.deepEqual(first.heard.map(({ type }) => type), ['welcome']);
  assert.deepEqual(second.heard.map(({ type }) => type), ['welcome', 'leader']);
});

// tests/page_vault.ts: a page of the vault's origin as the browser tests drive it: a tab of core/, its own port, and figures.
// ?alone: in a browser without SharedWorker. ?older: of a build that finds the vault made newer.
import type { Value } from '../core/codec.ts';
import { MODULE_FILE } from '../core/files.ts';
import { askToPersist, listSetAside, storageStatus } from '../core/storage.ts';
import { VaultTab } from '../core/tab.ts';
import { Program, type Answer } from './program.ts';

if (location.search === '?alone') Reflect.deleteProperty(window, 'SharedWorker');
if (location.search === '?older') {
  window.Worker = class extends Worker {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(url, options);
      setTimeout(() => this.dispatchEvent(new MessageEvent('message', { data: { type: 'failed', failure: 'outdated', message: 'the vault is newer', led: false } })));
    }
  };
}

const program = new Program();
const started = performance.now();
const log: string[] = [];
const report = { client: '', state: 'starting', message: '', failure: null as string | null, readyMs: 0, leadMs: 0, leads: 0, ports: 0, portAtMs: 0, answeredAtMs: 0, lockedAtMs: 0, filesMs: 0, log };

const tab = new VaultTab({
  base: new URL('/core/', location.href),
  onState: (state, message, failure) => Object.assign(report, { state, message, failure }),
  onTrace: (room, text) => log.push(`${room}: ${text}`),
  onLeading: ({ openMs, lockedAtMs, filesMs }) => { report.leads++; Object.assign(report, { leadMs: openMs, lockedAtMs, filesMs }); },
});
report.client = tab.client;
tab.serveApps();
await tab.start();
if (window.top === window) {
  tab.connectOwn((port) => {
    program.take(port);
    report.ports = program.ports;
    report.portAtMs = Date.now();
    // Ready is when the node has answered, not when there is a port.
    void program.ask({ do: 'status' }).then(() => {
      report.readyMs ||= performance.now() - started;
      report.answeredAtMs = Date.now();
    });
  });
}

/** Objects in batches of one transaction each, written one after another; the time until the last was acknowledged. */
async function addObjects(space: string, count: number, batch: number): Promise<number> {
  const from = performance.now();
  for (let at = 0; at < count; at += batch) {
    const ops: Value[] = [];
    for (let i = at; i < Math.min(count, at + batch); i++) ops.push({ op: 'add', type: 'item', data: { n: i, title: `object number ${i}` } });
    const answer = await program.ask({ do: 'batch', space, ops });
    if (answer['error']) throw new Error(JSON.stringify(answer['error']));
  }
  return performance.now() - from;
}

/** One object after another for ever; each acknowledged number is told to the test, which may end everything at any time. */
async function writeForEver(space: string, from: number, acknowledged: (n: number) => void): Promise<void> {
  for (let n = from; ; n++) {
    const answer = await program.ask({ do: 'object.add', space, type: 'mark', data: { n } });
    if (answer['error']) throw new Error(JSON.stringify(answer['error']));
    acknowledged(n);
  }
}

/** Milliseconds of n requests that read, one after another. */
async function roundTrips(n: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < n; i++) {
    const from = performance.now();
    await program.ask({ do: 'halo.identity' });
    times.push(performance.now() - from);
  }
  return times;
}

async function compileMs(): Promise<number> {
  const from = performance.now();
  await WebAssembly.compileStreaming(fetch(`/core/${MODULE_FILE}`));
  return performance.now() - from;
}

const ask = (command: Value): Promise<Answer> => program.ask(command);
const rows = (command: Value): Promise<Answer[]> => program.rows(command);
const watch = (command: Value, notify: (body: Answer) => void): Promise<Answer> => program.ask(command, notify);
const endWorker = (): void => tab.worker?.terminate();
const beginAnew = (): void => tab.beginAnew();
Object.assign(window, { vault: { beginAnew, askToPersist, listSetAside, storageStatus, report, ask, rows, watch, addObjects, writeForEver, roundTrips, compileMs, endWorker } });

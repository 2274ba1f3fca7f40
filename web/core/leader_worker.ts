// core/leader_worker.ts: the worker that holds the node. It stands by, compiled, instantiated and with all else prepared that can be, until the lock
// vault-leader is free; then it opens the vault on OPFS and serves ports (driver.ts) until it ends. Whatever goes wrong ends it: another takes over.
import { encode, Writer, type Value } from './codec.ts';
import { Disk, findVaultFiles, openVaultFiles, setFilesAside, VAULT_FILES, VAULT_PATH } from './disk_opfs.ts';
import { MemoryHandle } from './disk_memory.ts';
import { Driver } from './driver.ts';
import { forgetToken, makePageKey, mendPageKey, prepareStores, readPageKey, readToken, setKeyAside, writeToken } from './key_store.ts';
import {
  groupLock, holdLock, LEADER_LOCK, lockFreed, workerLock, type BrokerToWorker, type Failure, type TabToWorker, type WorkerToBroker, type WorkerToTab,
} from './messages.ts';
import { compileModule, Core, CoreError } from './module.ts';
import { ErrorCode, EventKind, REQUEST_SIZE, writeEvent } from './seam.ts';

type Start = Extract<TabToWorker, { type: 'start' }>;

const say = (message: WorkerToTab, transfer: Transferable[] = []): void => { postMessage(message, { transfer }); };
const trace = (room: string, text: string): void => say({ type: 'trace', room, text });
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

// --- The broker -----------------------------------------------------------------------------------------------------

/** It answers in a millisecond; one that has died, and whose successor is not there yet, does not. */
const BROKER_ANSWER_MS = 1000;

/** The channel to the broker, laid anew when the broker has died: the next one is told who leads. */
class BrokerLink {
  #channel: MessagePort | null = null;
  #key: Uint8Array | null = null;
  #driver: Driver | null = null;
  #answered: ((key: Uint8Array | null) => void) | null = null;

  lay(channel: MessagePort): void {
    this.#channel?.close();
    this.#channel = channel;
    channel.onmessage = ({ data, ports: [port] }: MessageEvent<BrokerToWorker>) => {
      if (data.type === 'key') this.#answered?.(data.key);
      else if (data.type === 'connect' && port) this.#driver?.connect(data, port);
      else if (data.type === 'disconnect') this.#driver?.disconnect(data);
    };
    if (this.#key) this.tell({ type: 'lead', key: this.#key });
    else if (this.#answered) this.tell({ type: 'key?' });
  }

  tell(message: WorkerToBroker): void { this.#channel?.postMessage(message); }

  /** The key the broker keeps; null when it has none, or says nothing. */
  askKey(): Promise<Uint8Array | null> {
    const answer = new Promise<Uint8Array | null>((resolve) => { this.#answered = resolve; });
    this.tell({ type: 'key?' });
    return Promise.race([answer, sleep(BROKER_ANSWER_MS).then(() => null)]);
  }

  lead(driver: Driver, key: Uint8Array): void {
    this.#driver = driver;
    this.#key = key;
    this.tell({ type: 'lead', key });
  }
}

// --- Becoming the leader --------------------------------------------------------------------------------------------

/** The key that the broker or the browser's database has, whichever says so first; null when neither does. */
function findPageKey(broker: BrokerLink): Promise<Uint8Array | null> {
  const held = broker.askKey(), kept = readPageKey();
  return new Promise((resolve, reject) => {
    void held.then((key) => { if (key) resolve(key); });
    kept.then(async (key) => resolve(key ?? await held), async (error: unknown) => {
      const key = await held;
      if (key) resolve(key);
      else reject(error);
    });
  });
}

/** What the browser keeps answers in milliseconds; one that hangs is told of, and another worker tries. */
const STORES_MAX_MS = 20_000;

const unanswered = (): Promise<never> => sleep(STORES_MAX_MS).then(() => { throw new Error('the browser\'s storage does not answer'); });

interface Opened { key: Uint8Array; token: Uint8Array | null; filesMs: number }

/** Opens the vault, or makes one where there is none. */
async function openVault(core: Core, disk: Disk, found: ReturnType<typeof findVaultFiles>, key: Promise<Uint8Array | null>): Promise<Opened> {
  const from = performance.now();
  const late = unanswered();
  late.catch(() => undefined); // when it was in time
  const [files, before, known] = await Promise.race([Promise.all([found.then(openVaultFiles), readToken(), key]), late]);
  disk.attach(files);
  const filesMs = performance.now() - from;
  if (!known && disk.hasVault) {
    throw new CoreError(ErrorCode.E_CORRUPT, 'the vault is here, but its key is not: the browser has lost a part of what it kept');
  }
  const pageKey = known ?? await makePageKey();
  const token = core.open({ path: VAULT_PATH, key: pageKey, create: before === null, token: before, sameFile: before !== null });
  return { key: pageKey, token, filesMs };
}

/** Keeps the vault that cannot be opened, with its key, under a name of its own. Ended in between, it is done again from the start. */
async function setVaultAside(): Promise<void> {
  const name = `damaged-${new Date().toISOString().replace(/[:.]/g, '-')}`;
  await setKeyAside(name);
  await setFilesAside(name);
  await forgetToken();
  trace('web', `the vault that could not be opened was set aside as ${name}`);
}

async function lead(core: Core, disk: Disk, broker: BrokerLink, found: ReturnType<typeof findVaultFiles>, anew: boolean): Promise<Driver> {
  const from = performance.now(), lockedAtMs = Date.now();
  const opened = await openVault(core, disk, found, findPageKey(broker)).catch(async (error: unknown) => {
    disk.close();
    if (!anew || failureOf(error) !== 'unreadable') throw error;
    await setVaultAside();
    return await openVault(core, disk, findVaultFiles(), Promise.resolve(null));
  });
  const openMs = performance.now() - from;
  const driver = new Driver({
    step: (events) => core.step(events), mirror: writeToken, freed: (lock) => lockFreed(lock), toPage: (message) => say(message), trace: (text) => trace('web', text),
  }, opened.token);
  broker.lead(driver, opened.key); // ports come while the token is being mirrored
  say({ type: 'leading', version: core.version, steps: { lockedAtMs, filesMs: opened.filesMs, openMs } });
  mendPageKey(opened.key).catch((error: unknown) => trace('web', `the page key could not be kept: ${String(error)}`));
  return driver;
}

/** The lock comes sooner than this where nobody leads; where somebody does, there is time. */
const LEADER_THERE_MS = 100;

/**
 * The engine compiles a function when it is first called, and opening a first vault calls most of them: some 100 ms that taking over would wait
 * for. So who stands by opens one in memory, makes an identity and a space in it, opens it again as a killed leader leaves it, and forgets it.
 */
function warmUp(core: Core, disk: Disk): void {
  const handles = new Map(VAULT_FILES.map((name) => [name, new MemoryHandle()])), writer = new Writer();
  const open = (files: Map<string, MemoryHandle>, token: Uint8Array | null): Uint8Array | null => {
    disk.attach(files);
    return core.open({ path: VAULT_PATH, key: new Uint8Array(32), create: token === null, token, sameFile: token !== null });
  };
  let time = 0;
  const run = (commands: Value[]): void => {
    writeEvent(writer, { kind: EventKind.portUp, port: 1 }, time, time);
    for (const command of commands) {
      const request = new Uint8Array(REQUEST_SIZE).fill(++time);
      writeEvent(writer, { kind: EventKind.command, port: 1, request, body: encode(command) }, time, time);
      core.step(writer.take());
    }
  };
  const token = open(handles, null);
  run([{ do: 'halo.create', name: 'warm' }, { do: 'space.create', name: 'warm' }, { do: 'object.add', space: 'warm' }]);
  const left = new Map([...handles].map(([name, handle]) => [name, handle.copy()])); // before closing tidies up
  core.close();
  disk.close();
  open(left, token);
  run([{ do: 'status' }, { do: 'space.list' }, { do: 'object.ls', space: 'warm' }]);
  core.close();
  disk.close();
}

// --- Beginning and end ----------------------------------------------------------------------------------------------

function failureOf(error: unknown): Failure {
  const code = error instanceof CoreError ? error.code : 0;
  return code === ErrorCode.E_CORRUPT ? 'unreadable' : code === ErrorCode.E_VERSION ? 'outdated' : code === ErrorCode.E_UNSUPPORTED ? 'unsupported' : 'other';
}

/** What the worker is made of, as far as it has come. */
interface Parts { broker: BrokerLink; disk: Disk | null; driver: Driver | null; led: boolean }

/** Says what ended this worker and ends it: its locks and files are free from then on, and its ports silent. */
function fail(error: unknown, { broker, disk, driver, led }: Parts): void {
  const failure = failureOf(error), message = error instanceof Error ? error.message : String(error);
  if (led && failure !== 'outdated') broker.tell({ type: 'failed', failure, message }); // that is said of this page alone: others may be newer
  say({ type: 'failed', failure, message, led });
  driver?.stop();
  disk?.close();
  close();
}

function refuseWithoutFiles(): void {
  if (typeof FileSystemFileHandle !== 'function' || !('createSyncAccessHandle' in FileSystemFileHandle.prototype)) {
    throw new CoreError(ErrorCode.E_UNSUPPORTED, 'this browser cannot keep a vault: it has no files for workers (OPFS)');
  }
}

async function start(message: Start, parts: Parts): Promise<void> {
  refuseWithoutFiles();
  await holdLock(workerLock(message.worker));
  say({ type: 'alive' });
  const core = await Core.instantiate(await compileModule(message.wasm), (bytes) => (parts.disk = new Disk(bytes)).imports(), trace);
  const disk = parts.disk as unknown as Disk;
  say({ type: 'standby' });
  const leader = holdLock(LEADER_LOCK).then(() => {
    void holdLock(groupLock(message.group));
    return parts.led = true;
  });
  prepareStores();
  const found = findVaultFiles();
  found.catch(() => undefined); // told when they are wanted
  if (!await Promise.race([leader, sleep(LEADER_THERE_MS)])) {
    warmUp(core, disk);
    trace('web', 'stands by');
  }
  await leader;
  parts.driver = await lead(core, disk, parts.broker, found, message.anew);
}

const parts: Parts = { broker: new BrokerLink(), disk: null, driver: null, led: false };
const onFailure = (event: Event): void => {
  event.preventDefault();
  fail(event instanceof ErrorEvent ? event.error ?? event.message : (event as PromiseRejectionEvent).reason, parts);
};
addEventListener('error', onFailure);
addEventListener('unhandledrejection', onFailure);
addEventListener('message', ({ data, ports: [port] }: MessageEvent<TabToWorker>) => {
  if (data.type === 'broker' || data.type === 'start') {
    if (port) parts.broker.lay(port);
    if (data.type === 'start') void start(data, parts);
  } else {
    parts.driver?.fromPage(data);
  }
});

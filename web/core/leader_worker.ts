// core/leader_worker.ts: the worker that holds the node. It stands by, compiled and instantiated, until the lock vault-leader is free; then it opens
// the vault on OPFS and serves ports until it ends.
//
// What arrives in a turn is one step, one commit, and only then its effects, as on the native host (src/host/driver.c). Nothing here decides:
// what a program may do is the node's to say, by the origin told with its port.
import { CodecError, encode, Writer, type Value } from './codec.ts';
import { decodeFrame, encodeFrame, FrameKind } from './frames.ts';
import { Disk, openVaultFiles, VAULT_FILES, VAULT_PATH } from './disk_opfs.ts';
import { MemoryHandle } from './disk_memory.ts';
import { makePageKey, readPageKey, readToken, writeToken } from './key_store.ts';
import { Links } from './links.ts';
import {
  clientLock, holdLock, LEADER_LOCK, lockFreed, workerLock, type BrokerToWorker, type ConnectMessage, type RtcToWorker, type StartMessage,
  type WorkerToBroker, type WorkerToTab,
} from './messages.ts';
import { compileModule, Core, CoreError } from './module.ts';
import { EffectKind, ErrorCode, EventKind, REQUEST_SIZE, writeEvent, type NodeEffect, type NodeEvent } from './seam.ts';

/** Of one port in one step, so that nobody holds up another (the vault socket does the same). */
const PORT_REQUESTS_A_STEP = 16;
const STEP_BYTES_MAX = 8 * 1024 * 1024;
/** A message port cannot be left unread: who sends this much ahead of the node is ended. */
const PORT_WAITING_MAX = 4096, PORT_WAITING_BYTES_MAX = 64 * 1024 * 1024;
const PORTS_MAX = 1024;

const say = (message: WorkerToTab, transfer: Transferable[] = []): void => { postMessage(message, { transfer }); };

interface Request { request: Uint8Array; body: Uint8Array }

/** A program at the other end of a message port. */
interface Port {
  readonly channel: MessagePort;
  readonly client: string;
  readonly waiting: Request[];
  waitingBytes: number;
  /** Bytes of answers sent and not yet said to be taken; and said, not yet told to the node. */
  untaken: number;
  taken: number;
}

class Driver {
  readonly #core: Core;
  readonly #links: Links;
  readonly #ports = new Map<number, Port>();
  readonly #watched = new Set<string>();
  readonly #events: NodeEvent[] = [];
  readonly #writer = new Writer();
  readonly #kick = new MessageChannel();
  #nextPort = 1;
  #kicked = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #mirroring = false;

  constructor(core: Core) {
    this.#core = core;
    this.#links = new Links((event) => this.#add(event), (message) => say(message));
    this.#kick.port1.onmessage = () => {
      this.#kicked = false;
      this.#step();
    };
    this.#wake();
  }

  fromPage(message: RtcToWorker): void { this.#links.fromPage(message); }

  /** A new port of the node. The origin is what the vault's page was told by the browser. */
  connect({ client, origin }: ConnectMessage, channel: MessagePort): void {
    if (this.#ports.size >= PORTS_MAX) {
      channel.close();
      return;
    }
    const number = this.#nextPort++;
    const port: Port = { channel, client, waiting: [], waitingBytes: 0, untaken: 0, taken: 0 };
    this.#ports.set(number, port);
    this.#add({ kind: EventKind.portUp, port: number, body: new TextEncoder().encode(origin) });
    channel.onmessage = ({ data }: MessageEvent<unknown>) => this.#hear(number, port, data);
    this.#watch(client);
  }

  /** A tab that dies says nothing; its lock does. */
  #watch(client: string): void {
    if (this.#watched.has(client)) return;
    this.#watched.add(client);
    void lockFreed(clientLock(client)).then(() => {
      this.#watched.delete(client);
      for (const [number, port] of this.#ports) if (port.client === client) this.#disconnect(number, port);
    });
  }

  #disconnect(number: number, port: Port): void {
    if (!this.#ports.delete(number)) return;
    port.channel.close();
    this.#add({ kind: EventKind.portDown, port: number });
  }

  #hear(number: number, port: Port, message: unknown): void {
    try {
      const frame = decodeFrame(message); // null, the farewell, is none either
      if (frame.kind === FrameKind.credit) {
        const taken = Math.min(frame.taken, port.untaken);
        port.untaken -= taken;
        port.taken += taken;
      } else if (frame.kind === FrameKind.request) {
        port.waiting.push({ request: frame.request, body: frame.body });
        port.waitingBytes += frame.body.length;
      } else {
        throw new CodecError('a program does not answer');
      }
      if (port.waiting.length > PORT_WAITING_MAX || port.waitingBytes > PORT_WAITING_BYTES_MAX) throw new CodecError('too much at once');
      this.#wake();
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#disconnect(number, port);
    }
  }

  #add(event: NodeEvent): void {
    this.#events.push(event);
    this.#wake();
  }

  /** A step once what has arrived by now has been heard: messages that wait already come before this one. */
  #wake(): void {
    if (this.#kicked || this.#mirroring) return;
    this.#kicked = true;
    this.#kick.port2.postMessage(null);
  }

  /** Writes what has arrived into the writer, and says whether all of it. */
  #gather(): boolean {
    const timeMs = Math.floor(performance.now()), wallMs = Date.now();
    const write = (event: NodeEvent): void => writeEvent(this.#writer, event, timeMs, wallMs);
    let written = 0;
    while (written < this.#events.length && this.#writer.size < STEP_BYTES_MAX) write(this.#events[written++] as NodeEvent);
    this.#events.splice(0, written);
    let all = this.#events.length === 0;
    if (all) {
      for (const [number, port] of this.#ports) all = this.#gatherPort(number, port, write) && all;
    }
    if (this.#writer.size === 0) write({ kind: EventKind.clock });
    return all;
  }

  #gatherPort(number: number, port: Port, write: (event: NodeEvent) => void): boolean {
    if (port.taken > 0) {
      write({ kind: EventKind.portWritable, port: number, size: port.taken });
      port.taken = 0;
    }
    let count = 0;
    while (count < port.waiting.length && count < PORT_REQUESTS_A_STEP && this.#writer.size < STEP_BYTES_MAX) {
      const { request, body } = port.waiting[count++] as Request;
      port.waitingBytes -= body.length;
      write({ kind: EventKind.command, port: number, request, body });
    }
    port.waiting.splice(0, count);
    return port.waiting.length === 0;
  }

  #step(): void {
    if (this.#mirroring) return; // it ends with a step
    clearTimeout(this.#timer);
    const all = this.#gather();
    const { deadlineMs, token, effects } = this.#core.step(this.#writer.take());
    if (token) this.#mirror(token);
    for (const effect of effects) this.#carryOut(effect);
    if (!all) this.#wake();
    else if (deadlineMs !== null) this.#schedule(deadlineMs - performance.now());
  }

  #schedule(inMs: number): void {
    if (inMs <= 0) this.#wake();
    else this.#timer = setTimeout(() => this.#wake(), Math.min(Math.ceil(inMs), 0x7fffffff));
  }

  /** Another token is mirrored before the next step. Where that fails the next opening takes new feeds, and nothing is lost. */
  #mirror(token: Uint8Array): void {
    this.#mirroring = true;
    void writeToken(token)
      .catch((error: unknown) => say({ type: 'trace', room: 'web', text: `the clone guard could not be written: ${String(error)}` }))
      .then(() => {
        this.#mirroring = false;
        this.#wake();
      });
  }

  #carryOut(effect: NodeEffect): void {
    if (effect.kind !== EffectKind.notify && effect.kind !== EffectKind.reply) {
      this.#links.carryOut(effect);
      return;
    }
    const port = this.#ports.get(effect.port);
    if (!port) return; // went in this same step
    port.untaken += effect.body.length;
    const frame = encodeFrame(effect.kind === EffectKind.reply ? FrameKind.reply : FrameKind.notify, effect.request, effect.body);
    port.channel.postMessage(frame, [frame]);
  }
}

// --- Becoming the leader --------------------------------------------------------------------------------------------

/** The key the broker still holds, else the one kept here, else, where there is no vault, a new one. */
async function findPageKey(broker: MessagePort, disk: Disk): Promise<Uint8Array> {
  const held = new Promise<Uint8Array | null>((resolve) => {
    broker.onmessage = ({ data }: MessageEvent<BrokerToWorker>) => { if (data.type === 'key') resolve(data.key); };
  });
  broker.postMessage({ type: 'key?' } satisfies WorkerToBroker);
  const key = await held ?? await readPageKey();
  if (key) return key;
  if (disk.hasVault) throw new CoreError(ErrorCode.E_STATE, 'the vault is here, but its key is not: the browser has lost a part of what it kept');
  return await makePageKey();
}

async function lead(core: Core, disk: Disk, broker: MessagePort): Promise<Driver> {
  const started = performance.now();
  const [files, before] = await Promise.all([openVaultFiles(), readToken()]);
  disk.attach(files);
  const key = await findPageKey(broker, disk);
  const token = core.open({ path: VAULT_PATH, key, create: before === null, token: before, sameFile: before !== null });
  if (token) await writeToken(token);
  const driver = new Driver(core);
  broker.onmessage = ({ data, ports: [port] }: MessageEvent<BrokerToWorker>) => {
    if (data.type === 'connect' && port) driver.connect(data, port);
  };
  broker.postMessage({ type: 'lead', key } satisfies WorkerToBroker);
  say({ type: 'leading', version: core.version, openMs: performance.now() - started });
  return driver;
}

/** The lock comes sooner than this where nobody leads; where somebody does, there is time. */
const LEADER_THERE_MS = 100;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * The engine compiles a function when it is first called, and opening a first vault calls most of them: some 100 ms that taking over would wait
 * for. So who stands by opens one in memory, makes an identity and a space in it, and forgets it.
 */
function warmUp(core: Core, disk: Disk): void {
  const writer = new Writer();
  disk.attach(new Map(VAULT_FILES.map((name) => [name, new MemoryHandle()])));
  core.open({ path: VAULT_PATH, key: new Uint8Array(32), create: true, token: null, sameFile: false });
  const commands: Value[] = [{ do: 'halo.create', name: 'warm' }, { do: 'space.create', name: 'warm' }, { do: 'object.add', space: 'warm' }, { do: 'status' }];
  commands.forEach((command, at) => {
    const request = new Uint8Array(REQUEST_SIZE).fill(at + 1);
    writeEvent(writer, { kind: EventKind.command, port: 1, request, body: encode(command) }, at, at);
    core.step(writer.take());
  });
  core.close();
  disk.close();
}

/** Says what ended this worker and ends it: its locks and files are free from then on, and its ports silent. */
function fail(error: unknown, disk: Disk | null): void {
  const message = error instanceof Error ? error.message : String(error);
  say({ type: 'failed', code: error instanceof CoreError ? error.code : ErrorCode.E_IO, message });
  disk?.close();
  close();
}

async function start({ worker, wasm }: StartMessage, broker: MessagePort): Promise<void> {
  let disk: Disk | null = null, driver: Driver | null = null;
  const onFailure = (event: Event): void => {
    event.preventDefault();
    fail(event instanceof ErrorEvent ? event.error ?? event.message : (event as PromiseRejectionEvent).reason, disk);
  };
  addEventListener('error', onFailure);
  addEventListener('unhandledrejection', onFailure);
  addEventListener('message', ({ data }: MessageEvent<RtcToWorker>) => driver?.fromPage(data));
  await holdLock(workerLock(worker));
  say({ type: 'alive' });
  const core = await Core.instantiate(await compileModule(wasm), (bytes) => (disk = new Disk(bytes)).imports(),
    (room, text) => say({ type: 'trace', room, text }));
  say({ type: 'standby' });
  const leader = holdLock(LEADER_LOCK);
  if (!await Promise.race([leader, sleep(LEADER_THERE_MS)])) warmUp(core, disk as unknown as Disk);
  await leader;
  driver = await lead(core, disk as unknown as Disk, broker);
}

addEventListener('message', (event: MessageEvent<StartMessage>) => {
  const [broker] = event.ports;
  if (broker) void start(event.data, broker);
}, { once: true });

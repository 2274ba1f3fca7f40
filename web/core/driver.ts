// core/driver.ts: the node's steps in the worker: what arrives in a turn is one step, one commit, and only then its effects, as on the native host
// (src/host/driver.c). Nothing here decides: what a program may do is the node's to say, by the origin told with its port.
//
// Invariants: no step runs before the token of the one before is mirrored; a step that throws is followed by no effect (whoever owns the driver ends the
// worker); what waits is bounded for each port, each origin and each link, and no port or link holds up another.
import { CodecError, Writer } from './codec.ts';
import { decodeFrame, encodeFrame, FrameKind } from './frames.ts';
import { Links } from './links.ts';
import { clientLock, type ConnectMessage, type DisconnectMessage, type RtcToPage, type RtcToWorker } from './messages.ts';
import { EffectKind, ErrorCode, EventKind, writeEvent, type NodeEffect, type NodeEvent, type StepOutput } from './seam.ts';

/** Of one port in one step, so that nobody holds up another (the vault socket does the same). */
const PORT_REQUESTS_A_STEP = 16;
/** One step's events: what links brought, and with what programs ask. */
const LINK_BYTES_A_STEP = 2 * 1024 * 1024, STEP_BYTES_MAX = 8 * 1024 * 1024;
/** A message port cannot be left unread: who sends this much ahead of the node is ended. */
const PORT_WAITING_MAX = 4096, PORT_WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** Nor can a data channel: four times what a peer is granted is a flood. */
const LINK_WAITING_BYTES_MAX = 16 * 1024 * 1024;
/** As many as the node takes; of them those of apps, so that they never shut out the vault's own page; of them those of one app, likewise. */
const PORTS_MAX = 1024, APP_PORTS_MAX = 768, ORIGIN_PORTS_MAX = 128;
/** The browser's database answers in milliseconds; the vault does not wait for one that hangs. */
const MIRROR_MAX_MS = 5000;

/** What the driver is given: the core, and what the worker's surroundings do for it. */
export interface DriverHost {
  step(events: Uint8Array): StepOutput;
  /** Resolves when the token is durable outside of the vault's own files. */
  mirror(token: Uint8Array): Promise<void>;
  /** Resolves when whoever holds the lock is gone. */
  freed(lock: string): Promise<void>;
  toPage(message: RtcToPage): void;
  trace(text: string): void;
}

interface Request { request: Uint8Array; body: Uint8Array }

/** A program at the other end of a message port. */
interface Port {
  readonly channel: MessagePort;
  readonly client: string;
  readonly attachment: string;
  readonly origin: string;
  readonly waiting: Request[];
  waitingBytes: number;
  /** Bytes of answers sent and not yet said to be taken; and said, not yet told to the node. */
  untaken: number;
  taken: number;
}

export class Driver {
  readonly #host: DriverHost;
  readonly #mirrorMaxMs: number;
  readonly #links: Links;
  readonly #ports = new Map<number, Port>();
  readonly #watched = new Set<string>();
  /** Of ports and of links apart: neither waits for the other. */
  readonly #portEvents: NodeEvent[] = [];
  readonly #linkEvents: NodeEvent[] = [];
  /** Bytes of each link in #linkEvents. */
  readonly #linkWaiting = new Map<number, number>();
  readonly #writer = new Writer();
  readonly #kick = new MessageChannel();
  #nextPort = 1;
  #kicked = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #mirroring = false;

  /** token: of the vault's opening, mirrored before the first step; null: there is none. */
  constructor(host: DriverHost, token: Uint8Array | null, mirrorMaxMs = MIRROR_MAX_MS) {
    this.#host = host;
    this.#mirrorMaxMs = mirrorMaxMs;
    this.#links = new Links((event) => this.#addLink(event), (message) => host.toPage(message));
    this.#kick.port1.onmessage = () => {
      this.#kicked = false;
      this.#step();
    };
    if (token) this.#mirror(token);
    else this.#wake();
  }

  fromPage(message: RtcToWorker): void { this.#links.fromPage(message); }

  /** No step runs any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#kick.port1.close();
  }

  /** A new port of the node. The origin is what the vault's page was told by the browser. */
  connect({ client, attachment, origin }: ConnectMessage, channel: MessagePort): void {
    this.disconnect({ client, attachment });
    if (!this.#hasRoomFor(origin)) {
      channel.postMessage(null); // farewell: the program need not wait
      channel.close();
      return;
    }
    const number = this.#nextPort++;
    const port: Port = { channel, client, attachment, origin, waiting: [], waitingBytes: 0, untaken: 0, taken: 0 };
    this.#ports.set(number, port);
    this.#addPort({ kind: EventKind.portUp, port: number, body: new TextEncoder().encode(origin) });
    channel.onmessage = ({ data }: MessageEvent<unknown>) => this.#hear(number, port, data);
    channel.onmessageerror = () => this.#end(number, port);
    this.#watch(client);
  }

  /** The program is gone, or has another port. */
  disconnect({ client, attachment }: Pick<DisconnectMessage, 'client' | 'attachment'>): void {
    for (const [number, port] of this.#ports) if (port.client === client && port.attachment === attachment) this.#end(number, port);
  }

  #hasRoomFor(origin: string): boolean {
    if (this.#ports.size >= PORTS_MAX) return false;
    if (origin === '') return true;
    let ofApps = 0, ofOrigin = 0;
    for (const port of this.#ports.values()) {
      if (port.origin !== '') ofApps++;
      if (port.origin === origin) ofOrigin++;
    }
    return ofApps < APP_PORTS_MAX && ofOrigin < ORIGIN_PORTS_MAX;
  }

  /** A tab that dies says nothing; its lock does. */
  #watch(client: string): void {
    if (this.#watched.has(client)) return;
    this.#watched.add(client);
    void this.#host.freed(clientLock(client)).then(() => {
      this.#watched.delete(client);
      for (const [number, port] of this.#ports) if (port.client === client) this.#end(number, port);
    });
  }

  #end(number: number, port: Port): void {
    if (!this.#ports.delete(number)) return;
    port.channel.onmessage = null;
    port.channel.close();
    this.#addPort({ kind: EventKind.portDown, port: number });
  }

  #hear(number: number, port: Port, message: unknown): void {
    try {
      const frame = decodeFrame(message); // null, the farewell, is none either
      if (frame.kind === FrameKind.credit) {
        const taken = Math.min(frame.taken, port.untaken);
        if (taken === 0) return; // more than was sent says nothing, and costs no step
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
      this.#end(number, port);
    }
  }

  #addPort(event: NodeEvent): void {
    this.#portEvents.push(event);
    this.#wake();
  }

  #addLink(event: NodeEvent): void {
    const link = event.link ?? 0, size = event.body?.length ?? 0;
    const waiting = (this.#linkWaiting.get(link) ?? 0) + size;
    if (waiting > LINK_WAITING_BYTES_MAX && event.kind !== EventKind.linkDown) {
      this.#links.end(link, ErrorCode.E_FLOOD, 'the peer sent more than it was granted');
      return;
    }
    this.#linkWaiting.set(link, waiting);
    this.#linkEvents.push(event);
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
    const timeMs = Math.floor(performance.now()), wallMs = Math.max(0, Date.now());
    const write = (event: NodeEvent): void => writeEvent(this.#writer, event, timeMs, wallMs);
    for (const event of this.#portEvents.splice(0)) write(event);
    let written = 0;
    for (; written < this.#linkEvents.length && this.#writer.size < LINK_BYTES_A_STEP; written++) {
      const event = this.#linkEvents[written] as NodeEvent, link = event.link ?? 0;
      write(event);
      const left = (this.#linkWaiting.get(link) ?? 0) - (event.body?.length ?? 0);
      if (left > 0) this.#linkWaiting.set(link, left);
      else this.#linkWaiting.delete(link);
    }
    this.#linkEvents.splice(0, written);
    const heard: [number, Port][] = [];
    let waits = this.#linkEvents.length > 0;
    for (const [number, port] of this.#ports) {
      if (this.#gatherPort(number, port, write) > 0 && port.waiting.length > 0) heard.push([number, port]);
      waits ||= port.waiting.length > 0;
    }
    for (const [number, port] of heard) { // the next step begins with those for whom there was no room
      this.#ports.delete(number);
      this.#ports.set(number, port);
    }
    if (this.#writer.size === 0) write({ kind: EventKind.clock });
    return !waits;
  }

  /** How many of its requests there was room for. */
  #gatherPort(number: number, port: Port, write: (event: NodeEvent) => void): number {
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
    return count;
  }

  #step(): void {
    if (this.#mirroring) return; // it ends with a step
    clearTimeout(this.#timer);
    const all = this.#gather();
    const { deadlineMs, token, effects } = this.#host.step(this.#writer.take());
    if (token) this.#mirror(token);
    for (const effect of effects) this.#carryOut(effect);
    if (!all) this.#wake();
    else if (deadlineMs !== null) this.#schedule(deadlineMs - performance.now());
  }

  #schedule(inMs: number): void {
    if (inMs <= 0) this.#wake();
    else this.#timer = setTimeout(() => this.#wake(), Math.min(Math.ceil(inMs), 0x7fffffff));
  }

  /** A token is mirrored before the next step. What arrives meanwhile waits, but ports can be laid. Where it fails the vault goes on, as natively. */
  #mirror(token: Uint8Array): void {
    this.#mirroring = true;
    let late: ReturnType<typeof setTimeout>;
    const patience = new Promise<never>((_, reject) => { late = setTimeout(() => reject(new Error('the browser\'s database does not answer')), this.#mirrorMaxMs); });
    void Promise.race([this.#host.mirror(token), patience])
      .catch((error: unknown) => this.#host.trace(`the clone guard could not be written: ${String(error)}`))
      .then(() => {
        clearTimeout(late);
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

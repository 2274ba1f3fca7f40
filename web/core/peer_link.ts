// core/peer_link.ts: peer links in the worker: the page makes the connection (rtc.ts), the data channel is handed to the worker and its bytes
// never pass the page. Where a browser cannot transfer a channel the page passes bytes on, and the same events come by message.
import { CodecError, decode, encode, type Value } from './codec.ts';
import type { HostLink, LinkEvents } from './links.ts';
import type { IceServer, RtcSignal, RtcToPage, RtcToWorker } from './messages.ts';
import { ErrorCode } from './seam.ts';

/** A data channel's message; every browser takes this much, and the stream has no messages of its own. */
export const MESSAGE_MAX = 64 * 1024;
/** What a channel is given ahead: enough to keep it busy, and far below where browsers refuse more (16 MiB). The rest waits here. */
const AHEAD_MAX = 1024 * 1024;
/** Below this much unsent the channel is filled again and the node told of room, in steps rather than for every message. */
const LOW_WATER = 256 * 1024;
/** For the last words on a link that the node closed, as natively. */
const LINGER_MS = 5000;

export interface StreamEvents { up(): void; data(body: ArrayBuffer): void; writable(size: number): void; down(): void }

/** A data channel as a stream: what was sent and has left is told as it leaves. Serves the worker and the page alike. */
export class ChannelStream {
  readonly #channel: RTCDataChannel;
  readonly #events: StreamEvents;
  /** What is sent in one turn leaves in as few messages as hold it. */
  #waiting: Uint8Array[] = [];
  #pumps = false;
  #given = 0;
  #told = 0;
  /** Set once the node has closed the link: called when the last words have left. */
  #closed: (() => void) | null = null;

  constructor(channel: RTCDataChannel, events: StreamEvents) {
    this.#channel = channel;
    this.#events = events;
    channel.binaryType = 'arraybuffer';
    channel.bufferedAmountLowThreshold = LOW_WATER;
    channel.onopen = () => {
      events.up();
      this.#pump();
    };
    channel.onmessage = ({ data }: MessageEvent<unknown>) => { if (data instanceof ArrayBuffer) events.data(data); };
    channel.onbufferedamountlow = () => this.#pump();
    channel.onclose = () => events.down();
    if (channel.readyState === 'open') events.up();
    else if (channel.readyState === 'closed') events.down();
  }

  /** body is this stream's own from now on. */
  send(body: Uint8Array): void {
    if (this.#closed || this.#channel.readyState === 'closing' || this.#channel.readyState === 'closed') return;
    this.#waiting.push(body);
    if (this.#pumps) return;
    this.#pumps = true;
    queueMicrotask(() => this.#pump());
  }

  /** The peer hears what was sent before; gone is called when it has, or takes too long over it. */
  close(gone: () => void): void {
    const channel = this.#channel;
    if (this.#closed) return;
    const late = setTimeout(() => this.#closed?.(), LINGER_MS);
    this.#closed = () => {
      this.#closed = () => undefined;
      clearTimeout(late);
      channel.onopen = channel.onbufferedamountlow = channel.onclose = null;
      channel.close();
      gone();
    };
    channel.onmessage = null;
    channel.onclose = this.#closed;
    if (channel.readyState === 'open') this.#pump();
    else this.#closed();
  }

  #pump(): void {
    const channel = this.#channel;
    this.#pumps = false;
    try {
      while (this.#waiting.length > 0 && channel.readyState === 'open' && channel.bufferedAmount < AHEAD_MAX) {
        const message = takeMessage(this.#waiting);
        channel.send(message);
        this.#given += message.length;
      }
    } catch {
      channel.close(); // a stream that misses a part is none: onclose follows
      return;
    }
    // With nothing left to give, the rest is told when all of it has left.
    channel.bufferedAmountLowThreshold = this.#waiting.length > 0 || channel.bufferedAmount > LOW_WATER ? LOW_WATER : 0;
    if (this.#closed) {
      if (this.#waiting.length === 0) channel.close(); // sends what it holds first, then onclose
      return;
    }
    const left = this.#given - channel.bufferedAmount - this.#told;
    if (left <= 0) return;
    this.#told += left;
    this.#events.writable(left);
  }
}

/** The first bytes of what waits, as many as one message holds. */
function takeMessage(waiting: Uint8Array[]): Uint8Array<ArrayBuffer> {
  let count = 0, size = 0;
  while (count < waiting.length && size < MESSAGE_MAX) size += (waiting[count++] as Uint8Array).length;
  if (count === 1 && size <= MESSAGE_MAX) return waiting.shift() as Uint8Array<ArrayBuffer>;
  const message = new Uint8Array(Math.min(size, MESSAGE_MAX));
  const parts = waiting.splice(0, count), rest = size - message.length;
  let at = 0;
  for (const [number, part] of parts.entries()) {
    const taken = number === count - 1 ? part.subarray(0, part.length - rest) : part;
    message.set(taken, at);
    at += taken.length;
  }
  if (rest > 0) {
    const last = parts[count - 1] as Uint8Array;
    waiting.unshift(last.subarray(last.length - rest));
  }
  return message;
}

interface PeerLink { events: LinkEvents; stream: ChannelStream | null }

export class PeerLinks {
  readonly #links = new Map<number, PeerLink>();
  readonly #toPage: (message: RtcToPage) => void;

  constructor(toPage: (message: RtcToPage) => void) { this.#toPage = toPage; }

  open(link: number, role: 'offer' | 'answer', events: LinkEvents): HostLink {
    const peer: PeerLink = { events, stream: null };
    const servers: IceServer[] = [];
    // The page hears of the link at the end of this step's effects: ICE servers may be among them, and are wanted from the start.
    let early: RtcToPage[] | null = [];
    this.#links.set(link, peer);
    queueMicrotask(() => {
      const held = early ?? [];
      early = null;
      if (this.#links.get(link) !== peer) return;
      this.#toPage({ type: 'rtc-open', link, role, servers });
      for (const message of held) this.#toPage(message);
    });
    const say = (message: RtcToPage): void => {
      if (early) early.push(message);
      else this.#toPage(message);
    };
    return {
      send: (body) => {
        if (peer.stream) peer.stream.send(body);
        else say({ type: 'rtc-send', link, data: body });
      },
      signal: (body) => {
        const named = readServers(body), signal = named ? null : readSignal(body);
        if (named) servers.push(...named);
        else if (signal) say({ type: 'rtc-signal', link, signal });
        else this.#end(link, ErrorCode.E_MALFORMED, 'the peer\'s signal is none');
      },
      close: () => this.#close(link),
    };
  }

  fromPage(message: RtcToWorker): void {
    const peer = this.#links.get(message.link);
    if (!peer) {
      if (message.type === 'rtc-channel') message.channel.close(); // the link was closed while the page was still at it
      return;
    }
    switch (message.type) {
      case 'rtc-channel': peer.stream = this.#streamOf(message.link, message.channel, peer.events); break;
      case 'rtc-up': peer.events.up('rtc'); break;
      case 'rtc-signal': peer.events.signal(encode(message.signal as unknown as Value)); break;
      case 'rtc-data': peer.events.data(new Uint8Array(message.data)); break;
      case 'rtc-writable': peer.events.writable(message.size); break;
      case 'rtc-down': this.#end(message.link, ErrorCode.E_UNREACHABLE, message.message); break;
    }
  }

  #streamOf(link: number, channel: RTCDataChannel, events: LinkEvents): ChannelStream {
    return new ChannelStream(channel, {
      up: () => events.up('rtc'),
      data: (body) => events.data(new Uint8Array(body)),
      writable: (size) => events.writable(size),
      down: () => this.#end(link, ErrorCode.E_UNREACHABLE, 'the peer ended the connection'),
    });
  }

  #end(link: number, reason: number, message: string): void {
    const events = this.#links.get(link)?.events;
    this.#close(link);
    events?.down(reason, message);
  }

  #close(link: number): void {
    const peer = this.#links.get(link);
    if (!peer) return;
    this.#links.delete(link);
    const gone = (): void => this.#toPage({ type: 'rtc-close', link });
    if (peer.stream) peer.stream.close(gone);
    else gone();
  }
}

/** The ICE servers a signaling service named, as the node passes them on (docs/spec/seam.md); null when it is something else. */
export function readServers(body: Uint8Array): IceServer[] | null {
  const value = decodeOrNull(body) as { servers?: unknown } | null;
  if (value === null || typeof value !== 'object' || !Array.isArray(value.servers)) return null;
  return value.servers.filter(isServer).map(([urls, username, credential]) => username === '' ? { urls } : { urls, username, credential });
}

const isServer = (row: unknown): row is [string, string, string] =>
  Array.isArray(row) && row.length === 3 && row.every((field) => typeof field === 'string');

function decodeOrNull(body: Uint8Array): Value {
  try {
    return decode(body);
  } catch (error) {
    if (error instanceof CodecError) return null;
    throw error;
  }
}

/** A signal of the peer's, or null when it is not of the form: it comes from somebody else's machine. */
export function readSignal(body: Uint8Array): RtcSignal | null {
  const value = decodeOrNull(body);
  if (value === null || typeof value !== 'object') return null;
  const { type, sdp, candidate } = value as { type?: unknown; sdp?: unknown; candidate?: unknown };
  if ((type === 'offer' || type === 'answer') && typeof sdp === 'string') return { type, sdp };
  return typeof candidate === 'string' ? { candidate } : null;
}

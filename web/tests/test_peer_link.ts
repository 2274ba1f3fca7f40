// tests/test_peer_link.ts: core/peer_link.ts, core/rtc.ts and core/signal_socket.ts over a browser that is none: what leaves in which pieces, last words,
// and what a browser that refuses, a peer that floods and a service that is silent end.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { RtcToPage, RtcToWorker } from '../core/messages.ts';
import { ChannelStream, MESSAGE_MAX } from '../core/peer_link.ts';
import { PageRtc } from '../core/rtc.ts';
import { ErrorCode } from '../core/seam.ts';
import { openSignalSocket } from '../core/signal_socket.ts';

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

/** A data channel whose bytes leave when the test says so. */
class FakeChannel {
  readyState: RTCDataChannelState = 'open';
  bufferedAmount = 0;
  bufferedAmountLowThreshold = 0;
  binaryType = '';
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onbufferedamountlow: (() => void) | null = null;
  onclose: (() => void) | null = null;
  readonly sent: Uint8Array[] = [];
  refuses = false;

  send(data: Uint8Array): void {
    if (this.refuses) throw new DOMException('the queue is full', 'OperationError');
    this.sent.push(data.slice());
    this.bufferedAmount += data.length;
  }

  close(): void {
    if (this.readyState === 'closing' || this.readyState === 'closed') return;
    this.readyState = 'closing';
  }

  /** All of it has left. */
  drain(): void {
    this.bufferedAmount = 0;
    this.onbufferedamountlow?.();
  }

  /** The other side has heard that this one closes. */
  end(): void {
    this.readyState = 'closed';
    this.onclose?.();
  }
}

function stream() {
  const channel = new FakeChannel(), log: string[] = [];
  let left = 0;
  const of = new ChannelStream(channel as unknown as RTCDataChannel, {
    up: () => log.push('up'), data: (body) => log.push(`data ${body.byteLength}`), writable: (size) => { left += size; }, down: () => log.push('down'),
  });
  return { channel, log, of, left: () => left, bytes: () => Buffer.concat(channel.sent) };
}

test('what is sent in one turn leaves in as few messages as hold it, in order', async () => {
  const { of, channel, bytes, left } = stream(), all: Uint8Array[] = [];
  for (const size of [1, 10, 60_000, 10_000, 200_000, 5]) all.push(new Uint8Array(size).map((_, at) => at * 7 + size));
  for (const body of all) of.send(body.slice());
  await turn();
  assert.ok(bytes().equals(Buffer.concat(all)));
  assert.equal(channel.sent.length, Math.ceil(270_016 / MESSAGE_MAX));
  assert.ok(channel.sent.every((message) => message.length <= MESSAGE_MAX));
  channel.drain();
  assert.equal(left(), 270_016);
});

test('a channel is given a mebibyte ahead, and what left is told as it leaves', async () => {
  const { of, channel, bytes, left } = stream();
  for (let n = 0; n < 100; n++) of.send(new Uint8Array(64 * 1024));
  await turn();
  assert.equal(bytes().length, 1024 * 1024);
  assert.equal(left(), 0);
  for (let n = 0; n < 7; n++) channel.drain();
  assert.equal(bytes().length, 100 * 64 * 1024);
  assert.equal(left(), 100 * 64 * 1024);
});

test('what is sent before the channel is open leaves when it is', async () => {
  const { of, channel, bytes } = stream();
  channel.readyState = 'connecting';
  of.send(new Uint8Array(3));
  await turn();
  assert.equal(bytes().length, 0);
  channel.readyState = 'open';
  channel.onopen?.();
  assert.equal(bytes().length, 3);
});

test('a channel that refuses is ended, and nothing is thrown', async () => {
  const { of, channel, log } = stream();
  channel.refuses = true;
  of.send(new Uint8Array(3));
  await turn();
  assert.equal(channel.readyState, 'closing');
  channel.end();
  assert.deepEqual(log, ['up', 'down']);
});

test('closing says the last words first, and hears nothing more', async () => {
  const { of, channel, bytes, log } = stream();
  let gone = 0;
  for (let n = 0; n < 20; n++) of.send(new Uint8Array(64 * 1024));
  of.close(() => gone++);
  of.send(new Uint8Array(1)); // after the end
  assert.equal(channel.readyState, 'open');
  await turn();
  channel.drain();
  assert.equal(bytes().length, 20 * 64 * 1024);
  assert.equal(channel.readyState, 'closing');
  assert.equal(gone, 0);
  channel.end();
  of.close(() => gone++);
  assert.equal(gone, 1);
  assert.deepEqual(log, ['up']);
});

test('what is not bytes is no part of the stream', () => {
  const { channel, log } = stream();
  channel.onmessage?.({ data: 'text' });
  channel.onmessage?.({ data: new ArrayBuffer(2) });
  assert.deepEqual(log, ['up', 'data 2']);
});

// --- The page ---------------------------------------------------------------------------------------------------------

class FakeConnection {
  static refuses: (servers: RTCIceServer[]) => boolean = () => false;
  static made: FakeConnection[] = [];
  remoteDescription: unknown = null;
  localDescription = { type: 'offer', sdp: 'v=0' };
  connectionState = 'new';
  closed = false;
  added = 0;
  readonly servers: RTCIceServer[];

  constructor({ iceServers }: { iceServers: RTCIceServer[] }) {
    if (FakeConnection.refuses(iceServers)) throw new DOMException('not a server', 'SyntaxError');
    this.servers = iceServers;
    FakeConnection.made.push(this);
  }
  createDataChannel(): FakeChannel { return new FakeChannel(); }
  async setLocalDescription(): Promise<void> {}
  async setRemoteDescription(): Promise<void> { await new Promise(() => undefined); } // the peer's description is never done with
  async addIceCandidate(): Promise<void> { this.added++; }
  close(): void { this.closed = true; }
}

function page(t: TestContext, servers: { urls: string }[] = []) {
  const said: RtcToWorker[] = [], before = (globalThis as { RTCPeerConnection?: unknown }).RTCPeerConnection;
  FakeConnection.made = [];
  FakeConnection.refuses = () => false;
  Object.assign(globalThis, { RTCPeerConnection: FakeConnection });
  t.after(() => Object.assign(globalThis, { RTCPeerConnection: before }));
  const worker = { postMessage: (message: RtcToWorker) => said.push(message) } as unknown as Worker;
  const rtc = new PageRtc(worker, servers);
  return { said, tell: (message: RtcToPage) => rtc.fromWorker(message) };
}

test('a service\'s ICE servers that the browser refuses do not keep ours from being used', (t) => {
  const { tell, said } = page(t, [{ urls: 'stun:ours' }]);
  FakeConnection.refuses = (servers) => servers.some(({ urls }) => urls === 'bogus');
  tell({ type: 'rtc-open', link: 1, role: 'answer', servers: [{ urls: 'bogus' }] });
  assert.deepEqual(FakeConnection.made[0]?.servers, [{ urls: 'stun:ours' }]);
  assert.deepEqual(said.map(({ type }) => type), ['rtc-channel']);
});

test('a browser that makes no connection ends the link', (t) => {
  const { tell, said } = page(t);
  FakeConnection.refuses = () => true;
  tell({ type: 'rtc-open', link: 1, role: 'offer', servers: [] });
  assert.deepEqual(said.map(({ type }) => type), ['rtc-down']);
  tell({ type: 'rtc-signal', link: 1, signal: { candidate: '' } });
  tell({ type: 'rtc-close', link: 1 });
});

test('a peer that says more than a connection takes is ended', async (t) => {
  const { tell, said } = page(t);
  tell({ type: 'rtc-open', link: 1, role: 'answer', servers: [] });
  tell({ type: 'rtc-signal', link: 1, signal: { type: 'offer', sdp: 'v=0' } });
  for (let n = 0; n < 200; n++) tell({ type: 'rtc-signal', link: 1, signal: { candidate: 'candidate:1' } });
  await turn();
  assert.equal(said.filter(({ type }) => type === 'rtc-down').length, 1);
  assert.equal(FakeConnection.made[0]?.closed, true);
});

// --- Signaling --------------------------------------------------------------------------------------------------------

test('a signaling service that does not answer is given up', async (t) => {
  const before = globalThis.WebSocket, down: [number, string][] = [];
  let closed = 0;
  class FakeSocket {
    static OPEN = 1;
    readyState = 0;
    bufferedAmount = 0;
    close(): void { closed++; }
  }
  Object.assign(globalThis, { WebSocket: FakeSocket });
  t.after(() => Object.assign(globalThis, { WebSocket: before }));
  const none = (): void => undefined;
  const events = { up: none, data: none, writable: none, signal: none, down: (reason: number, message: string) => { down.push([reason, message]); } };
  openSignalSocket('wss://silent.example', events, 1);
  await turn();
  await turn();
  assert.deepEqual(down, [[ErrorCode.E_UNREACHABLE, 'the signaling service does not answer']]);
  assert.equal(closed, 1);
  openSignalSocket('wss://silent.example', events, 1).close();
  await turn();
  assert.equal(down.length, 1, 'closed here, it says nothing back');
});

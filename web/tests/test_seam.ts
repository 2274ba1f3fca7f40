// tests/test_seam.ts: core/seam.ts and core/frames.ts: the numbers of the C headers, and nothing accepted that is not of the form.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CodecError, encode, Writer, type Value } from '../core/codec.ts';
import { decodeFrame, encodeCredit, encodeFrame, FRAME_BODY_MAX, FrameKind } from '../core/frames.ts';
import { PeerLinks, readServers, readSignal } from '../core/peer_link.ts';
import type { RtcToPage } from '../core/messages.ts';
import { EffectKind, ErrorCode, EventKind, readStepOutput, writeEvent } from '../core/seam.ts';

const camel = (symbol: string): string => symbol.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());

/** The symbols of an X macro, in order. */
function symbols(header: string, macro: string): string[] {
  const source = readFileSync(`include/dxos/${header}.h`, 'utf8');
  const body = source.slice(source.indexOf(`#define ${macro}(X)`)).split(/\n\n|\ntypedef/)[0] as string;
  return [...body.matchAll(/X\((\w+), *"/g)].map((match) => match[1] as string);
}

test('kinds have the numbers of node.h', () => {
  assert.deepEqual(Object.entries(EventKind), symbols('node', 'DX_EVENT_MAP').map((symbol, number) => [camel(symbol), number]));
  assert.deepEqual(Object.entries(EffectKind), symbols('node', 'DX_EFFECT_MAP').map((symbol, number) => [camel(symbol), number]));
});

test('errors have the numbers of base.h', () => {
  const source = readFileSync('include/dxos/base.h', 'utf8');
  for (const [name, code] of Object.entries(ErrorCode)) assert.match(source, new RegExp(`X\\(${name}, +${code},`), name);
});

test('an event as docs/spec/seam.md has it', () => {
  const writer = new Writer();
  writeEvent(writer, { kind: EventKind.clock }, 100, 1000);
  assert.equal(Buffer.from(writer.take()).toString('hex'), `8900${'1864'}${'1903e8'}${'00'.repeat(4)}50${'00'.repeat(16)}40`);
});

test('a step\'s output', () => {
  const request = new Uint8Array(16).fill(3), body = Uint8Array.of(0xa0);
  const output = Buffer.concat([encode(500), encode(null), encode([5, 1, 0, 0, request, body])]);
  assert.deepEqual(readStepOutput(output), { deadlineMs: 500, token: null, effects: [{ kind: 5, port: 1, link: 0, reason: 0, request, body }] });
  assert.deepEqual(readStepOutput(Buffer.concat([encode(null), encode(request)])), { deadlineMs: null, token: request, effects: [] });
  for (const bad of [[], ['x', null], [1], [1, 2], [1, null, [5, 1, 0, 0, request]], [1, null, 7]] as Value[][]) {
    assert.throws(() => readStepOutput(Buffer.concat(bad.map((item) => encode(item)))), CodecError);
  }
});

test('frames, there and back', () => {
  const request = new Uint8Array(16).fill(9), body = encode({ do: 'status' });
  assert.deepEqual(decodeFrame(encodeFrame(FrameKind.request, request, body)), { kind: FrameKind.request, request, body });
  assert.deepEqual(decodeFrame(encodeCredit(request, 4096)), { kind: FrameKind.credit, request, taken: 4096 });
});

test('whatever else comes on a port is no frame', () => {
  const request = new Uint8Array(16), of = (value: Value): ArrayBuffer => encode(value).buffer;
  const none: unknown[] = [
    null, undefined, 'text', {}, new Uint8Array(4), new ArrayBuffer(0), of([]), of([0, request]), of([0, new Uint8Array(15), request]), of([4, request, request]),
    of([3, request, -1]), of([3, request, request]), of([0, request, 5]), of([0, request, {}]), of([0, request, new Uint8Array(FRAME_BODY_MAX + 1)]),
    Uint8Array.from([...new Uint8Array(of([0, request, request])), 0]).buffer, new ArrayBuffer(8 * 1024 * 1024),
  ];
  for (const message of none) assert.throws(() => decodeFrame(message), CodecError);
});

test('ICE servers that follow a link\'s opening are there when the page opens it', async () => {
  const said: RtcToPage[] = [], none = () => undefined;
  const peers = new PeerLinks((message) => said.push(message));
  const link = peers.open(9, 'answer', { up: none, data: none, writable: none, signal: none, down: none });
  link.signal(encode({ servers: [['stun:a', '', ''], ['turn:b', 'u', 'p'], ['bad']] }));
  link.signal(encode({ type: 'offer', sdp: 'v=0' }));
  assert.equal(said.length, 0);
  await Promise.resolve();
  link.signal(encode({ candidate: '' }));
  const servers = [{ urls: 'stun:a' }, { urls: 'turn:b', username: 'u', credential: 'p' }];
  assert.deepEqual(said, [
    { type: 'rtc-open', link: 9, role: 'answer', servers }, { type: 'rtc-signal', link: 9, signal: { type: 'offer', sdp: 'v=0' } },
    { type: 'rtc-signal', link: 9, signal: { candidate: '' } },
  ]);
  link.close();
  assert.equal(said.at(-1)?.type, 'rtc-close');
  peers.open(11, 'offer', { up: none, data: none, writable: none, signal: none, down: none }).close();
  await Promise.resolve();
  assert.ok(!said.some((message) => message.type === 'rtc-open' && message.link === 11), 'closed before it was opened');
  assert.equal(readServers(encode({ candidate: '' })), null);
});

test('a peer\'s signal is one of three forms or nothing', () => {
  assert.deepEqual(readSignal(encode({ type: 'offer', sdp: 'v=0' })), { type: 'offer', sdp: 'v=0' });
  assert.deepEqual(readSignal(encode({ candidate: '' })), { candidate: '' });
  for (const value of [null, 1, [], {}, { type: 'pranswer', sdp: '' }, { type: 'offer' }, { candidate: 1 }] as Value[]) assert.equal(readSignal(encode(value)), null);
  assert.equal(readSignal(Uint8Array.of(0xff)), null);
});

// core/frames.ts: the frames between a program and a vault (docs/spec/vault-socket.md) as they travel on a MessagePort: one ArrayBuffer each,
// transferred, without the size in front, as a message has its own end.
import { CodecError, Reader, Writer } from './codec.ts';
import { REQUEST_SIZE } from './seam.ts';

export const FrameKind = { request: 0, notify: 1, reply: 2, credit: 3 } as const;
export type FrameKind = typeof FrameKind[keyof typeof FrameKind];

export const FRAME_BODY_MAX = 4 * 1024 * 1024;
const FRAME_SIZE_MAX = FRAME_BODY_MAX + 64;

/** body: a command or answer, encoded; of a credit: the number of bytes of answers that were taken. */
export type Frame =
  | { kind: typeof FrameKind.request | typeof FrameKind.notify | typeof FrameKind.reply; request: Uint8Array; body: Uint8Array }
  | { kind: typeof FrameKind.credit; request: Uint8Array; taken: number };

const writer = new Writer();

export function encodeFrame(kind: FrameKind, request: Uint8Array, body: Uint8Array): ArrayBuffer {
  return writer.arrayHead(3).integer(kind).bytes(request).bytes(body).take().buffer;
}

export function encodeCredit(request: Uint8Array, taken: number): ArrayBuffer {
  return writer.arrayHead(3).integer(FrameKind.credit).bytes(request).integer(taken).take().buffer;
}

/** Whatever is not exactly a frame throws CodecError; the port it came on is ended. */
export function decodeFrame(message: unknown): Frame {
  if (!(message instanceof ArrayBuffer) || message.byteLength > FRAME_SIZE_MAX) throw new CodecError('no frame');
  const reader = new Reader(new Uint8Array(message)), fields = reader.value();
  if (!reader.atEnd || !Array.isArray(fields) || fields.length !== 3) throw new CodecError('no frame');
  const [kind, request, last] = fields;
  if (!(request instanceof Uint8Array) || request.length !== REQUEST_SIZE) throw new CodecError('a frame without a request');
  if (kind === FrameKind.credit && typeof last === 'number' && last >= 0) return { kind, request, taken: last };
  const known = kind === FrameKind.request || kind === FrameKind.notify || kind === FrameKind.reply;
  if (!known || !(last instanceof Uint8Array) || last.length > FRAME_BODY_MAX) throw new CodecError('a frame of another kind');
  return { kind, request, body: last };
}

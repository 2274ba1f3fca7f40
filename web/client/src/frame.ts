// client/src/frame.ts: answers of a vault, and frames on a stream (docs/spec/vault-socket.md); core/frames.ts writes and reads the frames themselves.
import { decodeFrame, FRAME_BODY_MAX, FrameKind } from '../../core/frames.ts';
import { failures } from './errors.ts';

/** Kind, request and the heads around them. */
const FRAME_MAX = FRAME_BODY_MAX + 64;

export interface Answer {
  last: boolean;
  request: Uint8Array;
  body: Uint8Array;
}

/** A NOTIFY or a REPLY. Throws CodecError or DxError when it is neither. */
export function readAnswer(bytes: ArrayBuffer): Answer {
  const frame = decodeFrame(bytes);
  if (frame.kind === FrameKind.notify || frame.kind === FrameKind.reply) {
    return { last: frame.kind === FrameKind.reply, request: frame.request, body: frame.body };
  }
  throw failures.protocol('the vault sent a frame that only programs send');
}

/** For a stream: the frame behind its size, 4 bytes big endian. */
export function sized(frame: ArrayBuffer): Uint8Array {
  const bytes = new Uint8Array(4 + frame.byteLength);
  new DataView(bytes.buffer).setUint32(0, frame.byteLength);
  bytes.set(new Uint8Array(frame), 4);
  return bytes;
}

/** Cuts a stream into frames. */
export class FrameSplitter {
  #chunks: Uint8Array[] = [];
  #size = 0;

  push(chunk: Uint8Array): ArrayBuffer[] {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    const frames: ArrayBuffer[] = [];
    for (let frame = this.#next(); frame !== null; frame = this.#next()) frames.push(frame);
    return frames;
  }

  #next(): ArrayBuffer | null {
    if (this.#size < 4) return null;
    const head = this.#peek(4);
    const size = new DataView(head.buffer, head.byteOffset, 4).getUint32(0);
    if (size === 0 || size > FRAME_MAX) throw failures.protocol('a frame of the vault has an impossible size');
    if (this.#size < 4 + size) return null;
    const all = this.#peek(4 + size);
    this.#size -= 4 + size;
    const rest = (this.#chunks[0] as Uint8Array).subarray(4 + size);
    if (rest.length > 0) this.#chunks[0] = rest;
    else this.#chunks.shift();
    const frame = new Uint8Array(size); // not slice: node's own kind of bytes would share its pool
    frame.set(all.subarray(4, 4 + size));
    return frame.buffer;
  }

  /** The first bytes in one piece, which become the first chunk. */
  #peek(count: number): Uint8Array {
    let first = this.#chunks[0] as Uint8Array;
    if (first.length < count) {
      const joined = new Uint8Array(this.#size);
      let at = 0;
      for (const chunk of this.#chunks) {
        joined.set(chunk, at);
        at += chunk.length;
      }
      this.#chunks = [joined];
      first = joined;
    }
    return first;
  }
}

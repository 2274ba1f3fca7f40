// client/src/id.ts: ids as bytes and as text (docs/spec/entities.md).
import { failures } from './errors.ts';

export const ID_SIZE = 22;
/** Behind the id in a strong reference (docs/spec/references.md). */
const STRONG = 1;
const FEED_SIZE = 16;
const ID_FORM = /^(0|[1-9]\d{0,9})-(0|[1-9]\d{0,4})-([0-9a-f]{32})$/;

export function hexText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += (byte < 16 ? '0' : '') + byte.toString(16);
  return text;
}

/** `SEQ-INDEX-FEED` of 22 bytes. */
export function idText(id: Uint8Array): string {
  const view = new DataView(id.buffer, id.byteOffset, id.byteLength);
  return `${view.getUint32(FEED_SIZE)}-${view.getUint16(FEED_SIZE + 4)}-${hexText(id.subarray(0, FEED_SIZE))}`;
}

/** The bytes of a reference to the object with this id; none while it has no id yet. */
export function referenceBytes(id: string | undefined, strong: boolean): Uint8Array {
  if (id === undefined) return new Uint8Array(0);
  return strong ? Uint8Array.of(...idBytes(id), STRONG) : idBytes(id);
}

export const isStrongReference = (bytes: Uint8Array): boolean => bytes.length === ID_SIZE + 1 && bytes[ID_SIZE] === STRONG;

/** What the bytes of a reference name, weakly or strongly; undefined: they are another program's. */
export const referencedId = (bytes: Uint8Array): string | undefined =>
  bytes.length === ID_SIZE || isStrongReference(bytes) ? idText(bytes) : undefined;

export function idBytes(text: string): Uint8Array {
  const parts = ID_FORM.exec(text);
  const seq = Number(parts?.[1]), index = Number(parts?.[2]), feed = parts?.[3];
  if (feed === undefined || seq > 0xffffffff || index > 0xffff) throw failures.invalid(`"${text}" is not the id of an object`);
  const id = new Uint8Array(ID_SIZE);
  for (let i = 0; i < FEED_SIZE; i++) id[i] = parseInt(feed.slice(2 * i, 2 * i + 2), 16);
  const view = new DataView(id.buffer);
  view.setUint32(FEED_SIZE, seq);
  view.setUint16(FEED_SIZE + 4, index);
  return id;
}

// core/codec.ts: canonical CBOR (docs/spec/encoding.md), both ways; the same profile as src/core/codec.
//
// One value has one encoding and the reader refuses every other, so encode(decode(b)) is b. How values stand in JavaScript:
//   integer   → number while it is safe, else bigint (int64)         double → number; a Double where that number would be an integer
//   bytes     → Uint8Array           text → string                   array  → Array
//   map       → object, or Map when a key is an integer              timestamp → Timestamp        reference → Reference
// Members that are undefined are left out, so that optional fields can be written as they come.

export type Value =
  | null | boolean | number | bigint | string | Uint8Array | Double | Timestamp | Reference
  | readonly Value[] | ReadonlyMap<Key, Value> | { readonly [key: string]: Value | undefined };
export type Key = string | number | bigint;

/** A double whose value is a whole number: 1.0 and 1 are different values. */
export class Double {
  constructor(readonly value: number) {}
}

/** RFC 3339 in UTC, in the one form encoding.md gives it. */
export class Timestamp {
  constructor(readonly text: string) {}
}

/** Names an object; an id has 22 bytes, others have no meaning here. */
export class Reference {
  constructor(readonly bytes: Uint8Array) {}
}

/** Bytes that are not canonical, or a value that has no encoding. */
export class CodecError extends Error {
  override readonly name = 'CodecError';
}

const NESTING_MAX = 32;
const INT64_MAX = 2n ** 63n - 1n;
const TAG_TIMESTAMP = 0, TAG_REFERENCE = 39;
const enum Major { Uint, Negative, Bytes, Text, Array, Map, Tag, Simple }
const enum Info { False = 20, True = 21, Null = 22, Half = 25, Single = 26, Double = 27 }

const utf8Writer = new TextEncoder();
const utf8Reader = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const LONE_SURROGATE = /[\uD800-\uDFFF]/u;

const isInteger = (value: number): boolean => Number.isSafeInteger(value) && !Object.is(value, -0);

// --- Timestamps -----------------------------------------------------------------------------------------------------

const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{3}|\d{6}))?Z$/;

/** No decimals on a whole second, three on a whole millisecond, otherwise six; a day that exists. */
export function isTimestamp(text: string): boolean {
  const match = TIMESTAMP.exec(text);
  if (!match) return false;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [number, number, number, number, number, number];
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
  const decimals = match[7] ?? '';
  const shortest = decimals === '' || (decimals.length === 3 ? decimals !== '000' : !decimals.endsWith('000'));
  return days !== undefined && day >= 1 && day <= days && hour <= 23 && minute <= 59 && second <= 59 && shortest;
}

// --- Halves ---------------------------------------------------------------------------------------------------------

/** The 16 bits that hold exactly what these 32 do, or null. */
function halfOf(single: number): number | null {
  const sign = (single >>> 16) & 0x8000, exponent = (single >>> 23) & 0xff, mantissa = single & 0x7fffff;
  if (exponent === 0xff) return mantissa === 0 ? sign | 0x7c00 : null;
  if (exponent === 0) return mantissa === 0 ? sign : null;
  const power = exponent - 127;
  if (power >= -14 && power <= 15) return mantissa & 0x1fff ? null : sign | ((power + 15) << 10) | (mantissa >>> 13);
  if (power < -24 || power > 15) return null;
  const full = mantissa | 0x800000, shift = -1 - power; // a half without leading bit counts in 2^-24
  return full & ((1 << shift) - 1) ? null : sign | (full >>> shift);
}

function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >>> 10) & 0x1f, mantissa = bits & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 0x1f) return mantissa === 0 ? sign * Infinity : NaN;
  return sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

// --- Writing --------------------------------------------------------------------------------------------------------

/** Appends items; take() hands out what was written and begins anew. */
export class Writer {
  #data = new Uint8Array(256);
  #view = new DataView(this.#data.buffer);
  #size = 0;

  get size(): number { return this.#size; }

  take(): Uint8Array<ArrayBuffer> {
    const bytes = this.#data.slice(0, this.#size);
    this.#size = 0;
    return bytes;
  }

  value(value: Value, depth = 0): this {
    if (value === null) this.#byte(Major.Simple << 5 | Info.Null);
    else if (typeof value === 'boolean') this.#byte(Major.Simple << 5 | (value ? Info.True : Info.False));
    else if (typeof value === 'number') isInteger(value) ? this.integer(value) : this.#double(value);
    else if (typeof value === 'bigint') this.integer(value);
    else if (typeof value === 'string') this.#text(value);
    else if (value instanceof Uint8Array) this.bytes(value);
    else if (value instanceof Double) this.#double(value.value);
    else if (value instanceof Timestamp) this.#timestamp(value);
    else if (value instanceof Reference) { this.#head(Major.Tag, TAG_REFERENCE); this.bytes(value.bytes); }
    else if (Array.isArray(value)) this.#array(value, depth);
    else if (value instanceof Map) this.#map([...value], depth);
    else if (typeof value === 'object' && isPlain(value)) this.#map(Object.entries(value), depth);
    else throw new CodecError(`${typeof value} has no encoding`);
    return this;
  }

  /** Items that are encoded already. */
  raw(items: Uint8Array): this {
    this.#room(items.length);
    this.#data.set(items, this.#size);
    this.#size += items.length;
    return this;
  }

  arrayHead(count: number): this { this.#head(Major.Array, count); return this; }

  integer(value: number | bigint): this {
    if (typeof value === 'number') {
      value < 0 ? this.#head(Major.Negative, -1 - value) : this.#head(Major.Uint, value);
    } else {
      const argument = value < 0n ? -1n - value : value;
      if (argument > INT64_MAX) throw new CodecError('an integer beyond 64 bits');
      this.#head(value < 0n ? Major.Negative : Major.Uint, argument);
    }
    return this;
  }

  bytes(bytes: Uint8Array): this {
    this.#head(Major.Bytes, bytes.length);
    return this.raw(bytes);
  }

  #room(size: number): void {
    if (this.#size + size <= this.#data.length) return;
    const data = new Uint8Array(Math.max(this.#data.length * 2, this.#size + size));
    data.set(this.#data.subarray(0, this.#size));
    this.#data = data;
    this.#view = new DataView(data.buffer);
  }

  #byte(byte: number): void {
    this.#room(1);
    this.#data[this.#size++] = byte;
  }

  #head(major: Major, argument: number | bigint): void {
    this.#room(9);
    const at = this.#size, kind = major << 5;
    if (argument < 24) { this.#view.setUint8(at, kind | Number(argument)); this.#size += 1; }
    else if (argument < 0x100) { this.#view.setUint16(at, (kind | 24) << 8 | Number(argument)); this.#size += 2; }
    else if (argument < 0x10000) { this.#view.setUint8(at, kind | 25); this.#view.setUint16(at + 1, Number(argument)); this.#size += 3; }
    else if (argument < 0x100000000) { this.#view.setUint8(at, kind | 26); this.#view.setUint32(at + 1, Number(argument)); this.#size += 5; }
    else { this.#view.setUint8(at, kind | 27); this.#view.setBigUint64(at + 1, BigInt(argument)); this.#size += 9; }
  }

  #text(text: string): void {
    if (LONE_SURROGATE.test(text)) throw new CodecError('a text with a lone surrogate');
    // Short texts are most: at most 3 bytes a unit fit a head of one byte, and they are encoded in place.
    if (text.length < 8) {
      this.#room(24);
      const { written } = utf8Writer.encodeInto(text, this.#data.subarray(this.#size + 1));
      this.#data[this.#size] = Major.Text << 5 | written;
      this.#size += 1 + written;
      return;
    }
    const bytes = utf8Writer.encode(text);
    this.#head(Major.Text, bytes.length);
    this.raw(bytes);
  }

  #double(value: number): void {
    this.#room(9);
    const at = this.#size;
    if (Number.isNaN(value)) {
      this.raw(Uint8Array.of(Major.Simple << 5 | Info.Half, 0x7e, 0));
      return;
    }
    if (Math.fround(value) !== value) {
      this.#view.setUint8(at, Major.Simple << 5 | Info.Double);
      this.#view.setFloat64(at + 1, value);
      this.#size += 9;
      return;
    }
    this.#view.setFloat32(at + 1, value);
    const half = halfOf(this.#view.getUint32(at + 1));
    this.#view.setUint8(at, Major.Simple << 5 | (half === null ? Info.Single : Info.Half));
    if (half !== null) this.#view.setUint16(at + 1, half);
    this.#size += half === null ? 5 : 3;
  }

  #timestamp({ text }: Timestamp): void {
    if (!isTimestamp(text)) throw new CodecError(`no timestamp: ${text}`);
    this.#head(Major.Tag, TAG_TIMESTAMP);
    this.#text(text);
  }

  #array(items: readonly Value[], depth: number): void {
    deeper(depth);
    this.#head(Major.Array, items.length);
    for (const item of items) this.value(item, depth + 1);
  }

  #map(members: readonly (readonly [Key, Value | undefined])[], depth: number): void {
    deeper(depth);
    const keyed = members.filter(([, item]) => item !== undefined).map(([key, item]) => ({ key: encodeKey(key), item: item as Value }));
    keyed.sort((a, b) => compareBytes(a.key, b.key));
    this.#head(Major.Map, keyed.length);
    let before: Uint8Array | null = null;
    for (const { key, item } of keyed) {
      if (before && compareBytes(before, key) === 0) throw new CodecError('a map with the same key twice');
      before = key;
      this.raw(key).value(item, depth + 1);
    }
  }
}

function deeper(depth: number): void {
  if (depth >= NESTING_MAX) throw new CodecError(`more than ${NESTING_MAX} arrays and maps in one another`);
}

/** An object that is a map: not a Date, nor anything else whose members are not its meaning. */
function isPlain(value: object): value is { [key: string]: Value | undefined } {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype as object) === null;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const size = Math.min(a.length, b.length);
  for (let at = 0; at < size; at++) {
    const difference = (a[at] as number) - (b[at] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function encodeKey(key: Key): Uint8Array {
  if (typeof key === 'number' && !isInteger(key)) throw new CodecError('a key is a text or an integer');
  return new Writer().value(key).take();
}

export const encode = (value: Value): Uint8Array<ArrayBuffer> => new Writer().value(value).take();

// --- Reading --------------------------------------------------------------------------------------------------------

/** Reads items one after another; whatever is not canonical throws CodecError. Byte strings are copies. */
export class Reader {
  readonly #data: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(data: Uint8Array) {
    // Not node's Buffer, whose slice() is no copy.
    this.#data = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  get atEnd(): boolean { return this.#at === this.#data.length; }

  value(depth = 0): Value {
    const first = this.#byte(), info = first & 31;
    switch ((first >> 5) as Major) {
      case Major.Uint: return narrow(this.#argument(info));
      case Major.Negative: return this.#negative(info);
      case Major.Bytes: return this.#take(this.#count(info)).slice();
      case Major.Text: return this.#text(info);
      case Major.Array: return this.#array(this.#count(info), depth);
      case Major.Map: return this.#map(this.#count(info), depth);
      case Major.Tag: return this.#tagged(this.#argument(info));
      default: return this.#simple(info);
    }
  }

  #byte(): number {
    const byte = this.#data[this.#at++];
    if (byte === undefined) throw new CodecError('the item is cut off');
    return byte;
  }

  #take(size: number): Uint8Array {
    if (size > this.#data.length - this.#at) throw new CodecError('the item is cut off');
    return this.#data.subarray(this.#at, this.#at += size);
  }

  /** The argument of a head in its shortest form: a number while it is safe, else a bigint. */
  #argument(info: number): number | bigint {
    if (info < 24) return info;
    if (info > 27) throw new CodecError('a head that does not exist here');
    const size = 1 << (info - 24), at = this.#at;
    this.#take(size);
    const value = size === 1 ? this.#view.getUint8(at) : size === 2 ? this.#view.getUint16(at)
      : size === 4 ? this.#view.getUint32(at) : this.#view.getBigUint64(at);
    const shorter = size === 1 ? 24 : size === 2 ? 0x100 : size === 4 ? 0x10000 : 0x100000000;
    if (value < shorter) throw new CodecError('a head longer than it must be');
    return value;
  }

  /** A number of bytes or items: no more than could follow. */
  #count(info: number): number {
    const count = this.#argument(info);
    if (count > this.#data.length - this.#at) throw new CodecError('the item is cut off');
    return Number(count);
  }

  #negative(info: number): number | bigint {
    const argument = this.#argument(info);
    if (argument > INT64_MAX) throw new CodecError('an integer beyond 64 bits');
    const value = -1n - BigInt(argument);
    return narrow(value);
  }

  #text(info: number): string {
    try {
      return utf8Reader.decode(this.#take(this.#count(info)));
    } catch (error) {
      throw error instanceof CodecError ? error : new CodecError('a text that is not UTF-8');
    }
  }

  #array(count: number, depth: number): Value[] {
    deeper(depth);
    const items: Value[] = [];
    for (let i = 0; i < count; i++) items.push(this.value(depth + 1));
    return items;
  }

  #map(count: number, depth: number): Value {
    deeper(depth);
    const members: [Key, Value][] = [];
    let before: Uint8Array | null = null, onlyTexts = true;
    for (let i = 0; i < count; i++) {
      const start = this.#at, key = this.value(depth + 1);
      const encoded = this.#data.subarray(start, this.#at);
      const major = ((encoded[0] as number) >> 5) as Major;
      if (major !== Major.Text && major !== Major.Uint && major !== Major.Negative) throw new CodecError('a key is a text or an integer');
      if (before && compareBytes(before, encoded) >= 0) throw new CodecError('keys that do not ascend');
      before = encoded;
      onlyTexts &&= major === Major.Text;
      members.push([key as Key, this.value(depth + 1)]);
    }
    if (!onlyTexts) return new Map(members);
    const object: { [key: string]: Value } = {};
    for (const [key, item] of members as [string, Value][]) {
      // A key of this name would set the prototype if it were assigned.
      if (key === '__proto__') Object.defineProperty(object, key, { value: item, enumerable: true, configurable: true, writable: true });
      else object[key] = item;
    }
    return object;
  }

  #tagged(tag: number | bigint): Value {
    const first = this.#byte(), info = first & 31, major = (first >> 5) as Major;
    if (tag === TAG_TIMESTAMP && major === Major.Text) {
      const text = this.#text(info);
      if (!isTimestamp(text)) throw new CodecError(`no timestamp: ${text}`);
      return new Timestamp(text);
    }
    if (tag === TAG_REFERENCE && major === Major.Bytes) return new Reference(this.#take(this.#count(info)).slice());
    throw new CodecError('a tag that does not exist here');
  }

  #simple(info: number): Value {
    switch (info as Info) {
      case Info.False: return false;
      case Info.True: return true;
      case Info.Null: return null;
      case Info.Half: case Info.Single: case Info.Double: return this.#double(info);
      default: throw new CodecError('a simple value that does not exist here');
    }
  }

  #double(info: number): number | Double {
    const start = this.#at - 1;
    this.#take(1 << (info - 24));
    const value = info === Info.Half ? halfValue(this.#view.getUint16(start + 1))
      : info === Info.Single ? this.#view.getFloat32(start + 1) : this.#view.getFloat64(start + 1);
    const canonical = new Writer().value(new Double(value)).take();
    if (compareBytes(canonical, this.#data.subarray(start, this.#at)) !== 0) throw new CodecError('a double longer than it must be');
    return isInteger(value) ? new Double(value) : value;
  }
}

/** An integer of int64 as a number while that is exact. */
function narrow(value: number | bigint): number | bigint {
  if (typeof value === 'number') return value;
  if (value > INT64_MAX) throw new CodecError('an integer beyond 64 bits');
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** The one item that fills the bytes. */
export function decode(data: Uint8Array): Value {
  const reader = new Reader(data), value = reader.value();
  if (!reader.atEnd) throw new CodecError('something follows the item');
  return value;
}

/** The items that fill the bytes, one after another. */
export function decodeAll(data: Uint8Array): Value[] {
  const reader = new Reader(data), values: Value[] = [];
  while (!reader.atEnd) values.push(reader.value());
  return values;
}

// tests/wasm/cbor.mjs: the few kinds of canonical CBOR (docs/spec/encoding.md) that drive the wasm module in its test.
// Numbers are integers below 2^53, Uint8Array is a byte string, plain objects are maps with text keys.

const head = (major, value) => {
  if (value < 24) return [major << 5 | value];
  for (const [info, size] of [[24, 1], [25, 2], [26, 4], [27, 8]]) {
    if (value < 256 ** size) {
      const bytes = [];
      for (let i = 0; i < size; i++) bytes.unshift(Math.floor(value / 256 ** i) % 256);
      return [major << 5 | info, ...bytes];
    }
  }
  throw new RangeError(`${value} is too large`);
};

const compare = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** The canonical bytes of a value, as an array of numbers. */
function bytesOf(value) {
  if (value === null) return [0xf6];
  if (typeof value === 'boolean') return [value ? 0xf5 : 0xf4];
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string') { const text = Buffer.from(value); return [...head(3, text.length), ...text]; }
  if (value instanceof Uint8Array) return [...head(2, value.length), ...value];
  if (Array.isArray(value)) return [...head(4, value.length), ...value.flatMap(bytesOf)];
  const pairs = Object.entries(value).map(([key, item]) => [bytesOf(key), bytesOf(item)]);
  return [...head(5, pairs.length), ...pairs.sort((a, b) => compare(a[0], b[0])).flat(2)];
}

export const encode = (value) => Uint8Array.from(bytesOf(value));

/** The values of the items that fill the bytes, one after another. */
export function decodeAll(bytes) {
  let at = 0;
  const item = () => {
    const major = bytes[at] >> 5, info = bytes[at++] & 31;
    let value = info;
    if (major !== 7 && info >= 24) {
      value = 0;
      for (let left = 1 << (info - 24); left > 0; left--) value = value * 256 + bytes[at++];
    }
    switch (major) {
      case 0: return value;
      case 1: return -1 - value;
      case 2: return bytes.slice(at, at += value);
      case 3: return new TextDecoder().decode(bytes.slice(at, at += value));
      case 4: return Array.from({ length: value }, item);
      case 5: return Object.fromEntries(Array.from({ length: value }, () => [item(), item()]));
      case 6: return item();
      default:
        if (info === 20 || info === 21) return info === 21;
        if (info === 22) return null;
        throw new TypeError(`simple value or float ${info}`);
    }
  };
  const values = [];
  while (at < bytes.length) values.push(item());
  if (at !== bytes.length) throw new RangeError('the last item is cut off');
  return values;
}

export const decode = (bytes) => decodeAll(bytes)[0];

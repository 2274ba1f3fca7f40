// tests/test_codec.ts: core/codec.ts against the vectors of the C codec's test, the page's own examples, and random values.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CodecError, decode, decodeAll, Double, encode, Reference, Timestamp, type Value } from '../core/codec.ts';

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(hex.replace(/\s/g, '').match(/../g) ?? [], (byte) => parseInt(byte, 16));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const refuses = (hex: string): void => assert.throws(() => decode(bytesOf(hex)), CodecError, hex);

/** The hex strings in a table of tests/unit/codec/test_cbor_vectors.c. */
function vectors(table: string): string[] {
  const source = readFileSync('tests/unit/codec/test_cbor_vectors.c', 'utf8');
  const body = new RegExp(`${table}\\[\\] = \\{([\\s\\S]*?)\\n\\};`).exec(source)?.[1];
  assert.ok(body, `no table ${table}`);
  return [...body.matchAll(/^ *\{?"([0-9a-f]*)"/gm)].map((match) => match[1] as string);
}

test('what C accepts is read, and written again as it was', () => {
  let count = 0;
  for (const table of ['integers', 'doubles', 'texts', 'containers']) {
    for (const hex of vectors(table)) {
      assert.equal(hexOf(encode(decode(bytesOf(hex)))), hex);
      count++;
    }
  }
  assert.ok(count > 45, `${count} vectors`);
});

test('what C refuses is refused', () => {
  const refused = vectors('refused');
  assert.ok(refused.length > 20, `${refused.length} vectors`);
  refused.forEach(refuses);
});

test('the page\'s examples of what is refused', () => {
  const page = readFileSync('docs/spec/encoding.md', 'utf8').split('Refused, and why:')[1] as string;
  const lines = [...page.matchAll(/^ {4}([0-9a-f]+(?: [0-9a-f]{8,})?) {2,}/gm)].map((match) => match[1] as string);
  assert.equal(lines.length, 10);
  lines.forEach(refuses);
});

test('values as JavaScript has them', () => {
  const cases: [Value, string][] = [
    [2 ** 53 - 1, '1b001fffffffffffff'], [2n ** 53n, '1b0020000000000000'], [-(2n ** 63n), '3b7fffffffffffffff'], [2 ** 60, 'fa5d800000'],
    [1, '01'], [new Double(1), 'f93c00'], [-0, 'f98000'], [0.1, 'fb3fb999999999999a'], [NaN, 'f97e00'], [2 ** -24, 'f90001'], [3 * 2 ** -25, 'fa33c00000'],
    [{ b: 1, aa: 2, a: 3 }, 'a3616103616201626161' + '02'], [new Map<string | number, Value>([['b', 1], [-1, 2], [10, 3]]), 'a30a032002616201'],
    [new Timestamp('1970-01-01T00:00:00Z'), 'c074' + hexOf(Buffer.from('1970-01-01T00:00:00Z'))], [new Reference(Uint8Array.of(1, 2)), 'd827420102'],
  ];
  for (const [value, hex] of cases) {
    assert.equal(hexOf(encode(value)), hex);
    assert.deepEqual(decode(bytesOf(hex)), value);
  }
  assert.equal(hexOf(encode({ here: 1, gone: undefined })), 'a1646865726501');
  assert.deepEqual(decodeAll(bytesOf('0102')), [1, 2]);
});

test('a key named as the prototype is a key', () => {
  const value = decode(bytesOf('a1695f5f70726f746f5f5f01')) as object;
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.equal(hexOf(encode(value as Value)), 'a1695f5f70726f746f5f5f01');
});

test('what has no encoding throws', () => {
  const none = [2n ** 63n, -(2n ** 63n) - 1n, '\ud800', [undefined], new Date(), () => 1, new Timestamp('1970-02-29T00:00:00Z'), new Map([[1.5, 1]]), new Map<unknown, unknown>([[1, 1], [1n, 1]])];
  for (const value of none) assert.throws(() => encode(value as Value), CodecError, String(value));
});

test('nesting ends at 32', () => {
  const nested = (depth: number): string => '81'.repeat(depth - 1) + '80';
  assert.equal(hexOf(encode(decode(bytesOf(nested(32))))), nested(32));
  refuses(nested(33));
});

test('times have one form', () => {
  const take = (text: string): unknown => decode(encode(new Timestamp(text)));
  for (const text of ['2024-02-29T12:34:56.789Z', '0000-01-01T00:00:00Z', '9999-12-31T23:59:59.999999Z', '2000-01-01T00:00:00.000001Z']) assert.ok(take(text));
  for (const text of ['2023-02-29T00:00:00Z', '2024-01-01T24:00:00Z', '2024-01-01T00:00:60Z', '2024-01-01T00:00:00.000Z', '2024-01-01T00:00:00.500000Z', '2024-13-01T00:00:00Z', '2024-01-01t00:00:00z']) {
    assert.throws(() => take(text), CodecError, text);
  }
});

/** A small generator, the same numbers in every run. */
function generator(seed: number): (below: number) => number {
  return (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
}

test('random bytes: accepted is what is written again, everything else is refused by name', () => {
  const random = generator(7);
  let accepted = 0;
  for (let round = 0; round < 50_000; round++) {
    const bytes = Uint8Array.from({ length: 1 + random(12) }, (_, at) => at === 0 ? [0xa1, 0x82, 0xfa, 0xf9, 0x61, random(256)][random(6)] as number : random(4) ? random(256) : random(24));
    try {
      assert.equal(hexOf(encode(decode(bytes))), hexOf(bytes));
      accepted++;
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
    }
  }
  assert.ok(accepted > 100, `${accepted} accepted`);
});

test('a flipped bit is refused or another value', () => {
  const good = encode({ name: '0ad', list: [1, -1, 1.5, null, true], ref: new Reference(new Uint8Array(22)), at: new Timestamp('2024-01-01T00:00:00Z') });
  for (let bit = 0; bit < good.length * 8; bit++) {
    const bad = good.slice();
    bad[bit >> 3] = (good[bit >> 3] as number) ^ (1 << (bit & 7));
    try {
      assert.notDeepEqual(decode(bad), decode(good));
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
    }
  }
});

// tests/test_blake2b.ts: our BLAKE2b against node's 64 bytes (OpenSSL's) and, for shorter ones, a value of b2sum.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { blake2b } from '../client/src/node/blake2b.ts';

test('64 bytes of every length around a block', () => {
  for (const size of [0, 1, 3, 127, 128, 129, 255, 256, 300]) {
    const data = Uint8Array.from({ length: size }, (_, at) => at * 7);
    assert.equal(Buffer.from(blake2b(data, 64)).toString('hex'), createHash('blake2b512').update(data).digest('hex'));
  }
});

test('16 bytes of "abc"', () => {
  assert.equal(Buffer.from(blake2b(new TextEncoder().encode('abc'), 16)).toString('hex'), 'cf4ab791c62b8d2b2109c90275287816');
});

// tests/test_order.ts: order keys of the tasks app: always between their neighbours, short, and without an end whatever stands in an object.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { orderBetween } from '../apps/tasks/order.ts';

/** Puts n keys in, each at a place of choice; all must stand in the order they were given. */
function fill(n: number, placeOf: (count: number) => number): string[] {
  const keys: string[] = [];
  for (let count = 0; count < n; count++) {
    const at = placeOf(count), key = orderBetween(keys[at - 1], keys[at]);
    assert.ok((keys[at - 1] ?? '') < key && key < (keys[at] ?? '~'), `${keys[at - 1]} < ${key} < ${keys[at]}`);
    keys.splice(at, 0, key);
  }
  return keys;
}
const longest = (keys: string[]): number => Math.max(...keys.map((key) => key.length));

test('at the end, at the beginning, in between, in one place', () => {
  assert.ok(longest(fill(2000, (count) => count)) <= 40);
  assert.ok(longest(fill(2000, () => 0)) <= 40);
  assert.ok(longest(fill(2000, (count) => Math.floor(Math.random() * (count + 1)))) <= 16);
  assert.ok(longest(fill(500, (count) => Math.min(1, count))) <= 160);
});

test('two who choose at the same time choose differently', () => {
  const chosen = Array.from({ length: 100 }, () => orderBetween('i000', 'i001'));
  assert.ok(new Set(chosen).size > 90);
});

test('keys that are equal, or no keys at all, still give one', () => {
  const odd = ['', 'i000', '0', '00000000', '~~~~', 'Ä', '\u0000', 'zzzz', 'zzzzzzzz', '!'.repeat(10_000), '-1', '0x1f', '    '];
  for (const low of [undefined, ...odd]) {
    for (const high of [undefined, ...odd]) assert.match(orderBetween(low, high), /^(?:[0-9a-z]{4})+$/);
  }
  assert.ok(orderBetween('i000', 'i000') > 'i000');
});

// tests/test_windows.ts: core/windows.ts: windows that come, go, storm, and are closed without a word.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { AppWindows } from '../core/windows.ts';

const ORIGIN = 'https://app.example';

function setUp(t: TestContext) {
  const gone: string[] = [], windows = new AppWindows((name) => gone.push(name)), seen: { closed: boolean }[] = [];
  const admit = (source: { closed: boolean }, client: string, nowMs = 0, origin = ORIGIN) => {
    seen.push(source);
    return windows.admit(source, origin, client, nowMs);
  };
  t.after(() => {
    for (const source of seen) source.closed = true;
    windows.look();
  });
  return { gone, windows, admit };
}

test('a client has one name; hello again and again is one hello a second', (t) => {
  const { admit } = setUp(t), source = { closed: false };
  const first = admit(source, 'a');
  assert.equal(first?.repeated, false);
  for (let ms = 1; ms < 1000; ms += 20) assert.deepEqual(admit(source, 'a', ms), { name: first?.name, repeated: true });
  assert.deepEqual(admit(source, 'a', 1000), { name: first?.name, repeated: false });
  assert.notEqual(admit({ closed: false }, 'a')?.name, first?.name, 'the same client in another window is another');
});

test('of too many clients in one window the oldest give way, and no other window\'s', (t) => {
  const { admit, gone } = setUp(t), modest = { closed: false }, greedy = { closed: false };
  admit(modest, 'only');
  for (let n = 0; n < 64; n++) assert.ok(admit(greedy, `client ${n}`));
  assert.equal(gone.length, 48);
  assert.equal(gone[0], 'window/1/client 0');
  assert.ok(gone.every((name) => name.startsWith('window/1/')));
});

test('a closed window makes room, by itself and when room is wanted', (t) => {
  const { admit, gone, windows } = setUp(t), many = Array.from({ length: 64 }, () => ({ closed: false }));
  for (const source of many) assert.ok(admit(source, 'a'));
  assert.equal(admit({ closed: false }, 'a'), null, 'too many windows');
  (many[3] as { closed: boolean }).closed = true;
  assert.ok(admit({ closed: false }, 'a'));
  assert.deepEqual(gone, ['window/3/a']);
  (many[4] as { closed: boolean }).closed = true;
  windows.look();
  assert.deepEqual(gone, ['window/3/a', 'window/4/a']);
});

test('a window that shows another origin\'s page has none of the clients before', (t) => {
  const { admit, gone, windows } = setUp(t), source = { closed: false };
  admit(source, 'a');
  admit(source, 'b');
  windows.remove(source, 'https://other.example', 'a');
  assert.deepEqual(gone, [], 'another origin ends nobody\'s client');
  admit(source, 'a', 1, 'https://other.example');
  assert.deepEqual(gone, ['window/0/a', 'window/0/b']);
  windows.remove(source, 'https://other.example', 'a');
  assert.equal(gone.at(-1), 'window/1/a');
});

// tests/wasm/test_module.mjs: drives build/wasm/dxos.wasm as a page would: a vault on an in-memory disk, events in, effects out.
//   node tests/wasm/test_module.mjs build/wasm/dxos.wasm
import assert from 'node:assert/strict';
import { load } from '../../tools/wasm-run.mjs';
import { decode, decodeAll, encode } from './cbor.mjs';

const EVENTS = { CLOCK: 0, COMMAND: 1, PORT_UP: 2, PORT_WRITABLE: 4 };
const EFFECTS = { NOTIFY: 4, REPLY: 5 };
const E_STATE = -2, E_NOT_FOUND = -3, E_MALFORMED = -40, E_CORRUPT = -60;
const KEY = new Uint8Array(32).fill(7);

class Vault {
  constructor(module) { Object.assign(this, { module, now: 1000, requests: 0, taken: 0, slow: false }); }

  /** Hands bytes to an export; returns its code and its output. */
  call(name, bytes) {
    const { exports } = this.module;
    const at = exports.dx_wasm_alloc(bytes.length);
    this.module.bytes(at, bytes.length).set(bytes);
    const code = exports[name](at, bytes.length);
    exports.dx_wasm_free(at);
    return { code, output: this.module.bytes(exports.dx_wasm_output(), exports.dx_wasm_output_size()).slice() };
  }

  open(config) { return this.call('dx_wasm_open', encode(config)); }

  step(...events) {
    const { code, output } = this.call('dx_wasm_step', Buffer.concat(events.map(encode)));
    assert.equal(code, 0, `step: ${new TextDecoder().decode(output)}`);
    const [deadline, token, ...effects] = decodeAll(output);
    if (token !== null) this.token = token;
    for (const [kind, , , , , body] of effects) {
      if (kind === EFFECTS.NOTIFY || kind === EFFECTS.REPLY) this.taken += body.length;
    }
    return { deadline, token, effects };
  }

  event(kind, { port = 1, size = 0, request = new Uint8Array(16), body = new Uint8Array(0) } = {}) {
    this.now += 10;
    return [kind, this.now, 1_700_000_000_000 + this.now, port, 0, size, 0, request, body];
  }

  /** Tells that the answers so far were read, so that more may come. */
  tellTaken() {
    const size = this.taken;
    this.taken = 0;
    return this.step(this.event(EVENTS.PORT_WRITABLE, { size }));
  }

  /** Steps until the command's last answer; its rows, if any, and the answer. */
  ask(command, request = new Uint8Array(16).fill(++this.requests)) {
    const rows = [];
    let { effects } = this.step(this.event(EVENTS.COMMAND, { request, body: encode(command) }));
    for (let steps = 0; steps < 100; steps++) {
      for (const [kind, , , , of, body] of effects) {
        if (Buffer.compare(of, request) !== 0) continue;
        const answer = decode(body);
        if (kind === EFFECTS.NOTIFY) rows.push(...(answer.rows ?? []));
        if (kind === EFFECTS.REPLY) return { ...answer, rows };
      }
      ({ effects } = this.taken > 0 && !this.slow ? this.tellTaken() : this.step(this.event(EVENTS.CLOCK)));
    }
    throw new Error(`no reply to ${command.do}`);
  }
}

const module = await load(process.argv[2]);
const vault = new Vault(module);
const text = ({ output }) => new TextDecoder().decode(output);

// Nothing there yet, and said so; then a new one.
assert.equal(vault.call('dx_wasm_step', new Uint8Array(0)).code, E_STATE);
assert.equal(vault.open({ create: false, key: KEY, path: 'vault' }).code, E_NOT_FOUND);
assert.equal(vault.call('dx_wasm_open', Uint8Array.of(0xff)).code, E_MALFORMED);
const opened = vault.open({ create: true, key: KEY, path: 'vault' });
assert.equal(opened.code, 0, text(opened));
const token = decode(opened.output);
assert.equal(token.length, 16);
assert.equal(vault.open({ create: true, key: KEY, path: 'other' }).code, E_STATE);

// A command's whole way; asked again with the same id it is answered again, not repeated.
vault.step(vault.event(EVENTS.PORT_UP));
const identity = vault.ask({ do: 'halo.create', name: 'Ada' });
assert.ok(identity.identity, JSON.stringify(identity));
const { space } = vault.ask({ do: 'space.create', name: 'notes' });
const request = new Uint8Array(16).fill(200);
const added = vault.ask({ do: 'object.add', space, type: 'note', data: { title: 'from wasm', n: 3 } }, request);
assert.deepEqual(vault.ask({ do: 'object.add', space, type: 'note', data: { title: 'from wasm', n: 3 } }, request), added);
assert.equal(vault.ask({ do: 'object.ls', space }).rows.length, 1);

// An answer larger than a program may leave unread waits for its reader, and goes on when it reads.
const pad = 'x'.repeat(100_000);
for (let n = 0; n < 24; n++) vault.ask({ do: 'object.add', space, type: 'large', data: { n, pad } });
vault.slow = true;
assert.throws(() => vault.ask({ do: 'query', space, query: { type: 'large' } }), /no reply/);
assert.ok(vault.taken > 1 << 20 && vault.taken < 24 * pad.length, `${vault.taken} bytes before it waits`);
vault.slow = false;
for (let steps = 0; vault.taken > 0 && steps < 100; steps++) vault.tellTaken();
assert.equal(vault.ask({ do: 'query', space, query: { type: 'large' } }).rows.length, 24);
for (const { id } of vault.ask({ do: 'object.ls', space, type: 'large' }).rows) vault.ask({ do: 'object.rm', space, id });
const digest = vault.ask({ do: 'space.digest', space });
assert.ok(digest.digest, JSON.stringify(digest));

// Garbage harms nothing.
for (const bytes of [[0xff], [0x80], [0x81, 0x01], [0x9a, 0xff, 0xff, 0xff, 0xff], [0x81, 0x89]]) {
  assert.equal(vault.call('dx_wasm_step', Uint8Array.from(bytes)).code, E_MALFORMED);
}
vault.step(vault.event(EVENTS.COMMAND, { request, body: Uint8Array.of(1, 2, 3) }));

// Closed and opened again: everything is there; with a wrong key, nothing is touched.
module.exports.dx_wasm_close();
assert.equal(vault.open({ create: false, key: new Uint8Array(32), path: 'vault' }).code, E_CORRUPT);
const again = vault.open({ create: false, key: KEY, path: 'vault', token, same_file: true });
assert.equal(again.code, 0, text(again));
vault.step(vault.event(EVENTS.PORT_UP));
assert.deepEqual(vault.ask({ do: 'halo.identity' }).identity, identity.identity);
assert.equal(vault.ask({ do: 'object.get', space, id: added.id }).data.title, 'from wasm');
assert.equal(vault.ask({ do: 'space.digest', space }).digest, digest.digest);
assert.equal(vault.token, undefined, 'a token was told that open had told');
module.exports.dx_wasm_close();

// On a full disk it opens for reading, without a token; with room again a step tells one, once, and it opens the vault.
module.disk.full = true;
const cramped = vault.open({ create: false, key: KEY, path: 'vault', token: decode(again.output), same_file: true });
assert.equal(cramped.code, 0, text(cramped));
assert.equal(decode(cramped.output).length, 0);
assert.equal(vault.step(vault.event(EVENTS.CLOCK)).token, null);
module.disk.full = false;
for (let steps = 0; vault.token === undefined && steps < 10; steps++) {
  vault.now += 1000;
  vault.step(vault.event(EVENTS.CLOCK));
}
assert.equal(vault.token?.length, 16);
assert.equal(vault.step(vault.event(EVENTS.CLOCK)).token, null);
module.exports.dx_wasm_close();
const roomy = vault.open({ create: false, key: KEY, path: 'vault', token: vault.token, same_file: true });
assert.equal(roomy.code, 0, text(roomy));
vault.step(vault.event(EVENTS.PORT_UP));
assert.equal(vault.ask({ do: 'status' }).vault.clone, false);
module.exports.dx_wasm_close();

const size = [...module.disk.files.values()].reduce((sum, file) => sum + file.size, 0);
assert.ok(!Buffer.concat([...module.disk.files.values()].map((file) => Buffer.from(file.data))).includes('from wasm'), 'readable on disk');
console.log(`wasm: a vault of ${size} bytes was made, used and opened again`);

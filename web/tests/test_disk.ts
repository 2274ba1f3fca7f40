// tests/test_disk.ts: core/disk_opfs.ts over files in memory that fail when told to: each row of its table of failures.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Disk, DISK_FAILED, DISK_FULL, VAULT_FILES, VAULT_PATH } from '../core/disk_opfs.ts';
import { MemoryHandle } from '../core/disk_memory.ts';

/** A file whose next call throws, or which takes fewer bytes than it was given. */
class Failing extends MemoryHandle {
  throws: Error | null = null;
  takes = Infinity;
  flushed = 0;

  #fail(): void {
    if (this.throws) throw this.throws;
  }
  override read(into: Uint8Array, options: { at: number }): number { this.#fail(); return super.read(into, options); }
  override write(from: Uint8Array, options: { at: number }): number { this.#fail(); return super.write(from.subarray(0, this.takes), options); }
  override truncate(size: number): void { this.#fail(); super.truncate(size); }
  override flush(): void { this.#fail(); this.flushed++; }
}

const named = (name: string): Error => Object.assign(new Error(name), { name });

function setUp() {
  const memory = new Uint8Array(65536), files = new Map(VAULT_FILES.map((name) => [name as string, new Failing()]));
  const disk = new Disk((at, size) => memory.subarray(at, at + size));
  disk.attach(files);
  const imports = disk.imports();
  const text = (name: string): [number, number] => {
    const bytes = new TextEncoder().encode(name);
    memory.set(bytes);
    return [0, bytes.length];
  };
  return {
    disk, imports, memory, file: files.get(VAULT_PATH) as Failing, files,
    open: (name: string, create: boolean) => imports.disk_open(...text(name), create ? 1 : 0),
    exists: (name: string) => imports.disk_exists(...text(name)),
    remove: (name: string) => imports.disk_delete(...text(name)),
  };
}

test('a file is there once it was made or has bytes', () => {
  const { disk, open, exists, remove, imports } = setUp();
  assert.equal(open(VAULT_PATH, false), DISK_FAILED);
  assert.equal(exists(VAULT_PATH), 0);
  assert.equal(disk.hasVault, false);
  const handle = open(VAULT_PATH, true);
  assert.ok(handle >= 0);
  assert.equal(exists(VAULT_PATH), 1);
  imports.disk_close(handle);
  assert.equal(remove(VAULT_PATH), 0);
  assert.equal(exists(VAULT_PATH), 0);
});

test('a vault whose first transaction is in the log alone is there', () => {
  const { disk, open, exists, imports, files } = setUp();
  imports.disk_write(open(`${VAULT_PATH}-wal`, true), 100, 8, 0);
  const again = new Disk(() => new Uint8Array(0));
  again.attach(files);
  assert.equal(again.hasVault, true);
  assert.equal(disk.hasVault, true);
  assert.equal(exists(`${VAULT_PATH}-journal`), 0);
});

test('bytes are read back, short at the end, none beyond it', () => {
  const { imports, open, memory } = setUp(), handle = open(VAULT_PATH, true);
  memory.fill(7, 100, 200);
  assert.equal(imports.disk_write(handle, 100, 100, 5000), 0);
  assert.equal(imports.disk_size(handle), 5100);
  assert.equal(imports.disk_read(handle, 300, 200, 5000), 100);
  assert.equal(memory[399], 7);
  assert.equal(imports.disk_read(handle, 300, 200, 5100), 0);
  assert.equal(imports.disk_truncate(handle, 5050), 0);
  assert.equal(imports.disk_size(handle), 5050);
  assert.equal(imports.disk_read(handle, 300, 200, 5000), 50);
});

test('what is not in the set is refused', () => {
  const { imports, open, exists, remove } = setUp();
  assert.equal(open('other.db', true), DISK_FAILED);
  assert.equal(exists('other.db'), 0);
  assert.equal(remove('other.db'), 0);
  for (const handle of [-1, 0, 99]) assert.equal(imports.disk_size(handle), DISK_FAILED);
});

test('a closed handle does nothing more', () => {
  const { imports, open } = setUp(), handle = open(VAULT_PATH, true);
  imports.disk_close(handle);
  assert.equal(imports.disk_write(handle, 0, 1, 0), DISK_FAILED);
  assert.equal(imports.disk_sync(handle), DISK_FAILED);
});

test('the quota is a full disk, everything else a failure', () => {
  const { imports, open, remove, file } = setUp(), handle = open(VAULT_PATH, true);
  imports.disk_write(handle, 0, 10, 0);
  for (const [error, told] of [[named('QuotaExceededError'), DISK_FULL], [named('InvalidStateError'), DISK_FAILED]] as const) {
    file.throws = error;
    assert.equal(imports.disk_write(handle, 0, 1, 10), told);
    assert.equal(imports.disk_truncate(handle, 100), told);
    assert.equal(imports.disk_read(handle, 0, 1, 0), told);
    assert.equal(imports.disk_sync(handle), told);
    assert.equal(remove(VAULT_PATH), told);
    file.throws = null;
    assert.equal(imports.disk_size(handle), 10);
  }
});

test('a write that took less than it was given is a full disk, and the size is what it is', () => {
  const { imports, open, file } = setUp(), handle = open(VAULT_PATH, true);
  file.takes = 4;
  assert.equal(imports.disk_write(handle, 0, 10, 0), DISK_FULL);
  assert.equal(imports.disk_size(handle), 4);
});

test('a sync reaches the file, and so does a removal', () => {
  const { imports, open, remove, file } = setUp(), handle = open(VAULT_PATH, true);
  imports.disk_write(handle, 0, 10, 0);
  assert.equal(imports.disk_sync(handle), 0);
  assert.equal(file.flushed, 1);
  assert.equal(remove(VAULT_PATH), 0);
  assert.equal(file.flushed, 2);
  assert.equal(file.getSize(), 0);
});

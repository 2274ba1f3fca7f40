// core/disk_memory.ts: a file in memory with the face of an OPFS sync access handle: for a vault that is made to be forgotten, and for tests.

export class MemoryHandle implements FileSystemSyncAccessHandle {
  #data = new Uint8Array(0);
  #size = 0;

  getSize(): number { return this.#size; }
  flush(): void {}
  close(): void {}

  /** As the file is now. */
  copy(): MemoryHandle {
    const copy = new MemoryHandle();
    copy.#data = this.#data.slice();
    copy.#size = this.#size;
    return copy;
  }

  read(into: Uint8Array, { at }: { at: number }): number {
    const found = this.#data.subarray(Math.min(at, this.#size), Math.min(at + into.length, this.#size));
    into.set(found);
    return found.length;
  }

  write(from: Uint8Array, { at }: { at: number }): number {
    this.#reserve(at + from.length);
    this.#data.set(from, at);
    this.#size = Math.max(this.#size, at + from.length);
    return from.length;
  }

  truncate(size: number): void {
    this.#reserve(size);
    this.#data.fill(0, Math.min(size, this.#size), this.#size);
    this.#size = size;
  }

  #reserve(size: number): void {
    if (size <= this.#data.length) return;
    const data = new Uint8Array(Math.max(size, this.#data.length * 2, 65536));
    data.set(this.#data);
    this.#data = data;
  }
}

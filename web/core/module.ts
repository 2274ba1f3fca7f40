// core/module.ts: the core as a WebAssembly module: compiled once, instantiated with a disk, called with bytes (src/wasm/*.c).
import type { DiskImports } from './disk_opfs.ts';
import { CodecError, decode, encode } from './codec.ts';
import { readStepOutput, type StepOutput } from './seam.ts';

/** What the core said instead: a code of include/dxos/base.h and a sentence. */
export class CoreError extends Error {
  override readonly name = 'CoreError';
  constructor(readonly code: number, message: string) { super(message); }
}

export interface OpenConfig {
  path: string;
  key: Uint8Array;
  create: boolean;
  /** What was mirrored at the last opening, and whether this is the file it was mirrored for. */
  token: Uint8Array | null;
  sameFile: boolean;
}

interface Exports {
  memory: WebAssembly.Memory;
  _initialize?: () => void;
  dx_wasm_alloc(size: number): number;
  dx_wasm_free(at: number): void;
  dx_wasm_version(): number;
  dx_wasm_open(config: number, size: number): number;
  dx_wasm_step(events: number, size: number): number;
  dx_wasm_close(): void;
  dx_wasm_output(): number;
  dx_wasm_output_size(): number;
}

const E_NO_MEMORY = -20;
const RANDOM_CALL_MAX = 65536; // crypto.getRandomValues gives no more at once

/** Streams and compiles; the browser keeps the compiled code beside the cached response, so the second time costs little. */
export async function compileModule(url: URL | string): Promise<WebAssembly.Module> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`the core could not be loaded: ${response.status}`);
  return await WebAssembly.compileStreaming(response);
}

/** One instance, hence at most one node. A trap (our own bug) ends it: every later call throws. */
export class Core {
  readonly #exports: Exports;

  private constructor(exports: Exports) { this.#exports = exports; }

  /** disk is made with a view of the memory of the instance to come. */
  static async instantiate(
    module: WebAssembly.Module,
    makeDisk: (bytes: (at: number, size: number) => Uint8Array) => DiskImports,
    trace: (room: string, text: string) => void,
  ): Promise<Core> {
    let memory: WebAssembly.Memory | null = null;
    const bytes = (at: number, size: number): Uint8Array<ArrayBuffer> =>
      new Uint8Array((memory as WebAssembly.Memory).buffer as ArrayBuffer, at >>> 0, size);
    const text = (at: number, size: number): string => new TextDecoder().decode(bytes(at, size));
    const imports = {
      ...makeDisk(bytes),
      random_fill(out: number, size: number): void {
        for (let at = 0; at < size; at += RANDOM_CALL_MAX) crypto.getRandomValues(bytes(out + at, Math.min(RANDOM_CALL_MAX, size - at)));
      },
      trace_line(room: number, roomSize: number, line: number, lineSize: number): void { trace(text(room, roomSize), text(line, lineSize)); },
    };
    const instance = await WebAssembly.instantiate(module, { dxos: imports });
    const exports = instance.exports as unknown as Exports;
    memory = exports.memory;
    exports._initialize?.();
    return new Core(exports);
  }

  get version(): string {
    const memory = new Uint8Array(this.#exports.memory.buffer), at = this.#exports.dx_wasm_version();
    return new TextDecoder().decode(memory.subarray(at, memory.indexOf(0, at)));
  }

  /** The token to mirror before the first step; null: the vault is read-only, there is none. */
  open(config: OpenConfig): Uint8Array | null {
    const { path, key, create, token: before, sameFile } = config;
    this.#call('dx_wasm_open', encode({ path, key, create, same_file: sameFile, token: before ?? undefined }));
    const token = decode(this.#output());
    if (!(token instanceof Uint8Array)) throw new CodecError('an opening without a token');
    return token.length === 0 ? null : token;
  }

  /** One transaction: encoded events in, effects out, after the commit. */
  step(events: Uint8Array): StepOutput {
    this.#call('dx_wasm_step', events);
    return readStepOutput(this.#output());
  }

  close(): void { this.#exports.dx_wasm_close(); }

  #bytes(at: number, size: number): Uint8Array { return new Uint8Array(this.#exports.memory.buffer, at >>> 0, size); }

  /** The last call's output, in place: read before the next call. */
  #output(): Uint8Array { return this.#bytes(this.#exports.dx_wasm_output(), this.#exports.dx_wasm_output_size()); }

  #call(name: 'dx_wasm_open' | 'dx_wasm_step', input: Uint8Array): void {
    const at = this.#exports.dx_wasm_alloc(input.length);
    if (at === 0) throw new CoreError(E_NO_MEMORY, 'memory ran out');
    this.#bytes(at, input.length).set(input);
    const code = this.#exports[name](at, input.length);
    this.#bytes(at, input.length).fill(0); // keys and texts do not stay in freed memory
    this.#exports.dx_wasm_free(at);
    if (code !== 0) throw new CoreError(code, new TextDecoder().decode(this.#output()));
  }
}

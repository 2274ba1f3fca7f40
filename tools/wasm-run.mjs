#!/usr/bin/env node
// tools/wasm-run.mjs: loads a wasm module of ours under node 18 or later, with an in-memory disk.
//   wasm-run.mjs --imports FILE   prints its imports, sorted, one "module name" per line
//   wasm-run.mjs --run FILE ARG…  runs a command module (the simulator) with arguments, standard output and exit code
//   wasm-run.mjs --test FILE      calls its export test_run: 0 is success, anything else the line that failed
//   wasm-run.mjs FILE             instantiates it and prints its version
import { readFileSync, writeSync } from 'node:fs';
import { webcrypto } from 'node:crypto';
import { fileURLToPath } from 'node:url';

const DISK_FAILED = -1, DISK_FULL = -2;

/** Files in memory behind the imports of src/wasm/imports.h. bytes(ptr, size) views the module's memory. While `full` is set
    nothing is written. */
export function memoryDisk(bytes) {
  const files = new Map(); // path → {data: Uint8Array, size}
  const handles = [];
  const pathOf = (ptr, size) => new TextDecoder().decode(bytes(ptr, size));
  const grow = (file, size) => {
    if (size > file.data.length) {
      const data = new Uint8Array(Math.max(size, file.data.length * 2));
      data.set(file.data.subarray(0, file.size));
      file.data = data;
    }
    file.size = Math.max(file.size, size);
  };
  const disk = {
    files,
    full: false,
    imports: {
      disk_open(path, pathSize, create) {
        const name = pathOf(path, pathSize);
        if (!files.has(name)) {
          if (!create) return DISK_FAILED;
          files.set(name, { data: new Uint8Array(4096), size: 0 });
        }
        return handles.push(files.get(name)) - 1;
      },
      disk_close(handle) { handles[handle] = null; },
      disk_read(handle, out, size, offset) {
        const file = handles[handle];
        const count = Math.max(0, Math.min(size, file.size - offset));
        bytes(out, count).set(file.data.subarray(offset, offset + count));
        return count;
      },
      disk_write(handle, data, size, offset) {
        if (disk.full) return DISK_FULL;
        const file = handles[handle];
        grow(file, offset + size);
        file.data.set(bytes(data, size), offset);
        return 0;
      },
      disk_truncate(handle, size) {
        const file = handles[handle];
        file.data.fill(0, Math.min(size, file.size), file.size);
        file.size = Math.min(size, file.size);
        grow(file, size);
        return 0;
      },
      disk_sync() { return 0; },
      disk_size(handle) { return handles[handle].size; },
      disk_delete(path, pathSize) { files.delete(pathOf(path, pathSize)); return 0; },
      disk_exists(path, pathSize) { return files.has(pathOf(path, pathSize)) ? 1 : 0; },
    },
  };
  return disk;
}

class Exit extends Error {
  constructor(code) { super(`exit ${code}`); this.code = code; }
}

/** As much of WASI as a command of ours touches: arguments, two output streams, a clock for its own timing, its end. */
function commandImports(args, bytes) {
  const EBADF = 8, ESPIPE = 70;
  const view = () => { const all = bytes(0, 1); return new DataView(all.buffer); };
  const encoded = args.map((text) => new TextEncoder().encode(`${text}\0`));
  const none = (count, size) => { view().setUint32(count, 0, true); view().setUint32(size, 0, true); return 0; };
  return {
    args_sizes_get(count, size) {
      view().setUint32(count, encoded.length, true);
      view().setUint32(size, encoded.reduce((sum, text) => sum + text.length, 0), true);
      return 0;
    },
    args_get(pointers, at) {
      encoded.forEach((text, index) => {
        view().setUint32(pointers + 4 * index, at, true);
        bytes(at, text.length).set(text);
        at += text.length;
      });
      return 0;
    },
    environ_sizes_get: none,
    environ_get: () => 0,
    fd_write(fd, vectors, count, written) {
      if (fd !== 1 && fd !== 2) return EBADF;
      let total = 0;
      for (let i = 0; i < count; i++) {
        const ptr = view().getUint32(vectors + 8 * i, true);
        const size = view().getUint32(vectors + 8 * i + 4, true);
        for (let at = 0; at < size; ) at += writeSync(fd, bytes(ptr + at, size - at));
        total += size;
      }
      view().setUint32(written, total, true);
      return 0;
    },
    fd_fdstat_get(fd, out) {
      if (fd > 2) return EBADF;
      bytes(out, 24).fill(0);
      bytes(out, 1)[0] = 2; // a character device, so that lines are flushed
      return 0;
    },
    fd_seek: () => ESPIPE,
    fd_close: () => 0,
    fd_prestat_get: () => EBADF,
    clock_time_get(_clock, _precision, out) {
      view().setBigUint64(out, process.hrtime.bigint(), true);
      return 0;
    },
    proc_exit(code) { throw new Exit(code); },
  };
}

/** Instantiates a module; returns its exports and bytes(), which must be called anew after each call into the module. */
export async function load(path, { trace = () => {}, args = [] } = {}) {
  let memory = null;
  const bytes = (ptr, size) => new Uint8Array(memory.buffer, ptr >>> 0, size);
  const textOf = (ptr, size) => new TextDecoder().decode(bytes(ptr, size));
  const disk = memoryDisk(bytes);
  const module = await WebAssembly.compile(readFileSync(path));
  const ours = {
    ...disk.imports,
    random_fill(out, size) {
      for (let at = 0; at < size; at += 65536) webcrypto.getRandomValues(bytes(out + at, Math.min(65536, size - at)));
    },
    trace_line(room, roomSize, text, textSize) { trace(textOf(room, roomSize), textOf(text, textSize)); },
  };
  const imports = { dxos: ours, wasi_snapshot_preview1: commandImports(args, bytes) };
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    imports[from] ??= {};
    imports[from][name] ??= () => { throw new Error(`the module called ${from}.${name}, which is a stub`); };
  }
  const instance = await WebAssembly.instantiate(module, imports);
  memory = instance.exports.memory;
  instance.exports._initialize?.();
  return { exports: instance.exports, bytes, disk };
}

function listImports(path) {
  const module = new WebAssembly.Module(readFileSync(path));
  const lines = WebAssembly.Module.imports(module).map(({ module: from, name }) => `${from} ${name}\n`);
  process.stdout.write(lines.sort().join(''));
}

function textAt({ bytes, exports }, ptr) {
  const rest = bytes(ptr, exports.memory.buffer.byteLength - ptr);
  return new TextDecoder().decode(rest.subarray(0, rest.indexOf(0)));
}

async function main([mode, path, ...args]) {
  if (mode === '--imports') {
    listImports(path);
  } else if (mode === '--run') {
    const module = await load(path, { args: [path, ...args] });
    try {
      module.exports._start();
    } catch (stop) {
      if (!(stop instanceof Exit)) throw stop;
      process.exitCode = stop.code;
    }
  } else if (mode === '--test') {
    const line = (await load(path)).exports.test_run();
    console.log(line === 0 ? `wasm: ${path} passed` : `wasm: ${path} failed at line ${line}`);
    process.exitCode = line === 0 ? 0 : 1;
  } else if (mode) {
    const module = await load(mode);
    const at = module.exports.dx_wasm_alloc(16);
    if (!at) throw new Error('no memory');
    module.exports.dx_wasm_free(at);
    console.log(`wasm: dxos ${textAt(module, module.exports.dx_wasm_version())} runs under node ${process.versions.node}`);
  } else {
    console.error('usage: wasm-run.mjs [--imports | --run | --test] FILE');
    process.exitCode = 2;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(process.argv.slice(2));
}

// core/files.ts: what a tab loads beside its own script, by name below `base` (core/tab.ts). The build puts names with hashes here, so that a page gets
// the workers and the module it was built with or none; and tabs of two builds, which only meet while one is being replaced, have a broker each.

declare const DX_CORE_FILES: { worker: string; broker: string; module: string };

export const { worker: WORKER_FILE, broker: BROKER_FILE, module: MODULE_FILE } =
  typeof DX_CORE_FILES === 'undefined' ? { worker: 'leader_worker.js', broker: 'broker.js', module: 'dxos.wasm' } : DX_CORE_FILES;

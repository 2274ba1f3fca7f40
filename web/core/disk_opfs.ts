// core/disk_opfs.ts: the module's disk (src/wasm/imports.h) on OPFS sync access handles.
//
// Opening a handle is asynchronous and the module's calls are not, so a fixed set of files is opened before the module runs: the vault and its log.
// Handles are exclusive: a second worker that opens them fails, whatever the locks say. A journal is looked for and never written: it is not there.
// A file that an OPFS handle names is always there; here it is there while it has bytes, or since the module made it. The vault itself is there also
// while its log has bytes, as its first transaction lives in the log alone.
//
// | what fails | told the module | which SQLite hears as |
// |---|---|---|
// | a write or a growing truncate beyond the quota, or one that wrote less than asked | DISK_FULL | SQLITE_FULL |
// | any other exception (handle closed, file gone, disk error) | DISK_FAILED | SQLITE_IOERR_… |
// | a name that is not in the set | DISK_FAILED | SQLITE_CANTOPEN |
// | a handle number that is not open | DISK_FAILED | SQLITE_IOERR_… |

export const DISK_FAILED = -1, DISK_FULL = -2;
export const VAULT_PATH = 'vault.db';
export const VAULT_FILES = [VAULT_PATH, `${VAULT_PATH}-wal`] as const;

/** A file as the disk sees it; sizes are kept here, as nobody else writes the files and asking costs a call. */
interface DiskFile {
  readonly handle: FileSystemSyncAccessHandle;
  size: number;
  made: boolean;
}

export type DiskImports = ReturnType<Disk['imports']>;

export class Disk {
  readonly #files = new Map<string, DiskFile>();
  readonly #open: (DiskFile | null)[] = [];
  readonly #bytes: (at: number, size: number) => Uint8Array;

  /** bytes views the module's memory, anew at each call: it may have grown. Without files until attach. */
  constructor(bytes: (at: number, size: number) => Uint8Array) { this.#bytes = bytes; }

  /** Gives the disk its files; the handles are its own from now on. */
  attach(handles: ReadonlyMap<string, FileSystemSyncAccessHandle>): void {
    for (const [name, handle] of handles) this.#files.set(name, { handle, size: handle.getSize(), made: false });
  }

  /** Whether there is a vault here already. */
  get hasVault(): boolean { return this.#exists(VAULT_PATH); }

  close(): void {
    for (const { handle } of this.#files.values()) {
      try { handle.close(); } catch { /* closed already */ }
    }
    this.#files.clear();
    this.#open.length = 0;
  }

  imports() {
    return {
      disk_open: (path: number, pathSize: number, create: number): number => {
        const name = this.#text(path, pathSize), file = this.#files.get(name);
        if (!file || (!create && !this.#exists(name))) return DISK_FAILED;
        file.made ||= create !== 0;
        return this.#open.push(file) - 1;
      },
      disk_close: (handle: number): void => { this.#open[handle] = null; },
      disk_read: (handle: number, out: number, size: number, offset: number): number =>
        this.#guard(handle, (file) => offset >= file.size ? 0 : file.handle.read(this.#bytes(out, size), { at: offset })),
      disk_write: (handle: number, data: number, size: number, offset: number): number =>
        this.#guard(handle, (file) => {
          const written = file.handle.write(this.#bytes(data, size), { at: offset });
          file.size = Math.max(file.size, offset + written);
          return written === size ? 0 : DISK_FULL;
        }),
      disk_truncate: (handle: number, size: number): number =>
        this.#guard(handle, (file) => {
          file.handle.truncate(size);
          file.size = size;
          return 0;
        }),
      disk_sync: (handle: number): number =>
        this.#guard(handle, (file) => {
          file.handle.flush();
          return 0;
        }),
      disk_size: (handle: number): number => this.#guard(handle, (file) => file.size),
      disk_delete: (path: number, pathSize: number): number => {
        const file = this.#files.get(this.#text(path, pathSize));
        if (!file) return 0;
        return attempt(file, () => {
          if (file.size > 0) {
            file.handle.truncate(0);
            file.handle.flush();
          }
          file.size = 0;
          file.made = false;
          return 0;
        });
      },
      disk_exists: (path: number, pathSize: number): number => this.#exists(this.#text(path, pathSize)) ? 1 : 0,
    };
  }

  #text(at: number, size: number): string { return new TextDecoder().decode(this.#bytes(at, size)); }

  #exists(name: string): boolean {
    const file = this.#files.get(name);
    if (!file) return false;
    return file.made || file.size > 0 || (name === VAULT_PATH && this.#exists(`${VAULT_PATH}-wal`));
  }

  #guard(handle: number, act: (file: DiskFile) => number): number {
    const file = this.#open[handle];
    return file ? attempt(file, () => act(file)) : DISK_FAILED;
  }
}

/** An exception as the number the module knows; what the file's size is then is asked again. */
function attempt(file: DiskFile, act: () => number): number {
  try {
    return act();
  } catch (error) {
    try { file.size = file.handle.getSize(); } catch { /* the next call fails as well */ }
    return error instanceof Error && error.name === 'QuotaExceededError' ? DISK_FULL : DISK_FAILED;
  }
}

// --- Files ----------------------------------------------------------------------------------------------------------

const FOLDER = 'dx', RETRY_MS = 2, RETRY_FOR_MS = 10_000;

export const vaultFolder = async (): Promise<FileSystemDirectoryHandle> =>
  await (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });

export type VaultFiles = ReadonlyMap<string, FileSystemFileHandle>;

/** Finds the vault's files, which may be in use: this much can be done before they are free. */
export async function findVaultFiles(): Promise<VaultFiles> {
  const folder = await vaultFolder();
  return new Map(await Promise.all(VAULT_FILES.map(async (name) => [name, await folder.getFileHandle(name, { create: true })] as const)));
}

/** Opens them; a leader that was just killed may hold them a moment longer. Throws what the last attempt threw. */
export async function openVaultFiles(found: VaultFiles): Promise<Map<string, FileSystemSyncAccessHandle>> {
  try {
    return await openAll(found);
  } catch (error) {
    if (!isNamed(error, 'NotFoundError')) throw error;
    return await openAll(await findVaultFiles()); // set aside since they were found
  }
}

async function openAll(found: VaultFiles): Promise<Map<string, FileSystemSyncAccessHandle>> {
  const opened = new Map<string, FileSystemSyncAccessHandle>();
  const results = await Promise.allSettled([...found].map(async ([name, file]) => opened.set(name, await openHandle(file))));
  const failed = results.find((result) => result.status === 'rejected');
  if (!failed) return opened;
  for (const handle of opened.values()) handle.close();
  throw failed.reason;
}

const isNamed = (error: unknown, name: string): boolean => error instanceof Error && error.name === name;

async function openHandle(file: FileSystemFileHandle): Promise<FileSystemSyncAccessHandle> {
  for (const started = performance.now(); ;) {
    try {
      return await file.createSyncAccessHandle();
    } catch (error) {
      if (!isNamed(error, 'NoModificationAllowedError') || performance.now() - started > RETRY_FOR_MS) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/**
 * Moves the vault's files into a folder of this name beside them; nothing of them is lost. The vault goes before its log: should this end in between, a
 * log alone is refused as damage, while a vault without its log would open as it was some time ago.
 */
export async function setFilesAside(name: string): Promise<void> {
  const folder = await vaultFolder();
  const files = await findVaultFiles();
  const full = [];
  for (const file of files.values()) if ((await file.getFile()).size > 0) full.push(file);
  if (full.length === 0) return;
  const aside = await folder.getDirectoryHandle(name, { create: true });
  for (const file of full) await file.move(aside, file.name);
}

// core/storage.ts: what the browser keeps of this origin, for the vault's page: whether it may be thrown away, how much there is, and vaults set aside.
import { vaultFolder } from './disk_opfs.ts';

export interface StorageStatus {
  /** The browser does not throw the vault away by itself. */
  persisted: boolean;
  /** Bytes that this origin uses, and may use; browsers round them. */
  usage: number;
  quota: number;
}

export async function storageStatus(): Promise<StorageStatus> {
  const { usage = 0, quota = 0 } = await navigator.storage.estimate();
  return { persisted: await navigator.storage.persisted(), usage, quota };
}

/** Asks the browser to keep the vault. It may ask the person, or decide by itself; true: it will. After an identity was made is the time for it. */
export const askToPersist = async (): Promise<boolean> => await navigator.storage.persisted() || await navigator.storage.persist();

/** A vault that beginAnew() set aside; name: of its folder. */
export interface SetAside { name: string; size: number }

const SET_ASIDE = /^damaged-/;

export async function listSetAside(): Promise<SetAside[]> {
  const found: SetAside[] = [];
  for await (const [name, entry] of (await vaultFolder()).entries()) {
    if (entry.kind !== 'directory' || !SET_ASIDE.test(name)) continue;
    let size = 0;
    for await (const [, file] of (entry as FileSystemDirectoryHandle).entries()) size += (await (file as FileSystemFileHandle).getFile()).size;
    found.push({ name, size });
  }
  return found.sort((a, b) => a.name < b.name ? -1 : 1);
}

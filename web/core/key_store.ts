// core/key_store.ts: what the leader keeps beside the vault, in IndexedDB: the page key, wrapped, and the clone guard's token.
//
// Until there are passphrases the page key is wrapped by an AES-GCM key that WebCrypto does not give out: who copies the files of the profile has
// it nevertheless (the browser keeps it there), but no script can read it and send it away. The token stands in a database of its own, outside of the
// vault's store (OPFS): a vault that was put back from an older copy does not match it (ARCHITECTURE §5, "Own feeds"). A copy of the whole profile
// carries both and is known only by what peers say of our own feeds.
//
// Only the leader writes here. Every write is durable (strict) before its promise resolves: a vault whose key was lost would be lost.

const KEYS = 'dx-keys', GUARD = 'dx-guard', STORE = 'rows';
const PAGE_KEY_SIZE = 32, IV_SIZE = 12;

interface WrappedKey {
  wrapping: CryptoKey;
  iv: Uint8Array<ArrayBuffer>;
  wrapped: ArrayBuffer;
}

interface GuardRow {
  token: Uint8Array;
}

const settled = <T>(request: IDBRequest<T>): Promise<T> => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error ?? new Error('the browser\'s database failed'));
});

function open(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => { request.result.createObjectStore(STORE); };
  return settled(request);
}

async function read<T>(name: string): Promise<T | null> {
  const database = await open(name);
  try {
    return (await settled(database.transaction(STORE).objectStore(STORE).get(0)) as T | undefined) ?? null;
  } finally {
    database.close();
  }
}

async function write(name: string, row: unknown): Promise<void> {
  const database = await open(name);
  try {
    const transaction = database.transaction(STORE, 'readwrite', { durability: 'strict' });
    transaction.objectStore(STORE).put(row, 0);
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = transaction.onerror = () => reject(transaction.error ?? new Error('the browser\'s database failed'));
    });
  } finally {
    database.close();
  }
}

/** The vault's page key; null when none was ever made here. Throws when it is here and does not open. */
export async function readPageKey(): Promise<Uint8Array | null> {
  const row = await read<WrappedKey>(KEYS);
  if (!row) return null;
  return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv: row.iv }, row.wrapping, row.wrapped));
}

/** A new page key, durable when this resolves. Only for a vault that is not there yet. */
export async function makePageKey(): Promise<Uint8Array> {
  const key = crypto.getRandomValues(new Uint8Array(PAGE_KEY_SIZE)), iv = crypto.getRandomValues(new Uint8Array(IV_SIZE));
  const wrapping = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
  const wrapped = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, wrapping, key);
  await write(KEYS, { wrapping, iv, wrapped } satisfies WrappedKey);
  return key;
}

/** The token of the last opening that was mirrored; null: none. */
export const readToken = async (): Promise<Uint8Array | null> => (await read<GuardRow>(GUARD))?.token ?? null;

export const writeToken = (token: Uint8Array): Promise<void> => write(GUARD, { token } satisfies GuardRow);

// core/key_store.ts: what the leader keeps beside the vault, in IndexedDB: the page key, wrapped, and the clone guard's token.
//
// Until there are passphrases the page key is wrapped by an AES-GCM key that WebCrypto does not give out: who copies the files of the profile has
// it nevertheless (the browser keeps it there), but no script can read it and send it away. The token stands in a database of its own, outside of the
// vault's store (OPFS): a vault that was put back from an older copy does not match it (ARCHITECTURE §5, "Own feeds"). A copy of the whole profile
// carries both and is known only by what peers say of our own feeds.
//
// Only the leader writes here. Every write is durable (strict) before its promise resolves: a vault whose key was lost would be lost. Connections are
// kept, so that who stands by has opened them before; they are given up as soon as the browser wants the database for itself.

const KEYS = 'dx-keys', GUARD = 'dx-guard', STORE = 'rows', ROW = 0;
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

const connections = new Map<string, Promise<IDBDatabase>>();

function open(name: string): Promise<IDBDatabase> {
  const held = connections.get(name);
  if (held) return held;
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => { request.result.createObjectStore(STORE); };
  const forget = (): void => { if (connections.get(name) === opened) connections.delete(name); };
  const opened = settled(request).then((database) => {
    database.onversionchange = () => {
      forget();
      database.close();
    };
    database.onclose = forget;
    return database;
  });
  connections.set(name, opened);
  opened.catch(forget);
  return opened;
}

/** Opens both databases ahead of their use; what fails now fails again, and is told, when it matters. */
export function prepareStores(): void {
  for (const name of [KEYS, GUARD]) open(name).catch(() => undefined);
}

/** A connection that the browser closed meanwhile refuses the transaction: then one more, on another. */
async function begin(name: string, mode: IDBTransactionMode): Promise<IDBTransaction> {
  const options = { durability: 'strict' } as const;
  try {
    return (await open(name)).transaction(STORE, mode, options);
  } catch {
    connections.delete(name);
    return (await open(name)).transaction(STORE, mode, options);
  }
}

async function read<T>(name: string): Promise<T | null> {
  const transaction = await begin(name, 'readonly');
  return (await settled(transaction.objectStore(STORE).get(ROW)) as T | undefined) ?? null;
}

async function change(name: string, act: (store: IDBObjectStore) => void): Promise<void> {
  const transaction = await begin(name, 'readwrite');
  act(transaction.objectStore(STORE));
  await new Promise<void>((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = transaction.onerror = () => reject(transaction.error ?? new Error('the browser\'s database failed'));
  });
}

/** The vault's page key; null when none was ever made here. Throws when it is here and does not open. */
export async function readPageKey(): Promise<Uint8Array | null> {
  const row = await read<WrappedKey>(KEYS);
  if (!row) return null;
  return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv: row.iv }, row.wrapping, row.wrapped));
}

/** Durable when this resolves. */
async function keepPageKey(key: Uint8Array<ArrayBuffer>): Promise<void> {
  const iv = crypto.getRandomValues(new Uint8Array(IV_SIZE));
  const wrapping = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
  const wrapped = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, wrapping, key);
  await change(KEYS, (store) => { store.put({ wrapping, iv, wrapped } satisfies WrappedKey, ROW); });
}

/** A new page key, durable when this resolves. Only for a vault that is not there yet. */
export async function makePageKey(): Promise<Uint8Array> {
  const key = crypto.getRandomValues(new Uint8Array(PAGE_KEY_SIZE));
  await keepPageKey(key);
  return key;
}

/** Of a vault that this key has opened: where the browser has lost it meanwhile it is kept again. */
export async function mendPageKey(key: Uint8Array): Promise<void> {
  if (await readPageKey().catch(() => null) === null) await keepPageKey(new Uint8Array(key));
}

/** The token of the last opening that was mirrored; null: none. */
export const readToken = async (): Promise<Uint8Array | null> => (await read<GuardRow>(GUARD))?.token ?? null;

export const writeToken = (token: Uint8Array): Promise<void> => change(GUARD, (store) => { store.put({ token } satisfies GuardRow, ROW); });

/** Keeps the key, if there is one, under the name of the vault it belongs to; from now on there is none. */
export async function setKeyAside(name: string): Promise<void> {
  await change(KEYS, (store) => {
    const row = store.get(ROW);
    row.onsuccess = () => {
      if (row.result === undefined) return;
      store.put(row.result, name);
      store.delete(ROW);
    };
  });
}

/** There is no vault that the token speaks of. */
export const forgetToken = (): Promise<void> => change(GUARD, (store) => { store.delete(ROW); });

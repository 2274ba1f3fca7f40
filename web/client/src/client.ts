// client/src/client.ts: the way in: one vault, its identity, its spaces.
import { Connection, rowsOf, type Body, type ConnectionStatus, type Pending } from './connection.ts';
import { Code, DxError, failures } from './errors.ts';
import { Invitation } from './invitation.ts';
import { Listed } from './listed.ts';
import { Cell, type Observable, type Unsubscribe } from './observable.ts';
import type { Services, ServicesState } from './services.ts';
import { Space } from './space.ts';

export interface ClientConfig {
  /** How long initialize() tries to reach the vault. */
  connectTimeoutMs?: number;
}

export interface ClientOptions {
  config?: ClientConfig;
  /** Where the vault is: fromVault(), fromPort(), and in node fromSocket(), fromAgent(). */
  services: Services;
}

export interface Identity {
  /** 64 hex digits. */
  readonly identityKey: string;
  readonly displayName: string;
  readonly deviceKey: string;
  /** What this device was named, if it was. */
  readonly deviceName?: string;
}

export interface Device {
  readonly deviceKey: string;
  readonly displayName: string;
  /** The vault this client speaks to. */
  readonly current: boolean;
}

const CONNECT_TIMEOUT_MS = 30_000;

const identityOf = (body: Body): Identity | null =>
  typeof body['identity'] === 'string'
    ? {
        identityKey: body['identity'],
        displayName: String(body['name'] ?? ''),
        deviceKey: String(body['device']),
        ...(typeof body['device_name'] === 'string' ? { deviceName: body['device_name'] } : {}),
      }
    : null;

/** Who one is. */
export class Halo {
  readonly #connection: Connection;
  readonly #identity = new Cell<Identity | null>(null);
  readonly #devices: Listed<readonly Device[]>;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#devices = new Listed<readonly Device[]>([], async () => {
      const rows = await connection.rows({ do: 'device.list' });
      return rows.map((row) => ({ deviceKey: String(row['device']), displayName: String(row['name'] ?? ''), current: row['current'] === true }));
    });
  }

  /** null: this vault has none yet. */
  get identity(): Observable<Identity | null> { return this.#identity; }
  get devices(): Observable<readonly Device[]> & { refresh(): Promise<readonly Device[]> } { return this.#devices; }

  async createIdentity({ displayName }: { displayName: string }): Promise<Identity> {
    const identity = identityOf(await this.#connection.request({ do: 'halo.create', name: displayName })) as Identity;
    this.take(identity);
    return identity;
  }

  /** For the person's own programs: in this vault and in every space they may write in. */
  async rename(displayName: string): Promise<Identity> {
    const identity = identityOf(await this.#connection.request({ do: 'halo.rename', name: displayName })) as Identity;
    this.take(identity);
    return identity;
  }

  /** Names this device, in this vault alone. */
  async renameDevice(displayName: string): Promise<void> {
    await this.#connection.request({ do: 'device.rename', name: displayName });
    this.#devices.stale();
  }

  /** Of the identity. */
  subscribe(listener: (identity: Identity | null) => void, options?: { immediate?: boolean }): Unsubscribe {
    return this.#identity.subscribe(listener, options);
  }

  /** The client tells what the vault told. */
  take(identity: Identity | null): void {
    if (JSON.stringify(identity) === JSON.stringify(this.#identity.get())) return;
    this.#identity.set(identity);
    this.#devices.stale();
  }
}

/** A program's view of a vault. */
export class Client {
  readonly halo: Halo;
  readonly services: Services;
  readonly config: ClientConfig;
  readonly #connection: Connection;
  readonly #spaces = new Cell<readonly Space[]>(Object.freeze([]));
  readonly #access: Cell<ServicesState>;
  readonly #byKey = new Map<string, Space>();
  #watches: Pending[] = [];
  /** Keys told since a watch of spaces began; null once all were told. */
  #telling: Set<string> | null = null;
  #starting: Promise<this> | null = null;

  constructor({ config = {}, services }: ClientOptions) {
    this.config = config;
    this.services = services;
    this.#connection = new Connection(services);
    this.halo = new Halo(this.#connection);
    this.#access = new Cell<ServicesState>(services.state?.get() ?? 'ready');
    services.state?.subscribe((state) => this.#access.set(state));
  }

  /** `open` while the vault answers. Writes made meanwhile wait. */
  get status(): Observable<ConnectionStatus> { return this.#connection.status; }
  get initialized(): boolean { return this.#starting !== null && this.#connection.status.get() === 'open'; }

  /** What the vault waits for: a click for the browser's sake, or the person's consent. Show a button that calls requestAccess(). */
  get access(): Observable<ServicesState> { return this.#access; }

  /** In a click handler: opens the vault's window, where the person decides. */
  async requestAccess(): Promise<void> {
    await this.services.requestAccess?.();
    if (this.#starting !== null && this.#watches.length === 0) await this.#watchAll();
  }

  /** Connects, asks for consent where the vault wants it, and learns identity and spaces. Rejects when the vault cannot be reached in time. */
  initialize(): Promise<this> {
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = null;
      this.#connection.close();
      throw error;
    });
    return this.#starting;
  }

  /** Lets everything go. What was written is sent first when the vault is there. */
  async destroy(): Promise<void> {
    if (this.#starting !== null && this.#connection.status.get() === 'open') {
      await Promise.allSettled([...this.#byKey.values()].map((space) => space.db.flush()));
    }
    this.#starting = null;
    this.#watches = [];
    for (const space of this.#byKey.values()) space.close();
    this.#byKey.clear();
    this.#connection.close();
    this.services.destroy?.();
  }

  /** All spaces of the vault this client may see; another array when one came, went or has another name. */
  get spaces(): Observable<readonly Space[]> { return this.#spaces; }

  /** DXOS's first names for the same. */
  get echo(): Pick<Client, 'createSpace' | 'getSpace' | 'acceptInvitation'> & { querySpaces(): Observable<readonly Space[]> } {
    return {
      createSpace: (props) => this.createSpace(props),
      querySpaces: () => this.#spaces,
      getSpace: (key) => this.getSpace(key),
      acceptInvitation: (url, options) => this.acceptInvitation(url, options),
    };
  }

  getSpace(key: string): Space | undefined { return this.#byKey.get(key); }

  async createSpace({ name }: { name?: string } = {}): Promise<Space> {
    const reply = await this.#connection.request({ do: 'space.create', name });
    return this.#take(String(reply['space']), String(reply['name'] ?? ''), undefined, false);
  }

  /** This vault forgets the space; others keep it. */
  async removeSpace(key: string): Promise<void> {
    await this.#connection.request({ do: 'space.rm', space: key });
    this.#remove([key]);
  }

  /** Joins by a link. The person's PIN goes to authenticate() once the status is `ready-for-authentication`, or in the options. */
  acceptInvitation(url: string, options: { pin?: string } = {}): Invitation<Space> {
    const { pin } = options;
    return new Invitation<Space>(this.#connection, { do: 'space.join', url, pin }, (reply) => {
      const key = String(reply['space']);
      return this.#take(key, this.#byKey.get(key)?.name ?? '', undefined, true);
    });
  }

  async #start(): Promise<this> {
    this.#connection.open();
    await this.#connected();
    await this.#watchAll();
    return this;
  }

  #connected(): Promise<void> {
    const timeoutMs = this.config.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    if (this.status.get() === 'open') return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        leave();
      };
      const leave = this.status.subscribe((status) => {
        if (status !== 'open' && status !== 'closed') return;
        end();
        if (status === 'open') resolve();
        else reject(failures.cancelled('the client was destroyed before the vault answered'));
      });
      const timer = setTimeout(() => {
        if (this.#access.get() !== 'ready') return; // a person is being waited for
        end();
        const reason = this.#connection.lastError?.message;
        reject(failures.unreachable(`the vault did not answer${reason === undefined ? '' : `: ${reason}`}`));
      }, timeoutMs);
    });
  }

  // --- What the vault keeps telling ---------------------------------------------------------------------------------

  async #watchAll(): Promise<void> {
    const { app } = this.services;
    if (app !== undefined) {
      const ask = this.#connection.request({ do: 'app.ask', name: app.name, want: app.want });
      this.#access.set('needsGrant'); // for an instant only, where it was granted before
      await ask;
      this.#access.set('ready');
    }
    await Promise.all([this.#watch('halo.watch', (body) => this.halo.take(identityOf(body)), () => undefined), this.#watchSpaces()]);
  }

  #watchSpaces(): Promise<void> {
    const begin = (): void => { this.#telling = new Set(); };
    begin();
    return this.#watch('space.watch', (body) => {
      for (const row of rowsOf(body)) this.#takeRow(row);
      if (body['state'] === 'listed') {
        const told = this.#telling ?? new Set();
        this.#telling = null;
        this.#remove([...this.#byKey.keys()].filter((key) => !told.has(key)));
        this.#publish();
        return true;
      }
      return false;
    }, begin);
  }

  /** Resolves with the first word that `hear` does not call incomplete; rejects when the vault refuses before. */
  #watch(command: string, hear: (body: Body) => boolean | void, onRestart: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const watch = this.#connection.ask({ do: command }, { onNotify: (body) => { if (hear(body) !== false) resolve(); }, onRestart });
      this.#watches.push(watch);
      watch.reply.catch((error: unknown) => {
        this.#watches = this.#watches.filter((other) => other !== watch);
        reject(error as Error);
        if (error instanceof DxError && error.code === Code.denied) this.#revoked(command);
      });
    });
  }

  /** The grant was taken back, or never held this. */
  #revoked(command: string): void {
    if (command !== 'space.watch') return;
    this.#remove([...this.#byKey.keys()]);
    this.#access.set('needsGrant');
  }

  #takeRow(row: Body): void {
    const key = String(row['space']);
    if (row['change'] === 'removed') return this.#remove([key]);
    this.#telling?.add(key);
    this.#take(key, String(row['name'] ?? ''), String(row['rights']), false);
  }

  #take(key: string, name: string, rights: string | undefined, joined: boolean): Space {
    let space = this.#byKey.get(key);
    if (space === undefined) {
      space = new Space(this.#connection, key, name, joined);
      this.#byKey.set(key, space);
      this.#publish();
    } else if (rights !== undefined && space.takeRow(name, rights)) {
      this.#publish();
    }
    return space;
  }

  #remove(keys: readonly string[]): void {
    for (const key of keys) {
      this.#byKey.get(key)?.close();
      this.#byKey.delete(key);
    }
    if (keys.length > 0) this.#publish();
  }

  /** While the vault is still listing, the old list stands. */
  #publish(): void { if (this.#telling === null) this.#spaces.set(Object.freeze([...this.#byKey.values()])); }
}

// client/src/client.ts: the way in: one vault, its identity, its spaces.
import { Connection, rowsOf, type Body, type ConnectionStatus, type Pending } from './connection.ts';
import { SpacesQuery } from './across.ts';
import { Code, DxError, failures } from './errors.ts';
import type { Filter } from './filter.ts';
import { Invitation } from './invitation.ts';
import { Listed } from './listed.ts';
import { Cell, type Observable, type Unsubscribe } from './observable.ts';
import type { QueryOptions } from './query.ts';
import type { Services, ServicesState } from './services.ts';
import { Space, type Level } from './space.ts';

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

/** What the person allows an app (docs/spec/commands.md). */
export interface Grant {
  /** As `identity`, `create`, `join`, `all:read`. */
  readonly scopes: readonly string[];
  /** Levels by space key. */
  readonly spaces: Readonly<Record<string, Level>>;
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

/** How long destroy() waits for what was written. */
const FLUSH_TIMEOUT_MS = 5000;

const isDenied = (error: unknown): boolean => error instanceof DxError && error.code === Code.denied;

/** A program's view of a vault. */
export class Client {
  readonly halo: Halo;
  readonly services: Services;
  readonly config: ClientConfig;
  readonly #connection: Connection;
  readonly #spaces = new Cell<readonly Space[]>(Object.freeze([]));
  readonly #access = new Cell<ServicesState>('ready');
  readonly #leaveState: Unsubscribe | undefined;
  readonly #byKey = new Map<string, Space>();
  readonly #grant = new Cell<Grant | null>(null);
  /** Whether the person allows anything. */
  #consent: Exclude<ServicesState, 'needsAccess'> = 'ready';
  #watches = new Map<string, Pending>();
  /** Keys told since a watch of spaces began; null once all were told. */
  #telling: Set<string> | null = null;
  #starting: Promise<this> | null = null;
  #learning: Promise<void> | null = null;
  /** Ends the wait after a refusal. */
  #press: ((error?: DxError) => void) | null = null;
  #ending: Promise<void> | null = null;

  constructor({ config = {}, services }: ClientOptions) {
    this.config = config;
    this.services = services;
    this.#connection = new Connection(services);
    this.halo = new Halo(this.#connection);
    this.#leaveState = services.state?.subscribe(() => this.#tellAccess(), { immediate: true });
  }

  /** `open` while the vault answers. Writes made meanwhile wait. */
  get status(): Observable<ConnectionStatus> { return this.#connection.status; }
  /** It knows the person and the spaces, and the vault answers. */
  get initialized(): boolean { return this.#watches.has('space.watch') && this.#learning === null && this.status.get() === 'open'; }
  /** Why the vault could not be reached the last time; null while it can. */
  get lastError(): Error | null { return this.#connection.lastError; }

  /** Asks what no method here stands for, by docs/spec/commands.md: an own program does, as the vault's page. Open after initialize(). */
  get connection(): Connection { return this.#connection; }

  /** What the vault waits for: a click for the browser's sake, or the person's consent. Show a button that calls requestAccess(). */
  get access(): Observable<ServicesState> { return this.#access; }

  /** What the person allows this app, as that changes; null: nothing, and for the person's own programs, which nobody asks. */
  get grant(): Observable<Grant | null> { return this.#grant; }

  /** Whether the person allows this program a scope (`identity`, `create`, `join`). */
  may(scope: string): boolean { return this.services.app === undefined || this.#grant.get()?.scopes.includes(scope) === true; }

  /** In a click handler: opens the vault's window, where the person decides. With `access` ready: asks again for all that the app wants. */
  async requestAccess(): Promise<void> {
    const opening = this.services.requestAccess?.(); // at once, or the browser opens no window
    this.#press?.();
    await opening;
    if (this.#starting === null || this.#learning !== null || this.status.get() !== 'open') return;
    if (this.#consent !== 'ready') return this.#learn();
    const { app } = this.services;
    if (app === undefined) return;
    await this.#connection.request({ do: 'app.ask', name: app.name, want: app.want }, { atOnce: true });
    await this.#learn();
  }

  /**
   * Connects, asks for consent where nothing is allowed yet, and learns identity and spaces. Waits as long as a person is waited for (`access`); rejects
   * when the vault cannot be reached in time, and may then be called again.
   */
  initialize(): Promise<this> {
    if (this.#ending !== null) return Promise.reject(failures.state('the client was destroyed', 'new Client()'));
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = null;
      this.#connection.close();
      throw error;
    });
    return this.#starting;
  }

  /** Lets everything go, for good. What was written is sent first when the vault is there. */
  destroy(): Promise<void> { return this.#ending ??= this.#end(); }

  async #end(): Promise<void> {
    const gone = failures.cancelled('the client was destroyed');
    this.#leaveState?.();
    if (this.status.get() === 'open') await this.#flushed();
    for (const space of this.#byKey.values()) space.close(gone);
    this.#byKey.clear();
    this.#watches.clear();
    this.#press?.(gone);
    this.#connection.close();
    this.services.destroy?.();
    this.#telling = null;
    this.#publish();
    this.#grant.set(null);
    this.halo.take(null);
  }

  /** All writes are on the vault's disk or refused; or the vault has gone, or takes too long. */
  async #flushed(): Promise<void> {
    let leave: Unsubscribe | undefined, timer: ReturnType<typeof setTimeout> | undefined;
    const given = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FLUSH_TIMEOUT_MS);
      leave = this.status.subscribe(() => resolve());
    });
    await Promise.race([Promise.allSettled([...this.#byKey.values()].map((space) => space.db.flush())), given]);
    clearTimeout(timer);
    leave?.();
  }

  /** All spaces of the vault this client may see; another array when one came, went, or has another name, role or level. */
  get spaces(): Observable<readonly Space[]> { return this.#spaces; }

  /** A live query of all spaces, also those to come. */
  query<T extends object = Record<string, any>>(filter: Filter = {}, options: QueryOptions<T> = {}): SpacesQuery<T> {
    return new SpacesQuery<T>(this.#spaces, filter, options);
  }

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
    return this.#take(String(reply['space']), String(reply['name'] ?? ''));
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
      const key = String(reply['space']), space = this.#take(key, this.#byKey.get(key)?.name ?? '');
      space.join();
      return space;
    });
  }

  async #start(): Promise<this> {
    this.#connection.open();
    await this.#connected();
    await this.#learn();
    return this;
  }

  #connected(): Promise<void> {
    const timeoutMs = this.config.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    if (this.status.get() === 'open') return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        leave();
        leaveAccess();
      };
      const leave = this.status.subscribe((status) => {
        if (status !== 'open' && status !== 'closed') return;
        end();
        if (status === 'open') resolve();
        else reject(failures.cancelled('the client was destroyed before the vault answered'));
      });
      const late = (): void => {
        end();
        const reason = this.#connection.lastError?.message;
        reject(failures.unreachable(`the vault did not answer${reason === undefined ? '' : `: ${reason}`}`, 'initialize()'));
      };
      let timer: ReturnType<typeof setTimeout> | undefined;
      // A person may take their time.
      const leaveAccess = this.#access.subscribe((access) => {
        clearTimeout(timer);
        if (access === 'ready') timer = setTimeout(late, timeoutMs);
      }, { immediate: true });
    });
  }

  // --- What the vault keeps telling ---------------------------------------------------------------------------------

  /** Once at a time: asks until something is allowed, and watches it. */
  #learn(): Promise<void> {
    return this.#learning ??= this.#watchAll().finally(() => { this.#learning = null; });
  }

  async #watchAll(): Promise<void> {
    const { app } = this.services;
    while (!await this.#watchSpaces()) {
      if (app === undefined) throw failures.denied('this program may see no space');
      await this.#ask({ do: 'app.ask', name: app.name, want: app.want });
    }
    if (app !== undefined) await this.#watch('grant.watch', (body) => this.#takeGrant(body));
    await this.#watchIdentity();
    this.#setConsent('ready');
  }

  /** A person may allow spaces and not tell who they are. */
  async #watchIdentity(): Promise<void> {
    if (!await this.#watch('halo.watch', (body) => this.halo.take(identityOf(body)))) this.halo.take(null);
  }

  /** Spaces come by the watch of spaces; who the person is has to be asked once it is allowed. */
  #takeGrant(body: Body): void {
    const { scopes, spaces } = body as unknown as Grant;
    this.#grant.set(Object.freeze({ scopes, spaces }));
    if (scopes.includes('identity') && this.#learning === null) this.#watchIdentity().catch(() => undefined); // what loses the vault asks again by itself
  }

  /** Until the person has allowed anything. */
  async #ask(question: Body): Promise<void> {
    this.#setConsent('needsGrant');
    try {
      await this.#connection.request(question, { atOnce: true });
    } catch (error) {
      if (!isDenied(error)) throw error;
      this.#setConsent('refused');
      await new Promise<void>((resolve, reject) => {
        this.#press = (end) => {
          this.#press = null;
          if (end === undefined) resolve();
          else reject(end);
        };
      });
    }
  }

  #watchSpaces(): Promise<boolean> {
    const begin = (): void => { this.#telling = new Set(); };
    if (!this.#watches.has('space.watch')) begin();
    return this.#watch('space.watch', (body) => {
      for (const row of rowsOf(body)) this.#takeRow(row);
      if (body['state'] !== 'listed') return false;
      const told = this.#telling ?? new Set();
      this.#telling = null;
      this.#remove([...this.#byKey.keys()].filter((key) => !told.has(key)));
      this.#publish();
      return true;
    }, begin);
  }

  /** Whether it may: true with the first word that `hear` does not call incomplete, and at once when it is watched already. */
  #watch(command: string, hear: (body: Body) => boolean | void, onRestart?: () => void): Promise<boolean> {
    if (this.#watches.has(command)) return Promise.resolve(true);
    return new Promise((resolve, reject) => {
      const watch = this.#connection.ask({ do: command }, {
        onNotify: (body) => { if (hear(body) !== false) resolve(true); }, atOnce: true, watches: true, ...(onRestart === undefined ? {} : { onRestart }),
      });
      this.#watches.set(command, watch);
      watch.reply.catch((error: unknown) => {
        if (this.#watches.get(command) === watch) this.#watches.delete(command);
        if (!isDenied(error)) return reject(error as Error);
        this.#denied(command);
        resolve(false);
      });
    });
  }

  /** It was never granted, or was taken back. */
  #denied(command: string): void {
    if (command === 'halo.watch') return this.halo.take(null);
    if (command === 'grant.watch') return this.#grant.set(null);
    this.#telling = null;
    this.#remove([...this.#byKey.keys()]);
    if (this.#learning === null) this.#setConsent('needsGrant');
  }

  #setConsent(consent: Exclude<ServicesState, 'needsAccess'>): void {
    this.#consent = consent;
    this.#tellAccess();
  }

  #tellAccess(): void { this.#access.set(this.services.state?.get() === 'needsAccess' ? 'needsAccess' : this.#consent); }

  #takeRow(row: Body): void {
    const key = String(row['space']);
    if (row['change'] === 'removed') return this.#remove([key]);
    this.#take(key, String(row['name'] ?? ''), row);
  }

  /** Without a row: a reply names a space that the watch tells more of. */
  #take(key: string, name: string, row?: Body): Space {
    let space = this.#byKey.get(key);
    this.#telling?.add(key);
    if (space === undefined) {
      space = new Space(this.#connection, key, name);
      this.#byKey.set(key, space);
      if (row !== undefined) space.takeRow(row);
      this.#publish();
    } else if (row !== undefined && space.takeRow(row)) {
      this.#publish();
    }
    return space;
  }

  #remove(keys: readonly string[]): void {
    const gone = failures.notFound('the space is not here any more, or this program may not see it');
    for (const key of keys) {
      const space = this.#byKey.get(key);
      this.#byKey.delete(key);
      space?.close(gone);
    }
    if (keys.length > 0) this.#publish();
  }

  /** While the vault is still listing, the old list stands. */
  #publish(): void { if (this.#telling === null) this.#spaces.set(Object.freeze([...this.#byKey.values()])); }
}

// client/src/space.ts: a space: its objects, its members, the ways in.
import type { Timestamp } from '../../core/codec.ts';
import type { Body, Connection } from './connection.ts';
import { Database, type AddOptions } from './database.ts';
import type { Live } from './entity.ts';
import type { DxError } from './errors.ts';
import type { Filter } from './filter.ts';
import { Invitation } from './invitation.ts';
import { Listed } from './listed.ts';
import type { Observable } from './observable.ts';
import type { Query, QueryOptions } from './query.ts';

export type Role = 'owner' | 'admin' | 'editor' | 'reader';
/** Who may write. */
const WRITERS: readonly (Role | null)[] = ['owner', 'admin', 'editor'];
/** Each holds those before it. */
export type Level = 'read' | 'write' | 'share';

export interface Member {
  /** 64 hex digits. */
  readonly identityKey: string;
  readonly displayName: string;
  readonly role: Role;
  /** Of the object in which the member says its name: links that mean the member lead there. null: there is none here. */
  readonly objectId: string | null;
}

/** docs/spec/commands.md, `space.status`. */
export interface SpaceStatus {
  readonly synced: boolean;
  readonly peers: number;
  readonly objects: number;
  readonly links: number;
  readonly pending: number;
  /** With nobody connected: the last way that was tried in vain, and why. */
  readonly unreached?: string;
  /** This vault keeps a part: these types (null: all), and what happened since. So many sections it leaves out. */
  readonly partial?: true;
  readonly types?: readonly string[] | null;
  readonly since?: Timestamp | null;
  readonly outside?: number;
  /** Sections that nobody gave yet. */
  readonly missing?: number;
  /** What matches this is kept, too. */
  readonly query?: Readonly<Record<string, unknown>>;
  /** The member who told last all that matches it, once that was here, and when. */
  readonly told_by?: string;
  readonly told_at?: Timestamp;
  /** Why that cannot be asked. */
  readonly unasked?: string;
}

/** docs/spec/epoch.md: what the space was at a point, which newcomers load in place of history. */
export interface Epoch {
  readonly number: number;
  readonly id: string;
  /** The identity that made it. */
  readonly by: string;
  /** Somebody else has made it again and found it right, or nobody else had to. */
  readonly confirmed: boolean;
  readonly acks: number;
  /** Bytes of the state. */
  readonly size: number;
}

export interface InvitationOptions {
  /** What the guest becomes. The vault's default: editor. */
  role?: Role;
  /** Several guests may use it. */
  multi?: boolean;
  /** Six digits; without it the vault chooses. */
  pin?: string;
  expiresMs?: number;
}

export interface ItemOptions<T extends object> extends AddOptions {
  props?: T;
}

const READY_TIMEOUT_MS = 30_000;

const epochFrom = (row: Body): Epoch =>
  ({ number: Number(row['number']), id: String(row['id']), by: String(row['by']), confirmed: row['confirmed'] === true, acks: Number(row['acks']), size: Number(row['size']) });

export class Space {
  /** Its objects. */
  readonly db: Database;
  readonly #connection: Connection;
  readonly #members: Listed<readonly Member[]>;
  #name: string;
  #toldName: string;
  #joined = false;
  #role: Role | null = null;
  #level: Level = 'share';
  #rights: string | undefined;

  /** By the client alone. */
  constructor(connection: Connection, /** 64 hex digits. */ readonly key: string, name: string) {
    this.#connection = connection;
    this.#name = name;
    this.#toldName = name;
    this.db = new Database(connection, key);
    this.#members = new Listed<readonly Member[]>([], async () => {
      const rows = await connection.rows({ do: 'space.members', space: key });
      return rows.map((row) => ({ identityKey: String(row['identity']), displayName: String(row['name'] ?? ''), role: row['role'] as Role,
        objectId: typeof row['object'] === 'string' ? row['object'] : null }));
    });
  }

  get name(): string { return this.#name; }
  get properties(): { readonly name: string } { return { name: this.#name }; }
  /** What the person is here; null: not told yet, or no member any more. */
  get role(): Role | null { return this.#role; }
  /** What the person allows this program here; their own programs may all that the person may. */
  get level(): Level { return this.#level; }
  /** Whether writes have a chance: others are taken back. */
  get mayWrite(): boolean { return WRITERS.includes(this.#role) && this.#level !== 'read'; }
  get members(): Observable<readonly Member[]> & { refresh(): Promise<readonly Member[]> } { return this.#members; }

  /** Another name, for all its members. */
  async rename(name: string): Promise<void> {
    const reply = await this.#connection.request({ do: 'space.rename', space: this.key, name });
    this.#name = String(reply['name'] ?? name);
  }

  /** A link and a PIN for somebody who is to join. It stays open until its end or cancel(), also when this client goes. */
  createInvitation(options: InvitationOptions = {}): Invitation<void> {
    const { role, multi, pin, expiresMs } = options;
    const command: Body = { do: 'space.share', space: this.key, role, multi, pin, expires_ms: expiresMs };
    return new Invitation<void>(this.#connection, command, () => void this.#members.refresh().catch(() => undefined));
  }

  /** db.add with type and data named, as DXOS's first interface had it. */
  async createItem<T extends object>({ props, ...options }: ItemOptions<T> = {}): Promise<Live<T>> {
    const item = this.db.add((props ?? {}) as T, options);
    await this.db.flush();
    return item;
  }

  /** db.query under its older name. */
  select<T extends object = Record<string, any>>(filter: Filter = {}, options: QueryOptions<T> = {}): Query<T> {
    return this.db.query<T>(filter, options);
  }

  async status(): Promise<SpaceStatus> { return this.#status({}); }

  /** Everyone connected holds the same and nothing is missing. Waits for somebody to be connected. */
  async waitUntilSynced(timeoutMs = READY_TIMEOUT_MS): Promise<SpaceStatus> {
    return this.#status({ wait_synced: true, timeout_ms: timeoutMs });
  }

  /** It can be read and written: at once, but for a space joined just now, which comes from its host first. */
  async waitUntilReady(timeoutMs = READY_TIMEOUT_MS): Promise<this> {
    if (this.#joined) await this.waitUntilSynced(timeoutMs);
    else await this.status();
    this.#joined = false;
    return this;
  }

  /** All epochs of this space, in order. */
  async epochs(): Promise<Epoch[]> { return (await this.#connection.rows({ do: 'space.epochs', space: this.key })).map(epochFrom); }

  /** Makes an epoch of the state as it is now; who may share may. */
  async makeEpoch(): Promise<Epoch> { return epochFrom(await this.#connection.request({ do: 'space.epoch', space: this.key })); }

  /**
   * What of the space this vault keeps from now on: objects and links of some types, what happened since a time, what matches a question as members tell it (a filter of
   * docs/spec/query.md, or one with `order` and `limit`), or 'all' (docs/spec/partial.md). Only the person's own programs may say so. Results of queries that may lack
   * something are `partial` then; `db.fetch(id)` brings one object.
   */
  async keep(scope: 'all' | { readonly types?: readonly string[]; readonly since?: Date; readonly query?: Readonly<Record<string, unknown>> }): Promise<void> {
    const { types, since, query } = scope === 'all' ? {} : scope;
    await this.#connection.request({
      do: 'space.scope', space: this.key, types, since: since?.getTime(), query: query === undefined ? undefined : this.db.storeQuestion(query),
      ...scope === 'all' ? { all: true } : {},
    });
  }

  async #status(options: Body): Promise<SpaceStatus> {
    return (await this.#connection.request({ do: 'space.status', space: this.key, ...options }, { atOnce: 'wait_synced' in options })) as unknown as SpaceStatus;
  }

  // --- For the client -----------------------------------------------------------------------------------------------

  /** This vault joined it just now: it comes from its host. */
  join(): void { this.#joined = true; }

  /** A row of space.watch. Whether what programs see of the space itself is otherwise. */
  takeRow(row: Body): boolean {
    const name = String(row['name'] ?? ''), role = row['role'] === 'none' ? null : (row['role'] as Role), level = (row['level'] ?? 'share') as Level, rights = String(row['rights']);
    const other = name !== this.#toldName || role !== this.#role || level !== this.#level;
    this.#name = name;
    this.#toldName = name;
    this.#role = role;
    this.#level = level;
    if (rights !== this.#rights) this.#members.stale();
    this.#rights = rights;
    return other;
  }

  close(reason: DxError): void { this.db.close(reason); }
}

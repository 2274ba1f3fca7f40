// vault/vault.ts: what the page shows, as values that change: the client's identity and spaces, and beside them apps, peers, signaling, storage.
//
// Lists that the vault keeps telling are watched; what it answers only when asked (peers, counts, signaling) is asked again every two seconds while
// somebody looks. Invitations are kept here, so that they outlive the view that made them.
import { Timestamp } from '../core/codec.ts';
import { VaultTab } from '../core/tab.ts';
import type { Failure, IceServer, VaultState } from '../core/messages.ts';
import { Client, DxError, type Invitation, type InvitationOptions, type Role, type Space } from '../client/src/index.ts';
import { rowsOf, type Body } from '../client/src/connection.ts';
import { Cell } from '../client/src/observable.ts';
import { askConfig, type Config } from './config.ts';
import { fromOwnTab } from './own_port.ts';
import { plainName } from './words.ts';

/** A row of app.watch (docs/spec/commands.md). */
export interface App {
  /** Who it is, as the browser vouches; the name is what it says of itself. */
  readonly origin: string;
  readonly name: string;
  readonly granted: boolean;
  readonly scopes: readonly string[];
  /** Levels by space key. */
  readonly spaces: Readonly<Record<string, string>>;
  /** Scopes of its open question. */
  readonly asks: readonly string[] | null;
  readonly ports: number;
  readonly denied: number;
}

export interface Signal { readonly url: string; readonly state: string; readonly invited: boolean; readonly error: string | null }
export interface Peer { readonly space: string; readonly peer: string; readonly synced: boolean }

/** Somebody who was tried in vain, by a signaling service's word or at an address. */
export interface Unreached { readonly space: string; readonly address: string; readonly error: string; readonly why: string }

/** A row of invitation.list: what this vault invites with, whether or not the page that made it is still there. */
export interface OpenInvitation {
  readonly id: string;
  readonly space: string;
  readonly role: Role | null;
  readonly state: string;
  readonly expiresMs: number;
  readonly uses: number;
  readonly failures: number;
  /** The app that made it. */
  readonly app: string | null;
}

/** What is asked again and again. */
export interface Facts {
  readonly invitations: readonly OpenInvitation[];
  readonly signals: readonly Signal[];
  readonly peers: readonly Peer[];
  readonly unreached: readonly Unreached[];
  /** Objects of each space. */
  readonly counts: ReadonlyMap<string, number>;
  /** Nothing more can be written: the disk is full. */
  readonly full: boolean;
}

/** How far the vault is. `open`: identity and spaces are known. */
export type Phase =
  | { readonly at: 'starting' } | { readonly at: 'open' }
  | { readonly at: 'failed'; readonly failure: Failure; readonly message: string };

/** Whether the browser promises to keep the vault; null: it does not say. */
export type Storage = { readonly kept: boolean | null };

const FACTS_EVERY_MS = 2000;
/** setTimeout takes no more: the page waits for its vault as long as it is open. */
const FOR_EVER_MS = 0x7fffffff;

const ROLES: readonly Role[] = ['owner', 'admin', 'editor', 'reader'];
const textOf = (value: unknown): string => typeof value === 'string' ? value : '';
const textsOf = (value: unknown): string[] => Array.isArray(value) ? value.map(textOf) : [];

function appOf(row: Body): App {
  const spaces = typeof row['spaces'] === 'object' && row['spaces'] !== null ? row['spaces'] as Record<string, unknown> : {};
  return {
    origin: textOf(row['origin']), name: plainName(textOf(row['name'])), granted: row['granted'] === true, scopes: textsOf(row['scopes']),
    spaces: Object.fromEntries(Object.entries(spaces).map(([key, level]) => [key, textOf(level)])),
    asks: Array.isArray(row['asks']) ? textsOf(row['asks']) : null, ports: Number(row['ports'] ?? 0), denied: Number(row['denied'] ?? 0),
  };
}

const invitationOf = (row: Body): OpenInvitation => ({
  id: textOf(row['id']), space: textOf(row['space']), role: ROLES.find((role) => role === row['role']) ?? null, state: textOf(row['state']),
  expiresMs: row['expires'] instanceof Timestamp ? Date.parse(row['expires'].text) : 0, uses: Number(row['uses'] ?? 0), failures: Number(row['failures'] ?? 0), app: textOf(row['app']) || null,
});

export class Vault {
  readonly client: Client;
  readonly phase = new Cell<Phase>({ at: 'starting' });
  /** There is an identity, and all that its home shows is known: nothing jumps about there. */
  readonly entered = new Cell(false);
  readonly apps = new Cell<readonly App[]>([]);
  readonly facts = new Cell<Facts>({ invitations: [], signals: [], peers: [], unreached: [], counts: new Map(), full: false }, (on) => this.#look(on));
  readonly storage = new Cell<Storage>({ kept: null });
  /** Of the kube that serves this page; null: not known yet, or it is none. */
  readonly config = new Cell<Config | null>(null);
  readonly #shares = new Map<string, Invitation<void>>();
  readonly #apps = new Map<string, App>();
  readonly #servers: IceServer[];
  readonly #tab: VaultTab;
  #looking: ReturnType<typeof setInterval> | undefined;
  #told = false;
  /** The last thing that was to be written found no room. */
  #refused = false;
  #making = false;

  /** tab is started by now, at the top level. servers: the list it was made with, which is filled when the kube has answered. */
  constructor(tab: VaultTab, servers: IceServer[]) {
    this.#servers = servers;
    this.#tab = tab;
    this.client = new Client({ services: fromOwnTab(tab), config: { connectTimeoutMs: FOR_EVER_MS } });
  }

  /** The tab tells how its worker does. */
  hear(state: VaultState, message: string, failure: Failure | null): void {
    if (state === 'failed') this.phase.set({ at: 'failed', failure: failure ?? 'other', message });
    else if (this.phase.get().at === 'failed') this.phase.set({ at: this.#told ? 'open' : 'starting' });
  }

  async open(): Promise<void> {
    void this.#askKube();
    await this.client.initialize();
    this.#told = true;
    await this.#watchApps();
    await this.askStorage(false);
    await this.#enter();
    this.client.halo.subscribe(() => void this.#enter()); // it may be made in another tab
    this.phase.set({ at: 'open' });
  }

  async #enter(): Promise<void> {
    if (!this.client.halo.identity.get() || this.#making || this.entered.get()) return;
    this.#addSignal();
    const { halo, spaces } = this.client;
    await Promise.allSettled([halo.devices.refresh(), this.#ask(), ...spaces.get().map((space) => space.members.refresh())]);
    this.entered.set(true);
  }

  // --- What a person does ---------------------------------------------------------------------------------------------

  async createIdentity(name: string, device: string): Promise<void> {
    this.#making = true;
    try {
      await this.#write(this.client.halo.createIdentity({ displayName: name }));
      if (device !== '') await this.renameDevice(device);
    } finally {
      this.#making = false;
      await this.#enter();
    }
    void this.askStorage(true); // a browser may ask the person, who may take their time
  }

  async renameIdentity(name: string): Promise<void> { await this.#write(this.client.connection.request({ do: 'halo.rename', name })); }

  async renameDevice(name: string, device?: string): Promise<void> {
    await this.#write(this.client.connection.request({ do: 'device.rename', name, device }));
    await this.client.halo.devices.refresh();
  }

  async createSpace(name: string): Promise<Space> {
    const space = await this.#write(this.client.createSpace({ name }));
    await Promise.all([space.members.refresh(), this.#ask()]);
    return space;
  }

  async renameSpace(space: Space, name: string): Promise<void> { await this.#write(this.client.connection.request({ do: 'space.rename', space: space.key, name })); }

  async leaveSpace(space: Space): Promise<void> {
    this.#shares.delete(space.key);
    await this.#write(this.client.removeSpace(space.key));
  }

  /** The invitation to this space that was last made here and not put away. */
  shareOf(space: Space): Invitation<void> | undefined { return this.#shares.get(space.key); }

  share(space: Space, options: InvitationOptions): Invitation<void> {
    const invitation = space.createInvitation(options);
    this.#shares.set(space.key, invitation);
    return invitation;
  }

  putAway(space: Space): void { this.#shares.delete(space.key); }

  async cancelInvitation(id: string): Promise<void> {
    await this.#write(this.client.connection.request({ do: 'invitation.cancel', id }));
    await this.#ask();
  }

  async grant(origin: string, scopes: readonly string[], spaces: Readonly<Record<string, string>>, name: string): Promise<void> {
    await this.#write(this.client.connection.request({ do: 'app.grant', origin, scopes, spaces, name }));
  }

  async refuse(origin: string): Promise<void> { await this.#write(this.client.connection.request({ do: 'app.refuse', origin })); }
  async revoke(origin: string): Promise<void> { await this.#write(this.client.connection.request({ do: 'app.revoke', origin })); }

  async addSignal(url: string): Promise<void> {
    await this.#write(this.client.connection.request({ do: 'signal.add', url }));
    await this.#ask();
  }

  async removeSignal(url: string): Promise<void> {
    await this.#write(this.client.connection.request({ do: 'signal.rm', url }));
    await this.#ask();
  }

  /** What is to be written, and whether there was room for it. */
  async #write<T>(reply: Promise<T>): Promise<T> {
    try {
      const result = await reply;
      this.#refused = false;
      return result;
    } catch (error) {
      if (error instanceof DxError && error.symbol === 'E_NO_SPACE') {
        this.#refused = true;
        this.facts.set({ ...this.facts.get(), full: true });
      }
      throw error;
    }
  }

  /** An empty vault instead of one that cannot be read, which is set aside. */
  beginAnew(): void { this.#tab.beginAnew(); }

  /** Asks the browser whether it keeps the vault; with `wish`, to do so. */
  async askStorage(wish: boolean): Promise<void> {
    const storage = navigator.storage as StorageManager | undefined;
    if (!storage?.persisted) return;
    const kept = await storage.persisted() || (wish && await storage.persist());
    this.storage.set({ kept });
  }

  // --- What the vault tells ---------------------------------------------------------------------------------------------

  /** Resolves when all were told. */
  #watchApps(): Promise<void> {
    let telling: Set<string> | null = new Set();
    return new Promise((resolve, reject) => {
      const { reply } = this.client.connection.ask({ do: 'app.watch' }, {
        atOnce: true, watches: true,
        onRestart: () => { telling = new Set(); },
        onNotify: (body) => {
          for (const row of rowsOf(body)) {
            const origin = textOf(row['origin']);
            telling?.add(origin);
            if (row['change'] === 'removed') this.#apps.delete(origin);
            else this.#apps.set(origin, appOf(row));
          }
          if (body['state'] === 'listed' && telling) {
            for (const origin of [...this.#apps.keys()]) if (!telling.has(origin)) this.#apps.delete(origin);
            telling = null;
          }
          if (telling) return;
          this.#tellApps();
          resolve();
        },
      });
      reply.catch(reject);
    });
  }

  /** Another array only when something in it is. */
  #tellApps(): void {
    const apps = [...this.#apps.values()];
    if (JSON.stringify(apps) !== JSON.stringify(this.apps.get())) this.apps.set(apps);
  }

  /** Runs while somebody looks and the page is to be seen. */
  #look(on: boolean): void {
    clearInterval(this.#looking);
    if (!on) return;
    this.#looking = setInterval(() => { if (document.visibilityState === 'visible') void this.#ask(); }, FACTS_EVERY_MS);
    void this.#ask();
  }

  /** Asks once for everything; what cannot be answered now stays as it was. */
  async #ask(): Promise<void> {
    if (!this.#told) return;
    const { connection } = this.client;
    try {
      const lists = ['signal.list', 'peer.list', 'space.list', 'app.list', 'invitation.list'].map((name) => connection.rows({ do: name }));
      const [status, signals, peers, spaces, apps, invitations] = await Promise.all([connection.request({ do: 'status' }), ...lists]) as [Body, Body[], Body[], Body[], Body[], Body[]];
      const vault = status['vault'] as Body | undefined;
      this.facts.set({
        invitations: invitations.map(invitationOf),
        signals: signals.map((row) => ({
          url: textOf(row['url']), state: textOf(row['state']), invited: row['invited'] === true, error: textOf(row['error']) || null,
        })),
        peers: peers.filter((row) => typeof row['peer'] === 'string').map((row) => ({
          space: textOf(row['space']), peer: textOf(row['peer']), synced: row['state'] === 'synced',
        })),
        unreached: peers.filter((row) => typeof row['error'] === 'string' && !/^wss?:/.test(textOf(row['address'])) && row['state'] !== 'connected').map((row) => ({
          space: textOf(row['space']), address: textOf(row['address']), error: textOf(row['error']), why: textOf(row['why']),
        })),
        counts: new Map(spaces.map((row) => [textOf(row['space']), Number(row['objects'])])),
        full: this.#refused || vault?.['read_only'] === true,
      });
      // What an app was refused, and how many of its ports there are, is not told as it changes.
      for (const row of apps) this.#apps.set(textOf(row['origin']), appOf(row));
      this.#tellApps();
    } catch (error) {
      if (!(error instanceof DxError)) throw error;
    }
  }

  // --- The kube that serves this page ---------------------------------------------------------------------------------------

  async #askKube(): Promise<void> {
    const config = await askConfig();
    if (!config) return;
    this.#servers.push(...config.ice);
    this.config.set(config);
    this.#addSignal();
  }

  /** Peers are met through this kube without a word of the person's; asked again it changes nothing. */
  #addSignal(): void {
    const signal = this.config.get()?.signal;
    if (!signal || !this.client.halo.identity.get()) return;
    this.client.connection.request({ do: 'signal.add', url: signal }).catch((error: unknown) => { if (!(error instanceof DxError)) throw error; });
  }
}

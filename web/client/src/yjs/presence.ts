// client/src/yjs/presence.ts: who is there: what a document's awareness says travels among the members who are connected, as messages that nobody keeps.
//
// A message is what y-websocket sends: its kind (1: states; 3: tell me yours) and, of states, an update of y-protocols' awareness.
import * as Awareness from 'y-protocols/awareness';
import type { Doc } from 'yjs';
import type { Database } from '../database.ts';
import { rowsOf, type Pending } from '../connection.ts';

const STATES = 1, ASK = 3;
/** Between two messages: a vault passes over what is said much faster. */
const PACE_MS = 40;

export class Presence {
  readonly #db: Database;
  readonly #channel: string;
  #awareness: Awareness.Awareness;
  #heard: Pending | null = null;
  /** Clients of which something is to be said. */
  readonly #changed = new Set<number>();
  #pause: ReturnType<typeof setTimeout> | undefined;

  constructor(db: Database, id: string, awareness: Awareness.Awareness) {
    this.#db = db;
    this.#channel = `text/${id}`;
    this.#awareness = awareness;
    awareness.on('update', this.#updated);
    globalThis.addEventListener?.('pagehide', this.#leave);
  }

  get awareness(): Awareness.Awareness { return this.#awareness; }

  /** The client id that the document has from now on. */
  name(client: number): void {
    const awareness = this.#awareness, state = awareness.getLocalState();
    if (awareness.clientID === client) return;
    awareness.setLocalState(null);
    awareness.clientID = client;
    awareness.setLocalState(state);
  }

  /** Another document, with what was said of oneself: but for a place in the old one. */
  move(doc: Doc): void {
    const { cursor: _place, ...state } = this.#awareness.getLocalState() ?? {};
    this.#leave();
    this.#awareness.off('update', this.#updated);
    this.#awareness.destroy();
    this.#awareness = new Awareness.Awareness(doc);
    this.#awareness.on('update', this.#updated);
    this.#awareness.setLocalState(state);
  }

  begin(): void {
    if (this.#heard !== null) return;
    this.#heard = this.#db.ask({ do: 'space.listen', channel: this.#channel }, {
      onNotify: (body) => { for (const { message } of rowsOf(body)) if (message instanceof Uint8Array) this.#take(message); },
      onRestart: () => this.#greet(),
      atOnce: true, watches: true,
    });
    this.#heard.reply.catch(() => { this.#heard = null; }); // a vault before there were posts: people see only themselves
    this.#greet();
  }

  end(): void {
    globalThis.removeEventListener?.('pagehide', this.#leave);
    this.#leave();
    clearTimeout(this.#pause);
    this.#awareness.off('update', this.#updated);
    this.#awareness.destroy();
    this.#heard?.cancel();
  }

  readonly #updated = ({ added, updated, removed }: { added: number[]; updated: number[]; removed: number[] }, origin: unknown): void => {
    if (origin === this) return;
    for (const client of [...added, ...updated, ...removed]) this.#changed.add(client);
    this.#say();
  };

  readonly #leave = (): void => {
    Awareness.removeAwarenessStates(this.#awareness, [this.#awareness.clientID], 'leave');
    this.#sayNow();
  };

  #greet(): void {
    void this.#post(Uint8Array.of(ASK));
    this.#changed.add(this.#awareness.clientID);
    this.#say();
  }

  /** At a pace: a cursor that runs is told where it is, not where it was. */
  #say(): void {
    if (this.#pause !== undefined) return;
    this.#sayNow();
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      if (this.#changed.size > 0) this.#say();
    }, PACE_MS);
  }

  #sayNow(): void {
    const clients = [...this.#changed].filter((client) => this.#awareness.meta.has(client));
    if (this.#heard === null || clients.length === 0) return;
    this.#changed.clear();
    void this.#post(Uint8Array.of(STATES, ...Awareness.encodeAwarenessUpdate(this.#awareness, clients)));
  }

  async #post(message: Uint8Array): Promise<void> {
    if (this.#heard !== null) await this.#db.ask({ do: 'space.post', channel: this.#channel, message }, { atOnce: true }).reply.catch(() => undefined);
  }

  /** What others send is no more than what they say: what cannot be read is passed over. */
  #take(message: Uint8Array): void {
    if (message[0] === ASK) {
      this.#changed.add(this.#awareness.clientID);
      return this.#say();
    }
    if (message[0] !== STATES) return;
    try {
      Awareness.applyAwarenessUpdate(this.#awareness, message.subarray(1), this);
    } catch {} // of somebody whose program is at fault
  }
}

// client/src/yjs/provider.ts: a Yjs document upon a text of a space: what is written in one is kept in the other (docs/spec/text-model.md, Documents of apps).
//
// What a transaction of the document writes goes to the vault at once, one push at a time; what is written while one is under way goes as one behind it. A
// push is asked again over every new channel under its own request id, so it happens once. text.watch tells what others wrote, from what the document has on:
// over a new channel it begins with what was missed, and updates that are known do no harm. A document writes as one client, which the vault names when the
// text is opened. Where that is another one later (the vault was restored), the text is opened anew in another document, which writes once more what was not kept.
import * as Awareness from 'y-protocols/awareness';
import * as Y from 'yjs';
import type { Database } from '../database.ts';
import { Code, DxError } from '../errors.ts';
import { Cell, Event, type Observable } from '../observable.ts';
import { rowsOf, type Body, type Pending } from '../connection.ts';
import { rewrite } from './rewrite.ts';
import { Presence } from './presence.ts';

export interface ProviderOptions {
  /** Who is there, cursors and names; without it one is made. */
  awareness?: Awareness.Awareness;
}

/** The form of updates: they travel as the vault keeps them. */
const FORM = 2;
/** What waited goes together up to this size: an operation has to fit a block of 1 MiB. */
const PUSH_SIZE = 512 * 1024;
const AGAIN_MS = 1000;
/** So long a vault that was restored is given to get back from others what it lost, before what was not kept is put on top. */
const RECOVERY_MS = 2000;

/** Trouble of the vault's machine: it may be over after a while. */
const isPassing = ({ code }: DxError): boolean => code <= -20 && code > -40;

export class TextProvider {
  /** Told with the new document when the one there was cannot go on: editors bind to the new one. It has all of the old one. */
  readonly renewed = new Event<Y.Doc>();
  readonly #db: Database;
  readonly #id: string;
  readonly #synced = new Cell(false);
  readonly #waiting = new Cell(0);
  readonly #mayWrite = new Cell(true);
  readonly #error = new Cell<DxError | null>(null);
  readonly #presence: Presence;
  #doc: Y.Doc;
  /** null: not opened yet, or only to be read. */
  #session: number | null = null;
  /** What the vault does not have yet, in order; so many of the first are under way. */
  #unkept: Uint8Array[] = [];
  #flight = 0;
  /** Another document was made, and nothing of it has been kept yet. */
  #isRenewed = false;
  #opening = false;
  #watch: Pending | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ended = false;

  /** `id`: of the text; `doc`: a new document, empty, of which nobody else is a provider. */
  constructor(db: Database, id: string, doc: Y.Doc, { awareness = new Awareness.Awareness(doc) }: ProviderOptions = {}) {
    this.#db = db;
    this.#id = id;
    this.#doc = doc;
    this.#presence = new Presence(db, id, awareness);
    doc.on('updateV2', this.#written);
    void this.#open();
  }

  /** The document as it is now (`renewed`). */
  get doc(): Y.Doc { return this.#doc; }
  get awareness(): Awareness.Awareness { return this.#presence.awareness; }
  /** The document has all that the vault has told. Bind editors then. */
  get synced(): Observable<boolean> { return this.#synced; }
  /** Transactions of this document that are not on the vault's disk yet; 0: all is saved. */
  get waiting(): Observable<number> { return this.#waiting; }
  /** Whether this program may write here; a reader's document is brought up to date all the same. */
  get mayWrite(): Observable<boolean> { return this.#mayWrite; }
  /** Why what waits is not kept, or the text cannot be read. What waits goes again with the next transaction, or by retry(). */
  get error(): Observable<DxError | null> { return this.#error; }

  whenSynced(): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): boolean => {
        const error = this.#error.get();
        if (this.#synced.get()) resolve();
        else if (error !== null) reject(error);
        return this.#synced.get() || error !== null;
      };
      if (look()) return;
      const leave = [this.#synced, this.#error].map((cell) => (cell as Observable<unknown>).subscribe(() => { if (look()) for (const end of leave) end(); }));
    });
  }

  /** After `error`: tries once more. */
  retry(): void {
    if (this.#ended) return;
    this.#error.set(null);
    if (this.#session === null) void this.#open();
    else this.#push();
    if (this.#watch === null && this.#synced.get()) this.#beginWatch();
  }

  /** Lets the document go: it is no longer kept. What waits is lost unless `waiting` is 0. */
  destroy(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#doc.off('updateV2', this.#written);
    this.#presence.end();
    this.#watch?.cancel();
  }

  // --- Opening ------------------------------------------------------------------------------------------------------

  async #open(): Promise<void> {
    if (this.#opening || this.#ended) return;
    this.#opening = true;
    try {
      const reply = await this.#ask({ do: 'text.open' }).catch((error: unknown) => {
        if (!(error instanceof DxError) || error.code !== Code.denied) throw error;
        return this.#ask({ do: 'text.pull' }); // who may read, reads
      });
      if (!this.#ended) this.#opened(reply);
    } catch (error) {
      this.#failed(error, () => void this.#open());
    } finally {
      this.#opening = false;
    }
    this.#push();
  }

  #opened(reply: Body): void {
    const update = reply['update'] as Uint8Array, session = reply['session'] as number | undefined;
    this.#mayWrite.set(session !== undefined);
    if (session !== undefined) {
      const client = Number(reply['client']);
      if (this.#unkept.length > 0) this.#renew(client, update);
      else this.#nameClient(client);
      this.#session = session;
    }
    Y.applyUpdateV2(this.#doc, update, this);
    this.#error.set(null);
    this.#synced.set(true);
    this.#beginWatch();
    this.#presence.begin();
  }

  #nameClient(client: number): void {
    this.#doc.clientID = client;
    this.#presence.name(client);
  }

  /** Another document, of this client, of what the vault has, and of what it has not as if it were written just now. */
  #renew(client: number, update: Uint8Array): void {
    const old = this.#doc, lacking = Y.mergeUpdatesV2(this.#unkept), doc = new Y.Doc({ gc: old.gc });
    doc.clientID = client;
    Y.applyUpdateV2(doc, update, this);
    this.#unkept = [];
    this.#doc = doc;
    old.off('updateV2', this.#written);
    doc.on('updateV2', this.#written);
    if (!rewrite(doc, update, lacking, old)) {
      // A vault that lost more than that, as one restored from an old backup: nothing is lost, though others may bring some of it once more.
      rewrite(doc, update, Y.encodeStateAsUpdateV2(old, Y.encodeStateVectorFromUpdateV2(update)), old);
    }
    this.#isRenewed = true;
    this.#waiting.set(this.#unkept.length);
    this.#presence.move(doc);
    this.renewed.emit(doc);
  }

  // --- Writing ------------------------------------------------------------------------------------------------------

  readonly #written = (update: Uint8Array, _origin: unknown, _doc: Y.Doc, { local }: Y.Transaction): void => {
    if (!local) return;
    this.#unkept.push(update);
    this.#waiting.set(this.#unkept.length);
    this.#push();
  };

  /** How many of the first go together, and what they are. */
  #gather(): { count: number; update: Uint8Array } {
    let count = 0, size = 0;
    for (const { length } of this.#unkept) {
      if (count > 0 && size + length > PUSH_SIZE) break;
      size += length;
      count++;
    }
    return { count, update: count === 1 ? this.#unkept[0] as Uint8Array : Y.mergeUpdatesV2(this.#unkept.slice(0, count)) };
  }

  #push(): void {
    if (this.#session === null || this.#opening || this.#flight > 0 || this.#unkept.length === 0 || this.#ended) {
      if (this.#unkept.length > 0 && !this.#mayWrite.get()) this.#error.set(new DxError(Code.denied, 'E_DENIED', 'this program may only read here'));
      return;
    }
    const { count, update } = this.#gather();
    this.#flight = count;
    this.#ask({ do: 'text.push', session: this.#session, update }).then(
      () => {
        this.#flight = 0;
        this.#isRenewed = false;
        this.#unkept.splice(0, count);
        this.#error.set(null);
        this.#waiting.set(this.#unkept.length);
        this.#push();
      },
      (error: unknown) => {
        this.#flight = 0;
        if (error instanceof DxError && error.code === Code.invalid && !this.#isRenewed) {
          this.#session = null; // of a feed that is no more
          const recovered = this.#db.ask({ do: 'space.status', wait_synced: true, timeout_ms: RECOVERY_MS }, { atOnce: true }).reply;
          void recovered.catch(() => undefined).then(() => this.#open());
        } else {
          this.#failed(error, () => this.#push());
        }
      },
    );
  }

  // --- Reading ------------------------------------------------------------------------------------------------------

  /** Of the document and the session there are now. */
  #beginWatch(): void {
    this.#watch?.cancel();
    const doc = this.#doc, session = this.#session ?? undefined;
    const command = (): Body => ({ do: 'text.watch', id: this.#id, form: FORM, clocks: Y.encodeStateVector(doc), ...(session === undefined ? {} : { session }) });
    const watch = this.#watch = this.#db.ask(command, { onNotify: (body) => this.#told(doc, rowsOf(body)), atOnce: true, watches: true });
    watch.reply.catch((error: unknown) => {
      if (this.#watch !== watch) return; // another one stands in its place
      this.#watch = null;
      this.#failed(error, () => this.#beginWatch());
    });
  }

  #told(doc: Y.Doc, rows: readonly Body[]): void {
    if (this.#ended || doc !== this.#doc) return;
    const apply = (): void => { for (const { update } of rows) if (update instanceof Uint8Array) Y.applyUpdateV2(doc, update, this); };
    Y.transact(doc, apply, this, false);
  }

  // --- The vault ----------------------------------------------------------------------------------------------------

  #ask(command: Body): Promise<Body> {
    return this.#db.ask({ ...command, id: this.#id, form: FORM }, { atOnce: true }).reply;
  }

  #failed(error: unknown, again: () => void): void {
    if (this.#ended) return;
    const reason = error instanceof DxError ? error : new DxError(Code.protocol, 'E_PROTOCOL', String(error));
    if (reason.code === Code.cancelled) return; // the client was closed
    this.#error.set(reason);
    if (!isPassing(reason)) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(again, AGAIN_MS);
  }
}

// client/src/connection.ts: requests and their answers over channels that come and go.
//
// A request keeps its 16 random bytes until its REPLY has come and is sent again with them on every new channel: the vault answers a writing
// command that it has carried out from its stored reply, so what was acknowledged is there once, and what was not arrives once.
import { decode, encode, type Value } from '../../core/codec.ts';
import { encodeCredit, encodeFrame, FRAME_BODY_MAX, FrameKind } from '../../core/frames.ts';
import { REQUEST_SIZE } from '../../core/seam.ts';
import { failures, replyError } from './errors.ts';
import { readAnswer } from './frame.ts';
import { hexText } from './id.ts';
import { Cell, type Observable } from './observable.ts';
import type { Channel, Services } from './services.ts';

export type Body = Readonly<Record<string, Value | undefined>>;

/** `closed`: before initialize() and after destroy(). `waiting`: the vault is away and is being tried again. */
export type ConnectionStatus = 'closed' | 'connecting' | 'open' | 'waiting';

const RETRY_FIRST_MS = 40;
const RETRY_MAX_MS = 2000;
/** A tick of answers is told as taken together; a large one at once. */
const CREDIT_SIZE = 64 * 1024;

export interface RequestOptions {
  /** Rows and states, in order. */
  onNotify?: (body: Body) => void;
  /** The request is being asked again from its beginning: rows told so far will be told again. */
  onRestart?: () => void;
}

/** One question on its way. */
export interface Pending {
  readonly id: Uint8Array;
  readonly reply: Promise<Body>;
  /** Tells the vault to end it; `reply` then rejects with E_CANCELLED. */
  cancel(): void;
}

interface Asked {
  id: Uint8Array;
  key: string;
  body: Uint8Array;
  options: RequestOptions;
  resolve: (body: Body) => void;
  reject: (error: Error) => void;
  sent: boolean;
}

export class Connection {
  readonly #services: Services;
  readonly #status = new Cell<ConnectionStatus>('closed');
  readonly #asked = new Map<string, Asked>();
  readonly #owed = new Map<string, { id: Uint8Array; size: number }>();
  #channel: Channel | null = null;
  #generation = 0;
  #retryMs = RETRY_FIRST_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #creditTimer: ReturnType<typeof setTimeout> | undefined;
  #lastError: Error | null = null;

  constructor(services: Services) {
    this.#services = services;
  }

  get status(): Observable<ConnectionStatus> { return this.#status; }
  /** Why the vault could not be reached the last time. */
  get lastError(): Error | null { return this.#lastError; }

  open(): void {
    if (this.#status.get() === 'closed') void this.#connect();
  }

  close(): void {
    this.#generation++;
    clearTimeout(this.#timer);
    clearTimeout(this.#creditTimer);
    this.#creditTimer = undefined;
    this.#channel?.close();
    this.#channel = null;
    this.#status.set('closed');
    for (const asked of this.#asked.values()) asked.reject(failures.cancelled('the client was closed'));
    this.#asked.clear();
    this.#owed.clear();
  }

  /** Asks; waits as long as the vault is away. */
  ask(command: Body, options: RequestOptions = {}): Pending {
    const id = crypto.getRandomValues(new Uint8Array(REQUEST_SIZE)), key = hexText(id);
    const reply = new Promise<Body>((resolve, reject) => {
      if (this.#status.get() === 'closed') throw failures.state('the client is not open: call initialize() first');
      const body = encode(command as Value);
      if (body.length > FRAME_BODY_MAX) throw failures.limit('a command is larger than 4 MiB');
      const asked: Asked = { id, key, body, options, resolve, reject, sent: false };
      this.#asked.set(key, asked);
      this.#send(asked);
    });
    return { id, reply, cancel: () => this.#cancel(key) };
  }

  request(command: Body, options?: RequestOptions): Promise<Body> {
    return this.ask(command, options).reply;
  }

  /** All rows of an answer. */
  async rows(command: Body): Promise<Body[]> {
    let rows: Body[] = [];
    await this.request(command, { onNotify: (body) => void rows.push(...rowsOf(body)), onRestart: () => { rows = []; } });
    return rows;
  }

  #cancel(key: string): void {
    const asked = this.#asked.get(key);
    if (asked === undefined) return;
    if (asked.sent && this.#channel !== null) {
      this.request({ do: 'request.cancel', of: asked.id }).catch(() => undefined); // it may have ended meanwhile
    }
    this.#asked.delete(key);
    asked.reject(failures.cancelled('it was cancelled'));
  }

  #send(asked: Asked): void {
    if (this.#channel === null) return;
    asked.sent = true;
    this.#channel.send(encodeFrame(FrameKind.request, asked.id, asked.body));
  }

  async #connect(): Promise<void> {
    const generation = ++this.#generation;
    this.#status.set(this.#status.get() === 'closed' ? 'connecting' : 'waiting');
    let lost: Error | null = null;
    try {
      const channel = await this.#services.open({
        onFrame: (frame) => { if (generation === this.#generation) this.#take(frame); },
        onClosed: (reason) => {
          lost = reason;
          if (generation === this.#generation && this.#channel !== null) this.#lose(reason);
        },
      });
      if (generation !== this.#generation) return channel.close();
      if (lost !== null) throw lost;
      this.#opened(channel);
    } catch (error) {
      if (generation === this.#generation) this.#lose(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #opened(channel: Channel): void {
    this.#channel = channel;
    this.#lastError = null;
    for (const asked of [...this.#asked.values()]) {
      if (asked.sent) asked.options.onRestart?.();
      this.#send(asked);
    }
    this.#status.set('open');
  }

  #lose(reason: Error): void {
    this.#generation++;
    this.#channel = null;
    this.#owed.clear();
    this.#lastError = reason;
    this.#status.set('waiting');
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#connect(), this.#retryMs * (0.5 + Math.random() / 2));
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MAX_MS);
  }

  #take(bytes: ArrayBuffer): void {
    let frame;
    let body;
    try {
      frame = readAnswer(bytes);
      body = decode(frame.body) as Body;
    } catch (error) {
      this.#channel?.close();
      return this.#lose(error as Error);
    }
    this.#retryMs = RETRY_FIRST_MS; // only a vault that answers is back
    this.#owe(frame.request, frame.body.length);
    const asked = this.#asked.get(hexText(frame.request));
    if (asked === undefined) return; // cancelled here, answered there
    if (!frame.last) return asked.options.onNotify?.(body);
    this.#asked.delete(asked.key);
    const error = replyError(body);
    if (error === null) asked.resolve(body);
    else asked.reject(error);
  }

  #owe(id: Uint8Array, size: number): void {
    if (this.#channel?.wantsCredit !== true) return;
    const key = hexText(id), owed = this.#owed.get(key) ?? { id, size: 0 };
    owed.size += size;
    this.#owed.set(key, owed);
    if (owed.size >= CREDIT_SIZE) this.#payCredits();
    else this.#creditTimer ??= setTimeout(() => this.#payCredits(), 0);
  }

  #payCredits(): void {
    clearTimeout(this.#creditTimer);
    this.#creditTimer = undefined;
    for (const { id, size } of this.#owed.values()) this.#channel?.send(encodeCredit(id, size));
    this.#owed.clear();
  }
}

export function rowsOf(body: Body): Body[] {
  return Array.isArray(body['rows']) ? (body['rows'] as Body[]) : [];
}

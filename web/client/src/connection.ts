// client/src/connection.ts: requests and their answers over channels that come and go.
//
// A request keeps its 16 random bytes until its REPLY has come and is sent again with them on every new channel: the vault answers a writing
// command that it has carried out from its stored reply, so what was acknowledged is there once, and what was not arrives once. Answers are told
// in the order in which the vault gave them, each in the turn it came: what a vault tells later is never older.
import { decode, encode, type Value } from '../../core/codec.ts';
import { encodeCredit, encodeFrame, FRAME_BODY_MAX, FrameKind } from '../../core/frames.ts';
import { REQUEST_SIZE } from '../../core/seam.ts';
import { failures, replyError } from './errors.ts';
import { readAnswer } from './frame.ts';
import { hexText } from './id.ts';
import { Cell, guarded, type Observable } from './observable.ts';
import type { Channel, Services } from './services.ts';

export type Body = Readonly<Record<string, Value | undefined>>;

/** `closed`: before initialize() and after destroy(). `waiting`: the vault is away and is being tried again. */
export type ConnectionStatus = 'closed' | 'connecting' | 'open' | 'waiting';

/** After the first attempt, which is made at once: where a vault has moved, the way to it is there already. */
const RETRY_FIRST_MS = 40;
const RETRY_MAX_MS = 2000;
/** Small answers are told as taken together, so that each does not cost the vault a step; so much at once. It waits only for 1 MiB. */
const CREDIT_SIZE = 64 * 1024, CREDIT_MS = 50;
/** Requests on their way that are soon answered; a vault takes 256 of one program, and those that stay need their part. The others wait here. */
const BRIEF_MAX = 64;
/** Where nothing tells that the other end has died: how often is looked, how many looks without a word bring a question, and how many an end. */
const LOOK_MS = 4000, LOOKS_QUIET = 2, LOOKS_DEAD = 5;

/** Trouble of the vault's machine (include/dxos/base.h, class host); it may be over after a while. */
const isHostsTrouble = (code: number): boolean => code <= -20 && code > -40;
const AGAIN_MS = 1000;

export interface RequestOptions {
  /** Rows and states, in order. */
  onNotify?: (body: Body) => void;
  /** The reply, before anything that was told after it. */
  onReply?: (body: Body) => void;
  /** The request is being asked again from its beginning: rows told so far will be told again. */
  onRestart?: () => void;
  /** It goes on for long, or is waited for by others: it waits for none. */
  atOnce?: boolean;
  /** It is to go on until it is cancelled: ended by trouble of the vault's machine (a full disk, and the step it stood in was undone), it is asked again. */
  watches?: boolean;
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
  /** Encoded anew each time it is sent. */
  body: () => Uint8Array;
  options: RequestOptions;
  resolve: (body: Body) => void;
  reject: (error: Error) => void;
  sent: boolean;
  /** Until it is asked again on the same channel. */
  again?: ReturnType<typeof setTimeout>;
}

const newId = (): Uint8Array => crypto.getRandomValues(new Uint8Array(REQUEST_SIZE));
/** Any answer will do; this one nobody asked, so it ends nothing. */
const PROBE = encode({ do: 'request.cancel', of: new Uint8Array(REQUEST_SIZE) });

export class Connection {
  readonly #services: Services;
  readonly #status = new Cell<ConnectionStatus>('closed');
  readonly #asked = new Map<string, Asked>();
  /** Brief ones that wait for their turn. */
  #held: Asked[] = [];
  #brief = 0;
  readonly #owed = new Map<string, { id: Uint8Array; size: number }>();
  #owedSize = 0;
  #channel: Channel | null = null;
  #generation = 0;
  #retryMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #creditTimer: ReturnType<typeof setTimeout> | undefined;
  #lookTimer: ReturnType<typeof setInterval> | undefined;
  #looks = 0;
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
    this.#forgetChannel()?.close();
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    this.#held = [];
    this.#brief = 0;
    this.#status.set('closed');
    for (const { reject } of asked) reject(failures.cancelled('the client was closed'));
  }

  #forgetChannel(): Channel | null {
    const channel = this.#channel;
    this.#channel = null;
    this.#owed.clear();
    this.#owedSize = 0;
    clearTimeout(this.#creditTimer);
    this.#creditTimer = undefined;
    clearInterval(this.#lookTimer);
    return channel;
  }

  /** Asks; waits as long as the vault is away. A command that is a function is what it gives each time it is sent: one that goes on where it was. */
  ask(command: Body | (() => Body), options: RequestOptions = {}): Pending {
    const id = newId(), key = hexText(id);
    const reply = new Promise<Body>((resolve, reject) => {
      if (this.#status.get() === 'closed') throw failures.closed();
      const fixed = typeof command === 'function' ? null : encode(command as Value);
      if (fixed !== null && fixed.length > FRAME_BODY_MAX) throw failures.limit('a command is larger than 4 MiB');
      const asked: Asked = { id, key, body: () => fixed ?? encode((command as () => Body)() as Value), options, resolve, reject, sent: false };
      this.#asked.set(key, asked);
      if (options.atOnce === true) return this.#send(asked);
      this.#held.push(asked);
      this.#letGo();
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
    // Also while the vault is away: an invitation stays open there when its channel has gone. Others may have ended meanwhile.
    if (asked.sent) this.request({ do: 'request.cancel', of: asked.id }, { atOnce: true }).catch(() => undefined);
    this.#end(asked);
    asked.reject(failures.cancelled('it was cancelled'));
  }

  #end(asked: Asked): void {
    this.#asked.delete(asked.key);
    if (asked.options.atOnce === true) return;
    if (asked.sent) this.#brief--;
    else this.#held = this.#held.filter((other) => other !== asked);
    this.#letGo();
  }

  #letGo(): void {
    while (this.#channel !== null && this.#brief < BRIEF_MAX) {
      const asked = this.#held.shift();
      if (asked === undefined) return;
      this.#brief++;
      this.#send(asked);
    }
  }

  #send(asked: Asked): void {
    if (this.#channel === null) return;
    asked.sent = true;
    this.#channel.send(encodeFrame(FrameKind.request, asked.id, asked.body()));
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
    if (channel.wantsCredit) this.#beginLooking();
    const again: Asked[] = [];
    for (const asked of this.#asked.values()) {
      clearTimeout(asked.again);
      if (!asked.sent && asked.options.atOnce !== true) continue; // its turn has not come
      if (asked.sent) again.push(asked);
      this.#send(asked);
    }
    // After all of them: what is asked because a watch begins anew must reach the vault behind the watch.
    for (const { options } of again) options.onRestart?.();
    this.#letGo();
    this.#status.set('open');
  }

  /** A message port does not tell that the other end has died. */
  #beginLooking(): void {
    this.#looks = 0;
    this.#lookTimer = setInterval(() => {
      this.#looks++;
      if (this.#looks === LOOKS_QUIET) this.#channel?.send(encodeFrame(FrameKind.request, newId(), PROBE));
      if (this.#looks < LOOKS_DEAD) return;
      this.#channel?.close();
      this.#lose(new Error('the vault has fallen silent'));
    }, LOOK_MS);
    (this.#lookTimer as { unref?: () => void }).unref?.(); // node need not wait for it
  }

  #lose(reason: Error): void {
    this.#generation++;
    this.#forgetChannel();
    this.#lastError = reason;
    this.#status.set('waiting');
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#connect(), this.#retryMs * (0.5 + Math.random() / 2));
    this.#retryMs = Math.min(this.#retryMs === 0 ? RETRY_FIRST_MS : 2 * this.#retryMs, RETRY_MAX_MS);
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
    this.#retryMs = 0; // only a vault that answers is back
    this.#looks = 0;
    this.#owe(frame.request, frame.body.length);
    const asked = this.#asked.get(hexText(frame.request));
    if (asked === undefined) return; // cancelled here, answered there
    if (!frame.last) return guarded(() => asked.options.onNotify?.(body));
    const error = replyError(body);
    if (error !== null && asked.options.watches === true && isHostsTrouble(error.code)) return this.#askAgain(asked);
    this.#end(asked);
    if (error !== null) return asked.reject(error);
    guarded(() => asked.options.onReply?.(body));
    asked.resolve(body);
  }

  /** Begins anew, as on another channel: behind it comes what is asked because of that. */
  #askAgain(asked: Asked): void {
    asked.again = setTimeout(() => {
      if (this.#asked.get(asked.key) !== asked || this.#channel === null) return; // cancelled; or the next channel does it
      this.#send(asked);
      guarded(() => asked.options.onRestart?.());
    }, AGAIN_MS);
    (asked.again as { unref?: () => void }).unref?.(); // node need not wait for it
  }

  #owe(id: Uint8Array, size: number): void {
    if (this.#channel?.wantsCredit !== true) return;
    const key = hexText(id), owed = this.#owed.get(key) ?? { id, size: 0 };
    owed.size += size;
    this.#owed.set(key, owed);
    this.#owedSize += size;
    if (this.#owedSize >= CREDIT_SIZE) this.#payCredits();
    else this.#creditTimer ??= setTimeout(() => this.#payCredits(), CREDIT_MS);
  }

  #payCredits(): void {
    clearTimeout(this.#creditTimer);
    this.#creditTimer = undefined;
    for (const { id, size } of this.#owed.values()) this.#channel?.send(encodeCredit(id, size));
    this.#owed.clear();
    this.#owedSize = 0;
  }
}

export function rowsOf(body: Body): Body[] {
  return Array.isArray(body['rows']) ? (body['rows'] as Body[]) : [];
}

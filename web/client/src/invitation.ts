// client/src/invitation.ts: inviting and joining (docs/spec/invitation.md), as a value that goes from state to state.
import type { Body, Connection, Pending } from './connection.ts';
import { Code, DxError, failures } from './errors.ts';
import { Cell, type Unsubscribe } from './observable.ts';

/** Where an invitation is, in few words; `state` has the vault's own. */
export type InvitationStatus = 'init' | 'connecting' | 'connected' | 'ready-for-authentication' | 'authenticating' | 'success' | 'cancelled' | 'timeout' | 'error';

/** What is known of an invitation: a new one at each change. */
export interface InvitationSnapshot {
  readonly status: InvitationStatus;
  /** The vault's state, as in docs/spec/invitation.md. */
  readonly state: string | undefined;
  /** The vault's sentence for it. */
  readonly message: string | undefined;
  /** The link to send, on the host's side. */
  readonly url: string | undefined;
  /** The PIN to tell by another way, on the host's side. */
  readonly pin: string | undefined;
  /** Attempts at the PIN that are left, on the guest's side. */
  readonly left: number | undefined;
  /** The status before it failed. */
  readonly haltedAt: InvitationStatus | undefined;
  readonly error: DxError | undefined;
}

const STATUS: Readonly<Record<string, InvitationStatus>> = {
  advertising: 'connecting', connected: 'connected', 'pin-wait': 'ready-for-authentication', proving: 'authenticating', verifying: 'authenticating',
  admitting: 'authenticating', admitted: 'success', success: 'success', parsed: 'connecting', connecting: 'connecting', handshake: 'connected',
  'pin-required': 'ready-for-authentication', requested: 'authenticating', joining: 'authenticating', ready: 'success', cancelled: 'cancelled',
  expired: 'timeout', failed: 'error', 'failed-storage': 'error', locked: 'error', exhausted: 'error',
};

const START: InvitationSnapshot = {
  status: 'init', state: undefined, message: undefined, url: undefined, pin: undefined, left: undefined, haltedAt: undefined, error: undefined,
};

/** An invitation under way; `R` is what its good end brings. */
export class Invitation<R> {
  readonly #connection: Connection;
  readonly #pending: Pending;
  readonly #snapshot = new Cell<InvitationSnapshot>(START);
  readonly #result: Promise<R>;

  /** By space.createInvitation() and client.acceptInvitation(). `finish` makes the result of the vault's last word. */
  constructor(connection: Connection, command: Body, finish: (reply: Body) => R | Promise<R>) {
    this.#connection = connection;
    this.#pending = connection.ask(command, { onNotify: (body) => this.#hear(body), atOnce: true });
    this.#result = this.#pending.reply.then(async (reply) => {
      const result = await finish(reply);
      this.#hear({ ...reply, state: 'success' });
      return result;
    });
    this.#result.catch((error: unknown) => this.#fail(error)); // who awaits the result hears it too
  }

  get(): InvitationSnapshot { return this.#snapshot.get(); }
  subscribe(listener: (snapshot: InvitationSnapshot) => void, options?: { immediate?: boolean }): Unsubscribe {
    return this.#snapshot.subscribe(listener, options);
  }

  get status(): InvitationStatus { return this.get().status; }
  get url(): string | undefined { return this.get().url; }
  get pin(): string | undefined { return this.get().pin; }

  /** Its good end; rejects at a bad one. */
  wait(): Promise<R> { return this.#result; }

  /** Resolves with the first snapshot that `holds`; rejects when the invitation ends without one. */
  until(holds: (snapshot: InvitationSnapshot) => boolean): Promise<InvitationSnapshot> {
    return new Promise((resolve, reject) => {
      const look = (snapshot: InvitationSnapshot): void => {
        const ended = snapshot.error ?? (snapshot.status === 'success' ? failures.state('the invitation is over') : undefined);
        if (holds(snapshot)) resolve(snapshot);
        else if (ended !== undefined) reject(ended);
        else return;
        queueMicrotask(() => leave());
      };
      const leave = this.subscribe(look, { immediate: true });
    });
  }

  /** The guest's answer to `ready-for-authentication`: six digits. */
  async authenticate(pin: string): Promise<void> {
    await this.#connection.request({ do: 'space.pin', pin, of: this.#pending.id }, { atOnce: true });
  }

  cancel(): void { this.#pending.cancel(); }

  #hear(body: Body): void {
    const before = this.get();
    const text = (key: string): string | undefined => (typeof body[key] === 'string' ? (body[key] as string) : undefined);
    const state = text('state');
    this.#snapshot.set({
      ...before,
      status: state === undefined ? before.status === 'init' ? 'connecting' : before.status : STATUS[state] ?? before.status,
      state: state ?? before.state,
      message: text('message') ?? before.message,
      url: text('url') ?? before.url,
      pin: text('pin') ?? before.pin,
      left: typeof body['left'] === 'number' ? body['left'] : before.left,
    });
  }

  #fail(reason: unknown): void {
    const error = reason instanceof DxError ? reason : failures.protocol(String(reason));
    const ends: Record<number, InvitationStatus> = { [Code.cancelled]: 'cancelled', [Code.timeout]: 'timeout', [EXPIRED]: 'timeout' };
    const before = this.get();
    this.#snapshot.set({ ...before, status: ends[error.code] ?? 'error', message: error.message, haltedAt: before.status, error });
  }
}

const EXPIRED = -47;

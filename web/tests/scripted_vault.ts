// tests/scripted_vault.ts: the other end of a client's channel, where a test says what is answered and when: for orders that a real vault gives rarely.
import { decode, encode, type Value } from '../core/codec.ts';
import { decodeFrame, encodeFrame, FrameKind } from '../core/frames.ts';
import { Client, type AppRequest, type Services, type Space } from '../client/src/index.ts';
import { hexText, idText } from '../client/src/id.ts';

type Command = { readonly [key: string]: Value };

/** A request as it came, with the ways to answer it. */
export interface Request {
  readonly command: Command;
  readonly id: Uint8Array;
  notify(body: Value): void;
  reply(body?: Value): void;
  refuse(code: number, name: string): void;
}

export const SPACE = 'ab'.repeat(32);
const FEED = new Uint8Array(16).fill(7);

/** The n-th object of the scripted space. */
export function objectId(n: number): Uint8Array {
  const id = new Uint8Array(22);
  id.set(FEED);
  new DataView(id.buffer).setUint32(16, n);
  return id;
}

export const row = (n: number, data: Value, more: Command = {}): Command =>
  ({ id: idText(objectId(n)), type: 'task', parent: null, deleted: false, data, ...more });

export class ScriptedVault {
  /** All requests of the present channel, in order. */
  asked: Request[] = [];
  channels = 0;
  wantsCredit = false;
  /** Answers to commands by their name; what is not here is answered as by an empty vault with one space, and batches by the ids of what they make. */
  readonly answers: { [command: string]: (request: Request) => void } = {};
  #events: { onFrame(frame: ArrayBuffer): void; onClosed(reason: Error): void } | null = null;
  #made = 1000;

  services(app?: AppRequest): Services {
    return {
      ...(app === undefined ? {} : { app }),
      open: async (events) => {
        this.#events = events;
        this.asked = [];
        this.channels++;
        return {
          wantsCredit: this.wantsCredit,
          send: (frame) => this.#hear(frame, events),
          close: () => { if (this.#events === events) this.#events = null; },
        };
      },
    };
  }

  /** A client of it, with its space. */
  async client(): Promise<{ client: Client; space: Space }> {
    const client = await new Client({ services: this.services() }).initialize();
    return { client, space: client.getSpace(SPACE) as Space };
  }

  /** The channel is gone; the client comes again. */
  cut(): void {
    const events = this.#events;
    this.#events = null;
    events?.onClosed(new Error('cut'));
  }

  named(command: string): Request[] { return this.asked.filter((request) => request.command['do'] === command); }

  #hear(bytes: ArrayBuffer, events: { onFrame(frame: ArrayBuffer): void }): void {
    const frame = decodeFrame(bytes);
    if (frame.kind === FrameKind.credit) return;
    const say = (kind: 1 | 2, body: Value): void => { if (this.#events === events) events.onFrame(encodeFrame(kind, frame.request, encode(body))); };
    const request: Request = {
      command: decode(frame.body) as Command, id: frame.request,
      notify: (body) => say(FrameKind.notify, body), reply: (body = {}) => say(FrameKind.reply, body),
      refuse: (code, name) => say(FrameKind.reply, { error: { code, name, message: name } }),
    };
    this.asked.push(request);
    // As on a real channel: not before the sender has gone on.
    queueMicrotask(() => (this.answers[request.command['do'] as string] ?? this.usual)(request));
  }

  readonly usual = (request: Request): void => {
    switch (request.command['do']) {
      case 'halo.watch': return request.notify({ identity: hexText(FEED), device: hexText(FEED), name: 'Ada' });
      case 'space.watch':
        request.notify({ rows: [{ change: 'added', space: SPACE, name: 'notes', members: 1, rights: 'a', role: 'owner' }] });
        return request.notify({ state: 'listed' });
      case 'grant.watch': return request.notify({ origin: 'https://todo.example', scopes: ['create'], spaces: {} });
      case 'watch': case 'app.ask': return;
      case 'batch': {
        const ops = request.command['ops'] as Command[];
        return request.reply({ ids: ops.map(({ op }) => (op === 'add' || op === 'link' ? objectId(this.#made++) : null)) });
      }
      default: request.reply({ count: 0 });
    }
  };
}

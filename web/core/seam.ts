// core/seam.ts: events in, effects out, as docs/spec/seam.md writes them; the numbers of include/dxos/node.h and base.h.
import { CodecError, Reader, Writer, type Value } from './codec.ts';

export const EventKind = {
  clock: 0, command: 1, portUp: 2, portDown: 3, portWritable: 4, linkUp: 5, linkData: 6, linkWritable: 7, linkDown: 8, signal: 9,
  listening: 10, storageLow: 11,
} as const;
export type EventKind = typeof EventKind[keyof typeof EventKind];

export const EffectKind = { linkOpen: 0, linkSend: 1, linkClose: 2, signalSend: 3, notify: 4, reply: 5 } as const;
export type EffectKind = typeof EffectKind[keyof typeof EffectKind];

/** The error codes this side gives or looks at (include/dxos/base.h). */
export const ErrorCode = {
  E_STATE: -2, E_NOT_FOUND: -3, E_LIMIT: -5, E_DENIED: -6, E_UNSUPPORTED: -11, E_STORE: -21, E_NO_SPACE: -22, E_IO: -24, E_UNREACHABLE: -25,
  E_MALFORMED: -40, E_FLOOD: -45, E_CORRUPT: -60, E_VERSION: -61,
} as const;

export const REQUEST_SIZE = 16;
const NO_REQUEST = new Uint8Array(REQUEST_SIZE);
const NO_BODY = new Uint8Array(0);

export interface NodeEvent {
  kind: EventKind;
  port?: number;
  link?: number;
  size?: number;
  reason?: number;
  request?: Uint8Array;
  body?: Uint8Array;
}

export interface NodeEffect {
  kind: EffectKind;
  port: number;
  link: number;
  reason: number;
  request: Uint8Array;
  body: Uint8Array;
}

/** Appends one event; timeMs is monotonic, wallMs since 1970. */
export function writeEvent(writer: Writer, event: NodeEvent, timeMs: number, wallMs: number): void {
  writer.arrayHead(9).integer(event.kind).integer(timeMs).integer(wallMs).integer(event.port ?? 0).integer(event.link ?? 0)
    .integer(event.size ?? 0).integer(event.reason ?? 0).bytes(event.request ?? NO_REQUEST).bytes(event.body ?? NO_BODY);
}

export interface StepOutput {
  /** When to step again; null: not until something happens. */
  deadlineMs: number | null;
  /** To be mirrored before the next step; null: it is the one that was told last. */
  token: Uint8Array | null;
  effects: NodeEffect[];
}

const isEffect = (value: Value): value is [EffectKind, number, number, number, Uint8Array, Uint8Array] =>
  Array.isArray(value) && value.length === 6 && value.slice(0, 4).every((field) => typeof field === 'number')
  && value[4] instanceof Uint8Array && value[5] instanceof Uint8Array;

export function readStepOutput(output: Uint8Array): StepOutput {
  const reader = new Reader(output), deadline = reader.value(), token = reader.value(), effects: NodeEffect[] = [];
  if (deadline !== null && typeof deadline !== 'number' && typeof deadline !== 'bigint') throw new CodecError('a step without a deadline');
  if (token !== null && !(token instanceof Uint8Array)) throw new CodecError('a step whose token is none');
  while (!reader.atEnd) {
    const item = reader.value();
    if (!isEffect(item)) throw new CodecError('an effect of another form');
    const [kind, port, link, reason, request, body] = item;
    effects.push({ kind, port, link, reason, request, body });
  }
  return { deadlineMs: deadline === null ? null : Number(deadline), token, effects };
}

// client/src/errors.ts: what the vault refuses, as an Error with its name and the remedy.

/** An error the vault answered, or one the client found before asking. Names and sentences: include/dxos/base.h. */
export class DxError extends Error {
  override readonly name: string = 'DxError';
  constructor(
    /** Negative, part of the vault protocol. */
    readonly code: number,
    /** As in `E_NOT_FOUND`. */
    readonly symbol: string,
    message: string,
    /** What to do about it, when the vault knows. */
    readonly remedy?: string,
  ) {
    super(message);
  }
}

export const Code = {
  invalid: -1, state: -2, notFound: -3, limit: -5, denied: -6, noIdentity: -7, timeout: -8, cancelled: -9, gone: -12, unreachable: -25, protocol: -44,
} as const;

/** Beyond it are errors of vault, disk and peers (include/dxos/base.h): not what was asked is at fault. */
export const CALLER_LAST = -12;

export const failures = {
  invalid: (message: string) => new DxError(Code.invalid, 'E_INVALID', message),
  state: (message: string, remedy?: string) => new DxError(Code.state, 'E_STATE', message, remedy),
  /** Before initialize() and after destroy(). */
  closed: () => new DxError(Code.state, 'E_STATE', 'the client is not open: call initialize() first', 'initialize()'),
  notFound: (message: string) => new DxError(Code.notFound, 'E_NOT_FOUND', message),
  limit: (message: string) => new DxError(Code.limit, 'E_LIMIT', message),
  denied: (message: string, remedy?: string) => new DxError(Code.denied, 'E_DENIED', message, remedy),
  timeout: (message: string) => new DxError(Code.timeout, 'E_TIMEOUT', message),
  cancelled: (message: string) => new DxError(Code.cancelled, 'E_CANCELLED', message),
  unreachable: (message: string, remedy?: string) => new DxError(Code.unreachable, 'E_UNREACHABLE', message, remedy),
  protocol: (message: string) => new DxError(Code.protocol, 'E_PROTOCOL', message),
};

/** The body of a REPLY that is `{"error": {"code", "name", "message", "try"?}}`, as an Error; null when it is none. */
export function replyError(body: Readonly<Record<string, unknown>>): DxError | null {
  const error = body['error'];
  if (typeof error !== 'object' || error === null) return null;
  const { code, name, message, try: remedy } = error as Record<string, unknown>;
  return new DxError(
    typeof code === 'number' ? code : Code.protocol,
    typeof name === 'string' ? name : 'E_PROTOCOL',
    typeof message === 'string' ? message : 'the vault refused',
    typeof remedy === 'string' ? remedy : undefined,
  );
}

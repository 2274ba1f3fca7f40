// client/src/services.ts: what carries frames to a vault. One Services per client; the client opens a channel anew whenever one is gone.
import { failures } from './errors.ts';
import type { Observable } from './observable.ts';

/** Takes whole frames (client/src/frame.ts, without size) until it is closed. */
export interface Channel {
  send(frame: ArrayBuffer): void;
  close(): void;
  /** The carrier cannot see that answers were taken: the client says so with credit frames. */
  readonly wantsCredit: boolean;
}

export interface ChannelEvents {
  onFrame(frame: ArrayBuffer): void;
  /** Once, when the channel is gone for whatever reason but its own close(). */
  onClosed(reason: Error): void;
}

/**
 * `needsAccess`: the browser keeps the vault's storage from this page until a person presses a button: call requestAccess() in its handler.
 * `needsGrant`: the person has not yet allowed this app, or does not any more. `refused`: the person has just said no.
 */
export type ServicesState = 'ready' | 'needsAccess' | 'needsGrant' | 'refused';

/** Who asks, and what for: scopes of docs/spec/commands.md, as `identity`, `create`, `join`, `all:read`. */
export interface AppRequest {
  readonly name: string;
  readonly want: readonly string[];
}

export interface Services {
  /** Given where a vault answers only what a person granted: the client asks when nothing is. */
  readonly app?: AppRequest;
  /** Rejects when the vault is not there now; the client tries again. */
  open(events: ChannelEvents): Promise<Channel>;
  /** Whether a person is needed for a channel to come. */
  readonly state?: Observable<'ready' | 'needsAccess'>;
  /** In a click handler: opens the vault's window. */
  requestAccess?(): Promise<void>;
  destroy?(): void;
}

/**
 * Frames through a MessagePort, one ArrayBuffer each, transferred. A port cannot be opened twice: with a function the client asks for a new one
 * when the old one was closed from the other side.
 */
export function fromPort(port: MessagePort | (() => MessagePort | Promise<MessagePort>)): Services {
  let taken = false;
  return {
    async open(events) {
      if (typeof port === 'function') return portChannel(await port(), events);
      if (taken) throw failures.unreachable('the port was closed', 'fromPort(() => another port)');
      taken = true;
      return portChannel(port, events);
    },
  };
}

/** null through the port, either way, says farewell: browsers tell no one that a port was closed. */
export function portChannel(port: MessagePort, events: ChannelEvents): Channel {
  const stop = (): void => {
    port.onmessage = null;
    port.close();
  };
  port.onmessage = ({ data }: MessageEvent<unknown>) => {
    if (data instanceof ArrayBuffer) {
      events.onFrame(data);
    } else if (data === null) {
      stop();
      events.onClosed(new Error('the vault closed the port'));
    }
  };
  return {
    wantsCredit: true,
    send: (frame) => port.postMessage(frame, [frame]),
    close() {
      port.postMessage(null);
      stop();
    },
  };
}

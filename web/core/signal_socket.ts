// core/signal_socket.ts: a signaling link in the worker: one message of docs/spec/signaling.md is one binary WebSocket message.
import { ErrorCode } from './seam.ts';
import type { HostLink, LinkEvents } from './links.ts';

/** Above the longest message (16,576 bytes): a service that sends more is none of ours. */
const MESSAGE_MAX = 64 * 1024;
/** What waits to leave beyond this means that nobody reads there. */
const UNSENT_MAX = 1024 * 1024;
/** From the dialling to the upgrade, as natively; browsers wait for minutes. */
const CONNECT_MS = 10_000;

export function openSignalSocket(address: string, events: LinkEvents, connectMs = CONNECT_MS): HostLink {
  const socket = new WebSocket(address);
  socket.binaryType = 'arraybuffer';
  let open = true;
  const end = (reason: number, message: string): void => {
    if (!open) return;
    open = false;
    clearTimeout(late);
    socket.close();
    events.down(reason, message);
  };
  const late = setTimeout(() => end(ErrorCode.E_UNREACHABLE, 'the signaling service does not answer'), connectMs);
  socket.onopen = () => {
    clearTimeout(late);
    if (open) events.up(address);
  };
  socket.onmessage = ({ data }: MessageEvent<unknown>) => {
    if (!open) return;
    if (!(data instanceof ArrayBuffer) || data.byteLength > MESSAGE_MAX) end(ErrorCode.E_MALFORMED, 'the service sent what is no message');
    else events.signal(new Uint8Array(data));
  };
  socket.onclose = () => end(ErrorCode.E_UNREACHABLE, 'the signaling service ended the connection');
  return {
    send: () => end(ErrorCode.E_UNSUPPORTED, 'a signaling link is no stream'),
    signal: (body) => {
      if (!open || socket.readyState !== WebSocket.OPEN) return;
      if (socket.bufferedAmount > UNSENT_MAX) end(ErrorCode.E_UNREACHABLE, 'the signaling service does not read');
      else socket.send(body as Uint8Array<ArrayBuffer>);
    },
    close: () => {
      open = false;
      clearTimeout(late);
      socket.close();
    },
  };
}

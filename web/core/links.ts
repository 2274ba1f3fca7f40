// core/links.ts: the node's links in the worker: which address is carried by what, and what is said back (docs/decisions/0021).
import type { RtcToPage, RtcToWorker } from './messages.ts';
import { EffectKind, ErrorCode, EventKind, type NodeEffect, type NodeEvent } from './seam.ts';
import { openSignalSocket } from './signal_socket.ts';
import { PeerLinks } from './peer_link.ts';

/** One link as the node drives it. After close nothing is said back. */
export interface HostLink {
  send(body: Uint8Array): void;
  signal(body: Uint8Array): void;
  close(): void;
}

/** What a link says to the node. */
export interface LinkEvents {
  up(remote: string): void;
  data(body: Uint8Array): void;
  writable(size: number): void;
  signal(body: Uint8Array): void;
  down(reason: number, message: string): void;
}

const textBytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export class Links {
  readonly #links = new Map<number, HostLink>();
  readonly #peers: PeerLinks;
  readonly #emit: (event: NodeEvent) => void;

  constructor(emit: (event: NodeEvent) => void, toPage: (message: RtcToPage) => void) {
    this.#emit = emit;
    this.#peers = new PeerLinks(toPage);
  }

  fromPage(message: RtcToWorker): void { this.#peers.fromPage(message); }

  carryOut(effect: NodeEffect): void {
    const { kind, link, body } = effect;
    if (kind === EffectKind.linkOpen) this.#open(link, new TextDecoder().decode(body));
    else if (kind === EffectKind.linkSend) this.#links.get(link)?.send(body);
    else if (kind === EffectKind.signalSend) this.#links.get(link)?.signal(body);
    else if (kind === EffectKind.linkClose) {
      this.#links.get(link)?.close();
      this.#links.delete(link);
    }
  }

  /** Ended here for what came on it: closed, and the node told. */
  end(link: number, reason: number, message: string): void {
    const host = this.#links.get(link);
    if (!host) return;
    host.close();
    this.#eventsOf(link).down(reason, message);
  }

  #open(link: number, address: string): void {
    const events = this.#eventsOf(link);
    try {
      if (/^wss?:\/\//.test(address)) this.#links.set(link, openSignalSocket(address, events));
      else if (address === 'rtc:offer') this.#links.set(link, this.#peers.open(link, 'offer', events));
      else if (address === 'rtc:answer') this.#links.set(link, this.#peers.open(link, 'answer', events));
      else events.down(ErrorCode.E_UNSUPPORTED, 'a browser reaches no such address');
    } catch (error) {
      events.down(ErrorCode.E_UNREACHABLE, String(error)); // an address the browser refuses, as ws: from an https: page
    }
  }

  #eventsOf(link: number): LinkEvents {
    return {
      up: (remote) => this.#emit({ kind: EventKind.linkUp, link, body: textBytes(remote) }),
      data: (body) => this.#emit({ kind: EventKind.linkData, link, body }),
      writable: (size) => this.#emit({ kind: EventKind.linkWritable, link, size }),
      signal: (body) => this.#emit({ kind: EventKind.signal, link, body }),
      down: (reason, message) => {
        this.#links.delete(link);
        this.#emit({ kind: EventKind.linkDown, link, reason, body: textBytes(message) });
      },
    };
  }
}

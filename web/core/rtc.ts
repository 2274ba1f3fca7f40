// core/rtc.ts: the leader's page: an RTCPeerConnection for each peer link, as only pages have them.
//
// Both sides make data channel 0 themselves (negotiated), so none is announced. It is handed to the worker in the task that made it: later a browser
// refuses. The node sees both descriptions and binds its channel to their fingerprints; nothing here is trusted with that.
import type { IceServer, RtcSignal, RtcToPage, RtcToWorker } from './messages.ts';
import { ChannelStream } from './peer_link.ts';

/** What one peer may have said and not yet been taken: more than a description and its candidates is no conversation. */
const SIGNALS_WAITING_MAX = 128;

interface PagePeer {
  connection: RTCPeerConnection;
  /** Set where the channel could not be transferred. */
  stream: ChannelStream | null;
  /** What the peer said is taken one after another. */
  turn: Promise<void>;
  waiting: number;
  /** Candidates that came before the description they belong to. */
  early: string[];
}

export class PageRtc {
  readonly #worker: Worker;
  readonly #iceServers: IceServer[];
  readonly #peers = new Map<number, PagePeer>();

  constructor(worker: Worker, iceServers: IceServer[]) {
    this.#worker = worker;
    this.#iceServers = iceServers;
  }

  fromWorker(message: RtcToPage): void {
    switch (message.type) {
      case 'rtc-open': this.#open(message.link, message.role, message.servers); break;
      case 'rtc-signal': this.#hear(message.link, message.signal); break;
      case 'rtc-send': this.#peers.get(message.link)?.stream?.send(message.data); break;
      case 'rtc-close': this.#close(message.link); break;
    }
  }

  /** The worker is gone, and its links with it. */
  closeAll(): void {
    for (const link of [...this.#peers.keys()]) this.#close(link);
  }

  #say(message: RtcToWorker, transfer: Transferable[] = []): void { this.#worker.postMessage(message, transfer); }

  #open(link: number, role: 'offer' | 'answer', servers: IceServer[]): void {
    let connection, channel;
    try {
      connection = connect(this.#iceServers, servers);
      channel = connection.createDataChannel('dx', { negotiated: true, id: 0, ordered: true });
    } catch (error) { // a browser makes only so many, and may have none
      this.#say({ type: 'rtc-down', link, message: String(error) });
      return;
    }
    const peer: PagePeer = { connection, stream: null, turn: Promise.resolve(), waiting: 0, early: [] };
    this.#peers.set(link, peer);
    try {
      this.#say({ type: 'rtc-channel', link, channel }, [channel as unknown as Transferable]);
    } catch {
      peer.stream = this.#proxy(link, channel);
    }
    connection.onicecandidate = ({ candidate }) => this.#say({ type: 'rtc-signal', link, signal: { candidate: candidate?.candidate ?? '' } });
    connection.onconnectionstatechange = () => {
      if (connection.connectionState === 'failed' || connection.connectionState === 'closed') this.#fail(link, failedStep(connection));
    };
    if (role === 'offer') this.#inTurn(link, peer, () => this.#describe(link, connection));
  }

  #proxy(link: number, channel: RTCDataChannel): ChannelStream {
    return new ChannelStream(channel, {
      up: () => this.#say({ type: 'rtc-up', link }),
      data: (data) => this.#say({ type: 'rtc-data', link, data }, [data]),
      writable: (size) => this.#say({ type: 'rtc-writable', link, size }),
      down: () => this.#fail(link, 'the peer ended the connection'),
    });
  }

  /** Our own description, offer or answer as the state asks for. */
  async #describe(link: number, connection: RTCPeerConnection): Promise<void> {
    await connection.setLocalDescription();
    const local = connection.localDescription;
    if (local?.type === 'offer' || local?.type === 'answer') this.#say({ type: 'rtc-signal', link, signal: { type: local.type, sdp: local.sdp } });
  }

  #hear(link: number, signal: RtcSignal): void {
    const peer = this.#peers.get(link);
    if (!peer) return;
    if (peer.waiting + peer.early.length > SIGNALS_WAITING_MAX) {
      this.#fail(link, 'the peer says more than a connection takes');
      return;
    }
    this.#inTurn(link, peer, async () => {
      const { connection } = peer;
      if ('candidate' in signal) {
        if (connection.remoteDescription) await addCandidate(connection, signal.candidate);
        else peer.early.push(signal.candidate);
        return;
      }
      await connection.setRemoteDescription(signal);
      for (const candidate of peer.early.splice(0)) await addCandidate(connection, candidate);
      if (signal.type === 'offer') await this.#describe(link, connection);
    });
  }

  #inTurn(link: number, peer: PagePeer, act: () => Promise<void>): void {
    peer.waiting++;
    peer.turn = peer.turn.then(act).catch((error: unknown) => this.#fail(link, String(error))).then(() => { peer.waiting--; });
  }

  #fail(link: number, message: string): void {
    if (!this.#peers.has(link)) return;
    this.#close(link);
    this.#say({ type: 'rtc-down', link, message });
  }

  #close(link: number): void {
    const peer = this.#peers.get(link);
    if (!peer) return;
    this.#peers.delete(link);
    peer.connection.onicecandidate = peer.connection.onconnectionstatechange = null;
    const gone = (): void => peer.connection.close();
    if (peer.stream) peer.stream.close(gone);
    else gone();
  }
}

/** The servers that a signaling service named are somebody else's: what is wrong with them does not keep ours from being used. */
function connect(ours: readonly IceServer[], named: readonly IceServer[]): RTCPeerConnection {
  try {
    return new RTCPeerConnection({ iceServers: [...ours, ...named] });
  } catch {
    return new RTCPeerConnection({ iceServers: [...ours] });
  }
}

async function addCandidate(connection: RTCPeerConnection, candidate: string): Promise<void> {
  try {
    await connection.addIceCandidate({ candidate, sdpMLineIndex: 0 });
  } catch {
    // One candidate that this browser does not read is one way less, not the end of the link.
  }
}

/** Which step failed, in the words of the native host (docs/spec/peer-link.md). A browser says no more than this. */
function failedStep(connection: RTCPeerConnection): string {
  if (!connection.remoteDescription) return 'signal: the other side did not answer';
  const count = (sdp: string | undefined): number => sdp?.match(/^a=candidate:/gm)?.length ?? 0;
  const told = `${count(connection.localDescription?.sdp)} addresses here, ${count(connection.remoteDescription.sdp)} there`;
  return connection.iceConnectionState === 'connected' || connection.iceConnectionState === 'completed'
    ? 'encryption: a path was found, but no keys were agreed on'
    : `path: none was found, or the one in use was lost (${told})`;
}

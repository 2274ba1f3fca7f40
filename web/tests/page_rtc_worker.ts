// tests/page_rtc_worker.ts: two peer links of one worker, each the other's peer: what the page does for the node, without a node.
import { PeerLinks, MESSAGE_MAX } from '../core/peer_link.ts';
import type { LinkEvents, HostLink } from '../core/links.ts';
import type { RtcToPage, RtcToWorker } from '../core/messages.ts';

interface End { link: HostLink; up: boolean; received: number; left: number; transferred: boolean; down: string }

const peers = new PeerLinks((message: RtcToPage) => postMessage(message));
const ends = new Map<number, End>();

/** The end at link; what it wants told goes to the end at other. */
function makeEnd(link: number, other: number, role: 'offer' | 'answer'): void {
  const end = { up: false, received: 0, left: 0, transferred: false, down: '' } as End;
  ends.set(link, end);
  const events: LinkEvents = {
    up: () => { end.up = true; report(); },
    data: (body) => { end.received += body.length; report(); },
    writable: (size) => { end.left += size; report(); },
    signal: (body) => ends.get(other)?.link.signal(body),
    down: (_, message) => { end.down = message; report(); },
  };
  end.link = peers.open(link, role, events);
}

function report(): void {
  postMessage({ type: 'report', ends: [...ends.values()].map(({ link: _, ...rest }) => rest) });
}

addEventListener('message', ({ data }: MessageEvent<RtcToWorker | { type: 'go' } | { type: 'send'; size: number } | { type: 'close' }>) => {
  switch (data.type) {
    case 'go':
      makeEnd(2, 1, 'answer');
      makeEnd(1, 2, 'offer');
      break;
    case 'send':
      for (let left = data.size; left > 0; left -= MESSAGE_MAX * 4) ends.get(1)?.link.send(new Uint8Array(Math.min(left, MESSAGE_MAX * 4)));
      break;
    case 'close': ends.get(1)?.link.close(); break;
    default:
      if (data.type === 'rtc-channel') (ends.get(data.link) as End).transferred = true;
      peers.fromPage(data);
  }
});

// tests/page_rtc.ts: core/rtc.ts over a worker that holds both ends; ?proxy passes bytes through the page, as where no channel can be transferred.
import type { RtcToPage } from '../core/messages.ts';
import { PageRtc } from '../core/rtc.ts';

const worker = new Worker(new URL('page_rtc_worker.js', location.href), { type: 'module' });
const state = { ends: [] as unknown[] };
if (location.search === '?proxy') {
  const post = worker.postMessage.bind(worker) as (message: unknown, transfer: Transferable[]) => void;
  worker.postMessage = ((message: { type: string }, transfer: Transferable[] = []) => {
    if (message.type === 'rtc-channel') throw new DOMException('not here', 'DataCloneError');
    post(message, transfer);
  }) as typeof worker.postMessage;
}
const rtc = new PageRtc(worker, []);
worker.onmessage = ({ data }: MessageEvent<RtcToPage | { type: 'report'; ends: unknown[] }>) => {
  if (data.type === 'report') state.ends = data.ends;
  else rtc.fromWorker(data);
};
const tell = (message: unknown): void => worker.postMessage(message);
Object.assign(window, { rtc: { state, tell } });

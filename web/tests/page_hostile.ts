// tests/page_hostile.ts: opens a program's page, or was opened by it, and tells it again and again that it is its vault; counts what it is told.
const told: unknown[] = [], heard: unknown[] = [];
let victim: Window | null = window.opener as Window | null;
addEventListener('message', ({ data }) => told.push(data));

function lie(): void {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => heard.push(data);
  victim?.postMessage({ dx: 1, type: 'listening' }, '*');
  for (const state of ['no-access', 'failed', 'ready']) victim?.postMessage({ dx: 1, type: 'state', state, message: 'by a stranger' }, '*');
  victim?.postMessage({ dx: 1, type: 'port', client: 'anything', generation: 1_000_000 }, '*', [port2]);
}
setInterval(lie, 10);

Object.assign(window, { hostile: { told, heard, open: (url: string) => { victim = window.open(url, 'victim'); } } });
export {};

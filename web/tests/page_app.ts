// tests/page_app.ts: an app on another origin: the vault's page in a hidden frame, a port from it, and whatever the vault answers.
import type { Value } from '../core/codec.ts';
import type { HelloMessage, PortMessage, StateMessage } from '../core/messages.ts';
import { Program } from './program.ts';

const vaultOrigin = new URLSearchParams(location.search).get('vault') as string;
const program = new Program(), states: string[] = [];
const frame = document.createElement('iframe');
frame.hidden = true;
addEventListener('message', ({ data, origin, source, ports: [port] }: MessageEvent<PortMessage | StateMessage>) => {
  if (origin !== vaultOrigin || source !== frame.contentWindow || data.dx !== 1) return;
  if (data.type === 'port' && port) program.take(port);
  if (data.type === 'state') states.push(data.state);
});
frame.src = `${vaultOrigin}/tests/vault.html`;
document.body.append(frame);
// The frame may not listen yet: it is asked again until it answers.
const hello: HelloMessage = { dx: 1, type: 'hello', client: crypto.randomUUID() };
const timer = setInterval(() => {
  if (states.length > 0) clearInterval(timer);
  else frame.contentWindow?.postMessage(hello, vaultOrigin);
}, 20);

Object.assign(window, { app: { states, program, ask: (command: Value) => program.ask(command) } });

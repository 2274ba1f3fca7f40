// tests/page_app.ts: an app on another origin: the vault's page in a hidden frame, or as a window of its own, a port from it, and whatever the vault answers.
import type { Value } from '../core/codec.ts';
import type { HelloMessage, PortMessage, StateMessage } from '../core/messages.ts';
import { Program, type Answer } from './program.ts';

const vaultOrigin = new URLSearchParams(location.search).get('vault') as string;
const program = new Program(), states: string[] = [];
const frame = document.createElement('iframe');
let vault: Window | null = null;

addEventListener('message', ({ data, origin, source, ports: [port] }: MessageEvent<PortMessage | StateMessage>) => {
  if (origin !== vaultOrigin || source !== vault || data.dx !== 1) return;
  if (data.type === 'port' && port) program.take(port);
  if (data.type === 'state') states.push(data.state);
});

/** The window may not listen yet: it is asked again until it answers. */
function sayHello(to: Window | null): void {
  const hello: HelloMessage = { dx: 1, type: 'hello', client: crypto.randomUUID() }, before = states.length;
  vault = to;
  const timer = setInterval(() => {
    if (states.length > before || vault !== to) clearInterval(timer);
    else to?.postMessage(hello, vaultOrigin);
  }, 20);
}

/** The vault at the top level, as a client asks for it where the frame sees none; a browser wants a gesture for it. */
function openWindow(): void { sayHello(window.open(`${vaultOrigin}/tests/vault.html`)); }

frame.hidden = true;
frame.src = `${vaultOrigin}/tests/vault.html`;
document.body.append(frame);
sayHello(frame.contentWindow);

const ask = (command: Value): Promise<Answer> => program.ask(command);
const watch = (command: Value): { told: Answer[]; end: Answer | null } => {
  const watched = { told: [] as Answer[], end: null as Answer | null };
  void program.ask(command, (body) => watched.told.push(body)).then((reply) => { watched.end = reply; });
  return watched;
};
Object.assign(window, { app: { states, program, ask, watch, openWindow } });

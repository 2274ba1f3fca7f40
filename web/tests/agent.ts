// tests/agent.ts: real agents for the client's tests: each a vault of its own in a folder that goes at the end.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from '../client/src/index.ts';
import { fromAgent } from '../client/src/node/socket.ts';

const run = promisify(execFile);
const COMMAND = process.env['DX_COMMAND'] ?? 'build/dx';

/** One for all agents of this process, which looks for their sockets there too. */
const runtime = mkdtempSync(join(tmpdir(), 'dx-run-'));
process.env['XDG_RUNTIME_DIR'] = runtime;
process.once('exit', () => rmSync(runtime, { recursive: true, force: true }));

export class Agent {
  #process: ChildProcess | null = null;
  readonly #clients: Client[] = [];
  readonly #env: NodeJS.ProcessEnv;

  private constructor(readonly folder: string) {
    this.#env = { ...process.env, XDG_STATE_HOME: join(folder, 'state'), XDG_CONFIG_HOME: join(folder, 'config') };
  }

  get vault(): string { return join(this.folder, 'vault'); }

  /** Makes a vault with this identity (no agent starts without one) and starts its agent. */
  static async start(name: string): Promise<Agent> {
    const folder = await mkdtemp(join(tmpdir(), 'dx-web-'));
    const agent = new Agent(folder);
    await agent.dx('halo', 'create', name);
    await agent.resume();
    return agent;
  }

  async resume(): Promise<void> {
    const started = spawn(COMMAND, ['--vault', this.vault, 'agent', 'start', '--foreground'], { env: this.#env, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = started;
    await new Promise<void>((ready, failed) => {
      started.stderr?.once('data', () => ready()); // "listening; …"
      started.once('exit', (code) => failed(new Error(`the agent ended with ${code}`)));
    });
  }

  /** As the plug pulled: no last words. */
  async kill(): Promise<void> {
    const ended = new Promise((resolve) => this.#process?.once('exit', resolve));
    this.#process?.kill('SIGKILL');
    await ended;
  }

  /** A client of its own connection, ready. */
  async client(): Promise<Client> {
    const client = new Client({ services: fromAgent({ vault: this.vault }), config: { connectTimeoutMs: 5000 } });
    this.#clients.push(client);
    return client.initialize();
  }

  /** What the command prints, a line each. */
  async dx(...args: string[]): Promise<string[]> {
    const { stdout } = await run(COMMAND, ['--vault', this.vault, ...args], { env: this.#env });
    return stdout.split('\n').filter((line) => line !== '');
  }

  async end(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.destroy()));
    if (this.#process?.exitCode === null && this.#process.signalCode === null) await this.kill();
    await rm(this.folder, { recursive: true });
  }
}

const PATIENCE_MS = 10_000;

/** Waits until it holds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; !(await holds());) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

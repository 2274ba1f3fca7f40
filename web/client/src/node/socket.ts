// client/src/node/socket.ts: the agent's Unix socket, from node (docs/spec/vault-socket.md).
//
// Whoever listens is told PINs, so it must be this user: the kernel's word on the peer is out of node's reach, but in a folder that is this user's
// alone (0700) nobody else can have made the socket.
import { webcrypto } from 'node:crypto';
import { lstat, readFile, realpath, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { failures } from '../errors.ts';
import { FrameSplitter, sized } from '../frame.ts';
import { hexText } from '../id.ts';
import type { Channel, ChannelEvents, Services } from '../services.ts';
import { blake2b } from './blake2b.ts';

// node 18 has it, but not by this name.
if (globalThis.crypto === undefined) Object.defineProperty(globalThis, 'crypto', { value: webcrypto });

/** The agent that listens on this socket. */
export function fromSocket(path: string): Services {
  return { open: (events) => openSocket(path, events) };
}

/** The agent of a vault: of this folder, else of DX_VAULT, else of a profile, as the `dx` command finds it. Asked anew at each connection. */
export function fromAgent(options: { vault?: string; profile?: string } = {}): Services {
  return { open: async (events) => openSocket(await socketOf(vaultFolder(options)), events) };
}

function vaultFolder({ vault, profile }: { vault?: string; profile?: string }): string {
  const named = vault ?? (profile === undefined ? process.env['DX_VAULT'] : undefined);
  if (named !== undefined && named !== '') return resolve(named);
  const data = process.env['XDG_DATA_HOME'] || join(homedir(), '.local', 'share');
  return join(data, 'dx', profile ?? process.env['DX_PROFILE'] ?? 'default');
}

/** Where an agent of this runtime folder listens; else where the agent says it does. */
async function socketOf(folder: string): Promise<string> {
  const runtime = process.env['XDG_RUNTIME_DIR'], real = await realpath(folder).catch(() => folder);
  const path = join(runtime ? join(runtime, 'dx') : `/tmp/dx-${process.getuid?.()}`, `${hexText(blake2b(new TextEncoder().encode(real), 16))}.sock`);
  const there = await lstat(path).then(() => true, () => false);
  const found = there ? path : await notedSocket(folder);
  if (found === null) throw failures.unreachable(`no agent runs for ${folder}: dx agent start`);
  return found;
}

/** The agent notes process, socket, and device and inode of the vault file: in a copied folder the note speaks of another agent. */
async function notedSocket(folder: string): Promise<string | null> {
  const note = await readFile(join(folder, 'agent.pid'), 'utf8').catch(() => '');
  const [, socket, name] = note.split('\n');
  const file = await stat(join(folder, 'vault.db'), { bigint: true }).catch(() => null);
  const its = file !== null && name === `${file.dev.toString(16)}:${file.ino.toString(16)}`;
  return its && socket?.startsWith('/') === true ? socket : null;
}

async function checkOwner(path: string): Promise<void> {
  const folder = await lstat(dirname(path)), socket = await lstat(path), me = process.getuid?.();
  if (!folder.isDirectory() || folder.uid !== me || (folder.mode & 0o077) !== 0 || !socket.isSocket() || socket.uid !== me) {
    throw failures.denied(`${path} is not a socket of yours in a folder of yours`);
  }
}

async function openSocket(path: string, events: ChannelEvents): Promise<Channel> {
  await checkOwner(path);
  const splitter = new FrameSplitter();
  return new Promise((done, fail) => {
    const socket = connect(path);
    let closed = false, reason = new Error('the agent closed the connection');
    socket.on('connect', () => done({
      wantsCredit: false,
      send: (frame) => void socket.write(sized(frame)),
      close: () => {
        closed = true;
        socket.destroy();
      },
    }));
    socket.on('data', (chunk) => {
      try {
        for (const frame of splitter.push(chunk)) if (!closed) events.onFrame(frame);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    socket.on('error', (error) => { reason = error; });
    socket.on('close', () => {
      fail(reason); // nothing when it was open
      if (!closed) events.onClosed(reason);
    });
  });
}

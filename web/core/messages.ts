// core/messages.ts: what windows, tab, broker and worker tell each other; README.md shows who says what when. Tab, broker and worker are always of one build
// (files.ts); pages of two builds know of each other by locks alone, and app windows are of any.

/** How peers are found: given to RTCPeerConnection as they are. */
export interface IceServer { urls: string; username?: string; credential?: string }

// --- App window ↔ vault window (window.postMessage); the origin is event.origin, never a field --------------------

/** By a vault's page that was opened or framed, once it hears: to any origin, for it does not know whose it is. */
export interface ListeningMessage { dx: 1; type: 'listening' }
/** hello: wants a port. bye: wants none any more. */
export interface HelloMessage { dx: 1; type: 'hello' | 'bye'; client: string }
/** Carries a MessagePort. Comes again, with a greater generation, after another worker has taken over: the port before it is dead. */
export interface PortMessage { dx: 1; type: 'port'; client: string; generation: number }
export interface StateMessage { dx: 1; type: 'state'; state: VaultState; message: string }

/** starting: no leader yet. no-access: this frame sees an empty partition of the vault's storage. failed: tried again by itself. */
export type VaultState = 'starting' | 'ready' | 'no-access' | 'failed';

/**
 * What a failure asks for. unreadable: the vault is here and cannot be opened, beginAnew() sets it aside. outdated: pages of two versions are open, or this one is
 * older than the vault: load them again. unsupported: this browser lacks something. other: wait.
 */
export type Failure = 'unreadable' | 'outdated' | 'unsupported' | 'other';

// --- Tab → broker, broker → tab (a SharedWorker's port) ------------------------------------------------------------

export type TabToBroker =
  | { type: 'hello'; client: string }
  /** Carries the broker's end of a channel to a worker of this tab. */
  | { type: 'worker' }
  | ConnectMessage
  | DisconnectMessage;
/**
 * Carries the vault's end of a program's channel. origin: empty for the vault's own top-level page. attachment: who of this tab's programs it is for; the port
 * it had before ends.
 */
export interface ConnectMessage { type: 'connect'; client: string; attachment: string; origin: string }
/** That program is gone. */
export interface DisconnectMessage { type: 'disconnect'; client: string; attachment: string }
export type BrokerToTab =
  /** broker: names the lock that tells of the broker's end; empty: it ends with this tab. */
  | { type: 'welcome'; broker: string }
  /** A leader is there; connect what you serve, anew. */
  | { type: 'leader'; generation: number }
  /** Who was to lead could not. */
  | { type: 'failed'; failure: Failure; message: string };

// --- Worker ↔ broker (the channel the tab laid) ---------------------------------------------------------------------

export type WorkerToBroker = { type: 'key?' } | { type: 'lead'; key: Uint8Array } | { type: 'failed'; failure: Failure; message: string };
/** key: null when nobody has unlocked the vault since the first of these tabs was opened. */
export type BrokerToWorker = { type: 'key'; key: Uint8Array | null } | ConnectMessage | DisconnectMessage;

// --- Tab ↔ its worker ------------------------------------------------------------------------------------------------

export type TabToWorker =
  /** Carries the worker's end of the channel to the broker. group: of the pages that are to know of its leading. anew: a vault that cannot be read is set aside, and an empty one begun. */
  | { type: 'start'; worker: string; group: string; wasm: string; anew: boolean }
  /** Carries the end of a channel to another broker: the one before has died. */
  | { type: 'broker' }
  | RtcToWorker;
export type WorkerToTab =
  /** The worker holds the lock worker/NAME, which tells of its end. */
  | { type: 'alive' }
  /** Compiled and instantiated; it leads as soon as the lock vault-leader is free. */
  | { type: 'standby' }
  | { type: 'leading'; version: string; steps: LeadingTimes }
  /** led: it held the lock vault-leader. */
  | { type: 'failed'; failure: Failure; message: string; led: boolean }
  | { type: 'trace'; room: string; text: string }
  | RtcToPage;
/** When the lock came free, and milliseconds since: files and what is kept beside them are there; the vault is open. */
export interface LeadingTimes { lockedAtMs: number; filesMs: number; openMs: number }

/** Peer links: the worker asks, the page has RTCPeerConnection. send is used only where a channel cannot be transferred. */
export type RtcToPage =
  | { type: 'rtc-open'; link: number; role: 'offer' | 'answer'; servers: IceServer[] }
  | { type: 'rtc-signal'; link: number; signal: RtcSignal }
  | { type: 'rtc-send'; link: number; data: Uint8Array }
  | { type: 'rtc-close'; link: number };
export type RtcToWorker =
  | { type: 'rtc-channel'; link: number; channel: RTCDataChannel }
  | { type: 'rtc-up'; link: number }
  | { type: 'rtc-signal'; link: number; signal: RtcSignal }
  | { type: 'rtc-data'; link: number; data: ArrayBuffer }
  | { type: 'rtc-writable'; link: number; size: number }
  | { type: 'rtc-down'; link: number; message: string };
/** As docs/decisions/0021 has it. candidate: empty when no more come. */
export type RtcSignal = { type: 'offer' | 'answer'; sdp: string } | { candidate: string };

// --- Locks (names; all in the vault's origin) -----------------------------------------------------------------------

export const LEADER_LOCK = 'vault-leader';   // the worker that holds the vault
export const groupLock = (group: string): string => `leader/${group}`; // the same worker, for pages that share its broker
export const STANDBY_LOCK = 'vault-standby'; // the tab that keeps a worker ready to lead
export const brokerLock = (broker: string): string => `broker/${broker}`;
export const clientLock = (client: string): string => `client/${client}`;
export const workerLock = (worker: string): string => `worker/${worker}`;

/** Resolves when whoever holds the lock is gone; rejects when the signal is given. */
export const lockFreed = (name: string, signal?: AbortSignal): Promise<void> =>
  navigator.locks.request(name, { mode: 'shared', ...(signal && { signal }) }, () => undefined);
/** Resolves when the lock is held; it is held until this page or worker ends, or release is called, or the signal is given. */
export function holdLock(name: string, signal?: AbortSignal): Promise<() => void> {
  return new Promise((held, failed) => {
    navigator.locks.request(name, signal ? { signal } : {}, () => new Promise<void>((release) => {
      signal?.addEventListener('abort', () => release(), { once: true });
      if (signal?.aborted) release();
      held(release);
    })).catch(failed);
  });
}

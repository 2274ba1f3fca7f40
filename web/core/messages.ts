// core/messages.ts: what windows, tab, broker and worker tell each other; README.md shows who says what when.

/** How peers are found: given to RTCPeerConnection as they are. */
export interface IceServer { urls: string; username?: string; credential?: string }

// --- App window ↔ vault window (window.postMessage); the origin is event.origin, never a field --------------------

export interface HelloMessage { dx: 1; type: 'hello'; client: string }
/** Carries a MessagePort. Comes again, with a greater generation, after another worker has taken over: the port before it is dead. */
export interface PortMessage { dx: 1; type: 'port'; client: string; generation: number }
export interface StateMessage { dx: 1; type: 'state'; state: VaultState; message: string }

/** starting: no leader yet. no-access: this frame sees an empty partition of the vault's storage. failed: tried again by itself. */
export type VaultState = 'starting' | 'ready' | 'no-access' | 'failed';

// --- Tab → broker, broker → tab (a SharedWorker's port) ------------------------------------------------------------

export type TabToBroker =
  | { type: 'hello'; client: string }
  /** Carries the broker's end of a channel to a worker of this tab. */
  | { type: 'worker' }
  /** Carries the vault's end of an app's channel. origin: empty for the vault's own top-level page. */
  | ConnectMessage;
export interface ConnectMessage { type: 'connect'; client: string; origin: string }
/** A leader is there; connect what you serve, anew. */
export interface LeaderMessage { type: 'leader'; generation: number }

// --- Worker ↔ broker (the channel the tab laid) ---------------------------------------------------------------------

export type WorkerToBroker = { type: 'key?' } | { type: 'lead'; key: Uint8Array };
/** key: null when nobody has unlocked the vault since the first of these tabs was opened. */
export type BrokerToWorker = { type: 'key'; key: Uint8Array | null } | ConnectMessage;

// --- Tab ↔ its worker ------------------------------------------------------------------------------------------------

/** Carries the worker's end of the channel to the broker. */
export interface StartMessage { type: 'start'; worker: string; wasm: string }
export type WorkerToTab =
  /** The worker holds the lock worker/NAME, which tells of its end. */
  | { type: 'alive' }
  /** Compiled and instantiated; it leads as soon as the lock vault-leader is free. */
  | { type: 'standby' }
  | { type: 'leading'; version: string; openMs: number }
  | { type: 'failed'; code: number; message: string }
  | { type: 'trace'; room: string; text: string }
  | RtcToPage;

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
export const STANDBY_LOCK = 'vault-standby'; // the tab that keeps a worker ready to lead
export const clientLock = (client: string): string => `client/${client}`;
export const workerLock = (worker: string): string => `worker/${worker}`;

/** Resolves when whoever holds the lock is gone. */
export const lockFreed = (name: string): Promise<void> => navigator.locks.request(name, { mode: 'shared' }, () => undefined);
/** Resolves when the lock is held; it is held until this page or worker ends, or release is called. */
export function holdLock(name: string): Promise<() => void> {
  return new Promise((held, failed) => {
    navigator.locks.request(name, () => new Promise<void>((release) => held(release))).catch(failed);
  });
}

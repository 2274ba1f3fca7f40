// vault/update.ts: the service worker that keeps this page for when its kube is stopped (web/service_worker.ts), and a newer build that waits.
import { Cell } from '../client/src/observable.ts';

export interface Update {
  /** A newer build is here and waits until no page of this one is open, or until it is taken. */
  readonly waiting: Cell<boolean>;
  /** All pages of the vault load themselves anew, those in frames of apps too: builds do not mix. */
  take(): void;
}

/** Registers the worker, on every load and also in a frame: a partition of the browser's has its own. */
export function startUpdates(): Update {
  const waiting = new Cell(false);
  const workers = navigator.serviceWorker as ServiceWorkerContainer | undefined;
  const isKept = workers?.controller !== null;
  let registration: ServiceWorkerRegistration | null = null;
  workers?.addEventListener('controllerchange', () => { if (isKept) location.reload(); });
  workers?.register('/sw.js').then((registered) => {
    registration = registered;
    const look = (): void => waiting.set(registered.waiting !== null && isKept);
    look();
    registered.addEventListener('updatefound', () => registered.installing?.addEventListener('statechange', look));
  }, () => undefined); // a server without one: then the page needs its server
  return { waiting, take: () => registration?.waiting?.postMessage({ type: 'skip-waiting' }) };
}

// core/broker.ts: a SharedWorker, one for all tabs of the vault: the hub (hub.ts), with a lock that tells the tabs of its end.
import { brokerLock, clientLock, holdLock, lockFreed } from './messages.ts';
import { Hub } from './hub.ts';

const name = crypto.randomUUID();
const hub = new Hub(name, (client) => lockFreed(clientLock(client)));
const known = holdLock(brokerLock(name));

addEventListener('connect', (event) => {
  const [port] = (event as MessageEvent).ports;
  // Nobody is welcomed before the lock is held: who waited for it would take this broker for dead.
  if (port) void known.then(() => hub.serveTab(port));
});

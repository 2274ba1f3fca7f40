// service_worker.ts: what keeps a site loading while its kube is stopped. Built once for each site (site.mjs), which names the files and their hashes.
//
// One build at a time for an origin. A build is fetched whole, each file checked against its hash, into a cache of its own, and answers pages only once
// no page of the build before it is open, or one alone that is being loaded anew, or a person has said so in a page: so no page gets files of two
// builds. web/README.md, "Updates", has the cases.

declare const DX_BUILD: string;
/** Path as it is asked for, and the hash of what is there, as fetch takes it. */
declare const DX_FILES: readonly (readonly [string, string])[];

interface ExtendableEvent extends Event { waitUntil(work: Promise<unknown>): void }
interface FetchEvent extends ExtendableEvent { readonly request: Request; respondWith(answer: Promise<Response>): void }
interface ServiceWorkerScope {
  readonly registration: { readonly waiting: { postMessage(message: TakeOverMessage): void } | null };
  readonly clients: { claim(): Promise<void>; matchAll(options: { includeUncontrolled: boolean }): Promise<readonly unknown[]> };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', listener: (event: ExtendableEvent) => void): void;
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<TakeOverMessage | null>) => void): void;
}
const scope = self as unknown as ServiceWorkerScope;

const BUILDS = 'dx-build-', CACHE = BUILDS + DX_BUILD, KEPT = 'dx-kept';
const CONFIG = '/.well-known/dx/config';
/** A kube that is there answers sooner; one that went with its network does not answer at all. */
const CONFIG_WAIT_MS = 2000;
/** From a page whose person wants the new build now; pages that had a worker load themselves anew when they get another. */
interface TakeOverMessage { type: 'skip-waiting' }

const hashes = new Map(DX_FILES);

/** Rejects when it is not there, or not what it should be. */
async function ask(path: string, integrity: string): Promise<Response> {
  const answer = await fetch(path, { integrity, cache: 'no-cache' });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer;
}

// --- A build comes and goes -------------------------------------------------------------------------------------------

/** All or nothing: a file that is missing, or of another build than this worker, leaves no cache behind. */
async function fetchBuild(): Promise<void> {
  try {
    const cache = await caches.open(CACHE);
    await Promise.all(DX_FILES.map(async ([path, hash]) => cache.put(path, await ask(path, hash))));
  } catch (error) {
    await caches.delete(CACHE);
    throw error;
  }
}

/** Pages that were there before any build was are taken in: the next build waits for them as well. */
async function takeOver(): Promise<void> {
  const old = (await caches.keys()).filter((name) => name.startsWith(BUILDS) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await scope.clients.claim();
}

// A page's first visit asks before there is a worker; it may be its last before the kube stops.
scope.addEventListener('install', (event) => event.waitUntil(Promise.all([fetchBuild(), renewConfig(CONFIG).catch(() => undefined)])));
scope.addEventListener('activate', (event) => event.waitUntil(takeOver()));
scope.addEventListener('message', ({ data }) => { if (data?.type === 'skip-waiting') void scope.skipWaiting(); });

/** Who loads the only open page anew wants what is new; its old page, and with it the old broker, is gone by the time the next answer arrives. */
async function mayGiveWay({ mode, destination, cache }: Request): Promise<boolean> {
  return mode === 'navigate' && destination === 'document' && cache === 'no-cache' && scope.registration.waiting !== null
    && (await scope.clients.matchAll({ includeUncontrolled: true })).length === 1;
}

/** A page for the moment until the new build has taken over. */
const BETWEEN = `<!doctype html><title>…</title><link rel="icon" href="data:,"><script>
const { serviceWorker } = navigator, again = () => location.reload();
serviceWorker.addEventListener('controllerchange', again);
serviceWorker.getRegistration().then((registration) => { if (!registration || !registration.waiting) again(); });
</script>`;

// --- Answers ----------------------------------------------------------------------------------------------------------

async function answerFile(request: Request, path: string): Promise<Response> {
  if (await mayGiveWay(request)) {
    scope.registration.waiting?.postMessage({ type: 'skip-waiting' });
    return new Response(BETWEEN, { headers: { 'Content-Type': 'text/html' } });
  }
  const kept = await (await caches.open(CACHE)).match(path);
  return kept ?? fetch(request); // the browser may have dropped it
}

/** What comes with a page beside its bytes, such as who may frame it, changes without a new build: it is asked for behind each visit. */
async function renewPage(path: string): Promise<void> {
  const answer = await ask(path, hashes.get(path) as string);
  await (await caches.open(CACHE)).put(path, answer);
}

const isConfig = (answer: Response): boolean => answer.ok && answer.headers.get('Content-Type')?.startsWith('application/json') === true;

/** The kube's answer, which is kept if it is one. */
async function renewConfig(request: Request | string): Promise<Response> {
  const answer = await fetch(request);
  if (isConfig(answer)) await (await caches.open(KEPT)).put(CONFIG, answer.clone());
  return answer;
}

/** What the kube says, as long as it says something; otherwise what it said last. */
async function answerConfig(request: Request, event: ExtendableEvent): Promise<Response> {
  const kept = await (await caches.open(KEPT)).match(CONFIG);
  const asked = renewConfig(request).then((answer) => (isConfig(answer) ? answer : kept ?? answer));
  if (!kept) return await asked;
  event.waitUntil(asked.catch(() => undefined));
  const late = new Promise<Response>((resolve) => setTimeout(() => resolve(kept), CONFIG_WAIT_MS));
  return await Promise.race([asked.catch(() => kept), late]);
}

/** What is not named here, signaling above all, goes its way untouched. */
scope.addEventListener('fetch', (event) => {
  const { request } = event, { origin, pathname } = new URL(request.url), isPage = request.mode === 'navigate';
  if (request.method !== 'GET' || origin !== location.origin) return;
  const path = isPage && pathname === '/index.html' ? '/' : pathname;
  if (path === CONFIG && !isPage) {
    event.respondWith(answerConfig(request, event));
  } else if (hashes.has(path)) {
    event.respondWith(answerFile(request, path));
    if (isPage) event.waitUntil(renewPage(path).catch(() => undefined));
  }
});

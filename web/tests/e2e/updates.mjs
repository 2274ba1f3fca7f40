// tests/e2e/updates.mjs: a site's service worker (service_worker.ts): one build at a time, whole or not at all, also with the kube stopped.
//
// The site is a small one of its own, made by site.mjs as the real ones are, with a worker shared by its tabs as the vault's broker is. Each of its files
// says which build it is of.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSite } from '../../site.mjs';
import { until, within } from '../harness.mjs';

/**
 * late.txt keeps its name from build to build: nothing but the service worker holds it to the page that asks for it. The shared worker has another, as a
 * broker has: pages that load themselves anew one after another would find the old one alive.
 */
async function makeBuild(folder, build) {
  const source = join(folder, 'source'), write = (name, text) => writeFileSync(join(source, name), text);
  mkdirSync(source, { recursive: true });
  write('index.html', `<!doctype html><html lang="en"><head><title>${build}</title><link rel="icon" href="icon.svg"><script type="module" src="main.js"></script></head><body></body></html>`);
  write('icon.svg', '<svg xmlns="http://www.w3.org/2000/svg"/>');
  write('main.js', `
    const shared = new SharedWorker('/shared-${build}.js');
    window.seen = { page: '${build}', loads: Number(sessionStorage.loads = 1 + Number(sessionStorage.loads ?? 0)) };
    shared.port.onmessage = ({ data }) => { window.seen.shared = data; };
    window.late = async () => (await fetch('/late.txt')).text();
    window.config = async () => (await fetch('/.well-known/dx/config')).json();
    void navigator.serviceWorker.register('/sw.js');
    const had = navigator.serviceWorker.controller !== null;
    navigator.serviceWorker.addEventListener('controllerchange', () => { if (had) location.reload(); });`);
  const parts = new Map([[`shared-${build}.js`, `addEventListener('connect', ({ ports: [port] }) => port.postMessage('${build}'));`], ['late.txt', build]]);
  await buildSite(join(folder, 'sites/notes'), { source, parts: new Map([...parts].map(([name, text]) => [name, Buffer.from(text)])) });
}

/** false while the page is not there: what was asked of one that loads itself anew just then may never be answered. */
const look = (page, what) => within(1000, 'an answer of a page', page.evaluate(what)).catch(() => false);
/** What a page has of each file, once it has all of them. */
const seen = (page) => until('all files of a page', () => look(page, async () => {
  const late = await window.late();
  return window.seen.shared !== undefined && [window.seen.page, window.seen.shared, late].join();
}));
const builds = (page) => page.evaluate(async () => (await caches.keys()).filter((name) => name.startsWith('dx-build-')).length);
/** Looks for another build, as a browser does on each visit, and waits until it stands by. */
async function find(page) {
  await until('a build that waits', () => look(page, async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    if (!registration.installing && !registration.waiting) void registration.update().catch(() => undefined);
    return registration.waiting !== null;
  }));
}
const isKept = (page) => until('a page that is kept', () => look(page, () => navigator.serviceWorker.controller !== null));

export async function updates(t) {
  const folder = t.makeFolder('site');
  await makeBuild(folder, 'one');
  const kube = await t.startKube({ sites: join(folder, 'sites') }), profile = await t.launchProfile(), site = `${kube.origin('notes')}/`;
  const put = async (build) => {
    await makeBuild(folder, build);
    await kube.reload();
  };
  const open = async () => {
    const page = await profile.newPage();
    await page.goto(site);
    return page;
  };

  let page = await open();
  await isKept(page);
  assert.equal(await seen(page), 'one,one,one', 'the first visit');

  await put('two');
  await find(page);
  assert.equal(await builds(page), 2, 'the next build is there, whole');
  assert.equal(await seen(page), 'one,one,one', 'an open page stays of its build');
  const second = await open();
  assert.equal(await seen(second), 'one,one,one', 'beside an old tab a new one is of the old build, too');
  await page.reload();
  assert.equal(await seen(page), 'one,one,one', 'also when one of them is loaded anew');
  await second.close();
  await page.reload();
  assert.equal(await seen(page), 'two,two,two', 'the only page, loaded anew, is of the new build');
  assert.equal(await builds(page), 1, 'the old build is gone');

  await put('three');
  await find(page);
  // The browser takes a moment to let the old one go.
  await until('the new build, after the last page was closed', async () => {
    await page.close();
    page = await open();
    return await seen(page) === 'three,three,three';
  });

  await put('four');
  await find(page);
  const third = await open();
  assert.equal(await seen(third), 'three,three,three');
  // Nothing is asked of the pages meanwhile: Chromium exchanges a worker once it has had nothing to do for a second.
  const reloads = [page, third].map((one) => one.waitForEvent('load', { timeout: 20_000 }));
  await page.evaluate(async () => { (await navigator.serviceWorker.getRegistration()).waiting.postMessage({ type: 'skip-waiting' }); });
  await Promise.all(reloads);
  for (const one of [page, third]) assert.equal(await seen(one), 'four,four,four', 'all pages go over when a person says so');
  await third.close();
  await page.reload();
  assert.equal(await seen(page), 'four,four,four');

  // Half of a build: the list of five with a file of another. The browser says so on the console.
  t.expectError(/integrity|Failed to update a ServiceWorker|ServiceWorker script|sha256/i);
  await makeBuild(folder, 'five');
  writeFileSync(join(folder, 'sites/notes/late.txt'), 'torn');
  await kube.reload();
  await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    registration.onupdatefound = () => { registration.installing.onstatechange = ({ target }) => { window.ended = target.state; }; };
    void registration.update().catch(() => undefined); // it need not settle for a worker that gives up
  });
  await until('a build that gave up', () => look(page, () => window.ended === 'redundant'));
  assert.equal(await builds(page), 1, 'nothing is kept of a build that is not whole');
  await page.reload();
  assert.equal(await seen(page), 'four,four,four', 'a build that is not whole never answers');
}

export async function withoutKube(t) {
  const folder = t.makeFolder('site');
  await makeBuild(folder, 'one');
  const kube = await t.startKube({ sites: join(folder, 'sites') }), profile = await t.launchProfile(), site = `${kube.origin('notes')}/`;
  let page = await profile.newPage();
  const answer = await page.goto(site);
  await isKept(page);
  const config = await page.evaluate(() => window.config());
  assert.match(config.signal, /^ws:/);
  const socket = () => page.evaluate((url) => new Promise((resolve) => {
    const opened = new WebSocket(url);
    opened.onmessage = () => { opened.close(); resolve('open'); };
    opened.onerror = () => resolve('refused');
  }), config.signal);
  assert.equal(await socket(), 'open', 'signaling goes its own way');
  assert.doesNotMatch(answer.headers()['content-security-policy'], /elsewhere/);

  await kube.stop();
  assert.equal(await socket(), 'refused');
  await page.reload();
  assert.equal(await seen(page), 'one,one,one', 'a reload without the kube');
  await page.close();
  await profile.close();
  await profile.open();
  page = await profile.newPage();
  await page.goto(`${site}?from=elsewhere#join=x`);
  assert.equal(await seen(page), 'one,one,one', 'a browser started anew without the kube');
  assert.deepEqual(await page.evaluate(() => window.config()), config, 'the configuration is the last one told');
  const beside = await page.evaluate(() => fetch('/healthz').then(() => 'answered', () => 'no answer'));
  assert.equal(beside, 'no answer', 'what is not of the site is not pretended');

  await kube.start();
  assert.equal(await page.evaluate(() => fetch('/healthz').then((health) => health.status)), 200);
  assert.deepEqual(await page.evaluate(() => window.config()), config);
}

// tests/e2e/core_life.mjs: pages that stand still, come back, are older than the others, or run in a browser that lacks something; a vault that cannot be opened.
import assert from 'node:assert/strict';
import { ask, done, makeIdentity, makeSpace, mark, marksOf, openVault, report, rows } from '../bare_vault.mjs';
import { until } from '../harness.mjs';

/** A page whose vault may not come. */
async function openPage(profile, kube, query = '') {
  const page = await profile.newPage();
  await page.goto(`${kube.origin('halo')}/tests/vault.html${query}`);
  await until('a page with a tab in it', () => page.evaluate(() => window.vault !== undefined));
  return page;
}

const isIn = (page, state) => until(`the state ${state}`, async () => (await report(page)).state === state);

// A frozen page holds up nobody, leading or standing by; when it runs again it takes part again, and asks again what it had asked.
export async function frozen(t) {
  const kube = await t.startKube(), profile = await t.launchProfile();
  const first = await openVault(profile, kube);
  await makeIdentity(first, 'Ada');
  const space = await makeSpace(first), second = await openVault(profile, kube);
  await mark(first, space, 0);
  const tell = (event) => first.evaluate((name) => document.dispatchEvent(new Event(name)), event); // no browser freezes a page that is shown
  await tell('freeze');
  await mark(second, space, 1);
  assert.equal((await report(second)).leads, 1, 'the other leads');
  await tell('resume');
  await mark(first, space, 2);
  assert.deepEqual((await marksOf(first, space)).sort(), [0, 1, 2]);
  await second.close();
  await mark(first, space, 3);
  assert.equal((await report(first)).leads, 2, 'it stood by, and leads again');
}

// A page kept for going back lets go at once, also of its ports; shown again it takes part anew.
export async function goingBack(t) {
  const kube = await t.startKube(), profile = await t.launchProfile();
  const first = await openVault(profile, kube);
  await makeIdentity(first, 'Ada');
  const space = await makeSpace(first), second = await openVault(profile, kube);
  await first.evaluate(() => dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true })));
  await mark(second, space, 0);
  assert.equal((await report(second)).leads, 1);
  await first.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
  await mark(first, space, 1);
  // And in earnest: away and back, whether the browser has kept the page or loads it again.
  await second.goto('about:blank');
  await mark(first, space, 2);
  await second.goBack();
  await until('a vault that answers', () => second.evaluate(() => window.vault?.report.readyMs > 0));
  assert.deepEqual((await marksOf(second, space)).sort(), [0, 1, 2]);
}

// Without SharedWorker the page that was opened or come back to last has the vault; the others say so, and one of them has it when that page is closed.
export async function alone(t) {
  const kube = await t.startKube(), profile = await t.launchProfile(), first = await openPage(profile, kube, '?alone');
  await isIn(first, 'ready');
  await makeIdentity(first, 'Ada');
  const second = await openPage(profile, kube, '?alone');
  await isIn(second, 'ready');
  await isIn(first, 'failed');
  const { failure, message } = await report(first);
  assert.equal(failure, 'unsupported');
  assert.match(message, /one page at a time/);
  assert.equal((await done(second, { do: 'halo.identity' })).name, 'Ada');
  await first.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await isIn(first, 'ready');
  await isIn(second, 'failed');
  assert.equal((await done(first, { do: 'halo.identity' })).name, 'Ada');
  await first.close();
  await isIn(second, 'ready');
  assert.equal((await done(second, { do: 'halo.identity' })).name, 'Ada');
}

// A page that is older than what it would work with says so, leads no more, and keeps nobody from it.
export async function outdated(t) {
  const kube = await t.startKube(), profile = await t.launchProfile();
  const old = await openPage(profile, kube, '?older');
  await isIn(old, 'failed');
  assert.equal((await report(old)).failure, 'outdated');
  const page = await openVault(profile, kube);
  await makeIdentity(page, 'Ada');
  await isIn(old, 'ready');
  assert.equal((await ask(old, { do: 'halo.identity' })).name, 'Ada', 'the old page is served by the new one\'s worker');
  await page.close();
  await openVault(profile, kube);
}

// What cannot be loaded is told, and tried again by itself.
export async function notLoaded(t) {
  const kube = await t.startKube(), profile = await t.launchProfile();
  t.expectError(/net::ERR_FAILED/);
  for (const file of ['**/leader_worker*', '**/*.wasm', '**/broker*']) {
    await profile.context.route(file, (route) => route.abort());
    const page = await openPage(profile, kube);
    await isIn(page, 'failed');
    const { failure, message } = await report(page);
    assert.equal(failure, 'other', file);
    assert.ok(message, file);
    await profile.context.unroute(file);
    await isIn(page, 'ready');
    await page.close();
  }
}

// A worker that this page cannot reach has the vault, as one of another build: the page says so, and has the vault when that worker is gone.
export async function unreachable(t) {
  const kube = await t.startKube(), profile = await t.launchProfile(), other = await openAside(t, profile, kube);
  await other.evaluate(() => new Promise((held) => {
    navigator.locks.request('vault-leader', () => new Promise(() => held()));
  }));
  const page = await openPage(profile, kube);
  await isIn(page, 'failed');
  const { failure, message } = await report(page);
  assert.equal(failure, 'outdated');
  assert.match(message, /another version/);
  await other.close();
  await isIn(page, 'ready');
}

/** A page of the vault's origin without a tab in it. */
async function openAside(t, profile, kube) {
  const page = await profile.newPage();
  t.expectError(/favicon\.ico/);
  await page.goto(`${kube.origin('halo')}/.well-known/dx/config`);
  return page;
}

/** Digests of the vault's files, or of those below a folder beside them, by name; nobody may have them open. */
const filesOf = (page, folder) => page.evaluate(async (below) => {
  let at = await (await navigator.storage.getDirectory()).getDirectoryHandle('dx');
  if (below) at = await at.getDirectoryHandle(below);
  const found = {};
  for await (const [name, entry] of at.entries()) {
    if (entry.kind !== 'file') continue;
    const bytes = await (await entry.getFile()).arrayBuffer();
    if (bytes.byteLength > 0) found[name] = [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))].join();
  }
  return found;
}, folder);

const loseKey = (page) => page.evaluate(() => new Promise((resolve, reject) => {
  const request = indexedDB.deleteDatabase('dx-keys');
  request.onsuccess = () => resolve();
  request.onerror = () => reject(request.error);
}));

// The browser loses the page key while tabs are open: who leads next has it from the broker, and keeps it again.
export async function keyMended(t) {
  const kube = await t.startKube(), profile = await t.launchProfile();
  const first = await openVault(profile, kube);
  await makeIdentity(first, 'Ada');
  const second = await openVault(profile, kube), aside = await openAside(t, profile, kube);
  await loseKey(aside);
  await first.close();
  assert.equal((await done(second, { do: 'halo.identity' })).name, 'Ada');
  await until('a key kept again', () => aside.evaluate(async () => (await indexedDB.databases()).some(({ name }) => name === 'dx-keys')));
  await second.waitForTimeout(200); // the row is written right behind
  await second.close();
  assert.equal((await done(await openVault(profile, kube), { do: 'halo.identity' })).name, 'Ada');
}

// The page key is gone: the vault is said to be unreadable, in every tab, and stays as it is until the person begins anew; then it is set aside whole.
export async function beginAnew(t) {
  const kube = await t.startKube(), profile = await t.launchProfile();
  let page = await openVault(profile, kube);
  await makeIdentity(page, 'Ada');
  await makeSpace(page);
  await assert.rejects(page.evaluate(() => window.vault.beginAnew()), /not damaged/);
  await page.close();
  const aside = await openAside(t, profile, kube);
  await loseKey(aside);
  const before = await filesOf(aside);
  assert.ok(before['vault.db']);

  page = await openPage(profile, kube);
  const other = await openPage(profile, kube);
  for (const each of [page, other]) {
    await isIn(each, 'failed');
    const { failure, message } = await report(each);
    assert.equal(failure, 'unreadable');
    assert.match(message, /its key is not/);
  }
  await page.waitForTimeout(300); // some more tries
  assert.deepEqual(await page.evaluate(() => window.vault.listSetAside()), [], 'nothing is set aside unasked');

  await page.evaluate(() => window.vault.beginAnew());
  for (const each of [page, other]) await isIn(each, 'ready');
  assert.equal((await ask(page, { do: 'halo.identity' })).error?.name, 'E_NO_IDENTITY');
  await makeIdentity(page, 'Ada again');
  await assert.rejects(other.evaluate(() => window.vault.beginAnew()), /not damaged/);
  const [{ name, size }, ...more] = await page.evaluate(() => window.vault.listSetAside());
  assert.deepEqual(more, []);
  assert.ok(size > 0);
  assert.deepEqual(await filesOf(aside, name), before, 'it is kept whole');
  await profile.close();
  await profile.open();
  page = await openVault(profile, kube);
  assert.equal((await ask(page, { do: 'halo.identity' })).name, 'Ada again');
  assert.equal((await page.evaluate(() => window.vault.listSetAside())).length, 1);
}

// The vault's first page is damaged: the same, and its key is kept with it.
export async function damaged(t) {
  const kube = await t.startKube(), profile = await t.launchProfile();
  let page = await openVault(profile, kube);
  await makeIdentity(page, 'Ada');
  await page.close();
  const aside = await openAside(t, profile, kube);
  await aside.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('dx'), file = await folder.getFileHandle('vault.db');
    const writable = await file.createWritable({ keepExistingData: true });
    await writable.write({ type: 'write', position: 200, data: new Uint8Array(16) });
    await writable.close();
    await folder.removeEntry('vault.db-wal'); // of which the page could be had again
  });
  page = await openPage(profile, kube);
  await isIn(page, 'failed');
  assert.equal((await report(page)).failure, 'unreadable');
  await page.evaluate(() => window.vault.beginAnew());
  await isIn(page, 'ready');
  const [{ name }] = await page.evaluate(() => window.vault.listSetAside());
  const kept = await aside.evaluate((row) => new Promise((resolve, reject) => {
    const opened = indexedDB.open('dx-keys', 1);
    opened.onerror = () => reject(opened.error);
    opened.onsuccess = () => {
      const found = opened.result.transaction('rows').objectStore('rows').getAllKeys();
      found.onsuccess = () => resolve(found.result.includes(row));
    };
  }), name);
  assert.equal(kept, true);
  await makeIdentity(page, 'Ada again');
}

// What the browser keeps, and whether it may throw it away.
export async function persistence(t) {
  const kube = await t.startKube(), profile = await t.launchProfile(), page = await openVault(profile, kube);
  await makeIdentity(page, 'Ada');
  const { persisted, usage, quota } = await page.evaluate(() => window.vault.storageStatus());
  assert.equal(persisted, false, 'a browser that was not asked');
  assert.ok(usage > 0 && quota > usage);
  assert.equal(typeof await page.evaluate(() => window.vault.askToPersist()), 'boolean');
  const session = await profile.context.newCDPSession(page);
  await session.send('Browser.grantPermissions', { origin: kube.origin('halo'), permissions: ['durableStorage'] });
  assert.equal(await page.evaluate(() => window.vault.askToPersist()), true);
  assert.equal((await page.evaluate(() => window.vault.storageStatus())).persisted, true);
  assert.equal((await rows(page, { do: 'space.list' })).length, 0);
}

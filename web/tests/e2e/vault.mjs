// tests/e2e/vault.mjs: the vault page as people use it: by its words, its fields and its keys, in every size and both colour schemes.
import assert from 'node:assert/strict';
import { appendFileSync, cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ask, openVault as openBare, rows } from '../bare_vault.mjs';
import { until } from '../harness.mjs';

const SIZES = { desk: { width: 1280, height: 900 }, popup: { width: 480, height: 720 }, phone: { width: 320, height: 640 } };
const WAIT_MS = 15_000;
const BUILT = fileURLToPath(new URL('../../../build/web/halo', import.meta.url));

/** Pictures, axe and width in each size. */
async function looks(t, page, name, sizes = ['desk', 'phone']) {
  for (const size of sizes) {
    await page.setViewportSize(SIZES[size]);
    await t.look(page, `vault-${name}-${size}`);
  }
  await page.setViewportSize(SIZES.desk);
}

const named = (page, role, name, options = {}) => page.getByRole(role, { name, ...options });
const press = (page, name) => named(page, 'button', name, { exact: true }).click({ timeout: WAIT_MS });
const headed = (page, name) => named(page, 'heading', name, { level: 1 }).waitFor({ timeout: WAIT_MS });
const shows = (page, text) => page.getByText(text).first().waitFor({ timeout: WAIT_MS });

async function openVault(profile, kube, at = '') {
  const page = await profile.newPage();
  page.setDefaultTimeout(WAIT_MS);
  await page.setViewportSize(SIZES.desk);
  await page.goto(`${kube.origin('halo')}/${at}`);
  return page;
}

/** A person with an identity, at home. */
async function person(t, kube, name, options = {}) {
  const profile = await t.launchProfile(options), page = await openVault(profile, kube);
  await page.getByLabel('Your name').fill(name);
  await press(page, 'Create identity');
  await headed(page, name);
  return { profile, page };
}

async function makeSpace(page, name) {
  await press(page, 'New space');
  await page.getByLabel('Name', { exact: true }).fill(name);
  await press(page, 'Create');
  await headed(page, name);
}

const goHome = (page) => named(page, 'navigation', 'Vault').getByRole('link', { name: 'Home' }).click();

// The first visit by keyboard alone; what is there afterwards, and after a reload.
export async function vault(t) {
  const kube = await t.startKube(), profile = await t.launchProfile(), page = await openVault(profile, kube);
  await headed(page, 'Create your identity');
  assert.equal(await page.title(), 'Create your identity · Vault');
  assert.match(await page.getByLabel('Name of this device').inputValue(), /^Chromium on Linux$/);
  await looks(t, page, 'welcome', ['desk', 'popup', 'phone']);
  await page.getByLabel('Your name').focus();
  await page.keyboard.press('Enter');
  await shows(page, 'A name is needed.');
  await page.keyboard.type('Ada Lovelace');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await headed(page, 'Ada Lovelace');
  await until('the device under its name', () => page.getByText('Chromium on Linux', { exact: true }).isVisible());
  await until('the heading has the focus', () => page.evaluate(() => document.activeElement?.tagName === 'H1'));
  await shows(page, 'may clear your vault'); // headless browsers promise nothing
  await looks(t, page, 'home-empty', ['desk', 'popup', 'phone']);

  await makeSpace(page, 'Household');
  assert.equal(await page.title(), 'Household · Vault');
  await looks(t, page, 'space-alone');
  await press(page, 'Rename space');
  await page.getByLabel('Name', { exact: true }).fill('The household');
  await t.look(page, 'vault-dialog');
  await page.keyboard.press('Enter');
  await headed(page, 'The household');
  await page.goBack();
  await headed(page, 'Ada Lovelace');
  await makeSpace(page, 'Garden');
  await goHome(page);
  await shows(page, '1 member · 0 objects');
  await looks(t, page, 'home', ['desk', 'popup', 'phone']);
  await press(page, 'Rename yourself');
  await page.getByLabel('Your name').fill('Ada');
  await press(page, 'Save');
  await headed(page, 'Ada');
  await page.getByRole('button', { name: /^Rename Chromium/ }).click();
  await page.getByLabel('Name of the device').fill('Desk');
  await press(page, 'Save');
  await page.getByText('Desk', { exact: true }).waitFor();

  await named(page, 'navigation', 'Vault').getByRole('link', { name: 'Connection' }).click();
  await headed(page, 'Connection');
  await shows(page, 'New peers can find you');
  await looks(t, page, 'connection');
  const service = page.getByLabel('Add a signaling service');
  await service.fill('https://example.org/');
  await press(page, 'Add');
  await shows(page, 'That is no address of a signaling service');
  t.expectError(/WebSocket connection to 'ws:\/\/localhost:9\//);
  await service.fill('ws://localhost:9/.well-known/dx/signal');
  await press(page, 'Add');
  await shows(page, 'added by you');
  await press(page, 'Remove localhost:9');
  await press(page, 'Remove');
  await until('it is gone', async () => await page.getByText('added by you').count() === 0);
  await page.reload();
  await headed(page, 'Connection');
  await goHome(page);
  await headed(page, 'Ada');

  await named(page, 'link', /^Garden/).click();
  await headed(page, 'Garden');
  await press(page, 'Leave this space');
  await shows(page, 'You are its only member');
  await page.keyboard.press('Escape');
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Leave this space', 'the focus is where it was');
  await press(page, 'Leave this space');
  await press(page, 'Leave');
  await headed(page, 'Ada');
  await until('it is gone', async () => await named(page, 'link', /^Garden/).count() === 0);
}

// Nothing moves after it was shown: what a view needs is there before it comes.
export async function vault_still(t) {
  const kube = await t.startKube(), { profile, page } = await person(t, kube, 'Ada');
  for (const name of ['Household', 'Garden']) {
    await makeSpace(page, name);
    await goHome(page);
  }
  const space = await named(page, 'link', /^Garden/).getAttribute('href');
  await profile.context.addInitScript(() => {
    window.shifts = [];
    new PerformanceObserver((list) => {
      for (const { value, hadRecentInput, sources } of list.getEntries()) if (!hadRecentInput) window.shifts.push([value, ...sources.map(({ node }) => node?.className ?? '')]);
    }).observe({ type: 'layout-shift', buffered: true });
  });
  let most = 0;
  for (const at of ['#/', '#/apps', '#/connection', '#/join', '#/ask', space, `${space}/share`]) {
    await page.goto(`${kube.origin('halo')}/${at}`);
    await page.reload();
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForTimeout(2500); // once more than it is asked for what changes
    const shifts = await page.evaluate(() => window.shifts), sum = shifts.reduce((all, [value]) => all + value, 0);
    assert.ok(sum <= 0.02, `${at}: ${JSON.stringify(shifts)}`);
    most = Math.max(most, sum);
  }
  await page.evaluate(() => { document.querySelector('main').style.marginTop = '200px'; });
  await until('what does move is seen', () => page.evaluate(() => window.shifts.length > 0));
  t.figure('vault page, layout shift, the most of seven views', most, '', { atMost: 0.02 });
}

// Another build waits: a person is told, and takes it; all goes on.
export async function vault_update(t) {
  const folder = t.makeFolder('sites'), site = join(folder, 'halo');
  cpSync(BUILT, site, { recursive: true });
  const kube = await t.startKube({ sites: folder }), { page } = await person(t, kube, 'Ada');
  await page.reload();
  await until('a page that is kept', () => page.evaluate(() => navigator.serviceWorker.controller !== null));
  for (const ending of ['.br', '.gz']) rmSync(join(site, `sw.js${ending}`), { force: true });
  appendFileSync(join(site, 'sw.js'), '// another one');
  await kube.reload();
  await page.evaluate(async () => { await (await navigator.serviceWorker.getRegistration()).update(); });
  await shows(page, 'A newer version of this page is ready.');
  await looks(t, page, 'newer');
  await page.evaluate(() => { window.before = true; });
  await press(page, 'Use it now');
  await until('the page loads itself anew', () => page.evaluate(() => window.before === undefined).catch(() => false));
  await headed(page, 'Ada');
  assert.equal(await page.getByText('A newer version').count(), 0);
}

// Two people: one invites, the other comes with the link, mistypes the PIN once, and is in.
export async function vault_join(t) {
  const kube = await t.startKube();
  const { profile: adas, page: ada } = await person(t, kube, 'Ada');
  await makeSpace(ada, 'Household');
  await shows(ada, 'Online');
  await named(ada, 'link', 'Invite').click();
  await headed(ada, 'Invite to Household');
  await looks(t, ada, 'share-terms');
  await press(ada, 'Make an invitation');
  const link = ada.getByLabel('Send this link');
  await link.waitFor();
  const url = await link.inputValue(), pin = (await ada.locator('.pin .unseen').textContent()).replace(/ /g, '');
  assert.match(url, new RegExp(`^${kube.origin('halo')}/#join=[\\w-]+$`));
  assert.match(pin, /^[0-9]{6}$/);
  await shows(ada, 'Waiting for a guest');
  await adas.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await press(ada, 'Copy the invitation link');
  await ada.getByText('Copied', { exact: true }).waitFor();
  assert.equal(await ada.evaluate(() => navigator.clipboard.readText()), url);
  await looks(t, ada, 'share', ['desk', 'popup', 'phone']);

  // The guest has no vault yet: the link leads there by way of an identity.
  const profile = await t.launchProfile(), bob = await openVault(profile, kube, url.slice(url.indexOf('#')));
  await shows(bob, 'You are invited to a space');
  await bob.getByLabel('Your name').fill('Bob');
  await press(bob, 'Create identity');
  await headed(bob, 'You are invited');
  assert.equal(await bob.getByLabel('Invitation link').inputValue(), `dxos://join#${url.split('#join=')[1]}`);
  await looks(t, bob, 'join');
  await press(bob, 'Join');
  const field = bob.getByLabel('PIN');
  await field.waitFor();
  await until('the field has the focus', () => field.evaluate((input) => document.activeElement === input));
  assert.deepEqual(await field.evaluate((input) => [input.inputMode, input.autocomplete, input.maxLength]), ['numeric', 'one-time-code', 6]);
  await shows(ada, 'The guest is typing the PIN');
  await looks(t, bob, 'join-pin', ['desk', 'popup', 'phone']);
  await bob.keyboard.type(String((Number(pin) + 1) % 1_000_000).padStart(6, '0'));
  await shows(bob, 'That PIN was wrong.');
  await shows(bob, '2 attempts left');
  await bob.keyboard.type(pin);
  await headed(bob, 'Household');
  await shows(ada, 'Your guest has joined');
  await t.look(ada, 'vault-share-done');
  await bob.getByText('Ada', { exact: true }).waitFor();
  await named(ada, 'link', 'Household').click();
  await shows(ada, 'In step with 1 peer');
  await ada.getByText('Bob', { exact: true }).waitFor();
  await looks(t, ada, 'space');
  await looks(t, bob, 'space-guest');
  await bob.goBack();
  await until('back does not lead to the used link', async () => !(await bob.url()).includes('#join='));

  // Cancelled, it is told by name to who comes with it; so is a link that is none.
  await named(ada, 'link', 'Invite').click();
  await press(ada, 'Make another');
  await press(ada, 'Make an invitation');
  await link.waitFor();
  const second = await link.inputValue();
  await press(ada, 'Cancel the invitation');
  await shows(ada, 'Cancelled: the link opens nothing any more.');
  await bob.goto(`${kube.origin('halo')}/#/join`);
  await headed(bob, 'Join a space');
  await bob.getByLabel('Invitation link').fill('https://example.org/');
  await press(bob, 'Join');
  await shows(bob, 'That is not an invitation link.');
  await bob.getByLabel('Invitation link').fill(second);
  await press(bob, 'Join');
  await shows(bob, 'The host withdrew the invitation.');
  await looks(t, bob, 'join-ended');
  // What is open outlives the page that made it, and is called off where it stands.
  await press(ada, 'Make another');
  await press(ada, 'Make an invitation');
  await link.waitFor();
  const third = await link.inputValue();
  await ada.reload();
  await headed(ada, 'Invite to Household');
  await shows(ada, 'For a guest as Editor');
  await looks(t, ada, 'share-open');
  await named(ada, 'link', 'Household').click();
  await headed(ada, 'Household');
  await ada.getByText(/Waiting for a guest to open the link · runs out in 2[34] hours/).waitFor();
  await looks(t, ada, 'space-open');
  await press(ada, 'Cancel the invitation of a guest as Editor');
  await until('it is listed no more', async () => !await ada.getByRole('heading', { name: 'Open invitations' }).isVisible());
  await press(bob, 'Use another link');
  await bob.getByLabel('Invitation link').fill(third);
  await press(bob, 'Join');
  await shows(bob, 'The host withdrew the invitation.');
  await press(bob, 'Use another link');
  assert.equal(await bob.getByLabel('Invitation link').inputValue(), '');
}

/** The app asks from its frame; the vault's page opens as its popup. */
async function askFrom(app, kube, want) {
  await until('a port for the app', () => app.evaluate(() => window.app?.program.ports > 0));
  await app.evaluate((scopes) => {
    window.reply = null;
    void window.app.ask({ do: 'app.ask', name: 'Tasks <b>', want: scopes }).then((reply) => { window.reply = reply; });
  }, want);
  const [popup] = await Promise.all([app.waitForEvent('popup'), app.evaluate((url) => { // and says who it is, as the client does
    const opened = window.open(url, 'dx-vault', 'popup,width=480,height=720');
    addEventListener('message', ({ data, source, origin }) => {
      if (source !== opened || data?.type !== 'listening') return;
      for (const type of ['hello', 'bye']) opened.postMessage({ dx: 1, type, client: 'popup' }, origin);
    });
  }, `${kube.origin('halo')}/`)]);
  popup.setDefaultTimeout(WAIT_MS);
  return popup;
}

// An app of this kube asks: refused, then allowed in one space, by a popup that goes when it is decided; then looked at and taken back.
export async function vault_apps(t) {
  const kube = await t.startKube(), { profile, page } = await person(t, kube, 'Ada'), origin = kube.origin('todo');
  await makeSpace(page, 'Household');
  await goHome(page);
  await makeSpace(page, 'Garden');
  const app = await profile.newPage();
  await app.goto(`${origin}/tests/app.html?vault=${encodeURIComponent(kube.origin('halo'))}`);

  let popup = await askFrom(app, kube, ['identity', 'create', 'join', 'all:write']);
  await headed(popup, origin);
  await popup.getByText('all members of a space it joins are told your name and your public key').waitFor();
  await popup.getByText('as if you did it yourself').waitFor();
  await popup.getByText('It calls itself “Tasks <b>”.').waitFor();
  const allow = named(popup, 'button', 'Allow');
  assert.equal(await popup.evaluate(() => window.opener !== null), true);
  await until('it may be pressed', () => allow.isEnabled());
  await looks(t, popup, 'ask', ['popup', 'desk', 'phone']);
  await Promise.all([popup.waitForEvent('close'), press(popup, 'Not now')]);
  assert.equal((await until('the answer', () => app.evaluate(() => window.reply))).error.name, 'E_DENIED');

  // Another origin is not asked to wait a minute after that.
  const other = await profile.newPage();
  await other.goto(`${kube.origin('notes')}/tests/app.html?vault=${encodeURIComponent(kube.origin('halo'))}`);
  popup = await askFrom(other, kube, ['identity', 'all:write']);
  await headed(popup, kube.origin('notes'));
  await popup.getByLabel('Only these').check();
  assert.equal(await named(popup, 'button', 'Allow').isEnabled() && await popup.getByText('Nothing is chosen').isVisible(), false);
  await named(popup, 'checkbox', 'Household').check();
  await popup.getByLabel('What it may in Household').selectOption('read');
  await t.look(popup, 'vault-ask-some');
  await until('it may be pressed', () => named(popup, 'button', 'Allow').isEnabled());
  await Promise.all([popup.waitForEvent('close'), press(popup, 'Allow')]);
  const { scopes, spaces } = await until('the grant', () => other.evaluate(() => window.reply));
  assert.deepEqual([scopes, Object.values(spaces)], [['identity'], ['read']]);
  assert.equal((await other.evaluate((of) => window.app.ask({ do: 'object.add', space: of }), Object.keys(spaces)[0])).error.name, 'E_DENIED');

  await page.bringToFront();
  await named(page, 'navigation', 'Vault').getByRole('link', { name: /^Apps/ }).click();
  await headed(page, 'Apps');
  await looks(t, page, 'apps');
  await named(page, 'link', new RegExp(`^${kube.origin('notes')}`)).click();
  await shows(page, 'read in Household');
  await shows(page, '1 request of it was refused');
  await looks(t, page, 'app');
  await named(page, 'link', 'Change').click();
  await named(page, 'checkbox', /^See who you are/).uncheck();
  await page.getByLabel('What it may in Household').selectOption('write');
  await until('it may be pressed', () => named(page, 'button', 'Save').isEnabled());
  await press(page, 'Save');
  await shows(page, 'read and write in Household');
  assert.equal(await page.getByText('see your name').count(), 0);
  assert.ok((await other.evaluate((of) => window.app.ask({ do: 'object.add', space: of }), Object.keys(spaces)[0])).id, 'the app has the new right at once');
  await press(page, 'Take everything back');
  await press(page, 'Take back');
  await headed(page, 'Apps');
  assert.equal((await other.evaluate(() => window.app.ask({ do: 'space.list' }))).error.name, 'E_DENIED');
}

// Allow cannot be pressed by a click that was meant for something else: not before half a second of being seen, and not without the focus.
export async function vault_consent(t) {
  const kube = await t.startKube(), { profile, page } = await person(t, kube, 'Ada');
  const app = await profile.newPage();
  await app.goto(`${kube.origin('todo')}/tests/app.html?vault=${encodeURIComponent(kube.origin('halo'))}`);
  await page.addInitScript(() => {
    window.enabledAfter = null;
    let seen = 0;
    const look = () => {
      const button = [...document.querySelectorAll('button')].find(({ textContent }) => textContent === 'Allow');
      if (button && seen === 0) seen = performance.now();
      if (button && !button.disabled) window.enabledAfter ??= performance.now() - seen;
      requestAnimationFrame(look);
    };
    look();
  });
  await until('a port for the app', () => app.evaluate(() => window.app?.program.ports > 0));
  await app.evaluate(() => void window.app.ask({ do: 'app.ask', name: 'Todo', want: ['identity'] }));
  await page.bringToFront();
  await page.goto(`${kube.origin('halo')}/#/ask`);
  await page.reload();
  await headed(page, kube.origin('todo'));
  const after = await until('it may be pressed', () => page.evaluate(() => window.enabledAfter));
  assert.ok(after >= 400, `after ${after} ms`); // it was there a little before it was seen
  const allow = named(page, 'button', 'Allow');
  await page.evaluate(() => window.dispatchEvent(new Event('blur'))); // still focused: it goes on
  assert.equal(await allow.isEnabled(), true);
  await page.evaluate(() => {
    document.hasFocus = () => false;
    window.dispatchEvent(new Event('blur'));
  });
  assert.equal(await allow.isDisabled(), true, 'without the focus');
  await page.evaluate(() => {
    delete document.hasFocus;
    window.dispatchEvent(new Event('focus'));
  });
  assert.equal(await allow.isDisabled(), true, 'it waits again');
  await until('it may be pressed', () => allow.isEnabled());
  await app.evaluate(() => void window.app.ask({ do: 'app.ask', name: 'Todo', want: ['all:share'] }));
  await shows(page, 'In which spaces');
  assert.equal(await allow.isDisabled(), true, 'what is asked has changed');
}

// In a frame the page shows nothing, whoever frames it, and makes nothing where the browser keeps the vault's storage away; a popup serves that app.
export async function vault_frame(t) {
  const certificate = await t.makeCertificate('kube.test', 'other.test');
  const elsewhere = await t.startKube({ name: 'other.test', certificate }), origin = elsewhere.origin('todo');
  const kube = await t.startKube({ name: 'kube.test', certificate, allow: [origin] });
  const { profile, page } = await person(t, kube, 'Ada', { args: certificate.args });
  const embed = async (site) => {
    const app = await profile.newPage();
    await app.goto(`${site}/tests/app.html?vault=${encodeURIComponent(kube.origin('halo'))}`);
    await app.evaluate((url) => {
      const frame = document.createElement('iframe');
      frame.id = 'seen';
      frame.src = url;
      document.body.append(frame);
    }, `${kube.origin('halo')}/`);
    return app;
  };
  const near = await embed(kube.origin('todo')), far = await embed(origin);
  const body = (app) => app.frameLocator('#seen').locator('body');
  await until('the frame of another site says where the vault is', async () => /Open the vault itself/.test(await body(far).innerText()));
  assert.equal(await body(far).locator('input, button, form').count(), 0);
  await near.waitForTimeout(1000);
  assert.equal((await body(near).innerText()).trim(), '');

  const [popup] = await Promise.all([far.waitForEvent('popup'), far.evaluate((url) => {
    const opened = window.open(url, 'dx-vault', 'popup,width=480,height=720'), vaultOrigin = new URL(url).origin;
    let heard = false;
    addEventListener('message', ({ data, source, ports: [port] }) => {
      heard ||= source === opened;
      if (source === opened && port) {
        window.app.program.take(port);
        if (!window.reply) window.app.ask({ do: 'app.ask', name: 'Far', want: ['identity'] }).then((reply) => { window.reply = reply; });
      }
    });
    const timer = setInterval(() => heard ? clearInterval(timer) : opened.postMessage({ dx: 1, type: 'hello', client: 'far' }, vaultOrigin), 20);
  }, `${kube.origin('halo')}/`)]);
  await headed(popup, origin);
  await until('it may be pressed', () => named(popup, 'button', 'Allow').isEnabled());
  await press(popup, 'Allow');
  await headed(popup, 'Allowed. Keep this window open');
  await looks(t, popup, 'ask-stay', ['popup']);
  assert.equal((await until('the grant', () => far.evaluate(() => window.reply))).origin, origin);
  assert.equal((await far.evaluate(() => window.app.ask({ do: 'halo.identity' }))).name, 'Ada');
  await page.bringToFront();
}

// With its kube stopped the page loads and works, and says calmly what does not.
export async function vault_offline(t) {
  const kube = await t.startKube(), { page } = await person(t, kube, 'Ada');
  await makeSpace(page, 'Household');
  await goHome(page);
  await shows(page, 'Online');
  await until('a service worker', () => page.evaluate(() => navigator.serviceWorker.ready.then(() => true)));
  await kube.stop();
  await page.reload();
  await headed(page, 'Ada');
  await makeSpace(page, 'Made alone');
  await goHome(page);
  await shows(page, 'No way to meet new peers now');
  await shows(page, 'On its own');
  await looks(t, page, 'offline');
}

// A vault without room can be read; one whose key is gone is told as that, and nothing is made in its place unless a person says so.
export async function vault_trouble(t) {
  const kube = await t.startKube(), { profile, page } = await person(t, kube, 'Ada');
  await makeSpace(page, 'Household');
  const bare = await openBare(profile, kube), [{ space }] = await rows(bare, { do: 'space.list' });
  const session = await profile.context.newCDPSession(page), site = kube.origin('halo');
  const { usage } = await session.send('Storage.getUsageAndQuota', { origin: site });
  await session.send('Storage.overrideQuotaForOrigin', { origin: site, quotaSize: usage + 200_000 });
  for (let refused = null; !refused;) refused = (await ask(bare, { do: 'object.add', space, data: { pad: 'x'.repeat(50_000) } })).error;
  await bare.close();
  await page.bringToFront();
  const rename = async (name) => {
    await press(page, 'Rename space');
    await page.getByLabel('Name', { exact: true }).fill(name);
    await press(page, 'Save');
  };
  for (let tries = 0; tries < 100 && await page.getByText('There is no room left').count() === 0; tries++) { // what was left takes a name or two
    if (!await page.getByRole('dialog').isVisible()) await rename(`Household ${tries}`);
    await page.waitForTimeout(100);
  }
  await t.look(page, 'vault-full-dialog');
  await page.keyboard.press('Escape');
  await shows(page, 'Storage is full: your vault can be read');
  await looks(t, page, 'full');
  await session.send('Storage.overrideQuotaForOrigin', { origin: site });
  await rename('There is room');
  await until('a name for which there is room again', async () => {
    if (await page.getByRole('dialog').isVisible()) await press(page, 'Save').catch(() => undefined); // it went meanwhile
    return !await page.getByRole('dialog').isVisible();
  });
  await headed(page, 'There is room');
  await until('nothing is said of it any more', async () => await page.getByText('Storage is full').count() === 0);
  await profile.close();

  await profile.open();
  const still = await profile.newPage();
  t.expectError(/favicon/); // a page that names none
  await still.goto(`${site}/healthz`); // of the origin, and no vault
  await still.evaluate(() => new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase('dx-keys');
    request.onsuccess = resolve;
    request.onerror = request.onblocked = reject;
  }));
  await still.close();
  const again = await openVault(profile, kube);
  await headed(again, 'This vault cannot be read');
  await shows(again, 'its key is not');
  await looks(t, again, 'unreadable');
  assert.equal(await again.getByLabel('Your name').count(), 0, 'no second identity');
  await press(again, 'Begin with an empty vault');
  await press(again, 'Begin anew');
  await headed(again, 'Create your identity');
}

// A script in every text that comes from people, apps and links is shown as what it is.
export async function vault_script(t) {
  const kube = await t.startKube(), script = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>';
  const { profile, page } = await person(t, kube, script);
  await makeSpace(page, script);
  const { page: guest } = await person(t, kube, `Bob ${script}`);
  await named(page, 'link', 'Invite').click();
  await press(page, 'Make an invitation');
  const url = await page.getByLabel('Send this link').inputValue(), pin = (await page.locator('.pin .unseen').textContent()).replace(/ /g, '');
  await guest.goto(url);
  await press(guest, 'Join');
  await guest.getByLabel('PIN').fill(pin);
  await headed(guest, script);
  const app = await profile.newPage();
  await app.goto(`${kube.origin('todo')}/tests/app.html?vault=${encodeURIComponent(kube.origin('halo'))}`);
  const popup = await askFrom(app, kube, ['identity']);
  await headed(popup, kube.origin('todo'));
  for (const at of ['#/', '#/apps', '#/connection', `#/app/${encodeURIComponent(script)}`, `#/ask/${encodeURIComponent(script)}`, `#join=${encodeURIComponent(script)}`, `#/${script}`]) {
    await page.goto(`${kube.origin('halo')}/${at}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
  }
  for (const each of [page, guest, popup]) {
    assert.equal(await each.evaluate(() => window.hit), undefined);
    assert.equal(await each.evaluate(() => document.querySelectorAll('img, script:not([src])').length), 0);
  }
}

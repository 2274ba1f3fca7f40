// tests/e2e/journey.mjs: the whole way of issue 3, as people go it: a vault, an app, a list; a native device and a second browser come by link and PIN; all
// go on without their kube; a tab is killed. Every text that a person, a device or an app brings along holds a script, which nobody runs.
import assert from 'node:assert/strict';
import { digest, openVault } from '../bare_vault.mjs';
import { crashRenderer, median, percentile, until } from '../harness.mjs';

const SCRIPT = '<img src=x onerror=window.hit=1><script>window.hit=1</script>', CLAIM = '<script>window.hit=1</script>';
const ADA = `Ada ${SCRIPT}`, BOB = `Bob ${SCRIPT}`, NORA = `Nora ${SCRIPT}`, SPACE = `House ${SCRIPT}`, LIST = `Shopping ${SCRIPT}`, TASK = `Bread ${SCRIPT}`;
const WAIT_MS = 15_000, TICKS = 50;

const named = (page, role, name, options = {}) => page.getByRole(role, { name, exact: true, ...options });
const press = (page, name) => named(page, 'button', name).click();
const headed = (page, name) => page.getByRole('heading', { name, level: 1 }).waitFor();

/** A browser whose pages note what their content policy refused, and when their first heading holds the word. */
async function device(t, word, options = {}) {
  const profile = await t.launchProfile(options);
  profile.context.setDefaultTimeout(WAIT_MS);
  await profile.context.addInitScript((wanted) => {
    window.refused = [];
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => window.refused.push(`${violatedDirective} ${blockedURI}`));
    new MutationObserver((_, observer) => {
      if (!document.querySelector('h1')?.textContent.includes(wanted)) return;
      window.readyAtMs = performance.now();
      observer.disconnect();
    }).observe(document, { childList: true, subtree: true, characterData: true });
  }, word);
  return profile;
}

/** No script of a text ran, and none had to be refused: texts became nothing but texts. */
async function expectInert(pages) {
  for (const frame of pages.flatMap((page) => page.frames())) {
    if (frame.url() === 'about:blank') continue;
    assert.deepEqual(await frame.evaluate(() => [window.hit, window.refused, document.querySelectorAll('script:not([src]), img[src=x]').length]), [undefined, [], 0], frame.url());
  }
}

async function makeIdentity(page, name, deviceName) {
  await headed(page, 'Create your identity');
  await page.getByLabel('Your name').fill(name);
  await page.getByLabel('Name of this device').fill(deviceName);
  await press(page, 'Create identity');
}

/** The app asks for its grant; the vault's page is its popup, where who has no identity yet makes one first. */
async function connect(app, origin, { name } = {}) {
  const [popup] = await Promise.all([app.waitForEvent('popup'), press(app, 'Connect to your vault')]);
  if (name) await makeIdentity(popup, name, `Phone ${SCRIPT}`);
  await headed(popup, origin);
  const allow = named(popup, 'button', 'Allow');
  await until('it may be pressed', () => allow.isEnabled());
  await expectInert([popup]);
  await Promise.all([popup.waitForEvent('close'), allow.click()]);
}

/** A link and a PIN from the app's window about its people. */
async function invite(app, button) {
  await press(app, button);
  const url = await until('a link', () => app.getByLabel('Send this link').inputValue());
  return { url, pin: await app.locator('output.pin').textContent() };
}

async function enter(page, label, text) {
  await page.getByLabel(label, { exact: true }).fill(text);
  await page.keyboard.press('Enter');
}

const box = (app, title) => named(app, 'checkbox', `${title}: done`);
const showsTask = (app, title) => box(app, title).waitFor();
const tasksOf = async (agent, space) => (await agent.dx('object', 'ls', space, '--type', 'task')).map((row) => row.data.title);
const agentHas = (agent, space, title) => until('a task at the agent', async () => (await tasksOf(agent, space)).includes(title));

/** Milliseconds from a tick in one browser until the other shows it, each of many; both have this machine's clock. */
async function tickTimes(from, to, title) {
  const times = [];
  for (let count = 0; count < TICKS; count++) {
    const shown = to.evaluate(() => new Promise((resolve) => {
      new MutationObserver((_, observer) => {
        observer.disconnect();
        resolve(performance.timeOrigin + performance.now());
      }).observe(document.querySelector('progress'), { attributes: true });
    }));
    await to.evaluate(() => undefined); // what was asked before is done
    const at = await box(from, title).evaluate((input) => {
      const now = performance.timeOrigin + performance.now();
      input.click();
      return now;
    });
    times.push(await shown - at);
  }
  return times;
}

export async function journey(t) {
  const kube = await t.startKube(), origin = kube.origin('tasks');

  // A person opens their kube, which leads to the vault.
  const ada = await device(t, 'Ada'), vault = await ada.newPage();
  await vault.goto(`http://${kube.name}:${kube.port}/`);
  await makeIdentity(vault, ADA, `Desk ${SCRIPT}`);
  await headed(vault, ADA);
  await until('the page and its worker are kept', () => vault.evaluate(() => navigator.serviceWorker.ready.then(() => true)));
  const warm = [];
  for (let visit = 0; visit < 5; visit++) {
    await vault.reload();
    warm.push(await until('the heading', () => vault.evaluate(() => window.readyAtMs)));
  }
  t.figure('vault page ready, warm, with who one is on it', median(warm), 'ms', { atMost: 400 });

  // An app on another origin: granted in its popup; then a space, a list, a task. From here on the vault runs in the app's hidden frame.
  const app = await ada.newPage();
  await app.goto(origin);
  await connect(app, origin);
  await vault.getByText(`Desk ${SCRIPT}`, { exact: true }).waitFor();
  await expectInert([vault]);
  await vault.close();
  await headed(app, `Welcome, ${ADA}`);
  await t.look(app, 'journey-welcome');
  await enter(app, 'New space', SPACE);
  await enter(app, 'New list', LIST);
  await enter(app, 'Add a task', TASK);
  await showsTask(app, TASK);

  // A native device, then a second browser, whose person has nothing yet but the link.
  const agent = await t.startAgent(NORA, kube);
  await press(app, 'Share');
  const first = await invite(app, 'Invite somebody');
  const [{ space }] = await agent.dx('space', 'join', first.url, '--pin', first.pin);
  await agentHas(agent, space, TASK);
  await named(app, 'button', 'Invite somebody else').waitFor();
  const second = await invite(app, 'Invite somebody else');
  await t.look(app, 'journey-people');
  const bob = await device(t, 'Bob'), guest = await bob.newPage();
  await guest.goto(second.url);
  await connect(guest, origin, { name: BOB });
  await guest.getByLabel('The PIN you were told').fill(second.pin);
  await t.look(guest, 'journey-join');
  const joinsAt = Date.now();
  await press(guest, 'Join');
  await showsTask(guest, TASK);
  t.figure('join by link and PIN, from the button to the task', Date.now() - joinsAt, 'ms', { atMost: 3000 });
  await press(app, 'Close');

  // All three edit; the names of all are there.
  await agent.dx('object', 'set', space, (await agent.dx('object', 'ls', space, '--type', 'task'))[0].id, `title=${JSON.stringify(`${TASK}!`)}`);
  await showsTask(app, `${TASK}!`);
  await showsTask(guest, `${TASK}!`);
  for (const page of [app, guest]) {
    const choice = named(page, 'combobox', `${TASK}!: who does it`);
    await until('everybody by name', async () => (await choice.locator('option').allTextContents()).sort().join() === [ADA, BOB, NORA, 'Nobody'].sort().join());
  }
  await named(guest, 'combobox', `${TASK}!: who does it`).selectOption(NORA);
  await until('the assignee at the other', async () => await named(app, 'combobox', `${TASK}!: who does it`).locator('option:checked').textContent() === NORA);
  const ticks = await tickTimes(app, guest, `${TASK}!`);
  t.figure('a tick shows in the other browser, p50', median(ticks), 'ms', { atMost: 30 });
  t.figure('a tick shows in the other browser, p95', percentile(ticks, 0.95), 'ms');
  for (const [name, page] of [['ada', app], ['bob', guest]]) await t.look(page, `journey-${name}`);

  // Without the kube: edits go on; the app loads anew.
  for (const page of [app, guest]) await until('the app is kept', () => page.evaluate(() => navigator.serviceWorker.ready.then(() => true)));
  await kube.stop();
  await enter(app, 'Add a task', 'From Ada');
  await showsTask(guest, 'From Ada');
  await enter(guest, 'Add a task', 'From Bob');
  await showsTask(app, 'From Bob');
  const [list] = await agent.dx('object', 'ls', space, '--type', 'list');
  await agent.dx('object', 'add', space, '--type', 'task', '--parent', list.id, '--data', JSON.stringify({ title: 'From Nora', done: false, order: 1e6 }));
  for (const page of [app, guest]) await showsTask(page, 'From Nora');
  await agentHas(agent, space, 'From Bob');

  // A tab is killed in the midst of writing: what another device has heard, and what was there before, is there.
  const writing = (async () => { for (let n = 0; ; n++) await enter(app, 'Add a task', `Kept ${n}`); })().catch(() => undefined); // until the page is closed
  await agentHas(agent, space, 'Kept 5');
  const heard = await tasksOf(agent, space);
  await crashRenderer(app);
  await app.close();
  await writing;
  const again = await ada.newPage();
  await again.goto(origin);
  for (const title of heard) await showsTask(again, title);
  await t.look(again, 'journey-offline');

  // With the kube there again all agree.
  await kube.start();
  const bare = [await openVault(ada, kube), await openVault(bob, kube)];
  const digests = [...bare.map((page) => () => digest(page, space)), async () => (await agent.dx('space', 'digest', space))[0].digest];
  await until('equal digests', async () => new Set(await Promise.all(digests.map((ask) => ask()))).size === 1);
  for (const title of heard) await showsTask(guest, title);
  await expectInert([again, guest]);
}
journey.deadlineMs = 150_000;

// An app says of itself what it likes; the page that asks the person shows it, as it is.
export async function claim(t) {
  const kube = await t.startKube(), ada = await device(t, 'Ada'), vault = await ada.newPage();
  await vault.goto(kube.origin('halo'));
  await makeIdentity(vault, ADA, `Desk ${SCRIPT}`);
  const app = await ada.newPage(), origin = kube.origin('todo');
  await app.goto(`${origin}/tests/app.html?vault=${encodeURIComponent(kube.origin('halo'))}`);
  await until('a port for the app', () => app.evaluate(() => window.app?.program.ports > 0));
  await app.evaluate((name) => { void window.app.ask({ do: 'app.ask', name, want: ['identity'] }); }, CLAIM);
  await vault.bringToFront();
  await vault.goto(`${kube.origin('halo')}/#/ask`);
  await headed(vault, origin);
  await vault.getByText(`It calls itself “${CLAIM}”.`).waitFor();
  await expectInert([vault]);
}

// The same pages by HTTPS, on a name that is not localhost: two people share a list, go on without the kube, and load their pages anew.
export async function journeyByHttps(t) {
  const certificate = await t.makeCertificate('kube.test'), kube = await t.startKube({ name: 'kube.test', certificate }), origin = kube.origin('tasks');
  const ada = await device(t, 'Ada', certificate), vault = await ada.newPage(), app = await ada.newPage();
  await vault.goto(kube.origin('halo'));
  await makeIdentity(vault, 'Ada', 'Desk');
  await headed(vault, 'Ada');
  await app.goto(origin);
  await connect(app, origin);
  await enter(app, 'New space', 'House');
  await enter(app, 'New list', 'Shopping');
  await enter(app, 'Add a task', 'Bread');
  await press(app, 'Share');
  const { url, pin } = await invite(app, 'Invite somebody');
  const bob = await device(t, 'Bob', certificate), guest = await bob.newPage();
  await guest.goto(url);
  await connect(guest, origin, { name: 'Bob' });
  await guest.getByLabel('The PIN you were told').fill(pin);
  await press(guest, 'Join');
  await showsTask(guest, 'Bread');
  await press(app, 'Close');
  for (const page of [app, guest, vault]) await until('the page is kept', () => page.evaluate(() => navigator.serviceWorker.ready.then(() => true)));
  await kube.stop();
  await enter(guest, 'Add a task', 'Butter');
  await showsTask(app, 'Butter');
  await Promise.all([app.reload(), vault.reload()]);
  await headed(vault, 'Ada');
  await showsTask(app, 'Butter');
}
journeyByHttps.deadlineMs = 90_000;

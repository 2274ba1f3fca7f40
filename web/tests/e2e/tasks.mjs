// tests/e2e/tasks.mjs: the tasks app as people use it: alone, two at once, apart, and with what should not be there.
import assert from 'node:assert/strict';
import { button, DESK, enter, openApp, shareByPage } from '../app_page.mjs';
import { ask, done, makeIdentity, openVault, rows } from '../bare_vault.mjs';
import { median, until } from '../harness.mjs';

const PHONE = { width: 390, height: 844 };
const originOf = (kube) => kube.origin('tasks');
const openTasks = (t, kube, name, options) => openApp(t, kube, 'tasks', name, options);

const box = (page, title) => page.getByRole('checkbox', { name: `${title}: done`, exact: true });
const row = (page, title) => page.locator('.task').filter({ has: box(page, title) });
const titles = (page) => page.$$eval('.task textarea', (fields) => fields.map((field) => field.value));
const lists = (page) => page.$$eval('.lists a > :first-child', (names) => names.map((name) => name.textContent));
const shows = (page, ...expected) => until(`tasks ${expected}`, async () => JSON.stringify(await titles(page)) === JSON.stringify(expected));

async function drag(page, title, under) {
  await row(page, title).hover();
  const from = await row(page, title).locator('.grip').boundingBox(), to = await row(page, under).boundingBox();
  await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
  await page.mouse.down();
  await page.mouse.move(from.x, to.y + to.height * 0.9, { steps: 8 });
  await page.mouse.up();
}

/** What the vault says is stored; it is there before the page shows it. */
const stored = async (vault, type) => {
  const [{ space }] = await rows(vault, { do: 'space.list' });
  return rows(vault, { do: 'query', space, query: { type, kind: 'any' } });
};

// --- One person -----------------------------------------------------------------------------------------------------

export async function tasks(t) {
  const kube = await t.startKube(), profile = await t.launchProfile({ viewport: DESK });
  const vault = await openVault(profile, kube), page = await profile.newPage();
  await makeIdentity(vault, 'Ada Lovelace');

  await page.goto(originOf(kube));
  await button(page, 'Connect to your vault').waitFor();
  await t.look(page, 'tasks-connect');
  const [popup] = await Promise.all([page.waitForEvent('popup'), button(page, 'Connect to your vault').click()]);
  await popup.waitForURL(`${kube.origin('halo')}/**`);
  await t.screenshot(popup, 'tasks-consent');
  await Promise.all([popup.waitForEvent('close'), popup.getByRole('button', { name: 'Allow', exact: true }).click()]);
  await page.getByRole('heading', { name: 'Welcome, Ada Lovelace' }).waitFor();
  await t.look(page, 'tasks-welcome');

  await enter(page, 'New space', 'Home');
  await page.getByText('Name a first list').waitFor();
  await enter(page, 'New list', 'Garden', 'Groceries', 'Journey to the lake');
  await until('three lists', async () => (await lists(page)).length === 3);
  assert.equal(await page.title(), 'Journey to the lake · Tasks');
  await page.getByRole('link', { name: 'Groceries' }).click();
  await t.look(page, 'tasks-empty');

  await enter(page, 'Add a task', 'milk', 'bread', 'apples', 'a present for Bob, who likes everything that can be taken apart and put together again');
  const present = (await titles(page))[3];
  await shows(page, 'milk', 'bread', 'apples', present);

  // Done, edited, taken back.
  await box(page, 'bread').check();
  await page.getByText('Open 3').waitFor();
  const field = row(page, 'milk').getByLabel('Task');
  await field.fill('nothing of the sort');
  await field.press('Escape');
  await shows(page, 'milk', 'bread', 'apples', present);
  await field.fill(' oat \n milk ');
  await field.press('Enter');
  await shows(page, 'oat milk', 'bread', 'apples', present);
  await until('the vault has it', async () => (await stored(vault, 'task')).some(({ data }) => data.title === 'oat milk' && data.done === false));

  // Order by keyboard, and by the grip.
  await box(page, 'apples').focus();
  await page.keyboard.press('Alt+ArrowUp');
  await page.keyboard.press('Alt+ArrowUp');
  await page.keyboard.press('Alt+ArrowUp');
  await shows(page, 'apples', 'oat milk', 'bread', present);
  assert.ok(await box(page, 'apples').evaluate((element) => element === document.activeElement), 'the moved task keeps the focus');
  await page.getByText('“apples” is number 1 now').waitFor({ state: 'attached' });
  await drag(page, 'apples', 'bread');
  await shows(page, 'oat milk', 'bread', 'apples', present);
  await page.getByRole('link', { name: 'Journey to the lake' }).focus();
  await page.keyboard.press('Alt+ArrowUp');
  await until('the lists in another order', async () => (await lists(page)).join() === 'Garden,Journey to the lake,Groceries');

  // Who does it: a link to the member.
  await row(page, 'oat milk').getByRole('combobox').selectOption('Ada Lovelace');
  await page.getByText('Mine 1').waitFor();
  const [link] = await until('the link', async () => { const all = await stored(vault, 'assigned'); return all.length === 1 && all; });
  const [member] = await stored(vault, 'dx.member'), task = (await stored(vault, 'task')).find(({ data }) => data.title === 'oat milk');
  assert.deepEqual([link.source, link.target], [task.id, member.id]);
  await t.look(page, 'tasks-list');

  // Deleted, and back in its place with all it had.
  await button(page, 'Delete oat milk').press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.ariaLabel), 'Delete bread', 'who works by keyboard stays in the list');
  await shows(page, 'bread', 'apples', present);
  await t.look(page, 'tasks-undo');
  await until('the link is gone with it', async () => (await stored(vault, 'assigned')).length === 0);
  await button(page, 'Undo').click();
  await shows(page, 'oat milk', 'bread', 'apples', present);
  await page.getByText('Mine 1').waitFor();

  for (const [filter, expected] of [['Open', ['oat milk', 'apples', present]], ['Done', ['bread']], ['Mine', ['oat milk']]]) {
    await page.getByRole('radio', { name: filter }).check();
    await shows(page, ...expected);
  }
  await row(page, 'oat milk').getByRole('combobox').selectOption('Nobody');
  await page.getByText('None of these').waitFor();
  await page.getByRole('radio', { name: 'All' }).check();

  // A list: another name, gone, and back with its tasks; the address says where one is.
  await page.getByLabel('Name of the list').fill('Market');
  await page.getByLabel('Name of the list').press('Enter');
  await until('the new name', async () => (await lists(page)).includes('Market'));
  await page.reload();
  await shows(page, 'oat milk', 'bread', 'apples', present);
  await button(page, 'Delete this list').click();
  await until('it is gone', async () => !(await lists(page)).includes('Market'));
  await button(page, 'Undo').click();
  await page.getByRole('link', { name: 'Market' }).click();
  await shows(page, 'oat milk', 'bread', 'apples', present);

  await page.setViewportSize(PHONE);
  await t.look(page, 'tasks-phone-list');
  await page.getByRole('link', { name: 'All lists' }).click();
  await t.look(page, 'tasks-phone');
  await page.setViewportSize(DESK);
  await button(page, 'Home').click();
  await t.look(page, 'tasks-spaces');
  await enter(page, 'New space', 'Work');
  await page.getByText('Name a first list').waitFor();
  await button(page, 'Work').waitFor();

  // A space that the vault has already: allowed there, it is here.
  const { space } = await done(vault, { do: 'space.create', name: 'Old' });
  await button(page, 'Work').click();
  const [grants] = await Promise.all([profile.context.waitForEvent('page'), page.getByRole('link', { name: 'Use one you have already' }).click()]);
  await grants.getByText('What this app may').waitFor();
  await grants.getByText('Spaces you have already').waitFor();
  await grants.getByRole('checkbox', { name: 'Old', exact: true }).check();
  await grants.getByRole('button', { name: 'Save', exact: true }).click();
  await until('the space', async () => (await page.locator('#spaces li').allTextContents()).includes('Old'));
  assert.equal((await rows(vault, { do: 'app.list' }))[0].spaces[space], 'write');
}

// On a phone a finger drags by the grip; what is added to a long list is seen, and so is the field.
export async function tasks_touch(t) {
  const kube = await t.startKube(), { page } = await openTasks(t, kube, 'Ada', { viewport: PHONE, hasTouch: true, isMobile: true });
  await enter(page, 'New space', 'Home');
  await enter(page, 'New list', 'Groceries');
  await enter(page, 'Add a task', 'milk', 'bread', 'apples');
  await shows(page, 'milk', 'bread', 'apples');
  const from = await row(page, 'milk').locator('.grip').boundingBox(), to = await row(page, 'apples').boundingBox();
  const session = await page.context().newCDPSession(page), x = from.x + from.width / 2;
  const touch = (type, y) => session.send('Input.dispatchTouchEvent', { type, touchPoints: type === 'touchEnd' ? [] : [{ x, y }] });
  await touch('touchStart', from.y + 15);
  for (let y = from.y + 15; y < to.y + to.height * 0.8; y += 8) await touch('touchMove', y);
  await t.look(page, 'tasks-touch');
  await touch('touchEnd');
  await shows(page, 'bread', 'apples', 'milk');

  // Pressed and not dragged it brings buttons, as for who hears the page instead of seeing it.
  await button(page, 'Move apples').tap();
  await page.getByText('Number 2 of 3').waitFor();
  await t.look(page, 'tasks-move');
  await button(page, 'Up').tap();
  await page.getByText('Number 1 of 3').waitFor();
  await button(page, 'Up').tap({ force: true }); // no way further
  await shows(page, 'apples', 'bread', 'milk');
  await button(page, 'To the end').tap();
  await page.getByText('Number 3 of 3').waitFor();
  await button(page, 'Up').tap();
  await button(page, 'Close').tap();
  await shows(page, 'bread', 'apples', 'milk');

  const many = Array.from({ length: 25 }, (_, n) => `thing ${n}`);
  await page.getByRole('radio', { name: 'Done' }).check({ force: true });
  await enter(page, 'Add a task', ...many);
  await shows(page, 'bread', 'apples', 'milk', ...many);
  const inSight = (locator) => locator.evaluate((element) => { const { top, bottom } = element.getBoundingClientRect(); return top >= 0 && bottom <= innerHeight; });
  await until('the newest is in sight', () => inSight(row(page, 'thing 24')));
  assert.ok(await inSight(page.getByLabel('Add a task')));
  await t.screenshot(page, 'tasks-touch-long');
}

// --- Two people -----------------------------------------------------------------------------------------------------

async function openBoth(t, kube) {
  const ada = await openTasks(t, kube, 'Ada'), bob = await openTasks(t, kube, 'Bob');
  await enter(ada.page, 'New space', 'Home');
  await enter(ada.page, 'New list', 'Groceries');
  await enter(ada.page, 'Add a task', 'milk', 'bread', 'apples');
  await shows(ada.page, 'milk', 'bread', 'apples');
  await shareByPage(t, 'tasks', 'Home', ada, bob);
  await shows(bob.page, 'milk', 'bread', 'apples');
  return { ada, bob };
}

const TICKS = 40;

export async function tasks_together(t) {
  const kube = await t.startKube(), { ada, bob } = await openBoth(t, kube);

  // From a click in one browser to the change of the document in the other.
  await bob.page.evaluate(() => {
    window.changes = [];
    new MutationObserver(() => window.changes.push(Date.now())).observe(document.querySelector('progress'), { attributes: true });
  });
  const times = [];
  for (let n = 1; n <= TICKS; n++) {
    const before = await bob.page.evaluate(() => window.changes.length);
    const from = await ada.page.evaluate(() => {
      const now = Date.now();
      document.querySelector('.task input[type=checkbox]').click();
      return now;
    });
    times.push(await until(`tick ${n}`, () => bob.page.evaluate((seen) => window.changes[seen], before)) - from);
  }
  t.figure('tasks: a tick from one browser to the other, p50', median(times), 'ms', { atMost: 30 });

  // Bob sees who does what, and Ada that it was Bob who took it.
  await row(bob.page, 'bread').getByRole('combobox').selectOption('Bob');
  await row(ada.page, 'bread').getByTitle('Bob').waitFor();
  await row(ada.page, 'milk').getByRole('combobox').selectOption('Bob');
  await bob.page.getByRole('radio', { name: 'Mine' }).check();
  await shows(bob.page, 'milk', 'bread');
  await t.look(ada.page, 'tasks-shared');
}
tasks_together.deadlineMs = 90_000;

// Each alone with the kube stopped, their browsers never open at the same time; then together again.
export async function tasks_apart(t) {
  const kube = await t.startKube(), people = await openBoth(t, kube), { ada, bob } = people;
  await kube.stop();
  const alone = {
    ada: async (page) => {
      await enter(page, 'Add a task', 'cheese');
      await box(page, 'milk').check();
      await box(page, 'apples').focus();
      for (let n = 0; n < 2; n++) await page.keyboard.press('Alt+ArrowUp');
      await shows(page, 'apples', 'milk', 'bread', 'cheese');
    },
    bob: async (page) => {
      await enter(page, 'Add a task', 'wine');
      await box(page, 'bread').check();
      await button(page, 'Delete milk').click();
      await box(page, 'apples').focus();
      await page.keyboard.press('Alt+ArrowUp');
      await shows(page, 'apples', 'bread', 'wine');
    },
  };
  for (const { profile } of [ada, bob]) await profile.close();
  for (const [name, act] of Object.entries(alone)) {
    const { profile } = people[name];
    await profile.open();
    const page = await profile.newPage();
    await page.goto(originOf(kube));
    await shows(page, 'milk', 'bread', 'apples');
    await act(page);
    await until('it is kept', () => page.evaluate(() => document.querySelector('.answers.open') !== null));
    await page.reload();
    await until('it is there after a reload', async () => (await titles(page)).includes(name === 'ada' ? 'cheese' : 'wine'));
    await profile.close();
  }
  await kube.start();
  for (const person of [ada, bob]) {
    await person.profile.open();
    person.page = await person.profile.newPage();
    await person.page.goto(originOf(kube));
  }
  await until('both show the same, and all of it', async () => {
    const [hers, his] = await Promise.all([titles(ada.page), titles(bob.page)]);
    return hers.join() === his.join() && [...hers].sort().join() === 'apples,bread,cheese,wine';
  });
  assert.ok(await box(ada.page, 'bread').isChecked());
}
tasks_apart.deadlineMs = 120_000;

// --- What must not be -----------------------------------------------------------------------------------------------

// What the person takes back is off the screen, and comes again with a new grant.
export async function tasks_revoked(t) {
  const kube = await t.startKube(), { vault, page } = await openTasks(t, kube, 'Ada');
  await enter(page, 'New space', 'Home');
  await enter(page, 'New list', 'Groceries');
  await enter(page, 'Add a task', 'milk');
  await shows(page, 'milk');
  await until('the vault has it', async () => (await stored(vault, 'task')).length === 1);
  await done(vault, { do: 'app.revoke', origin: originOf(kube) });
  await button(page, 'Connect to your vault').waitFor();
  assert.doesNotMatch(await page.innerText('body'), /milk|Groceries|Home|Ada/);
  assert.equal(await page.title(), 'Tasks');

  const [popup] = await Promise.all([page.waitForEvent('popup'), button(page, 'Connect to your vault').click()]);
  const [{ space }] = await rows(vault, { do: 'space.list' });
  await until('the question', async () => (await rows(vault, { do: 'app.list' })).some(({ asks }) => asks));
  await done(vault, { do: 'app.grant', origin: originOf(kube), scopes: ['identity'], spaces: { [space]: 'read' } });
  await popup.close();
  await shows(page, 'milk');

  // It may read now: what it writes all the same is shown, refused by name, and taken back.
  await box(page, 'milk').click();
  await page.getByText('The vault did not take that').waitFor();
  await until('it is taken back', async () => !await box(page, 'milk').isChecked());
}

// The vault is on another site, by HTTPS: the app reaches it through its window, says so while it does not, and goes on when it does again.
export async function tasks_far(t) {
  const certificate = await t.makeCertificate('kube.test', 'other.test'), elsewhere = await t.startKube({ name: 'other.test', certificate });
  const kube = await t.startKube({ name: 'kube.test', certificate, allow: [originOf(elsewhere)] });
  const profile = await t.launchProfile({ viewport: DESK, args: certificate.args }), vault = await openVault(profile, kube);
  await makeIdentity(vault, 'Ada');
  const page = await profile.newPage();
  await page.route('**/.well-known/dx/config', (route) => route.fulfill({ json: { vault: kube.origin('halo') } }));
  await page.goto(originOf(elsewhere));
  await page.getByText('The vault opens in a window of its own').waitFor();
  await t.look(page, 'tasks-far');
  const connect = () => Promise.all([page.waitForEvent('popup'), button(page, 'Connect to your vault').click()]);
  const [popup] = await connect();
  await popup.getByRole('button', { name: 'Allow', exact: true }).click();
  await enter(page, 'New space', 'Home');
  await enter(page, 'New list', 'Groceries');
  await enter(page, 'Add a task', 'milk');
  await until('the vault has it', async () => (await stored(vault, 'task')).length === 1);

  await popup.close();
  await page.getByText('The vault opens in a window of its own').waitFor();
  await connect();
  await shows(page, 'milk');
}

// Allowed less than it asked for, the app says what is missing, and goes on by itself once that is allowed too.
export async function tasks_less(t) {
  const kube = await t.startKube(), profile = await t.launchProfile({ viewport: DESK }), vault = await openVault(profile, kube);
  await makeIdentity(vault, 'Ada');
  const { space } = await done(vault, { do: 'space.create', name: 'Home' });
  const grant = (scopes, spaces = { [space]: 'write' }) => done(vault, { do: 'app.grant', origin: originOf(kube), scopes, spaces });
  await grant([]);
  const page = await profile.newPage();
  await page.goto(originOf(kube));
  await page.getByText('Your vault does not say who you are').waitFor();
  await t.look(page, 'tasks-unknown');
  const [popup] = await Promise.all([page.waitForEvent('popup'), button(page, 'Connect to your vault').click()]);
  await popup.waitForURL(`${kube.origin('halo')}/#/ask/${encodeURIComponent(originOf(kube))}`);
  await popup.getByText('An app asks').waitFor();
  await popup.close();
  await grant(['identity'], {});
  await page.getByRole('heading', { name: 'Welcome, Ada' }).waitFor();
  await t.look(page, 'tasks-less');
  assert.equal(await page.getByLabel('New space').count() + await button(page, 'Join with a link').count(), 0);
  await grant(['identity', 'create'], {});
  await button(page, 'Allow this app to join spaces').waitFor();
  await page.evaluate(() => { location.hash = 'join=AAAA'; });
  await page.getByText('You have not allowed this app to join spaces').waitFor();
  await t.look(page, 'tasks-less-join');
  await button(page, 'Close').click();
  await grant(['identity', 'create', 'join'], {});
  await button(page, 'Join with a link').waitFor();
  await grant(['identity', 'create', 'join'], { [space]: 'write' });
  await button(page, 'Home').waitFor();
}

const MANY = 5000;

// A list of thousands opens at once and is typed into like any other; what is rendered are the rows in sight, and each says which of all it is.
export async function tasks_long(t) {
  const kube = await t.startKube(), { vault, page } = await openTasks(t, kube, 'Ada');
  const { space } = await done(vault, { do: 'space.create', name: 'Home' });
  const { id: parent } = await done(vault, { do: 'object.add', space, type: 'list', data: { title: 'Everything', order: 'i000' } });
  await vault.evaluate(async ([of, list, count]) => {
    for (let from = 0; from < count; from += 1000) {
      const ops = Array.from({ length: 1000 }, (_, n) => ({ op: 'add', type: 'task', parent: list, data: { title: `thing ${from + n}${n % 7 === 0 ? ' and all that has to be said of it, which takes more than a line of this page to say, as it does now and then' : ''}`, done: n % 3 === 0, order: (1e6 + from + n).toString(36) } }));
      const reply = await window.vault.ask({ do: 'batch', space: of, ops });
      if (reply.error) throw new Error(reply.error.message);
    }
  }, [space, parent, MANY]);
  await done(vault, { do: 'app.grant', origin: originOf(kube), scopes: ['identity', 'create', 'join'], spaces: { [space]: 'share' } });
  const loads = [];
  for (let turn = 0; turn < 3; turn++) {
    await page.goto('about:blank');
    await page.goto(`${originOf(kube)}/#${space}/${parent}`);
    await page.waitForFunction((count) => document.querySelector('.task')?.ariaSetSize === String(count) && performance.mark('whole'), MANY, { polling: 'raf' });
    loads.push(await page.evaluate(() => performance.getEntriesByName('whole')[0].startTime));
  }
  t.figure('tasks: a list of 5,000, from the page\'s beginning to its rows, p50 of 3', median(loads), 'ms', { atMost: 1000 });
  assert.ok(await page.locator('.task').count() < 150, 'rendered is what is near');

  await page.evaluate(() => {
    window.late = [];
    new PerformanceObserver((list) => { for (const { duration } of list.getEntries()) window.late.push(duration); }).observe({ type: 'event', durationThreshold: 16 });
  });
  await page.getByLabel('Add a task', { exact: true }).focus();
  await page.keyboard.type('something else to be done', { delay: 20 });
  const typing = await page.evaluate(() => Math.max(0, ...window.late));
  t.figure('tasks: the slowest key while typing beside 5,000', typing, 'ms', { atMost: 100 });
  await page.evaluate(() => { window.late = []; });
  await page.locator('.task textarea').nth(3).focus();
  await page.keyboard.type('title ', { delay: 20 });
  await page.keyboard.press('Enter');
  t.figure('tasks: the slowest key while a title of 5,000 is edited', await page.evaluate(() => Math.max(0, ...window.late)), 'ms', { atMost: 100 });
  await page.getByLabel('Add a task', { exact: true }).press('Enter');
  const inSight = (locator) => locator.evaluate((element) => { const { top, bottom } = element.getBoundingClientRect(); return top >= 0 && bottom <= innerHeight; });
  await until('the newest is in sight', () => inSight(row(page, 'something else to be done')));
  assert.equal(await row(page, 'something else to be done').getAttribute('aria-posinset'), String(MANY + 1));
  await t.look(page, 'tasks-long');

  // By keys from row to row, also where it was scrolled away meanwhile; moved from one end to the other.
  const last = box(page, 'something else to be done');
  await last.focus();
  await page.keyboard.press('Alt+ArrowUp');
  await until('it is the last but one', async () => await row(page, 'something else to be done').getAttribute('aria-posinset') === String(MANY));
  assert.ok(await last.evaluate((element) => element === document.activeElement));
  await page.locator('.shown').evaluate((element) => { element.scrollTop = element.scrollHeight / 2; });
  await until('rows in the middle', () => page.evaluate(() => [...document.querySelectorAll('.task')].some(({ ariaPosInSet }) => Math.abs(Number(ariaPosInSet) - 2500) < 300)));
  assert.ok(await last.evaluate((element) => element === document.activeElement), 'the focus stays where it was');
  await page.keyboard.press('Shift+Tab'); // the way to move it
  await page.keyboard.press('Enter');
  await page.getByText(`Number ${MANY} of ${MANY + 1}`).waitFor();
  await button(page, 'To the top').press('Enter');
  await page.getByText(`Number 1 of ${MANY + 1}`).waitFor();
  await page.keyboard.press('Escape');
  await page.locator('.shown').evaluate((element) => { element.scrollTop = 0; });
  await until('it is the first', async () => (await titles(page))[0] === 'something else to be done');
  for (let n = 0; n < 12; n++) { // a row has four stops for the keys
    await page.keyboard.press('Tab');
    assert.ok(await page.evaluate(() => document.activeElement.closest('.task') !== null), `stop ${n}`);
  }
  await drag(page, (await titles(page))[0], (await titles(page))[2]);
  await until('dragged', async () => (await titles(page))[2] === 'something else to be done');
}
tasks_long.deadlineMs = 120_000;

const SCRIPT = '"><img src=x onerror="window.ran=1"><script>window.ran=1</script>';

// Data of other programs: a script is a text wherever it stands, and what is of another kind than it should be breaks nothing.
export async function tasks_strings(t) {
  const kube = await t.startKube(), { vault, page } = await openTasks(t, kube, SCRIPT);
  const { space } = await done(vault, { do: 'space.create', name: SCRIPT });
  await done(vault, { do: 'app.grant', origin: originOf(kube), scopes: ['identity', 'create'], spaces: { [space]: 'share' } });
  const { id: list } = await done(vault, { do: 'object.add', space, type: 'list', data: { title: SCRIPT, order: 'i000' } });
  const odd = [{ title: SCRIPT, done: false, order: 'i000' }, {}, { title: { a: 1 }, done: 'x', order: ['y'] }, { title: null, done: null, order: 7 }];
  for (const data of odd) await done(vault, { do: 'object.add', space, type: 'task', parent: list, data });
  for (const data of [{}, { title: ['x'], order: { a: 1 } }]) await done(vault, { do: 'object.add', space, type: 'list', data });
  const [task] = await stored(vault, 'task');
  for (const target of [task.id, list]) await done(vault, { do: 'link.add', space, type: 'assigned', source: task.id, target });
  await done(vault, { do: 'object.add', space, type: 'dx.member', data: { identity: 'x', name: { a: 1 } } }); // or refused: a person's own
  await until('the space', async () => (await page.title()) === `${SCRIPT} · Tasks` || (await lists(page)).includes(SCRIPT));
  await page.getByRole('link', { name: SCRIPT }).click();
  await until('all tasks', async () => (await titles(page)).length === odd.length);
  await page.locator('.task').filter({ hasText: '' }).nth(1).getByRole('checkbox').press('Alt+ArrowDown');
  await page.getByRole('button', { name: 'Share' }).click();
  await page.locator('.members li').waitFor();
  await t.screenshot(page, 'tasks-strings');
  assert.equal(await page.evaluate(() => window.ran), undefined);
  assert.equal(await page.locator('img').count(), 0);
}

// tests/e2e/texts.mjs: the notes app: texts that two browsers and a native agent write in at once, apart, and with formatting.
import { button, enter, openApp, shareByPage } from '../app_page.mjs';
import { share } from '../bare_vault.mjs';
import { median, percentile, syncMedian, until } from '../harness.mjs';

const KEYS = 60;

const field = (page) => page.getByRole('textbox', { name: 'Text of the note' });
/** A line ends where the next begins; an editor shows one that is empty as a break. */
const words = (page) => page.evaluate(() => [...document.querySelectorAll('.cm-line, .ql-editor > *, .ql-editor li')].filter((line) => line.querySelector('li') === null)
  .map((line) => {
    const copy = line.cloneNode(true);
    for (const cursor of copy.querySelectorAll('.cm-ySelectionCaret, .ql-ui')) cursor.remove();
    return copy.textContent.replaceAll('\u2060', '');
  }).join('\n').trimEnd());
const shows = (page, expected) => until(`the words ${expected}`, async () => (await words(page)) === expected).catch(async (error) => {
  throw new Error(`${error.message}; there is: ${await words(page)}`);
});
const says = (page, expected) => page.locator('.kept').getByText(expected).waitFor();
const cat = async (agent, space, id) => (await agent.dx('text', 'cat', space, id)).map(({ data }) => data.text).join('');

/** Ada's space with a note, with Bob in another browser and Nora's native agent in it. */
async function openAll(t) {
  const kube = await t.startKube();
  const ada = await openApp(t, kube, 'notes', 'Ada'), bob = await openApp(t, kube, 'notes', 'Bob'), nora = await t.startAgent('Nora', kube);
  await enter(ada.page, 'New space', 'Desk');
  await ada.page.getByText('Begin a first note').waitFor();
  await enter(ada.page, 'New note', 'Garden');
  await field(ada.page).waitFor();
  await shareByPage(t, 'notes', 'Desk', ada, bob);
  const [space, id] = new URL(ada.page.url()).hash.slice(1).split('/');
  const { url, pin } = await share(ada.vault, space);
  await nora.dx('space', 'join', url, '--pin', pin);
  await field(bob.page).waitFor();
  await shows(bob.page, 'Garden');
  return { kube, ada, bob, nora, space, id };
}

/** In a page, before its scripts: when pushes of a text leave, when they are kept, and when what others write is heard. */
function watchFrames() {
  const ids = { push: new Set(), watch: new Set() }, times = window.times = { pressed: [], pushed: [], kept: [], heard: [], shown: [] };
  window.clock = () => performance.timeOrigin + performance.now(); // one clock for both browsers
  const idOf = (frame) => String(new Uint8Array(frame, 3, 16));
  const { postMessage } = MessagePort.prototype, handler = Object.getOwnPropertyDescriptor(MessagePort.prototype, 'onmessage');
  MessagePort.prototype.postMessage = function (data, ...rest) {
    const words = data instanceof ArrayBuffer ? new TextDecoder('latin1').decode(data) : '';
    for (const [kind, seen] of Object.entries(ids)) if (words.includes(`text.${kind}`)) seen.add(idOf(data));
    if (words.includes('text.push')) times.pushed.push(window.clock());
    return postMessage.call(this, data, ...rest);
  };
  const hear = ({ data }) => {
    if (!(data instanceof ArrayBuffer) || data.byteLength < 19) return;
    if (ids.push.has(idOf(data))) times.kept.push(window.clock());
    if (ids.watch.has(idOf(data))) times.heard.push(window.clock());
  };
  Object.defineProperty(MessagePort.prototype, 'onmessage', { ...handler, set(listener) {
    if (listener !== null) this.addEventListener('message', hear);
    handler.set.call(this, listener);
  } });
}

/** From a key in one browser to the character in the other, by its stages. Another's cursor moves as well: characters are counted. */
async function keys(t, ada, bob) {
  for (const { page } of [ada, bob]) {
    await page.addInitScript(watchFrames);
    await page.reload();
    await field(page).waitFor();
  }
  await field(ada.page).click();
  await ada.page.keyboard.press('Control+End');
  await ada.page.getByText('with Bob').waitFor();
  await ada.page.evaluate(() => document.querySelector('.cm-content').addEventListener('keydown', () => window.times.pressed.push(window.clock()), { capture: true }));
  await bob.page.evaluate(() => {
    const content = document.querySelector('.cm-content'), count = () => content.textContent.split('x').length - 1;
    const base = count();
    let seen = base;
    new MutationObserver(() => { while (seen < count()) seen = base + window.times.shown.push(window.clock()); }).observe(content, { subtree: true, childList: true, characterData: true });
  });
  const stages = { vault: [], kept: [], other: [], screen: [], all: [] };
  for (let n = 0; n < KEYS; n++) {
    await ada.page.keyboard.press('x');
    await until(`key ${n}`, () => bob.page.evaluate((seen) => window.times.shown.length > seen, n));
    await until(`key ${n} is kept`, () => ada.page.evaluate(() => window.times.kept.length === window.times.pushed.length));
    const last = (page) => page.evaluate(() => Object.fromEntries(Object.entries(window.times).map(([name, all]) => [name, all.at(-1)])));
    const [hers, his] = await Promise.all([last(ada.page), last(bob.page)]);
    stages.vault.push(hers.pushed - hers.pressed);
    stages.kept.push(hers.kept - hers.pushed);
    stages.other.push(his.heard - hers.pushed);
    stages.screen.push(his.shown - his.heard);
    stages.all.push(his.shown - hers.pressed);
  }
  t.figure('notes: a key from one browser to the other, p50', median(stages.all), 'ms', { atMost: 20 });
  t.figure('notes: the same, p95', percentile(stages.all, 0.95), 'ms');
  t.figure('notes: of it from the key to the own vault', median(stages.vault), 'ms');
  t.figure('notes: of it from there to the other page, both commits and the way', median(stages.other), 'ms');
  t.figure('notes: of it from there to the screen', median(stages.screen), 'ms');
  t.figure('notes: beside it, until the page knows that it is kept', median(stages.kept), 'ms');
  t.figure('notes: this disk, 8 KiB and fdatasync; there are two on the way', syncMedian(t.makeFolder('sync')), 'ms');
}

export async function texts(t) {
  const { ada, bob, nora, space, id } = await openAll(t);
  await field(ada.page).click();
  await ada.page.keyboard.press('Control+End');
  await ada.page.keyboard.type('Roses want sun.');
  await shows(bob.page, 'Garden\nRoses want sun.');
  await until('the native peer has it', async () => (await cat(nora, space, id)) === 'Garden\nRoses want sun.');

  // Both at once, in one line, and a third by command.
  await field(bob.page).click();
  await bob.page.keyboard.press('Control+Home');
  await Promise.all([ada.page.keyboard.type(' So do bees. 🐝'), bob.page.keyboard.type('The ')]);
  await nora.dx('text', 'insert', space, id, ' (Nora)');
  const all = 'The Garden\nRoses want sun. So do bees. 🐝 (Nora)';
  for (const { page } of [ada, bob]) await shows(page, all);
  await until('and so has the native peer', async () => (await cat(nora, space, id)) === all);
  await says(ada.page, 'Saved');

  // Each sees who else is there, and where.
  await ada.page.getByText('with Bob').waitFor();
  await ada.page.locator('.cm-ySelectionInfo', { hasText: 'Bob' }).waitFor();
  await bob.page.locator('.cm-ySelectionInfo', { hasText: 'Ada' }).waitFor();
  await t.look(ada.page, 'notes-plain');

  await keys(t, ada, bob);
}
texts.deadlineMs = 120_000;

// Each alone with the kube stopped, their browsers never open at the same time: the vault is here, and merges when it meets the other.
export async function textsApart(t) {
  const { kube, ada, bob, nora } = await openAll(t), people = [[ada, 'Ada was here. '], [bob, 'So was Bob. ']];
  const address = ada.page.url();
  await nora.stop(); // she would come back when the kube does, and nobody were alone
  await kube.stop();
  for (const { profile } of [ada, bob]) await profile.close();
  for (const [person, said] of people) {
    await person.profile.open();
    const page = await person.profile.newPage();
    await page.goto(address);
    await field(page).click();
    await page.keyboard.press('Control+Home');
    await page.keyboard.type(said);
    await says(page, /Saved here; .* edits? waiting for others/);
    if (person === ada) await t.look(page, 'notes-apart');
    await page.reload();
    await shows(page, `${said}Garden`);
    await person.profile.close();
  }
  await kube.start();
  for (const [person] of people) {
    await person.profile.open();
    person.page = await person.profile.newPage();
    await person.page.goto(address);
  }
  await until('both show the same, and all of it', async () => {
    const [hers, his] = await Promise.all([words(ada.page), words(bob.page)]);
    return hers === his && people.every(([, said]) => hers.includes(said)) && hers.endsWith('Garden');
  });

  // Open, and apart: it says so, and that it came together.
  await bob.profile.close();
  await says(ada.page, 'nobody else is connected');
  await field(ada.page).click();
  await ada.page.keyboard.press('Control+Home');
  await ada.page.keyboard.type('abc');
  await says(ada.page, '3 edits waiting for others');
  await bob.profile.open();
  bob.page = await bob.profile.newPage();
  await bob.page.goto(address);
  await says(ada.page, 'Merged: 3 edits of yours');
  await until('her words at his', async () => (await words(bob.page)).startsWith('abc'));
}
textsApart.deadlineMs = 150_000;

export async function textsRich(t) {
  const { ada, bob, nora, space, id } = await openAll(t);
  for (const { page } of [ada, bob]) {
    await page.getByRole('radio', { name: 'Rich' }).check({ force: true });
    await field(page).and(page.locator('.ql-editor')).waitFor();
  }
  await field(ada.page).click();
  await ada.page.keyboard.press('Control+End');
  await ada.page.keyboard.press('Enter');
  await button(ada.page, 'Bullets').click();
  await ada.page.keyboard.type('Roses');
  await ada.page.keyboard.press('Enter');
  await button(ada.page, 'Bold').click();
  await ada.page.keyboard.type('Bees');
  await field(bob.page).click();
  await bob.page.keyboard.press('Control+Home');
  await button(bob.page, 'Heading').click();
  for (const { page } of [ada, bob]) {
    await until('formatting', () => page.evaluate(() => document.querySelector('.ql-editor h2')?.textContent === 'Garden'
      && [...document.querySelectorAll('.ql-editor li')].map((line) => line.textContent).join() === 'Roses,Bees' && document.querySelector('.ql-editor strong')?.textContent === 'Bees'));
  }
  const [{ data }] = await nora.dx('text', 'cat', space, id);
  await until('the native peer has it', async () => {
    const [{ data: { delta } }] = await nora.dx('text', 'cat', space, id);
    return delta?.some(({ insert, attributes }) => insert === 'Bees' && attributes?.bold === true) && delta.some(({ attributes }) => attributes?.header === 2);
  }).catch((error) => { throw new Error(`${error.message}: ${JSON.stringify(data)}`); });
  await ada.page.locator('.ql-cursor-flag', { hasText: 'Bob' }).waitFor();
  await t.look(ada.page, 'notes-rich');

  // The same note as plain text, beside one who sees it with formatting.
  await ada.page.getByRole('radio', { name: 'Plain' }).check({ force: true });
  await shows(ada.page, 'Garden\nRoses\nBees');
  await field(ada.page).click();
  await ada.page.keyboard.press('Control+Home');
  await ada.page.keyboard.type('My ');
  await until('in the heading', () => bob.page.evaluate(() => document.querySelector('.ql-editor h2')?.textContent === 'My Garden'));

  // It comes again as it was written, and a phone has room for it.
  await bob.page.goto(bob.page.url().replace('/rich', ''));
  await bob.page.reload();
  await bob.page.locator('.ql-editor h2').waitFor();
  await bob.page.setViewportSize({ width: 390, height: 844 });
  await t.look(bob.page, 'notes-phone');
}
textsRich.deadlineMs = 120_000;

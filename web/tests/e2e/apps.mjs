// tests/e2e/apps.mjs: what an app of another origin gets: nothing without a grant, what it was granted, nothing after it was taken back.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { ask, done, makeIdentity, makeSpace, openVault, rows } from '../bare_vault.mjs';
import { until } from '../harness.mjs';

/** Every command that docs/spec/commands.md says an app needs something for. */
const GUARDED = readFileSync(new URL('../../../docs/spec/commands.md', import.meta.url), 'utf8').split('\n')
  .map((line) => /^\| ((?:`[a-z.]+`(?:, )?)+) \|.* \| ([^|]+) \|$/.exec(line)).filter((row) => row && row[2] !== 'nothing')
  .flatMap((row) => row[1].match(/[a-z]+\.?[a-z]+/g));

/** An app's page: of the origin, with the vault of kube in its frame. */
async function openApp(profile, origin, kube) {
  const page = await profile.newPage();
  await page.goto(`${origin}/tests/app.html?vault=${encodeURIComponent(kube.origin('halo'))}`);
  return page;
}

const hasPort = (app, count = 1) => until('a port for the app', () => app.evaluate((n) => window.app?.program.ports >= n, count));
const asApp = (app, command) => app.evaluate((asked) => window.app.ask(asked), command);

/** Whatever it asks, about what is there and what is not, is answered by the same words. */
async function expectNothing(app, space) {
  assert.ok(GUARDED.length > 40 && GUARDED.includes('space.list') && GUARDED.includes('watch'), `the table of commands was not read: ${GUARDED}`);
  const answers = new Set();
  for (const command of [...GUARDED, 'nonsense']) {
    for (const of of [space, 'f'.repeat(64)]) answers.add(JSON.stringify(await asApp(app, { do: command, space: of, name: 'x', origin: 'x', url: 'x' })));
  }
  const [answer] = answers;
  assert.equal(answers.size, 1, [...answers].join('\n'));
  assert.equal(JSON.parse(answer).error?.name, 'E_DENIED');
}

/** The app asks and the person, at the vault's own page, grants. */
async function grant(vault, app, origin, spaces) {
  await app.evaluate(() => { window.asked = window.app.ask({ do: 'app.ask', name: 'Todo', want: ['all:write'] }); });
  const question = await until('the question', async () => (await rows(vault, { do: 'app.list' })).find((row) => row.origin === origin && row.asks));
  assert.deepEqual(question.asks, ['all:write']);
  await done(vault, { do: 'app.grant', origin, spaces });
  assert.equal((await app.evaluate(() => window.asked)).error, undefined);
}

export async function app(t) {
  const kube = await t.startKube(), profile = await t.launchProfile();
  const vault = await openVault(profile, kube);
  await makeIdentity(vault, 'Ada');
  const space = await makeSpace(vault), other = await makeSpace(vault, 'other'), origin = kube.origin('todo');
  const todo = await openApp(profile, origin, kube), notes = await openApp(profile, kube.origin('notes'), kube);
  await hasPort(todo);
  await hasPort(notes);
  await expectNothing(todo, space);

  await grant(vault, todo, origin, { [space]: 'write' });
  assert.ok((await asApp(todo, { do: 'object.add', space, data: { by: 'app' } })).id);
  for (const command of [{ do: 'object.ls', space: other }, { do: 'space.share', space }, { do: 'app.grant', origin, scopes: ['all:share'] }, { do: 'halo.identity' }]) {
    assert.equal((await asApp(todo, command)).error?.name, 'E_DENIED', `${command.do} was not granted`);
  }
  await expectNothing(notes, space); // what one origin was granted is not another's

  // The frame of an app may lead: the same rules hold there.
  await vault.close();
  await hasPort(todo, 2);
  await hasPort(notes, 2);
  assert.ok((await asApp(todo, { do: 'object.add', space, data: { by: 'app' } })).id);
  await expectNothing(notes, space);

  const again = await openVault(profile, kube);
  await todo.evaluate((of) => { window.watched = window.app.watch({ do: 'watch', space: of }); }, space);
  await ask(again, { do: 'object.add', space, data: { by: 'person' } });
  await until('the app is told', () => todo.evaluate(() => window.watched.told.length > 0));
  await done(again, { do: 'app.revoke', origin });
  const end = await until('its subscription ends', () => todo.evaluate(() => window.watched.end));
  assert.equal(end.error?.name, 'E_DENIED');
  await expectNothing(todo, space);
  const anew = await openApp(profile, origin, kube);
  await hasPort(anew);
  await expectNothing(anew, space);
}

// Two kubes by HTTPS: an app of one, the vault of the other, which are different sites to a browser. In the app's frame the vault is told that it sees
// nothing, and makes nothing; at the top level it answers the app as the origin it is. A page that the vault's kube does not allow cannot frame it.
export async function partition(t) {
  const certificate = await t.makeCertificate('kube.test', 'other.test', 'third.test');
  const elsewhere = await t.startKube({ name: 'other.test', certificate }), third = await t.startKube({ name: 'third.test', certificate });
  const origin = elsewhere.origin('todo');
  const kube = await t.startKube({ name: 'kube.test', certificate, allow: [origin] });
  const profile = await t.launchProfile({ args: certificate.args });
  const vault = await openVault(profile, kube);
  await makeIdentity(vault, 'Ada');
  const space = await makeSpace(vault);

  const todo = await openApp(profile, origin, kube);
  const states = await until('an answer', () => todo.evaluate(() => window.app?.states.length && window.app.states));
  assert.deepEqual([...new Set(states)], ['no-access'], 'an app of another site is told that it sees no vault');
  assert.equal(await todo.evaluate(() => window.app.program.ports), 0);
  await todo.evaluate(() => window.app.openWindow());
  await hasPort(todo);
  await expectNothing(todo, space);
  await grant(vault, todo, origin, { [space]: 'write' });
  assert.ok((await asApp(todo, { do: 'object.add', space, data: { by: 'app' } })).id);
  assert.deepEqual((await rows(vault, { do: 'object.ls', space })).map((row) => row.data), [{ by: 'app' }]);

  t.expectError(/frame-ancestors/);
  const stranger = await openApp(profile, third.origin('todo'), kube);
  await until('the frame is refused', () => stranger.evaluate(() => document.querySelector('iframe').contentDocument === null));
  await stranger.waitForTimeout(300); // it says hello every 20 ms
  assert.deepEqual(await stranger.evaluate(() => [window.app.states, window.app.program.ports]), [[], 0]);
}

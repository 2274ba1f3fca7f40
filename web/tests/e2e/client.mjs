// tests/e2e/client.mjs: a program's client through fromVault, in a browser: consent, revocation, refusal, leaders that go, other sites, strangers; figures.
import assert from 'node:assert/strict';
import { done, makeIdentity, makeSpace, marksOf, openVault, rows } from '../bare_vault.mjs';
import { median, until } from '../harness.mjs';

/** A program's page at this origin, whose vault is at the page of the bare vault. */
async function openProgram(profile, origin, kube) {
  const page = await profile.newPage();
  await page.goto(programUrl(origin, kube));
  await until('the program\'s script', () => page.evaluate(() => window.program !== undefined));
  return page;
}
const programUrl = (origin, kube) => `${origin}/tests/client.html?vault=${encodeURIComponent(`${kube.origin('halo')}/tests/vault.html`)}`;

const look = (page) => page.evaluate(() => window.program.look());
async function untilIt(page, what, holds) {
  let seen = {};
  await until(what, async () => holds(seen = await look(page))).catch((error) => { throw new Error(`${error.message}: ${JSON.stringify(seen)}`); });
}
const hasAccess = (page, access) => untilIt(page, `access ${access}`, (seen) => seen.access === access);
const marks = (page) => page.evaluate(() => window.program.marks());

/** A click on the button; the vault's window, where it opens one. */
async function press(profile, page) {
  const [opened] = await Promise.all([profile.context.waitForEvent('page', { timeout: 10_000 }), page.click('button')]);
  await until('the vault\'s window', () => opened.evaluate(() => window.vault?.report.readyMs > 0).catch(() => false));
  return opened;
}

/** By the person, at the vault's own page. */
async function decide(vault, origin, command) {
  await until('the question', async () => (await rows(vault, { do: 'app.list' })).some((row) => row.origin === origin && row.asks));
  await done(vault, { origin, ...command });
}

async function begin(t) {
  const kube = await t.startKube(), profile = await t.launchProfile(), vault = await openVault(profile, kube);
  await makeIdentity(vault, 'Ada');
  const space = await makeSpace(vault), origin = kube.origin('todo'), program = await openProgram(profile, origin, kube);
  const grant = { do: 'app.grant', scopes: ['identity'], spaces: { [space]: 'write' } };
  return { kube, profile, vault, space, origin, program, grant };
}

/** Every mark that was acknowledged is in the vault, and none twice. */
async function expectAcknowledged(vault, space, program) {
  const acknowledged = await program.evaluate(() => [...window.program.acknowledged]), stored = await marksOf(vault, space), kept = new Set(stored);
  assert.equal(kept.size, stored.length, 'a write was done twice');
  assert.deepEqual(acknowledged.filter((n) => !kept.has(n)), [], 'acknowledged and gone');
}

async function writesOn(program, what) {
  const count = () => program.evaluate(() => window.program.acknowledged.length), before = await count();
  await until(what, async () => await count() > before + 5);
}

// A hidden frame, a question, a window for the answer; taken back and given again; refused and asked again; less than was wanted.
export async function clientConsent(t) {
  const { profile, vault, space, origin, program, grant } = await begin(t);
  await hasAccess(program, 'needsGrant');
  assert.equal((await look(program)).begun, false);
  const opened = await press(profile, program);
  assert.equal(await opened.evaluate(() => window.opener !== null), true);
  assert.equal((await rows(vault, { do: 'app.list' })).length, 1, 'one question, however often it is pressed');
  await decide(vault, origin, grant);
  await untilIt(program, 'the space', (seen) => seen.begun && seen.access === 'ready' && seen.spaces === 1 && seen.name === 'Ada');
  assert.equal(await program.evaluate(() => window.program.add(1)), true, 'it shows in the same turn');
  await until('it in the vault', async () => (await marksOf(vault, space)).join() === '1');
  await done(vault, { do: 'object.add', space, type: 'mark', data: { n: 2 } });
  await until('what others write', async () => (await marks(program)).join() === '1,2');

  await done(vault, { do: 'app.revoke', origin });
  await untilIt(program, 'nothing after it was taken back', (seen) => seen.access === 'needsGrant' && seen.spaces === 0 && seen.name === null);
  await program.click('button'); // the window is there: it comes to the front
  await decide(vault, origin, grant);
  await untilIt(program, 'the space again', (seen) => seen.access === 'ready' && seen.spaces === 1 && seen.name === 'Ada');
  await until('its objects again', async () => (await marks(program)).join() === '1,2');

  await done(vault, { do: 'app.revoke', origin });
  await hasAccess(program, 'needsGrant');
  await opened.close();
  await press(profile, program);
  await decide(vault, origin, { do: 'app.refuse' });
  await hasAccess(program, 'refused');
  await program.click('button');
  await hasAccess(program, 'needsGrant');
  await done(vault, { do: 'app.grant', origin, spaces: { [space]: 'read' } });
  await untilIt(program, 'what was allowed, which is not the name', (seen) => seen.access === 'ready' && seen.spaces === 1 && seen.name === null);
  await until('the objects', async () => (await marks(program)).join() === '1,2');
  assert.equal(await program.evaluate(() => window.program.add(3)), true);
  await untilIt(program, 'a write that it may not is taken back', (seen) => seen.refused.join() === 'E_DENIED');
  assert.deepEqual(await marks(program), [1, 2]);

  await program.reload();
  await untilIt(program, 'no question where something is allowed', (seen) => seen.begun);
  assert.deepEqual((await look(program)).accesses, ['ready']);
}
clientConsent.deadlineMs = 90_000;

// What leads goes, in each way; the kube too. The program writes on, and each acknowledged write is there once.
export async function clientLeaders(t) {
  const { kube, profile, vault, space, origin, program, grant } = await begin(t);
  await decide(vault, origin, grant);
  await untilIt(program, 'the space', (seen) => seen.begun);
  await program.evaluate(() => { void window.program.write(0); });
  await writesOn(program, 'writes');
  await vault.close();
  await writesOn(program, 'writes after the leading tab was closed');
  const frame = program.frames().find((one) => one.url().startsWith(kube.origin('halo')));
  await frame.evaluate(() => location.reload()).catch(() => undefined);
  await writesOn(program, 'writes after the frame was loaded again');
  const other = await openVault(profile, kube);
  await other.reload();
  await until('the vault\'s page again', () => other.evaluate(() => window.vault?.report.readyMs > 0).catch(() => false));
  await writesOn(program, 'writes after the vault\'s page was loaded again');
  for (const page of [program.frames().find((one) => one.url().startsWith(kube.origin('halo'))), other]) {
    await page.evaluate(() => window.vault.endWorker());
    await writesOn(program, 'writes after the end of a worker');
  }
  await kube.stop();
  await writesOn(program, 'writes without the kube');
  await program.evaluate(() => window.program.stop());
  await program.evaluate(() => window.program.flush());
  await expectAcknowledged(other, space, program);
  assert.deepEqual(await marks(program), (await marksOf(other, space)).sort((a, b) => a - b), 'the program shows what is there');
}

// An app of another site: its frame sees no vault, the vault's window serves it as long as it is open.
export async function clientOtherSite(t) {
  const certificate = await t.makeCertificate('kube.test', 'other.test');
  const elsewhere = await t.startKube({ name: 'other.test', certificate }), origin = elsewhere.origin('todo');
  const kube = await t.startKube({ name: 'kube.test', certificate, allow: [origin] });
  const profile = await t.launchProfile({ args: certificate.args }), vault = await openVault(profile, kube);
  await makeIdentity(vault, 'Ada');
  const space = await makeSpace(vault), program = await openProgram(profile, origin, kube);
  await hasAccess(program, 'needsAccess');

  await program.evaluate(() => { window.reallyOpen = window.open; window.open = () => null; }); // as where windows are not allowed
  await program.click('button');
  await untilIt(program, 'word of it', (seen) => /^E_STATE allow/.test(seen.opening));
  await program.evaluate(() => { window.open = window.reallyOpen; });

  let opened = await press(profile, program);
  await hasAccess(program, 'needsGrant');
  await decide(opened, origin, { do: 'app.grant', scopes: ['identity'], spaces: { [space]: 'write' } });
  await untilIt(program, 'the space', (seen) => seen.begun && seen.access === 'ready' && seen.name === 'Ada');
  await program.evaluate(() => window.program.add(1));
  await until('it in the vault', async () => (await marksOf(vault, space)).join() === '1');
  await opened.reload();
  await program.evaluate(() => window.program.add(2));
  await until('what was written while the window was loaded again', async () => (await marksOf(vault, space)).join() === '1,2');

  await opened.close();
  await untilIt(program, 'it says that it waits', (seen) => seen.access === 'needsAccess' && seen.status === 'waiting');
  assert.equal(await program.evaluate(() => window.program.add(3)), true);
  assert.deepEqual(await marks(program), [1, 2, 3]);
  opened = await press(profile, program);
  await untilIt(program, 'the way back', (seen) => seen.access === 'ready' && seen.status === 'open');
  await until('what was written meanwhile', async () => (await marksOf(vault, space)).join() === '1,2,3');
  await program.evaluate(() => window.client.destroy());
  await until('its port ends', async () => (await rows(vault, { do: 'app.list' })).every((row) => row.ports === 0));
}
clientOtherSite.deadlineMs = 90_000;

// Whoever else talks to the program's window, also a page of the vault's own origin that it did not open, is told nothing and changes nothing.
export async function clientStrangers(t) {
  const { kube, profile, vault, origin, program, grant } = await begin(t);
  await program.close();
  const victims = [];
  for (const site of ['notes', 'halo']) {
    const hostile = await profile.newPage();
    await hostile.goto(`${kube.origin(site)}/tests/hostile.html`);
    const [victim] = await Promise.all([profile.context.waitForEvent('page'), hostile.evaluate((url) => window.hostile.open(url), programUrl(origin, kube))]);
    await until('the program\'s script', () => victim.evaluate(() => window.program !== undefined).catch(() => false));
    victims.push({ hostile, victim });
  }
  for (const { victim } of victims) await hasAccess(victim, 'needsGrant');
  await decide(vault, origin, grant);
  for (const { victim } of victims) await untilIt(victim, 'the space', (seen) => seen.begun && seen.spaces === 1);
  for (const [at, { victim }] of victims.entries()) assert.equal(await victim.evaluate((n) => window.program.add(n), at), true);
  for (const { hostile, victim } of victims) {
    await until('what both wrote', async () => (await marks(victim)).join() === '0,1');
    await victim.waitForTimeout(200);
    assert.deepEqual((await look(victim)).accesses, ['ready', 'needsGrant', 'ready']);
    assert.deepEqual(await hostile.evaluate(() => [window.hostile.told, window.hostile.heard]), [[], []]);
  }
}

// A vault that cannot be reached when the page is loaded, and later can: the frame is loaded again by itself.
export async function clientPatience(t) {
  const { kube, profile, vault, space, origin, program: first, grant } = await begin(t);
  await decide(vault, origin, grant);
  await first.close();
  t.expectError(/ERR_CONNECTION_REFUSED/);
  await profile.context.route('**/tests/vault.html', (route) => route.abort('connectionrefused'));
  const program = await openProgram(profile, origin, kube);
  await program.waitForTimeout(500);
  assert.equal((await look(program)).status, 'connecting');
  await profile.context.unroute('**/tests/vault.html');
  await untilIt(program, 'the vault', (seen) => seen.begun && seen.spaces === 1);
  await program.evaluate(() => window.program.add(1));
  await until('it in the vault', async () => (await marksOf(vault, space)).join() === '1');
}

// What it takes: a round trip, a write until it shows and until it is durable, many objects.
export async function clientFigures(t) {
  const { profile, vault, space, origin, program, grant } = await begin(t);
  await decide(vault, origin, grant);
  await untilIt(program, 'the space', (seen) => seen.begun);
  await program.evaluate(() => window.program.figures(100));
  const { read, durable, shown } = await program.evaluate(() => window.program.figures(500));
  t.figure('app to vault and back, p50', median(read), 'ms', { atMost: 0.4 });
  t.figure('assignment until durable, p50', median(durable), 'ms');
  t.figure('assignment until shown, p50', median(shown), 'ms', { atMost: 0.1 });
  await vault.evaluate((into) => window.vault.addObjects(into, 10_000, 1000), space);
  const session = await profile.context.newCDPSession(program);
  const heap = async () => {
    await session.send('HeapProfiler.collectGarbage');
    return (await session.send('Runtime.getHeapUsage')).usedSize;
  };
  const before = await heap(), first = await program.evaluate(() => window.program.load('item'));
  assert.deepEqual([first.count, first.sum], [10_000, 49_995_000]);
  t.figure('10,000 objects loaded by a query', first.ms, 'ms');
  t.figure('memory of one of them', (await heap() - before) / 10_000, 'bytes');
  t.figure('the same again', (await program.evaluate(() => window.program.load('item'))).ms, 'ms');
}

// tests/e2e/core.mjs: core/ in one browser: figures, one leader and its successors, kills in the midst of writing, a full disk, peer links' bytes.
import assert from 'node:assert/strict';
import { ask, done, expectMarks, makeIdentity, makeSpace, openVault, report, rows, writeForEver } from '../bare_vault.mjs';
import { crashRenderer, median, until } from '../harness.mjs';

export async function figures(t) {
  const kube = await t.startKube(), profile = await t.launchProfile();
  let page = await openVault(profile, kube);
  t.figure('vault ready, first visit', (await report(page)).readyMs, 'ms');
  await makeIdentity(page, 'Ada');
  const space = await makeSpace(page);
  t.figure('10,000 objects durable', await page.evaluate((into) => window.vault.addObjects(into, 10_000, 1000), space), 'ms', { atMost: 1500 });
  assert.equal((await rows(page, { do: 'object.ls', space, type: 'item', limit: 20_000 })).length, 10_000);
  t.figure('request to reply, p50', median(await page.evaluate(() => window.vault.roundTrips(500))), 'ms', { atMost: 0.4 });
  t.figure('compiling the module again', await page.evaluate(() => window.vault.compileMs()), 'ms');
  await page.close();
  page = await openVault(profile, kube);
  t.figure('vault ready, warm', (await report(page)).readyMs, 'ms', { atMost: 400 });
  t.figure('  of it opening the vault', (await report(page)).leadMs, 'ms');
  await profile.close();
  await profile.open();
  page = await openVault(profile, kube);
  t.figure('vault ready, browser started anew', (await report(page)).readyMs, 'ms');
  assert.equal((await rows(page, { do: 'space.list' }))[0].objects, 10_000);
}

export async function takeover(t) {
  const kube = await t.startKube(), profile = await t.launchProfile();
  const first = await openVault(profile, kube);
  await makeIdentity(first, 'Ada');
  const space = await makeSpace(first);
  const second = await openVault(profile, kube), third = await openVault(profile, kube);
  assert.deepEqual([(await report(first)).leads, (await report(second)).leads, (await report(third)).leads], [1, 0, 0], 'one leader');
  assert.equal((await rows(second, { do: 'space.list' }))[0].space, space, 'another tab reaches the same vault');
  // A subscription of another tab goes on after the leader has gone, with what was written since.
  await second.evaluate((of) => {
    window.seen = [];
    window.vault.watch({ do: 'watch', space: of, query: { type: 'mark' } }, (body) => window.seen.push(...(body.rows ?? [])));
  }, space);
  const marks = await writeForEver(third, space), before = Date.now();
  await first.close();
  await until('another leader', async () => (await report(second)).ports === 2);
  const at = (await report(second)).portAtMs, acknowledged = marks.last;
  await until('writing goes on', () => marks.last > acknowledged + 5);
  t.figure('take-over, from closing the tab', at - before, 'ms', { atMost: 100 });
  t.figure('  of it opening the vault', Math.max((await report(second)).leadMs, (await report(third)).leadMs), 'ms');
  const last = marks.last;
  await until('the subscription shows it', () => second.evaluate((n) => window.seen.some((row) => row.data?.n === n), last));
  await expectMarks(second, space, last);
}

// The broker lives in the renderer of the tab that was there first, and dies with it; the others find another.
export async function broker(t) {
  const kube = await t.startKube(), profile = await t.launchProfile();
  const first = await openVault(profile, kube);
  await makeIdentity(first, 'Ada');
  const space = await makeSpace(first), second = await openVault(profile, kube), marks = await writeForEver(second, space);
  await crashRenderer(first);
  const { last } = marks;
  await until('another tab writes on', () => marks.last > last + 20);
  await expectMarks(await openVault(profile, kube), space, last);
}

export async function kills(t) {
  const kube = await t.startKube(), profile = await t.launchProfile();
  let page = await openVault(profile, kube);
  await makeIdentity(page, 'Ada');
  const kinds = {
    tab: (victim) => victim.close(),
    worker: (victim) => victim.evaluate(() => window.vault.endWorker()),
    renderer: crashRenderer,
    browser: () => profile.kill(),
  };
  for (const [name, kill] of Object.entries(kinds)) {
    const space = await makeSpace(page, `round-${name}`), marks = await writeForEver(page, space);
    await kill(page);
    const last = marks.last;
    if (name === 'browser') {
      await profile.open();
    } else if (name === 'worker') {
      await until('a new worker goes on', () => marks.last > last + 20);
      await page.close();
    }
    page = await openVault(profile, kube);
    t.say(`${name} killed: ${last + 1} acknowledged by then, ${await expectMarks(page, space, last)} there`);
  }
}

// Peer links without a node: the channel in the worker, and its bytes through the page where a browser cannot hand it over.
export async function rtc(t) {
  const kube = await t.startKube(), profile = await t.launchProfile();
  for (const mode of ['', '?proxy']) {
    const page = await profile.newPage(), size = 10_000_000;
    await page.goto(`${kube.origin('halo')}/tests/rtc.html${mode}`);
    const ends = () => page.evaluate(() => window.rtc.state.ends);
    const tell = (message) => page.evaluate((told) => window.rtc.tell(told), message);
    const from = Date.now();
    await tell({ type: 'go' });
    await until('both ends up', async () => (await ends()).length === 2 && (await ends()).every((end) => end.up));
    t.figure(`peer link open${mode}`, Date.now() - from, 'ms');
    assert.deepEqual((await ends()).map((end) => end.transferred), mode ? [false, false] : [true, true]);
    const sent = Date.now();
    await tell({ type: 'send', size });
    await until('all bytes there', async () => (await ends())[0].received === size);
    t.figure(`peer link${mode}`, size / 1e3 / (Date.now() - sent), 'MB/s');
    await until('all bytes told to have left', async () => (await ends())[1].left === size);
    await tell({ type: 'close' });
    await until('the other end hears of it', async () => (await ends())[0].down !== '');
    await page.close();
  }
}

// A disk that is full: writing is refused by name, reading goes on, and writing goes on when there is room again.
export async function quota(t) {
  const kube = await t.startKube(), profile = await t.launchProfile(), page = await openVault(profile, kube);
  await makeIdentity(page, 'Ada');
  const space = await makeSpace(page);
  const session = await profile.context.newCDPSession(page), origin = kube.origin('halo');
  const { usage } = await session.send('Storage.getUsageAndQuota', { origin });
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: usage + 200_000 });
  const pad = 'x'.repeat(50_000);
  let refused = null, written = 0;
  for (; written < 200 && !refused; written++) refused = (await ask(page, { do: 'object.add', space, type: 'large', data: { pad } })).error ?? null;
  assert.equal(refused?.name, 'E_NO_SPACE', JSON.stringify(refused));
  assert.equal((await rows(page, { do: 'query', space, query: { type: 'large' } })).length, written - 1, 'what was acknowledged is there');
  await session.send('Storage.overrideQuotaForOrigin', { origin });
  await until('room again', async () => !(await ask(page, { do: 'object.add', space, type: 'large', data: { pad } })).error);
  await done(page, { do: 'space.digest', space });
}

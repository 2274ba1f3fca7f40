// tests/e2e.mjs: core/ in Debian's chromium, on real origins: durability, election, figures. `make e2e`; some tests by name: E2E=takeover,kills
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { serve } from './server.mjs';

// Playwright (the pinned version) switches storage partitioning off, and what a test then sees is not what people get. Its flag is
// replaced by the same without that feature; the test `partition` fails should this no longer be the flag.
const FEATURES = ['AvoidUnnecessaryBeforeUnloadCheckSync', 'BoundaryEventDispatchTracksNodeRemoval', 'DestroyProfileOnBrowserClose',
  'DialMediaRouteProvider', 'GlobalMediaControls', 'HttpsUpgrades', 'LensOverlay', 'MediaRouter', 'PaintHolding', 'ThirdPartyStoragePartitioning',
  'Translate', 'AutoDeElevate', 'RenderDocument', 'OptimizationHints', 'msForceBrowserSignIn', 'msEdgeUpdateLaunchServicesPreferredVersion'];
const disable = (features) => `--disable-features=${features.join(',')}`;
const LAUNCH = {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  ignoreDefaultArgs: [disable(FEATURES)],
  args: ['--no-sandbox', disable(FEATURES.filter((feature) => feature !== 'ThirdPartyStoragePartitioning'))],
};
const WAIT_MS = 20_000;

const tellFigure = (name, value, unit, target) => {
  console.log(`e2e:   ${name}: ${Math.round(value * 100) / 100} ${unit}${target === undefined ? '' : ` (to reach: ${target})`}`);
};
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function until(what, probe, ms = WAIT_MS) {
  for (const from = Date.now(); ;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() - from > ms) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A page of the vault's origin whose vault has answered. */
async function openVault(context, server) {
  const page = await context.newPage();
  page.on('pageerror', (error) => console.log(`e2e:   page: ${error.message}`));
  await page.goto(`${server.origin('halo.kube')}/tests/vault.html`);
  try {
    await until('a vault that answers', () => page.evaluate(() => window.vault?.report.readyMs > 0));
  } catch (error) {
    throw new Error(`${error.message} ${JSON.stringify(await page.evaluate(() => window.vault?.report))}`);
  }
  return page;
}

const report = (page) => page.evaluate(() => window.vault.report);
const ask = (page, command) => page.evaluate((asked) => window.vault.ask(asked), command);
const rows = (page, command) => page.evaluate((asked) => window.vault.rows(asked), command);

async function makeSpace(page) {
  const { identity, error } = await ask(page, { do: 'halo.create', name: 'Ada' });
  assert.ok(identity, JSON.stringify(error));
  const { space } = await ask(page, { do: 'space.create', name: 'notes' });
  assert.ok(space);
  return space;
}

/** Writes until stopped; the highest number acknowledged is in .last. */
async function writeForEver(page, space) {
  const marks = { last: -1 };
  await page.exposeFunction('acknowledged', (n) => { marks.last = Math.max(marks.last, n); });
  await page.evaluate((into) => { window.vault.writeForEver(into, window.acknowledged); }, space);
  await until('some writes', () => marks.last >= 20);
  return marks;
}

/** Everything acknowledged is there, and nothing twice: a request that was asked again had its id. */
async function expectMarks(page, space, last) {
  const found = (await rows(page, { do: 'object.ls', space, type: 'mark', limit: 1_000_000 })).map((row) => row.data.n);
  assert.equal(new Set(found).size, found.length, 'a write was done twice');
  const kept = new Set(found);
  for (let n = 0; n <= last; n++) assert.ok(kept.has(n), `write ${n} of ${last} was acknowledged and is gone`);
  return found.length;
}

const folder = () => mkdtempSync(join(tmpdir(), 'dx-e2e-'));
const launchProfile = (path) => chromium.launchPersistentContext(path, LAUNCH);

/** The browser's own process among those of this profile: the one without a type. */
function browserOf(path) {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const found = pids.find((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return line.includes(`--user-data-dir=${path}`) && !line.some((word) => word.startsWith('--type=')) && /chrom/.test(line[0]);
    } catch {
      return false; // ended meanwhile
    }
  });
  assert.ok(found, 'the browser\'s process');
  return Number(found);
}

/** A browser with a profile of its own, closed and removed afterwards. */
async function withProfile(act) {
  const path = folder(), contexts = [];
  const open = async () => {
    const context = await launchProfile(path);
    contexts.push(context);
    return context;
  };
  try {
    return await act(open, path);
  } finally {
    for (const context of contexts) await context.close().catch(() => undefined);
    rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** A kube of its own, serving the vault's site with the test pages in it. */
async function startKube() {
  const build = join(dirname(fileURLToPath(import.meta.url)), '../../build'), home = folder(), sites = join(home, 'sites');
  cpSync(join(build, 'web/halo'), join(sites, 'halo'), { recursive: true });
  cpSync(join(build, 'web-tests/pages'), join(sites, 'halo/tests'), { recursive: true });
  const port = 20_000 + process.pid % 20_000;
  const kube = spawn(process.env.DX ?? join(build, 'debug/apps/dx/dx'), ['kube', 'start', '-f', '--port', String(port), '--web', sites],
    { env: { ...process.env, XDG_DATA_HOME: home }, stdio: 'ignore' });
  const ended = new Promise((resolve) => kube.once('exit', resolve));
  const stop = async () => {
    kube.kill('SIGTERM');
    await ended;
    rmSync(home, { recursive: true, force: true });
  };
  await until('the kube', () => fetch(`http://127.0.0.1:${port}/healthz`).then((answer) => answer.ok, () => false));
  return { port, origin: (host) => `http://${host}.localhost:${port}`, stop };
}

// --- The tests ------------------------------------------------------------------------------------------------------

const tests = {
  async figures(server) {
    await withProfile(async (open) => {
      let context = await open();
      let page = await openVault(context, server);
      tellFigure('vault ready, first visit', (await report(page)).readyMs, 'ms');
      const space = await makeSpace(page);
      tellFigure('10,000 objects durable', await page.evaluate((into) => window.vault.addObjects(into, 10_000, 1000), space), 'ms', '<= 1500');
      assert.equal((await ask(page, { do: 'query', space, query: { type: 'item', count: true } })).count ?? (await rows(page, { do: 'object.ls', space, type: 'item', limit: 20_000 })).length, 10_000);
      const times = await page.evaluate(() => window.vault.roundTrips(500));
      tellFigure('request to reply, p50', median(times), 'ms', '<= 0.4');
      tellFigure('compiling the module again', await page.evaluate(() => window.vault.compileMs()), 'ms');
      await page.close();
      page = await openVault(context, server);
      tellFigure('vault ready, warm', (await report(page)).readyMs, 'ms', '<= 400');
      tellFigure('  of it opening the vault', (await report(page)).leadMs, 'ms');
      await context.close();
      context = await open();
      page = await openVault(context, server);
      tellFigure('vault ready, browser started anew', (await report(page)).readyMs, 'ms');
      assert.equal((await rows(page, { do: 'space.list' }))[0].objects, 10_000);
    });
  },

  async takeover(server) {
    await withProfile(async (open) => {
      const context = await open();
      const first = await openVault(context, server);
      const space = await makeSpace(first);
      const second = await openVault(context, server), third = await openVault(context, server);
      assert.deepEqual([(await report(first)).leads, (await report(second)).leads, (await report(third)).leads], [1, 0, 0], 'one leader');
      const spaces = await rows(second, { do: 'space.list' });
      assert.equal(spaces[0].space, space, 'another tab reaches the same vault');
      // A subscription of another tab goes on after the leader has gone, with what was written since.
      await second.evaluate((of) => {
        window.seen = [];
        window.vault.watch({ do: 'watch', space: of, query: { type: 'mark' } }, (body) => window.seen.push(...(body.rows ?? [])));
      }, space);
      const marks = await writeForEver(third, space);
      const before = Date.now();
      await first.close();
      await until('another leader', async () => (await report(second)).ports === 2);
      const at = (await report(second)).portAtMs;
      await until('writing goes on', () => { const last = marks.last; return until('more', () => marks.last > last + 5); });
      tellFigure('take-over, from closing the tab', at - before, 'ms');
      tellFigure('  of it opening the vault', Math.max((await report(second)).leadMs, (await report(third)).leadMs), 'ms');
      const last = marks.last;
      await until('the subscription shows it', () => second.evaluate((n) => window.seen.some((row) => row.data?.n === n), last));
      await expectMarks(second, space, last);
    });
  },

  async kills(server) {
    await withProfile(async (open, path) => {
      let context = await open();
      let page = await openVault(context, server);
      await makeSpace(page);
      const kills = {
        tab: (victim) => victim.close(),
        worker: (victim) => victim.evaluate(() => window.vault.endWorker()),
        renderer: async (victim) => {
          const session = await victim.context().newCDPSession(victim), gone = victim.waitForEvent('crash');
          session.send('Page.crash').catch(() => undefined);
          await gone;
        },
        browser: () => process.kill(browserOf(path), 'SIGKILL'),
      };
      for (const [name, kill] of Object.entries(kills)) {
        const round = (await ask(page, { do: 'space.create', name: `round-${name}` })).space;
        const marks = await writeForEver(page, round);
        await kill(page);
        const last = marks.last;
        if (name === 'browser') {
          await context.close().catch(() => undefined);
          context = await open();
        } else if (name === 'worker') {
          await until('a new worker goes on', () => marks.last > last + 20);
          await page.close();
        }
        page = await openVault(context, server);
        const found = await expectMarks(page, round, last);
        console.log(`e2e:   ${name} killed: ${last + 1} acknowledged by then, ${found} there`);
      }
    });
  },

  // Peer links without a node: the channel in the worker, and its bytes through the page where a browser cannot hand it over.
  async rtc(server) {
    await withProfile(async (open) => {
      const context = await open();
      for (const mode of ['', '?proxy']) {
        const page = await context.newPage(), size = 10_000_000;
        await page.goto(`${server.origin('halo.kube')}/tests/rtc.html${mode}`);
        const ends = () => page.evaluate(() => window.rtc.state.ends);
        const tell = (message) => page.evaluate((told) => window.rtc.tell(told), message);
        const from = Date.now();
        await tell({ type: 'go' });
        await until('both ends up', async () => (await ends()).length === 2 && (await ends()).every((end) => end.up));
        tellFigure(`peer link open${mode}`, Date.now() - from, 'ms');
        assert.deepEqual((await ends()).map((end) => end.transferred), mode ? [false, false] : [true, true]);
        const sent = Date.now();
        await tell({ type: 'send', size });
        await until('all bytes there', async () => (await ends())[0].received === size);
        tellFigure(`peer link${mode}`, size / 1e3 / (Date.now() - sent), 'MB/s');
        await until('all bytes told to have left', async () => (await ends())[1].left === size);
        await tell({ type: 'close' });
        await until('the other end hears of it', async () => (await ends())[0].down !== '');
        await page.close();
      }
    });
  },

  // A disk that is full: writing is refused by name, reading goes on, and writing goes on when there is room again.
  async quota(server) {
    await withProfile(async (open) => {
      const context = await open();
      const page = await openVault(context, server), space = await makeSpace(page);
      const session = await context.newCDPSession(page), origin = server.origin('halo.kube');
      const { usage } = await session.send('Storage.getUsageAndQuota', { origin });
      await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: usage + 200_000 });
      const pad = 'x'.repeat(50_000);
      let refused = null, written = 0;
      for (; written < 200 && !refused; written++) {
        refused = (await ask(page, { do: 'object.add', space, type: 'large', data: { pad } })).error ?? null;
      }
      assert.equal(refused?.name, 'E_NO_SPACE', JSON.stringify(refused));
      const kept = (await rows(page, { do: 'query', space, query: { type: 'large' } })).length;
      assert.equal(kept, written - 1, 'what was acknowledged is there');
      await session.send('Storage.overrideQuotaForOrigin', { origin });
      await until('room again', async () => !(await ask(page, { do: 'object.add', space, type: 'large', data: { pad } })).error);
    });
  },

  // An app of another origin: nothing without a grant, what it was granted, nothing after it was taken back; the same after another leads.
  async app(server) {
    await withProfile(async (open) => {
      const context = await open();
      const page = await openVault(context, server), space = await makeSpace(page);
      const origin = server.origin('todo.kube'), app = await context.newPage();
      await app.goto(`${origin}/tests/app.html?vault=${encodeURIComponent(server.origin('halo.kube'))}`);
      await until('a port for the app', () => app.evaluate(() => window.app?.program.ports > 0));
      const asApp = (command) => app.evaluate((asked) => window.app.ask(asked), command);
      const denied = async (command) => assert.equal((await asApp(command)).error?.name, 'E_DENIED', command.do);
      for (const command of [{ do: 'space.create' }, { do: 'object.add', space }, { do: 'object.ls', space }, { do: 'app.grant', origin, scopes: ['all:share'] }]) await denied(command);

      await app.evaluate(() => { window.asked = window.app.ask({ do: 'app.ask', name: 'Todo', want: ['all:write'] }); });
      const [question] = await until('the question', async () => { const asks = await rows(page, { do: 'app.list' }); return asks.length && asks; });
      assert.equal(question.origin, origin, 'the origin is the one the browser says');
      await ask(page, { do: 'app.grant', origin, spaces: { [space]: 'write' } });
      assert.equal((await app.evaluate(() => window.asked)).error, undefined);
      assert.ok((await asApp({ do: 'object.add', space, data: { by: 'app' } })).id);

      await page.close();
      await until('a port to who leads now', () => app.evaluate(() => window.app.program.ports >= 2));
      assert.ok((await asApp({ do: 'object.add', space, data: { by: 'app' } })).id, 'the frame of the app leads now');
      const again = await openVault(context, server);
      await ask(again, { do: 'app.revoke', origin });
      await denied({ do: 'object.ls', space });
    });
  },

  // Two browsers meet through a kube's signaling, by link and PIN, and replicate over WebRTC; with the kube stopped they go on.
  async peers() {
    const kube = await startKube();
    try {
      await withProfile((openA) => withProfile(async (openB) => {
        const a = await openVault(await openA(), kube), b = await openVault(await openB(), kube);
        const url = `ws://halo.kube.localhost:${kube.port}/.well-known/dx/signal`;
        const space = await makeSpace(a);
        assert.ok((await ask(b, { do: 'halo.create', name: 'Bob' })).identity);
        for (const page of [a, b]) assert.equal((await ask(page, { do: 'signal.add', url })).error, undefined);
        await ask(a, { do: 'object.add', space, type: 'mark', data: { n: 0 } });
        await a.evaluate((of) => {
          window.shared = null;
          window.vault.watch({ do: 'space.share', space: of, role: 'editor' }, (body) => { window.shared ??= body.url ? body : null; });
        }, space);
        const { url: link, pin } = await until('a link', () => a.evaluate(() => window.shared));
        const from = Date.now();
        const joined = await ask(b, { do: 'space.join', url: link, pin });
        assert.equal(joined.error, undefined, JSON.stringify(joined));
        tellFigure('join by link and PIN', Date.now() - from, 'ms', '<= 3000');
        const has = (page, n) => page.evaluate(async ([of, wanted]) => (await window.vault.rows({ do: 'object.ls', space: of, type: 'mark' })).some((row) => row.data.n === wanted), [space, n]);
        await until('the object at the other', () => has(b, 0));
        await kube.stop();
        await ask(b, { do: 'object.add', space, type: 'mark', data: { n: 1 } });
        await until('a later one, without the kube', () => has(a, 1));
        const digests = await Promise.all([a, b].map((page) => ask(page, { do: 'space.digest', space })));
        assert.deepEqual(digests[0], digests[1]);
      }));
    } finally {
      await kube.stop();
    }
  },

  async partition(server) {
    await withProfile(async (open) => {
      const context = await open();
      const page = await context.newPage();
      await page.goto(`${server.origin('app.other')}/tests/app.html?vault=${encodeURIComponent(server.origin('halo.kube'))}`);
      const states = await until('an answer', () => page.evaluate(() => window.app?.states.length && window.app.states));
      assert.deepEqual([...new Set(states)], ['no-access'], 'an app of another site is told that it sees no vault');
    });
  },
};

const names = process.env.E2E ? process.env.E2E.split(',') : Object.keys(tests);
const server = await serve();
let failed = 0;
for (const name of names) {
  console.log(`e2e: ${name}`);
  try {
    await tests[name](server);
  } catch (error) {
    failed++;
    console.log(`e2e: ${name} FAILED: ${error.stack}`);
  }
}
await server.close();
console.log(`e2e: ${names.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

// tests/bare_vault.mjs: the test page of the vault's origin (page_vault.ts), driven: core/ as it is, without a page for people.
import assert from 'node:assert/strict';
import { until, within, WAIT_MS } from './harness.mjs';

/** A page of the vault's origin whose vault has answered. */
export async function openVault(profile, kube) {
  const page = await profile.newPage();
  await page.goto(`${kube.origin('halo')}/tests/vault.html`);
  await until('a vault that answers', () => page.evaluate(() => window.vault?.report.readyMs > 0)).catch(async (error) => {
    throw new Error(`${error.message}: ${JSON.stringify(await report(page))}`);
  });
  return page;
}

export const report = (page) => page.evaluate(() => window.vault?.report);
/** The reply, also when it is an error. */
export const ask = (page, command) => page.evaluate((asked) => window.vault.ask(asked), command);
export const rows = (page, command) => page.evaluate((asked) => window.vault.rows(asked), command);

/** The reply of a command that must not fail. */
export async function done(page, command) {
  const reply = await ask(page, command);
  assert.equal(reply.error, undefined, `${command.do}: ${JSON.stringify(reply.error)}`);
  return reply;
}

/** An identity; it looks for its peers at the kube, if one is named. */
export async function makeIdentity(page, name, kube) {
  await done(page, { do: 'halo.create', name });
  if (kube) await done(page, { do: 'signal.add', url: kube.signal });
}

export async function makeSpace(page, name = 'notes') {
  return (await done(page, { do: 'space.create', name })).space;
}

/** An invitation that is open until its guest has come or the page goes: url and pin. */
export async function share(page, space, role = 'editor') {
  return await page.evaluate(([of, as]) => new Promise((resolve) => {
    window.shared = window.vault.watch({ do: 'space.share', space: of, role: as }, (body) => { if (body.url) resolve(body); });
  }), [space, role]);
}

/** How the page's newest invitation ended, once it has. */
export const shareEnd = async (page) => (await within(WAIT_MS, 'the end of an invitation', page.evaluate(() => window.shared))).state;

/** A numbered object, and the numbers that are there. */
export const mark = (page, space, n) => done(page, { do: 'object.add', space, type: 'mark', data: { n } });
export const marksOf = async (page, space) => (await rows(page, { do: 'object.ls', space, type: 'mark', limit: 1_000_000 })).map((row) => row.data.n);

export const digest = async (page, space) => (await done(page, { do: 'space.digest', space })).digest;

/** Writes marks, numbered from first on, until stopped; the highest number acknowledged is in .last. Once for each page. */
export async function writeForEver(page, space, first = 0) {
  const marks = { last: first - 1 };
  await page.exposeFunction('acknowledged', (n) => { marks.last = Math.max(marks.last, n); });
  await page.evaluate(([into, from]) => { window.vault.writeForEver(into, from, window.acknowledged); }, [space, first]);
  await until('some writes', () => marks.last >= first + 20);
  return marks;
}

/** Everything acknowledged is there, and nothing twice: a request that was asked again had its id. */
export async function expectMarks(page, space, last, first = 0) {
  const found = (await marksOf(page, space)).filter((n) => n >= first), kept = new Set(found);
  assert.equal(kept.size, found.length, 'a write was done twice');
  for (let n = first; n <= last; n++) assert.ok(kept.has(n), `write ${n} of ${last} was acknowledged and is gone`);
  return found.length;
}

// tests/e2e/core_takeover.mjs: how long a vault is away when the tab that leads is closed: from the closing to an answer in another tab.
import assert from 'node:assert/strict';
import { makeIdentity, makeSpace, openVault, report, rows } from '../bare_vault.mjs';
import { median, until } from '../harness.mjs';

const TAKEOVERS = 10;
/** Left alone for so long a leader has tidied up its log, as the one of a person who closes a tab mostly has. */
const ALONE_MS = 1200;

/** Of each pair of tabs one leads and one stands by; the first is closed, the other leads, and a new one stands by. */
export async function takeovers(t) {
  const kube = await t.startKube(), profile = await t.launchProfile();
  let leading = await openVault(profile, kube);
  await makeIdentity(leading, 'Ada');
  const space = await makeSpace(leading);
  await leading.evaluate((into) => window.vault.addObjects(into, 10_000, 1000), space);
  const ports = [], answers = [], parts = [];
  for (let round = 0; round < TAKEOVERS; round++) {
    const next = await openVault(profile, kube);
    await until('a worker that stands by', async () => (await report(next)).log.includes('web: stands by'));
    await next.waitForTimeout(ALONE_MS);
    const before = Date.now();
    await leading.close();
    await until('an answer of another leader', async () => { const { leads, answeredAtMs } = await report(next); return leads === 1 && answeredAtMs >= before; });
    const { lockedAtMs, filesMs, leadMs, portAtMs, answeredAtMs } = await report(next);
    ports.push(portAtMs - before);
    answers.push(answeredAtMs - before);
    parts.push([lockedAtMs - before, filesMs, leadMs - filesMs, portAtMs - lockedAtMs - leadMs, answeredAtMs - portAtMs]);
    leading = next;
  }
  assert.equal((await rows(leading, { do: 'space.list' }))[0].objects, 10_000);
  t.say(`each: ${answers.map((ms, at) => `${ms} (${parts[at].map((part) => Math.round(part)).join(' + ')})`).join(', ')}`);
  t.figure('take-over, 10,000 objects, from closing the tab to a port in another, p50', median(ports), 'ms', { atMost: 100 });
  t.figure('take-over, 10,000 objects, from closing the tab to an answer, p50', median(answers), 'ms', { atMost: 100 });
  for (const [at, part] of ['until the lock is free', 'files, key and token', 'opening the vault', 'until a port', 'until its first answer'].entries()) {
    t.figure(`  of it ${part}, p50`, median(parts.map((row) => row[at])), 'ms');
  }
}
takeovers.deadlineMs = 120_000;

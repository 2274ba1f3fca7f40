// tests/e2e/core_replicate.mjs: how fast 10,000 objects come from a browser to a native device, from there to another browser, and, beside it, between natives.
import { done, makeIdentity, makeSpace, openVault, rows, share } from '../bare_vault.mjs';
import { until } from '../harness.mjs';

const OBJECTS = 10_000;

const join = (agent, { url, pin }) => agent.dx('space', 'join', url, '--pin', pin);
const countAt = async (agent, space) => (await agent.dx('space', 'list')).find((row) => row.space === space)?.objects ?? 0;
const countIn = async (page, space) => (await rows(page, { do: 'space.list' })).find((row) => row.space === space)?.objects ?? 0;

/** Milliseconds until count tells of all objects more than at first. */
async function arrival(count, first) {
  const from = Date.now();
  await until('all objects', async () => await count() >= first + OBJECTS, 60_000);
  return Date.now() - from;
}

export async function replication(t) {
  const kube = await t.startKube(), profile = await t.launchProfile(), page = await openVault(profile, kube);
  await makeIdentity(page, 'Ada', kube);
  const space = await makeSpace(page), agent = await t.startAgent('Nora', kube);
  await join(agent, await share(page, space, 'admin'));
  const tell = (name, ms) => t.figure(`${name}, objects/s`, OBJECTS / ms * 1000, '/s');

  const at = await countAt(agent, space), writing = page.evaluate((into) => window.vault.addObjects(into, 10_000, 1000), space);
  tell('10,000 objects from a browser to a native device', await arrival(() => countAt(agent, space), at));
  t.figure('  of it writing them', await writing, 'ms');
  const invitation = await agent.share(space);
  await profile.close();

  const other = await openVault(await t.launchProfile(), kube);
  await makeIdentity(other, 'Bob', kube);
  await done(other, { do: 'space.join', url: invitation.url, pin: invitation.pin });
  tell('10,000 objects from a native device to a browser', await arrival(() => countIn(other, space), 0));

  const native = await t.startAgent('Nils', kube), second = await agent.share(space);
  await other.context().close();
  await join(native, second);
  tell('10,000 objects from a native device to another', await arrival(() => countAt(native, space), 0));
}
replication.deadlineMs = 180_000;

// tests/e2e/core_replicate.mjs: how fast 10,000 objects come from a browser to a native device, from there to another browser, and, beside it, between natives.
import { done, makeIdentity, makeSpace, openVault, rows, share } from '../bare_vault.mjs';
import { median, until } from '../harness.mjs';

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

/** What the browser itself does between two connections of one page, in messages of 64 KiB. */
const bareChannel = (page, size) => page.evaluate(async (bytes) => {
  const [a, b] = [new RTCPeerConnection(), new RTCPeerConnection()];
  a.onicecandidate = ({ candidate }) => b.addIceCandidate(candidate);
  b.onicecandidate = ({ candidate }) => a.addIceCandidate(candidate);
  const [from, to] = [a, b].map((connection) => connection.createDataChannel('dx', { negotiated: true, id: 0 }));
  const open = new Promise((resolve) => { from.onopen = resolve; });
  await a.setLocalDescription();
  await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription();
  await a.setRemoteDescription(b.localDescription);
  await open;
  const piece = new Uint8Array(65536), started = performance.now();
  let sent = 0, received = 0;
  from.bufferedAmountLowThreshold = 262_144;
  const pump = () => {
    for (; sent < bytes && from.bufferedAmount < 1_048_576; sent += piece.length) from.send(piece);
  };
  from.onbufferedamountlow = pump;
  const there = new Promise((resolve) => { to.onmessage = ({ data }) => { if ((received += data.byteLength) >= bytes) resolve(); }; });
  pump();
  await there;
  const took = performance.now() - started;
  a.close();
  b.close();
  return took;
}, size);

// A peer link between two workers' ends of one page, beside what the browser does without us.
export async function linkBytes(t) {
  const kube = await t.startKube(), profile = await t.launchProfile(), size = 10_000_000;
  const page = await profile.newPage();
  await page.goto(`${kube.origin('halo')}/tests/rtc.html`);
  const ends = () => page.evaluate(() => window.rtc.state.ends);
  await page.evaluate(() => window.rtc.tell({ type: 'go' }));
  await until('both ends up', async () => (await ends()).length === 2 && (await ends()).every((end) => end.up));
  const rates = { bare: [], link: [] };
  for (let round = 1; round <= 3; round++) {
    rates.bare.push(size / 1e3 / await bareChannel(page, size));
    const from = Date.now();
    await page.evaluate((bytes) => window.rtc.tell({ type: 'send', size: bytes }), size);
    await until('all bytes there', async () => (await ends())[0].received === round * size);
    rates.link.push(size / 1e3 / (Date.now() - from));
  }
  t.figure('a data channel in one page, without us, p50 of 3', median(rates.bare), 'MB/s');
  t.figure('a peer link, both ends in one worker, p50 of 3', median(rates.link), 'MB/s');
}

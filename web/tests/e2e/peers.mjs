// tests/e2e/peers.mjs: devices that meet through a kube's signaling by link and PIN and replicate over WebRTC: browsers, native agents, both.
import assert from 'node:assert/strict';
import { digest, done, expectMarks, makeIdentity, makeSpace, mark, marksOf, openVault, rows, share, shareEnd, writeForEver } from '../bare_vault.mjs';
import { crashRenderer, until } from '../harness.mjs';

/** A browser with an identity, in touch with the kube. */
async function browser(t, kube, name, options = {}) {
  const profile = await t.launchProfile(options), page = await openVault(profile, kube);
  await makeIdentity(page, name, kube);
  return { profile, page };
}

/** The browser becomes a member of the space. */
const joinBrowser = (page, { url, pin }) => done(page, { do: 'space.join', url, pin });
const joinAgent = async (agent, { url, pin }) => (await agent.dx('space', 'join', url, '--pin', pin)).at(-1);

const hasMark = (page, space, n) => until(`object ${n} in the browser`, async () => (await marksOf(page, space)).includes(n));
const countMarks = async (page, space) => (await done(page, { do: 'query', space, query: { type: 'mark', count: true } })).count;
const marksOfAgent = async (agent, space) => (await agent.dx('object', 'ls', space, '--type', 'mark')).map((row) => row.data.n);
const agentHasMark = (agent, space, n) => until(`object ${n} at the agent`, async () => (await marksOfAgent(agent, space)).includes(n));
const markByAgent = (agent, space, n) => agent.dx('object', 'add', space, '--type', 'mark', '--data', JSON.stringify({ n }));

/** All come to the same state; each of digests is a function that asks one of them. */
const agree = (...digests) => until('equal digests', async () => new Set(await Promise.all(digests.map((ask) => ask()))).size === 1);
const digestOfAgent = async (agent, space) => (await agent.dx('space', 'digest', space))[0].digest;

/** How many members of the space a browser, an agent is linked with, by WebRTC alone. */
const linked = (found, space) => {
  const peers = found.filter((row) => row.space === space && (row.state === 'synced' || row.state === 'syncing'));
  for (const { address } of peers) assert.match(address, /^rtc/, 'a link by another way');
  return new Set(peers.map((row) => row.peer)).size;
};
const linksOf = async (page, space) => linked(await rows(page, { do: 'peer.list' }), space);
const linksOfAgent = async (agent, space) => linked(await agent.dx('peer', 'list'), space);

// Two browsers: by link and PIN, through signaling alone; with the kube stopped they go on.
export async function peers(t) {
  const kube = await t.startKube();
  const { page: a } = await browser(t, kube, 'Ada'), { page: b } = await browser(t, kube, 'Bob');
  const space = await makeSpace(a);
  await mark(a, space, 0);
  const invitation = await share(a, space), from = Date.now();
  await joinBrowser(b, invitation);
  t.figure('join by link and PIN, two browsers', Date.now() - from, 'ms', { atMost: 3000 });
  await hasMark(b, space, 0);
  await kube.stop();
  await mark(b, space, 1);
  await hasMark(a, space, 1);
  await agree(() => digest(a, space), () => digest(b, space));
}

// A browser and a native agent invite each other; both are edited while neither reaches anybody, and agree when they do again.
export async function native(t) {
  const kube = await t.startKube();
  const { page } = await browser(t, kube, 'Ada'), agent = await t.startAgent('Nora', kube);
  const mine = await makeSpace(page, 'mine');
  await mark(page, mine, 0);
  let from = Date.now();
  assert.equal((await joinAgent(agent, await share(page, mine))).state, 'ready');
  t.figure('join by link and PIN, agent at a browser', Date.now() - from, 'ms', { atMost: 3000 });
  assert.equal(await shareEnd(page), 'success');
  const [{ space: theirs }] = await agent.dx('space', 'create', 'theirs');
  await markByAgent(agent, theirs, 0);
  const invitation = await agent.share(theirs);
  from = Date.now();
  await joinBrowser(page, invitation);
  t.figure('join by link and PIN, browser at an agent', Date.now() - from, 'ms', { atMost: 3000 });
  assert.equal(await invitation.ended, 'success');
  await hasMark(page, theirs, 0);
  await agentHasMark(agent, mine, 0);

  await kube.stop();
  await agent.stop();
  for (const space of [mine, theirs]) {
    await until('the browser is alone', async () => await linksOf(page, space) === 0);
    await mark(page, space, 1);
    await markByAgent(agent, space, 2); // without an agent the command opens the vault itself
    assert.notEqual(await digest(page, space), await digestOfAgent(agent, space));
  }
  await kube.start();
  await agent.start();
  for (const space of [mine, theirs]) {
    await hasMark(page, space, 2);
    await agentHasMark(agent, space, 1);
    await agree(() => digest(page, space), () => digestOfAgent(agent, space));
  }
}
native.deadlineMs = 90_000;

// Two browsers and a native agent, each linked with each; without the kube all goes on. A renderer that is killed twice in the midst of writing loses
// nothing it acknowledged, here and at the others.
export async function three(t) {
  const kube = await t.startKube();
  const { profile, page: first } = await browser(t, kube, 'Ada'), { page: b } = await browser(t, kube, 'Bob'), agent = await t.startAgent('Nora', kube);
  const space = await makeSpace(first);
  let a = first;
  await joinBrowser(b, await share(a, space));
  await joinAgent(agent, await share(a, space));
  const links = () => Promise.all([linksOf(a, space), linksOf(b, space), linksOfAgent(agent, space)]);
  // Who vanished without a word is missed after half a minute, where he does not come back before.
  const eachWithEach = () => until('each is linked with each', async () => (await links()).join() === '2,2,2', 45_000)
    .catch(async (error) => { throw new Error(`${error.message}, but ${await links()}`); });
  await eachWithEach();
  for (const start of [0, 1_000_000]) {
    const before = await countMarks(b, space), marks = await writeForEver(a, space, start);
    await until('the other browser hears of it', async () => await countMarks(b, space) > before);
    await crashRenderer(a);
    const { last } = marks;
    a = await openVault(profile, kube);
    t.say(`renderer killed: ${last + 1 - start} acknowledged by then, ${await expectMarks(a, space, last, start)} there`);
    const from = Date.now();
    await eachWithEach();
    t.figure('each linked with each again after a renderer was killed', Date.now() - from, 'ms');
  }
  await kube.stop();
  await mark(a, space, -1);
  await mark(b, space, -2);
  await markByAgent(agent, space, -3);
  const digests = [() => digest(a, space), () => digest(b, space), () => digestOfAgent(agent, space)];
  await agree(...digests);
  const found = await marksOf(b, space);
  for (const n of [-1, -2, -3]) assert.ok(found.includes(n), `${n} is everywhere`);
  assert.deepEqual(await links(), [2, 2, 2], 'the links are the same without the kube');
}
three.deadlineMs = 150_000;

// By HTTPS, on a name that is not localhost, with signaling within TLS: two browsers and an agent.
export async function https(t) {
  const certificate = await t.makeCertificate('kube.test'), kube = await t.startKube({ name: 'kube.test', certificate });
  const { page: a } = await browser(t, kube, 'Ada', { args: certificate.args }), { page: b } = await browser(t, kube, 'Bob', { args: certificate.args });
  const agent = await t.startAgent('Nora', kube, { certificate });
  assert.equal(await a.evaluate(() => location.protocol + isSecureContext), 'https:true');
  const space = await makeSpace(a);
  await mark(a, space, 0);
  await joinBrowser(b, await share(a, space));
  await joinAgent(agent, await share(a, space));
  await hasMark(b, space, 0);
  await agentHasMark(agent, space, 0);
  await markByAgent(agent, space, 1);
  await hasMark(a, space, 1);
  await agree(() => digest(a, space), () => digest(b, space), () => digestOfAgent(agent, space));
}

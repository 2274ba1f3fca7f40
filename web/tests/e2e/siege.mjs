// tests/e2e/siege.mjs: what a hostile app, page, neighbour on the same kube, or member of a space tries on a person and their vault, and what comes of it.
import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { done, makeIdentity, makeSpace, openVault, rows } from '../bare_vault.mjs';
import { until } from '../harness.mjs';

const WAIT_MS = 15_000;
/** Longer than the vault page waits before it lets a question be answered. */
const LONGER_MS = 900;
const TURNS = /[\0\u0085\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

const named = (page, role, name) => page.getByRole(role, { name, exact: true });
const headed = (page, name) => page.getByRole('heading', { name, level: 1 }).waitFor({ timeout: WAIT_MS });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The vault's page at the top, of a person with an identity. */
async function person(t, kube, name = 'Ada') {
  const profile = await t.launchProfile(), page = await profile.newPage();
  profile.context.setDefaultTimeout(WAIT_MS);
  await page.goto(`${kube.origin('halo')}/`);
  await page.getByLabel('Your name').fill(name);
  await named(page, 'button', 'Create identity').click();
  await headed(page, name);
  return { profile, page };
}

/** An app of the kube, with a port. */
async function openApp(profile, kube, site = 'todo') {
  const app = await profile.newPage();
  await app.goto(`${kube.origin(site)}/tests/app.html?vault=${encodeURIComponent(kube.origin('halo'))}`);
  await until('a port for the app', () => app.evaluate(() => window.app?.program.ports > 0));
  return app;
}

const asks = (app, want, name = 'Todo') => app.evaluate(([scopes, called]) => {
  window.reply = null;
  void window.app.ask({ do: 'app.ask', name: called, want: scopes }).then((reply) => { window.reply = reply; });
}, [want, name]);

/** The vault's window, opened by a page; an app of the kube says who it is, as the client does. */
async function openPopup(app, url) {
  const [popup] = await Promise.all([app.waitForEvent('popup'), app.evaluate((at) => {
    const popup = window.popup = window.open(at, 'dx-vault', 'popup,width=480,height=720');
    addEventListener('message', ({ data, source, origin }) => {
      if (!window.app || source !== popup || data?.type !== 'listening') return;
      for (const type of ['hello', 'bye']) popup.postMessage({ dx: 1, type, client: 'popup' }, origin);
    });
  }, url)]);
  return popup;
}

/** As in a game of quick clicks: in the vault's window at `url`, from before it shows anything, where the button will be. */
async function clickOn(app, url, button) {
  const first = await openPopup(app, url), { x, y, width, height } = await named(first, 'button', button).boundingBox({ timeout: WAIT_MS });
  await first.close();
  const popup = await openPopup(app, url);
  for (let end = Infinity; Date.now() < end;) {
    await popup.mouse.click(x + width / 2, y + height / 2);
    await sleep(20);
    if (end === Infinity && await named(popup, 'button', button).count() > 0) end = Date.now() + 3 * LONGER_MS;
  }
  return popup;
}

/** A site of nobody's kube, for as long as `use` takes: an empty page without any policy. heard: what it was asked for. */
async function foreignSite(use) {
  const heard = [];
  const server = createServer((_, answer) => answer.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><link rel="icon" href="data:,"><title>Elsewhere</title><body></body>'));
  server.on('upgrade', ({ url, headers }, socket) => {
    heard.push({ url, headers });
    socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await use({ heard, port: server.address().port, origin: `http://evil.localhost:${server.address().port}` });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

// The vault drawn within another page, seen or hardly, bare, nested or in a sandbox: there is nothing in it to be pressed.
export async function siegeFrame(t) {
  const kube = await t.startKube(), { profile } = await person(t, kube), near = await openApp(profile, kube);
  await asks(near, ['all:share']);
  t.expectError(/frame-ancestors|sandbox|Refused to frame|violates the following Content Security Policy|net::ERR_BLOCKED|SecurityError|denied|origin 'null'|net::ERR_FAILED/);
  await foreignSite(async ({ origin }) => {
    const far = await profile.newPage();
    await far.goto(`${origin}/`);
    for (const app of [near, far]) {
      await app.evaluate((url) => {
        for (const [sandbox, at] of [[null, '#/ask'], ['allow-scripts', '#/ask'], ['allow-scripts allow-same-origin allow-forms', '#/ask'], [null, '#/']]) {
          const frame = document.createElement('iframe');
          frame.className = 'bait';
          if (sandbox) frame.sandbox = sandbox;
          frame.src = `${url}/${at}`;
          frame.style = 'opacity:0.01;pointer-events:auto;position:fixed;inset:0;width:100vw;height:100vh';
          document.body.append(frame);
        }
        const nest = document.createElement('iframe');
        nest.srcdoc = `<iframe src="${url}/#/ask"></iframe>`;
        document.body.append(nest);
      }, kube.origin('halo'));
      await sleep(1500);
      for (const frame of app.frames().filter((one) => one !== app.mainFrame())) {
        const drawn = await frame.evaluate(() => location.protocol === 'chrome-error:' ? 0 : document.querySelectorAll('button, input, a, form, h1').length).catch(() => 0);
        assert.equal(drawn, 0, `${frame.url()} in ${app.url()}`);
      }
    }
    const seen = far.frames().filter((frame) => frame.url().startsWith(kube.origin('halo')));
    assert.deepEqual(seen, [], 'a site of nobody\'s kube frames the vault');
  });
}

// A game of quick clicks, or a key that is held down, goes on in the popup that opens: it decides nothing, however long it goes on.
export async function siegePress(t) {
  const kube = await t.startKube(), { profile } = await person(t, kube), app = await openApp(profile, kube);
  await asks(app, ['identity', 'all:share']);
  const popup = await clickOn(app, `${kube.origin('halo')}/`, 'Allow'), allow = named(popup, 'button', 'Allow');
  const undecided = async () => assert.deepEqual([await allow.isEnabled(), await app.evaluate(() => window.reply)], [false, null], 'it was decided by who did not look');
  await undecided();
  for (const end = Date.now() + 3 * LONGER_MS; Date.now() < end;) await popup.keyboard.down('Enter');
  await undecided();
  await popup.keyboard.up('Enter');
  await until('who stopped may decide', () => allow.isEnabled());
  await Promise.all([popup.waitForEvent('close'), allow.click()]);
  assert.deepEqual((await until('the grant', () => app.evaluate(() => window.reply))).scopes, ['identity', 'all:share']);
}

// An app asks for little, and for all as soon as Allow can be pressed: what was to be read is what is granted.
export async function siegeQuestion(t) {
  const kube = await t.startKube(), { profile } = await person(t, kube), app = await openApp(profile, kube), notes = await openApp(profile, kube, 'notes');
  await asks(notes, ['all:share']);
  await asks(app, ['identity'], 'Harmless');
  const popup = await openPopup(app, `${kube.origin('halo')}/`);
  await headed(popup, kube.origin('todo')); // and not the other's, which was first
  await popup.evaluate(() => {
    window.read = null;
    document.addEventListener('click', ({ target }) => { if (target.closest('.primary')) window.read = document.querySelector('main').innerText; }, { capture: true });
  });
  const allow = named(popup, 'button', 'Allow');
  await until('it may be pressed', () => allow.isEnabled());
  await app.evaluate(() => void window.app.ask({ do: 'app.ask', name: 'Everything', want: ['create', 'all:share'] }));
  const read = popup.evaluate(() => new Promise((resolve) => { // as soon as it can be, by a click that aims at nothing else
    const look = () => {
      [...document.querySelectorAll('.primary')].find(({ disabled }) => !disabled)?.click();
      if (window.read) resolve(window.read);
      else requestAnimationFrame(look);
    };
    look();
  })).catch(() => '');
  const { scopes } = await until('the grant', () => app.evaluate(() => window.reply)), text = await read;
  if (text !== '') assert.equal(scopes.includes('all:share'), /In which spaces/.test(text), `${scopes}: ${text}`);
  assert.equal(await notes.evaluate(() => window.reply), null, 'the other app\'s question stands');
}

// A page opens the vault's window and does not say who it is, or opens it at another's question: it shows the question of none.
export async function siegeSilence(t) {
  const kube = await t.startKube(), { profile, page } = await person(t, kube), app = await openApp(profile, kube);
  await asks(app, ['all:share']);
  await foreignSite(async ({ origin }) => {
    const evil = await profile.newPage();
    await evil.goto(`${origin}/`);
    let popup = await openPopup(evil, `${kube.origin('halo')}/`);
    await headed(popup, 'No app asks');
    await popup.close();
    popup = await openPopup(evil, `${kube.origin('halo')}/#/ask/${encodeURIComponent(kube.origin('todo'))}`);
    await headed(popup, 'Not from here');
    assert.equal(await named(popup, 'button', 'Allow').count(), 0);
    await t.look(popup, 'vault-elsewhere');
    const [own] = await Promise.all([profile.context.waitForEvent('page'), named(popup, 'link', 'Open it by itself').click()]);
    await headed(own, kube.origin('todo'));
    assert.equal(await own.evaluate(() => window.opener), null);
  });
  await page.bringToFront();
  await page.goto(`${kube.origin('halo')}/#/ask`); // who goes there by themselves sees whichever asks
  await headed(page, kube.origin('todo'));
}

// An app asks and calls off in turn, as fast as it can: its question stands long enough to be told no, and it is shown a few times in a minute only.
export async function siegeTurns(t) {
  const kube = await t.startKube(), { profile, page } = await person(t, kube), app = await openApp(profile, kube), vault = await openVault(profile, kube);
  await page.goto(`${kube.origin('halo')}/#/apps`);
  await headed(page, 'Apps');
  await vault.evaluate(() => {
    window.shown = 0;
    window.vault.watch({ do: 'app.watch' }, ({ rows = [] }) => { window.shown += rows.filter(({ change, asks }) => change !== 'removed' && asks).length; });
  });
  await app.evaluate(() => {
    const turn = async () => {
      const id = crypto.getRandomValues(new Uint8Array(16)), asked = window.app.program.ask({ do: 'app.ask', name: 'Todo', want: ['identity'] }, undefined, id);
      await new Promise((resolve) => setTimeout(resolve, 50));
      await window.app.ask({ do: 'request.cancel', of: id });
      window.reply = await asked;
      setTimeout(turn, 50);
    };
    void turn();
  });
  const popup = await openPopup(app, `${kube.origin('halo')}/#/ask/${encodeURIComponent(kube.origin('todo'))}`), later = named(popup, 'button', 'Not now');
  await sleep(3000);
  assert.ok(await vault.evaluate(() => window.shown) <= 8, `shown ${await vault.evaluate(() => window.shown)} times`);
  if (!popup.isClosed() && await later.isVisible()) await Promise.all([popup.waitForEvent('close'), later.click()]);
  await done(vault, { do: 'app.refuse', origin: kube.origin('todo') }); // it may ask nothing just now
  const before = await vault.evaluate(() => window.shown);
  await sleep(1500);
  assert.equal(await vault.evaluate(() => window.shown), before);
  assert.deepEqual(await rows(vault, { do: 'app.list' }), []);
}

// An app asks for something else, and says hello, without end: the person tells it no, and the vault answers others meanwhile.
export async function siegeFlood(t) {
  const kube = await t.startKube(), { profile } = await person(t, kube), app = await openApp(profile, kube), vault = await openVault(profile, kube);
  await asks(app, ['identity']);
  const popup = await openPopup(app, `${kube.origin('halo')}/`);
  await headed(popup, kube.origin('todo'));
  await app.evaluate(() => {
    const frame = document.querySelector('iframe').contentWindow, wants = [['identity'], ['create'], ['all:read'], ['all:write'], ['all:share']];
    let turn = 0;
    window.flood = setInterval(() => {
      for (let n = 0; n < 5; n++) frame.postMessage({ dx: 1, type: 'hello', client: crypto.randomUUID() }, '*');
      void window.app.ask({ do: 'app.ask', name: `App ${turn}`, want: wants[turn++ % wants.length] });
    }, 20);
  });
  const { x, y, width, height } = await named(popup, 'button', 'Not now').boundingBox();
  await sleep(1000);
  const from = Date.now();
  await done(vault, { do: 'status' });
  t.figure('own request while an app floods', Date.now() - from, 'ms', { atMost: 2000 });
  const later = named(popup, 'button', 'Not now');
  for (let tries = 0; tries < 5 && !popup.isClosed(); tries++) { // as people press: not in no time
    const box = await later.boundingBox().catch(() => null) ?? { x, y, width, height };
    await popup.mouse.move(box.x + box.width / 2, box.y + box.height / 2).catch(() => undefined);
    await popup.mouse.down().catch(() => undefined);
    await sleep(120);
    await popup.mouse.up().catch(() => undefined);
    await sleep(300);
  }
  await until('told no', () => popup.isClosed());
  assert.deepEqual((await rows(vault, { do: 'app.list' })).filter(({ asks: open }) => open), [], 'and it is not heard for a while');
  await app.evaluate(() => clearInterval(window.flood));
}

// A page opens the vault at its own invitation, whose signaling server is within the person's network: it is not dialled before a person has pressed
// Join on purpose, and then learns no more than that somebody did.
export async function siegeJoin(t) {
  const kube = await t.startKube(), { profile } = await person(t, kube);
  await foreignSite(async ({ origin, port, heard }) => {
    const host = await t.startAgent('Mallory', null), [{ space }] = await host.dx('space', 'create', 'Trap');
    await assert.rejects(host.dx('signal', 'add', `ws://localhost:${port}/reboot?now=1`), 'a link names no other path of a server');
    await host.dx('signal', 'add', `ws://localhost:${port}/.well-known/dx/signal`);
    const { url } = await host.share(space), at = `${kube.origin('halo')}/#join=${url.split('#')[1]}`;
    await host.stop();
    heard.length = 0;
    const evil = await profile.newPage();
    await evil.goto(`${origin}/`);
    const popup = await clickOn(evil, at, 'Join'), join = named(popup, 'button', 'Join');
    assert.deepEqual(heard, [], 'dialled by clicks that were meant for something else');
    await until('it may be pressed', () => join.isEnabled());
    t.expectError(/well-known\/dx\/signal/); // the browser tells that it was not answered
    await join.click();
    await until('it is dialled', () => heard.length > 0);
    const [{ url: path, headers }] = heard;
    assert.equal(path, '/.well-known/dx/signal');
    t.say(`the server that a link names is asked for ${path} by ${headers.origin}`);
    assert.deepEqual([headers.cookie, headers.referer, headers.authorization], [undefined, undefined, undefined]);
    const guest = await t.startAgent('Nora', null);
    heard.length = 0;
    await guest.dx('space', 'join', url, '--pin', '123456').catch(() => undefined);
    assert.ok(heard.every((one) => !/Nora/.test(JSON.stringify(one))), JSON.stringify(heard));
    t.say(`dx asks it for ${heard[0]?.url ?? 'nothing'}`);
  });
}
siegeJoin.deadlineMs = 120_000;

// Who opened the vault's window sends it about, forges what the vault says, and speaks as nobody.
export async function siegeOpener(t) {
  t.expectError(/origin 'null'|net::ERR_FAILED/); // a sandbox without an origin does not even get the vault's program
  const kube = await t.startKube(), { profile, page } = await person(t, kube), vault = await openVault(profile, kube), space = await makeSpace(vault, 'Home');
  await vault.close();
  await foreignSite(async ({ origin }) => {
    const evil = await profile.newPage();
    await evil.goto(`${origin}/`);
    await evil.evaluate(() => {
      window.heard = [];
      addEventListener('message', ({ data, ports }) => window.heard.push([data, ports.length]));
    });
    const popup = await openPopup(evil, `${kube.origin('halo')}/`);
    await headed(popup, 'No app asks');
    assert.deepEqual(await evil.evaluate(() => window.heard), [[{ dx: 1, type: 'listening' }, 0]]);
    for (const read of ['location.href', 'document', 'name', 'localStorage', 'history.length']) {
      assert.equal(await evil.evaluate((what) => { try { return String(what.split('.').reduce((from, key) => from[key], window.popup)); } catch { return null; } }, read), null, read);
    }
    for (const at of [`#/space/${space}`, `#/space/${space}/share`, '#/apps', '#/connection', '#/ask/null', '#join=AAAA']) {
      await evil.evaluate((url) => { window.popup.location = url; }, `${kube.origin('halo')}/${at}`);
      await until(at, () => popup.evaluate((hash) => location.hash === hash, at));
      await evil.evaluate(() => {
        for (const type of ['port', 'state', 'listening', 'leader', 'welcome', 'hello']) {
          const { port2 } = new MessageChannel();
          window.popup.postMessage({ dx: 1, type, state: 'failed', message: 'by a stranger', client: {}, origin: '', attachment: 'own/0' }, '*', [port2]);
        }
        for (const data of [null, 1, 'x', [], { dx: 1 }, { dx: 1, type: 'hello', client: 'x'.repeat(1e6) }]) window.popup.postMessage(data, '*');
      });
    }
    await evil.evaluate((url) => { // nobody's origin
      const frame = document.createElement('iframe');
      frame.sandbox = 'allow-scripts allow-popups';
      frame.srcdoc = `<script>const w = open('${url}/', 'dx-vault-2'); onmessage = (e) => { if (e.ports.length) parent.postMessage('nobody got a port', '*', e.ports); }; setInterval(() => w && w.postMessage({dx: 1, type: 'hello', client: 'nobody'}, '*'), 50);</script>`;
      document.body.append(frame);
    }, kube.origin('halo'));
    await sleep(1500);
    const told = await evil.evaluate(() => window.heard);
    assert.ok(told.every(([, ports]) => ports === 0), JSON.stringify(told));
    await page.bringToFront();
    await page.reload();
    await headed(page, 'Ada');
    await page.getByRole('link', { name: /^Home/ }).first().waitFor();
  });
}

// Names that are no words: they stay within themselves, and the origin stays what is certain.
export async function siegeNames(t) {
  const kube = await t.startKube(), { profile, page } = await person(t, kube), vault = await openVault(profile, kube), app = await openApp(profile, kube);
  await makeSpace(vault, '\u202eruoy\u2066 evil');
  const ask = (name) => app.evaluate((called) => window.app.ask({ do: 'app.ask', name: called, want: ['all:read'] }), name);
  for (const name of ['two\nlines', 'a\u0000b', 'x'.repeat(10_000), 7, { toString: 1 }, '\u202e.elas si evoba sserdda eht ylnO', 'a\u2028b', 'a\u0085b', 'a\u200fb', 'a\u200bb']) assert.equal((await ask(name)).error?.name, 'E_INVALID', JSON.stringify(name).slice(0, 40));
  await asks(app, ['identity', 'all:read'], '“. Certain: https://bank.example 👩‍👩‍👧');
  const popup = await openPopup(app, `${kube.origin('halo')}/`);
  await headed(popup, kube.origin('todo'));
  await popup.getByText('Only the address above is certain.').waitFor();
  await popup.getByLabel('Only these').check();
  const shown = async (where) => {
    const text = await where.evaluate(() => document.body.textContent + [...document.querySelectorAll('[aria-label]')].map((node) => node.ariaLabel).join() + document.title);
    assert.doesNotMatch(text, TURNS);
  };
  await popup.getByRole('checkbox', { name: /evil/ }).waitFor();
  await shown(popup);
  await until('it may be pressed', () => named(popup, 'button', 'Allow').isEnabled());
  await t.look(popup, 'siege-names');
  await page.bringToFront();
  await page.getByRole('link', { name: /evil/ }).waitFor();
  await shown(page);
  await page.goto(`${kube.origin('halo')}/#/apps`);
  await headed(page, 'Apps');
  await page.getByText(/It calls itself/).waitFor();
  await shown(page);
}

// A neighbour on the same kube sets cookies for all of its names, more than a request may carry: the vault is reached all the same.
export async function siegeCookies(t) {
  const kube = await t.startKube(), profile = await t.launchProfile(), evil = await profile.newPage();
  t.expectError(/favicon/);
  await evil.goto(`${kube.origin('todo')}/tests/hostile.html`);
  await evil.evaluate((name) => { for (let n = 0; n < 150; n++) document.cookie = `bomb${n}=${'x'.repeat(4000)}; domain=${name}; path=/`; }, kube.name);
  await until('cookies of another site', async () => (await profile.context.cookies(kube.origin('halo'))).length > 100);
  await evil.close();
  const page = await profile.newPage(), answers = [];
  page.on('response', (answer) => answers.push(answer.status()));
  await page.goto(`${kube.origin('halo')}/`);
  await headed(page, 'Create your identity');
  assert.ok(answers.length > 3 && answers.every((status) => status < 400), `${answers}`);
  assert.ok((await profile.context.cookies(kube.origin('halo'))).length > 100, 'they were sent along, and are there still');
}

// Whatever name is made to lead to the kube, and whichever page asks: it tells only its own.
export async function siegeHosts(t) {
  const kube = await t.startKube();
  const ask = (path, headers) => new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port: kube.port, path, headers, agent: false }, (answer) => {
      answer.resume();
      resolve({ status: answer.statusCode, cors: answer.headers['access-control-allow-origin'] });
    });
    asked.on('upgrade', ({ statusCode: status }, socket) => { socket.destroy(); resolve({ status }); });
    asked.on('error', reject).end();
  });
  const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==' };
  for (const path of ['/', '/healthz', '/metrics', '/.well-known/dx/config', '/.well-known/dx/signal']) {
    for (const host of ['evil.example', `evil.example:${kube.port}`, 'kube.localhost.evil.example', 'xkube.localhost', 'halo.kube.localhost.']) {
      const { status } = await ask(path, { Host: host });
      assert.ok(status === 421 || (host.endsWith('.') && status < 500), `${host}${path}: ${status}`);
    }
  }
  const host = `halo.kube.localhost:${kube.port}`;
  for (const origin of ['https://evil.example', `http://evil.localhost:${kube.port}`, 'null', `http://kube.localhost.evil:${kube.port}`, `http://halo.kube.localhost:${kube.port + 1}`]) {
    assert.equal((await ask('/.well-known/dx/signal', { Host: host, Origin: origin, ...upgrade })).status, 403, origin);
    assert.equal((await ask('/.well-known/dx/config', { Host: host, Origin: origin })).cors, undefined, origin);
  }
  for (const path of ['/../halo/index.html', '/%2e%2e/tasks/index.html', '/core/../../tasks/main.js', '//evil.example/', '/..%5ctasks/index.html']) {
    assert.ok([400, 404].includes((await ask(path, { Host: host })).status), path);
  }
  assert.equal((await ask('/.well-known/dx/signal', { Host: host, Origin: `http://${host}`, ...upgrade })).status, 101);
}

// A site on the same kube has a worker and caches of its own, and no way to the vault's.
export async function siegeWorker(t) {
  const kube = await t.startKube(), { profile, page } = await person(t, kube), evil = await openApp(profile, kube);
  t.expectError(/SecurityError|ServiceWorker|Content Security Policy|CORS|net::ERR/);
  const halo = kube.origin('halo');
  for (const [script, scope] of [[`${halo}/sw.js`, `${halo}/`], ['/sw.js', `${halo}/`], [`${halo}/sw.js`, '/']]) {
    assert.equal(await evil.evaluate(([file, of]) => navigator.serviceWorker.register(file, { scope: of }).then(() => 'registered', () => null), [script, scope]), null, `${script} ${scope}`);
  }
  await evil.evaluate(async (url) => {
    const cache = await caches.open('dx-kept');
    await cache.put(`${url}/`, new Response('poison', { headers: { 'Content-Type': 'text/html' } }));
    await cache.put('/.well-known/dx/config', Response.json({ signal: 'ws://evil.example' }));
  }, halo);
  await page.reload();
  await headed(page, 'Ada');
  assert.equal(await page.evaluate(async () => (await (await fetch('/.well-known/dx/config')).json()).signal), kube.signal);
}

// A member writes what is no task into the lists of the others: their app shows the rest, and goes on.
export async function siegeData(t) {
  const kube = await t.startKube(), profile = await t.launchProfile(), vault = await openVault(profile, kube);
  profile.context.setDefaultTimeout(WAIT_MS);
  await makeIdentity(vault, 'Ada');
  const space = await makeSpace(vault, 'House');
  const add = async (type, data, parent) => (await done(vault, { do: 'object.add', space, type, data, ...(parent && { parent }) })).id;
  const strange = [null, 7, -1, true, [], {}, [[[]]], { toString: 1 }, { $$typeof: 'react.element', props: {} }, '', '\u0000', '\u202e', 'x'.repeat(10_000)];
  const list = await add('list', { title: 'Shopping', order: 'i000' });
  await add('task', { title: 'Bread', done: false, order: 'i000' }, list);
  for (const value of strange) {
    await add('list', { title: value, order: value, done: value });
    await add('task', { title: value, order: value, done: value, id: value, parent: value, type: value, note: value }, list);
  }
  for (const key of ['__proto__', 'constructor', 'then', 'toJSON', 'hasOwnProperty', 'subscribe', 'space', 'deleted', '']) {
    const data = Object.fromEntries([['title', `key ${key}`], ['done', false], ['order', 'i001']]);
    Object.defineProperty(data, key, { value: { title: 'Hijacked', done: true }, enumerable: true, configurable: true });
    await vault.evaluate(([of, entries, under]) => window.vault.ask({ do: 'object.add', space: of, type: 'task', data: entries.reduce((all, [name, value]) => Object.defineProperty(all, name, { value, enumerable: true }), {}), parent: under }), [space, Object.entries(data), list]);
  }
  const orphan = await add('task', { title: 'Its own parent', order: 'i002' }, list);
  await vault.evaluate(([of, id]) => window.vault.ask({ do: 'object.set', space: of, id, set: { parent: id, order: 7 } }), [space, orphan]);
  for (const [source, target] of [[orphan, orphan], [orphan, list], [list, orphan]]) {
    await vault.evaluate(([of, from, to]) => window.vault.ask({ do: 'link.add', space: of, type: 'assigned', source: from, target: to }), [space, source, target]);
  }
  await done(vault, { do: 'app.grant', origin: kube.origin('tasks'), scopes: ['identity', 'create', 'all:share'] });
  const app = await profile.newPage();
  await app.goto(`${kube.origin('tasks')}/`);
  await app.getByText('Shopping', { exact: true }).first().click();
  const heights = await app.locator('.lists a').evaluateAll((all) => all.map((row) => row.offsetHeight));
  assert.ok(Math.min(...heights) > 20 && Math.max(...heights) < 120, `a list that is none takes its place, and only that: ${heights}`);
  const bread = named(app, 'checkbox', 'Bread: done');
  await bread.waitFor();
  await bread.check();
  await until('the tick in the vault', async () => (await rows(vault, { do: 'object.ls', space, type: 'task', limit: 1000 })).some(({ data }) => data.title === 'Bread' && data.done === true));
  await t.screenshot(app, 'siege-data');
  assert.equal(await app.evaluate(() => 'done' in Object.prototype || 'title' in Object.prototype), false);
}

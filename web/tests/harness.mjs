// tests/harness.mjs: what a test of tests/e2e/ is given: browsers with profiles of their own, kubes, native agents, the clock, figures and looks.
//
// Everything a test starts belongs to its Harness and ends with it, also when the test fails or is late: no browser, kube, agent or folder outlives a
// test. A script's error or a line on the console's error level fails the test unless it said before that it expects one like it (expectError).
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { appendFileSync, closeSync, cpSync, fdatasyncSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';

const BUILD = join(dirname(fileURLToPath(import.meta.url)), '../../build');
const DX = process.env.DX ?? join(BUILD, 'debug/apps/dx/dx');
const SCREENSHOTS = join(BUILD, 'screenshots'), FIGURES = join(BUILD, 'e2e.jsonl');

// Playwright (the pinned version) switches storage partitioning off, and what a test then sees is not what people get. Its flag is
// replaced by the same without that feature; the test `partition` fails should this no longer be the flag.
const FEATURES = ['AvoidUnnecessaryBeforeUnloadCheckSync', 'BoundaryEventDispatchTracksNodeRemoval', 'DestroyProfileOnBrowserClose',
  'DialMediaRouteProvider', 'GlobalMediaControls', 'HttpsUpgrades', 'LensOverlay', 'MediaRouter', 'PaintHolding', 'ThirdPartyStoragePartitioning',
  'Translate', 'AutoDeElevate', 'RenderDocument', 'OptimizationHints', 'msForceBrowserSignIn', 'msEdgeUpdateLaunchServicesPreferredVersion'];
const disable = (features) => `--disable-features=${features.join(',')}`;
const LAUNCH = {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  ignoreDefaultArgs: [disable(FEATURES)],
};
const ARGUMENTS = ['--no-sandbox', disable(FEATURES.filter((feature) => feature !== 'ThirdPartyStoragePartitioning'))];

/** A test has this long unless its function has another deadlineMs; a wait within it this long. */
const DEADLINE_MS = 60_000;
export const WAIT_MS = 20_000;
/** What is asked to end has this long before it is ended. */
const END_MS = 5000;
/** Between two looks at what is waited for. */
const POLL_MS = 5;
const LINES_KEPT = 30;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const run = promisify(execFile);

/** promise, or an error when it takes longer: nothing here waits for ever. */
export async function within(ms, what, promise, told = ms) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`not within ${told} ms: ${what}`)), ms); });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What probe gives once it is true-like. */
export async function until(what, probe, ms = WAIT_MS) {
  for (const end = Date.now() + ms; ;) {
    const value = await within(Math.max(end - Date.now(), 0), what, Promise.resolve(probe()), ms);
    if (value) return value;
    if (Date.now() >= end) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(POLL_MS);
  }
}

/** The value below which the share of all is; 0.5: the median. */
export const percentile = (values, share) => [...values].sort((a, b) => a - b)[Math.floor(values.length * share)];
export const median = (values) => percentile(values, 0.5);

/** What a commit waits for at least on the disk of a folder: 8 KiB and fdatasync, in milliseconds. */
export function syncMedian(folder) {
  const file = openSync(join(folder, 'sync'), 'w'), page = Buffer.alloc(8192), times = [];
  for (let n = 0; n < 100; n++) {
    writeSync(file, page);
    const begin = performance.now();
    fdatasyncSync(file);
    times.push(performance.now() - begin);
  }
  closeSync(file);
  return median(times);
}

// --- Figures --------------------------------------------------------------------------------------------------------

const figures = [];
const round = (value) => Math.round(value * 100) / 100;
const targetText = ({ atMost, atLeast }) => atMost !== undefined ? `<= ${atMost}` : atLeast !== undefined ? `>= ${atLeast}` : '';
const reaches = ({ value, atMost = Infinity, atLeast = -Infinity }) => value <= atMost && value >= atLeast;

/** All figures so far, as a table. */
export function figureTable() {
  const rows = figures.map((figure) => [figure.figure, `${figure.value} ${figure.unit}`, targetText(figure), reaches(figure) ? '' : 'not reached']);
  const widths = [0, 1, 2].map((at) => Math.max(0, ...rows.map((row) => row[at].length)));
  return rows.map((row) => `  ${row[0].padEnd(widths[0])}  ${row[1].padStart(widths[1])}  ${row[2].padEnd(widths[2])}  ${row[3]}`.trimEnd());
}

// --- Processes ------------------------------------------------------------------------------------------------------

/** What this process made and has to end or remove, should it be ended itself: children (a browser is Playwright's to end) and folders. */
const living = new Set(), folders = new Set();
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
  for (const path of folders) rmSync(path, { recursive: true, force: true, maxRetries: 3, retryDelay: 100 });
});
for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]]) process.once(signal, () => process.exit(code));

function makeFolder(kind) {
  const path = mkdtempSync(join(tmpdir(), `dx-${kind}-`));
  folders.add(path);
  return path;
}

function removeFolder(path) {
  rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  folders.delete(path);
}

/** The browser's own processes of a profile: those without a type. */
function browsersOf(profile) {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return words.includes(`--user-data-dir=${profile}`) && !words.some((word) => word.startsWith('--type=')) && /chrom/.test(words[0]);
    } catch {
      return false; // ended meanwhile
    }
  }).map(Number);
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** `dx` in the foreground, ready once it printed its first line; folders of its own for everything it keeps. */
class Native {
  #child = null;
  #ended = null;
  /** The last lines it said. */
  said = [];

  constructor(words, environment = {}) {
    this.home = makeFolder('e2e');
    this.words = words;
    this.environment = { ...process.env, DX_WEB: '', ...environment };
    for (const kind of ['DATA', 'STATE', 'CONFIG']) this.environment[`XDG_${kind}_HOME`] = join(this.home, kind.toLowerCase());
    this.environment.XDG_RUNTIME_DIR = join(this.home, 'run');
    mkdirSync(this.environment.XDG_RUNTIME_DIR, { mode: 0o700 });
  }

  get runs() { return this.#child !== null; }

  /** Resolves with what it printed when it was ready. */
  async start() {
    const child = spawn(DX, [...this.words, '--json'], { env: this.environment, stdio: ['ignore', 'pipe', 'pipe'] });
    living.add(child);
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once('close', () => {
      living.delete(child);
      this.#child = null;
      resolve();
    }));
    createInterface({ input: child.stderr }).on('line', (line) => { this.said = [...this.said.slice(1 - LINES_KEPT), line]; });
    const ready = new Promise((resolve) => createInterface({ input: child.stdout }).once('line', resolve));
    const line = await within(WAIT_MS, `dx ${this.words.join(' ')}`, Promise.race([ready, this.#ended.then(() => null)]));
    if (line === null) throw new Error(`dx ${this.words.join(' ')} ended: ${this.said.join('\n')}`);
    return JSON.parse(line);
  }

  signal(name) { this.#child?.kill(name); }

  /** In order, by SIGTERM; SIGKILL: as when the plug is pulled. */
  async stop(signal = 'SIGTERM') {
    this.#child?.kill(signal);
    await within(END_MS, `the end of dx ${this.words.join(' ')}`, Promise.resolve(this.#ended)).catch(async (error) => {
      this.#child?.kill('SIGKILL');
      await this.#ended;
      throw error;
    });
  }

  async end() {
    await this.stop('SIGKILL');
    removeFolder(this.home);
  }
}

/** A kube of its own: the sites that were built, with the pages of tests/ below /tests/ of the vault's and of two apps'. */
class Kube {
  #native;
  #expectError;

  constructor({ port, name, cert, key, allow }, sites, expectError) {
    Object.assign(this, { port, name, isSecure: cert !== undefined });
    this.#expectError = expectError;
    const secure = cert ? ['--cert', cert, '--key', key] : [];
    this.#native = new Native(['kube', 'start', '-f', '--host', name, '--port', String(port), '--web', sites, ...secure, ...allow.flatMap((origin) => ['--allow', origin])]);
  }

  origin(site) { return `${this.isSecure ? 'https' : 'http'}://${site}.${this.name}:${this.port}`; }
  /** Where devices look for peers. A native program finds no names that only a browser was told of. */
  get signal() { return this.#signalAt(`halo.${this.name}`); }
  get nativeSignal() { return this.#signalAt(this.name.endsWith('.localhost') ? `halo.${this.name}` : 'localhost'); }
  #signalAt(host) { return `${this.isSecure ? 'wss' : 'ws'}://${host}:${this.port}/.well-known/dx/signal`; }
  get said() { return this.#native.said; }

  async start() { await this.#native.start(); }
  /** Reads its sites anew. */
  async reload() {
    const told = this.said.filter((line) => line.includes('read sites')).length;
    this.#native.signal('SIGHUP');
    await until('sites that were read anew', () => this.said.filter((line) => line.includes('read sites')).length > told);
  }
  /** Pages may say from now on that they do not reach it. */
  async stop() {
    this.#expectError(new RegExp(`^(?=.*:${this.port}/)(?=.*(?:net::ERR_|WebSocket connection))`, 's'));
    await this.#native.stop();
  }
  end() { return this.#native.end(); }
}

/** A native device: a vault with an identity, and an agent that keeps it in step while it runs. */
class Agent {
  #native;
  constructor(environment) { this.#native = new Native(['agent', 'start', '-f'], environment); }

  get said() { return this.#native.said; }
  async start() { await this.#native.start(); }
  stop() { return this.#native.stop(); }
  kill() { return this.#native.stop('SIGKILL'); }
  end() { return this.#native.end(); }

  /** What `dx` prints, an object for each line; an error of its own when it does not end with 0. */
  async dx(...words) {
    const { stdout } = await run(DX, [...words, '--json', '--no-input', '--timeout', '30'], { env: this.#native.environment, maxBuffer: 64 * 1024 * 1024 })
      .catch((error) => { throw new Error(`dx ${words.join(' ')}: ${error.stdout}${error.stderr}`); });
    return stdout.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line));
  }

  /** An invitation: url and pin; ended resolves with the name of its last state. */
  async share(space, ...options) {
    const child = spawn(DX, ['space', 'share', space, '--json', '--no-input', ...options], { env: this.#native.environment, stdio: ['ignore', 'pipe', 'ignore'] });
    living.add(child);
    const lines = createInterface({ input: child.stdout }), states = [];
    const ended = new Promise((resolve) => child.once('close', () => {
      living.delete(child);
      resolve(states.at(-1));
    }));
    const link = new Promise((resolve) => lines.on('line', (line) => {
      const said = JSON.parse(line);
      if (said.url) resolve(said);
      else states.push(said.state);
    }));
    return { ...await within(WAIT_MS, 'a link from dx space share', link), ended };
  }
}

/** A browser with a profile of its own, which stays when the browser is closed, killed and opened again. */
class Profile {
  #options;
  #watch;
  path = makeFolder('browser');
  /** Playwright's BrowserContext. */
  context = null;

  constructor(options, watch) {
    this.#options = options;
    this.#watch = watch;
  }

  async open() {
    const { args = [], ...more } = this.#options;
    this.context = await chromium.launchPersistentContext(this.path, { ...LAUNCH, args: [...ARGUMENTS, ...args], ...more });
    this.#watch(this.context);
    return this.context;
  }

  newPage() { return this.context.newPage(); }

  async close() { await within(END_MS, 'a browser to close', this.context.close()); }

  /** The whole browser ends at once, as when the machine goes down. */
  async kill() {
    const [browser] = browsersOf(this.path);
    assert.ok(browser, 'the browser\'s process');
    process.kill(browser, 'SIGKILL');
    await until('the browser\'s end', () => browsersOf(this.path).length === 0);
    await this.close().catch(() => undefined);
  }

  async end() {
    await this.close().catch(() => undefined);
    for (const pid of browsersOf(this.path)) process.kill(pid, 'SIGKILL');
    await until('the browser\'s end', () => browsersOf(this.path).length === 0, END_MS);
    removeFolder(this.path);
  }
}

/** The renderer of a page is gone in the midst of whatever it does. */
export async function crashRenderer(page) {
  const session = await page.context().newCDPSession(page), gone = page.waitForEvent('crash', { timeout: WAIT_MS });
  session.send('Page.crash').catch(() => undefined); // it has nobody left to answer
  await gone;
}

// --- The harness of one test ----------------------------------------------------------------------------------------

/** A certificate for names and all names below them, and for this machine; and what makes a browser take it and find them. */
async function makeCertificate(folder, names) {
  const cert = join(folder, 'cert.pem'), key = join(folder, 'key.pem');
  const all = [...names.flatMap((name) => [name, `*.${name}`]), 'localhost'];
  await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-keyout', key, '-out', cert,
    '-subj', `/CN=${names[0]}`, '-addext', `subjectAltName=${all.map((name) => `DNS:${name}`).join(',')}`]);
  const spki = new X509Certificate(readFileSync(cert)).publicKey.export({ type: 'spki', format: 'der' });
  const args = [`--ignore-certificate-errors-spki-list=${createHash('sha256').update(spki).digest('base64')}`,
    `--host-resolver-rules=${all.map((name) => `MAP ${name} 127.0.0.1`).join(',')}`];
  return { cert, key, args };
}

const axeSource = () => readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export class Harness {
  #name;
  #sites;
  #ends = [];
  #expected = [];
  #errors = [];
  #contexts = new Set();

  constructor(name, sites) {
    this.#name = name;
    this.#sites = sites;
  }

  /** A figure of this test, with atMost or atLeast when there is one to reach. */
  figure(name, value, unit, target = {}) {
    const figure = { figure: name, value: round(value), unit, ...target, test: this.#name };
    figures.push(figure);
    appendFileSync(FIGURES, `${JSON.stringify(figure)}\n`);
    console.log(`e2e:   ${name}: ${figure.value} ${unit}${targetText(target) && ` (to reach: ${targetText(target)})`}`);
  }

  /** A line for who reads. */
  say(text) { console.log(`e2e:   ${text}`); }

  #own(thing) {
    this.#ends.push(thing);
    return thing;
  }

  /** A browser of its own. options: of Playwright's launchPersistentContext; args are added to ours. */
  async launchProfile(options = {}) {
    const profile = this.#own(new Profile(options, (context) => this.#watch(context)));
    await profile.open();
    return profile;
  }

  /** A running kube. certificate: of makeCertificate; allow: origins that may frame its vault. */
  async startKube({ name = 'kube.localhost', certificate, allow = [], port, sites = this.#sites } = {}) {
    const options = { port: port ?? await freePort(), name, allow, ...(certificate && { cert: certificate.cert, key: certificate.key }) };
    const kube = this.#own(new Kube(options, sites, (pattern) => this.expectError(pattern)));
    await kube.start();
    return kube;
  }

  /** A native device with an identity, its agent running; it looks for its peers at the kube. */
  async startAgent(name, kube, { certificate } = {}) {
    const agent = this.#own(new Agent(certificate && { SSL_CERT_FILE: certificate.cert }));
    await agent.dx('halo', 'create', name);
    await agent.start();
    if (kube) await agent.dx('signal', 'add', kube.nativeSignal);
    return agent;
  }

  /** A folder that goes with the test. */
  makeFolder(kind) {
    const folder = makeFolder(kind);
    this.#own({ end: async () => removeFolder(folder) });
    return folder;
  }

  async makeCertificate(...names) {
    return await makeCertificate(this.makeFolder('cert'), names);
  }

  // --- Errors of pages ---

  /** From now on, errors like this are no failure. */
  expectError(pattern) { this.#expected.push(pattern); }

  /** Errors that nobody expected are told as they come and fail the test at its end. */
  #watch(context) {
    this.#contexts.add(context);
    context.on('close', () => this.#contexts.delete(context));
    const hear = (text) => {
      if (this.#expected.some((pattern) => pattern.test(text))) return;
      this.#errors.push(text);
      this.say(`page: ${text}`);
    };
    context.on('weberror', (event) => hear(event.error().stack ?? String(event.error())));
    context.on('console', (message) => { if (message.type() === 'error') hear(`${message.text()} (${message.location().url})`); });
  }

  // --- Looks ---

  /** build/screenshots/NAME.png. */
  async screenshot(page, name, options = {}) {
    mkdirSync(SCREENSHOTS, { recursive: true });
    await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), animations: 'disabled', ...options });
  }

  /** What axe finds wrong with the page as it is, without frames (a vault's is hidden). */
  async violations(page) {
    // A script element would be refused by the page's policy; the debugger's protocol is not.
    if (!await page.evaluate(() => 'axe' in window)) await page.evaluate(axeSource());
    const found = await page.evaluate(() => window.axe.run(document, { iframes: false, resultTypes: ['violations'] }));
    return found.violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(' ')}`);
  }

  /** The page light and dark: pictures NAME-light.png and NAME-dark.png; nothing that axe calls wrong, nothing wider than the window. */
  async look(page, name) {
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await this.screenshot(page, `${name}-${colorScheme}`);
      assert.deepEqual(await this.violations(page), [], `axe: ${name}, ${colorScheme}`);
      const [needs, has] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
      assert.ok(needs <= has, `${name} is ${needs} wide in a window of ${has}`);
    }
    await page.emulateMedia({ colorScheme: null });
  }

  // --- The end ---

  expectNoErrors() { assert.deepEqual(this.#errors, [], 'errors in pages'); }

  /** For who looks at a failure: pictures of what was open, and the last words of what ran. */
  async tellState() {
    const pages = [...this.#contexts].flatMap((context) => context.pages());
    for (const [at, page] of pages.entries()) {
      const name = `failed-${this.#name}-${at}`;
      this.say(`${page.url()} is in build/screenshots/${name}.png`);
      await within(END_MS, 'a picture', this.screenshot(page, name)).catch((error) => this.say(error.message.split('\n')[0]));
    }
    for (const { said } of this.#ends) for (const line of said ?? []) this.say(`dx: ${line}`);
  }

  /** Ends all that this test started, the last first; throws when something did not end by itself. */
  async end() {
    const failed = [];
    for (const thing of this.#ends.splice(0).reverse()) await within(4 * END_MS, 'the end of what a test started', thing.end()).catch((error) => failed.push(error.message));
    assert.deepEqual(failed, []);
  }
}

// --- Running --------------------------------------------------------------------------------------------------------

/** Sites as the kubes of all tests serve them: what was built, and test pages. */
export function makeSites() {
  const folder = makeFolder('sites');
  cpSync(join(BUILD, 'web'), folder, { recursive: true });
  for (const site of ['halo', 'todo', 'notes']) cpSync(join(BUILD, 'web-tests/pages'), join(folder, site, 'tests'), { recursive: true });
  return folder;
}

export function forgetFigures() { writeFileSync(FIGURES, ''); }

/** null, or why it failed. */
export async function runTest(name, test, sites) {
  const harness = new Harness(name, sites), deadlineMs = test.deadlineMs ?? DEADLINE_MS, from = Date.now();
  let failure = null;
  try {
    await within(deadlineMs, `the test ${name}`, test(harness));
    harness.expectNoErrors();
  } catch (error) {
    failure = error;
    await harness.tellState();
  }
  await harness.end().catch((error) => { failure ??= error; });
  appendFileSync(FIGURES, `${JSON.stringify({ test: name, ok: failure === null, ms: Date.now() - from })}\n`);
  return failure;
}

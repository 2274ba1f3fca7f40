// build.mjs: builds what a kube serves into build/web, a folder for each site (site.mjs says how), compressed beforehand; `make web` runs it.
//   node build.mjs           the product: sites and package
//   node build.mjs --only-sites   the sites alone: they need no tsc
//   node build.mjs --tests        and the unit tests and pages of the browser tests, in build/web-tests, away from what a kube serves
//   node build.mjs --only-tests   these alone: they need no module
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildPackage } from './build_package.mjs';
import { build, isThere } from './bundler.mjs';
import { BUNDLE, buildSite, bundle, hashedName, sentSize } from './site.mjs';

const HERE = dirname(fileURLToPath(import.meta.url)), BUILD = join(HERE, '../build');
const OUT = join(BUILD, 'web'), TESTS = join(BUILD, 'web-tests'), MODULE = join(BUILD, 'wasm/dxos.wasm');
const MODULE_BROTLI_MAX = 1024 * 1024;

/** Label it is served under, folder of its sources, whether it is where the vault runs, and packages of npm's that Debian does not have: left out without them. */
const SITES = [
  { label: 'halo', source: 'vault', isVault: true },
  { label: 'tasks', source: 'apps/tasks', isVault: false },
  { label: 'notes', source: 'apps/notes', isVault: false, needs: ['yjs', 'y-protocols', 'y-codemirror.next', 'y-quill', 'quill', 'quill-cursors', '@codemirror/view', '@codemirror/commands'] },
];

const kilo = (size) => `${Math.round(size / 102.4) / 10} kB`;

// --- Sites ------------------------------------------------------------------------------------------------------------

/** The workers and the module of core/, below core/ of the vault's site; core/files.ts says who is called by which name. */
async function coreParts() {
  if (!existsSync(MODULE)) throw new Error(`${MODULE} is not there: make wasm builds it`);
  const module = readFileSync(MODULE), parts = new Map([[hashedName('dxos.wasm', module), module]]);
  for (const name of ['leader_worker', 'broker']) for (const [path, data] of (await bundle([join(HERE, `core/${name}.ts`)])).files) parts.set(basename(path), data);
  return new Map([...parts].map(([name, data]) => [`core/${name}`, data]));
}

/** For core/files.ts: the names with hashes of the vault's site, as they are in `paths`. */
function defineCore(paths) {
  const find = (pattern) => paths.map((path) => basename(path)).find((name) => pattern.test(name));
  const names = { worker: find(/^leader_worker-\w+\.js$/), broker: find(/^broker-\w+\.js$/), module: find(/^dxos\.\w+\.wasm$/) };
  return Object.values(names).every(Boolean) ? { DX_CORE_FILES: JSON.stringify(names) } : {};
}

async function buildSites() {
  for (const { label, source, isVault, needs = [] } of SITES) {
    const folder = join(OUT, label), from = join(HERE, source), hasPage = existsSync(join(from, 'index.html')), lacks = needs.find((name) => !isThere(name));
    if (!hasPage) console.log(`web: ${label}, no page: web/${source}/index.html is not there`);
    if (lacks !== undefined) console.log(`web: ${label}, left out: ${lacks} is not here; \`make web\` brings it from npm`);
    if ((!hasPage && !isVault) || lacks !== undefined) {
      rmSync(folder, { recursive: true, force: true });
      continue;
    }
    const parts = isVault ? await coreParts() : new Map();
    const { page, all } = await buildSite(folder, { source: hasPage ? from : null, parts, define: defineCore([...parts.keys()]) });
    tellSite(label, folder, page, all);
  }
}

function tellSite(label, folder, page, all) {
  const sum = (paths) => paths.reduce((size, path) => size + sentSize(folder, path), 0);
  console.log(`web: ${label}, ${all.length} files, ${kilo(sum(all))} as sent${page.length > 0 ? `, of it the page ${kilo(sum(page))}` : ''}`);
  for (const path of all.filter((name) => name.endsWith('.wasm'))) {
    const size = sentSize(folder, path);
    console.log(`web: ${label}/${path}, brotli ${kilo(size)}`);
    if (size > MODULE_BROTLI_MAX) throw new Error(`the module has ${size} bytes in brotli, more than ${MODULE_BROTLI_MAX}`);
  }
}

// --- Tests ------------------------------------------------------------------------------------------------------------

/** The pages load the workers of the product, where that was built. */
async function buildTests() {
  const named = (pattern) => readdirSync(join(HERE, 'tests')).filter((name) => pattern.test(name)).map((name) => `tests/${name}`);
  const core = join(OUT, 'halo/core'), define = { ...BUNDLE.define, ...defineCore(existsSync(core) ? readdirSync(core) : []) };
  const write = (paths, outdir, options) =>
    build({ ...BUNDLE, minify: false, entryPoints: paths.map((path) => join(HERE, path)), outdir: join(TESTS, outdir), ...options });
  rmSync(TESTS, { recursive: true, force: true });
  await write(named(/^test_.*\.tsx?$/), 'unit', { platform: 'node', outExtension: { '.js': '.mjs' }, define: {}, external: ['node:*'] });
  await write(named(/^page_.*\.tsx?$/), 'pages', { define });
  for (const page of named(/\.html$/)) copyFileSync(join(HERE, page), join(TESTS, 'pages', page.slice('tests/'.length)));
}

try {
  mkdirSync(BUILD, { recursive: true });
  if (!process.argv.includes('--only-tests')) await buildSites();
  if (!process.argv.includes('--only-sites')) await buildPackage();
  if (process.argv.some((argument) => argument === '--tests' || argument === '--only-tests')) await buildTests();
} catch (error) {
  console.error(`web: ${error.message}`);
  process.exit(1);
}

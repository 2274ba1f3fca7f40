// build.mjs: builds what a kube serves at halo.NAME into build/web/halo, compressed beforehand; `make web` runs it.
//   node build.mjs           the product
//   node build.mjs --tests        and the unit tests and pages of the browser tests, in build/web-tests, away from what a kube serves
//   node build.mjs --only-tests   these alone: they need no module
import { build } from 'esbuild';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url)), OUT = join(HERE, '../build/web'), TESTS = join(HERE, '../build/web-tests'), PACKAGE = join(HERE, '../build/web-package'), WASM = join(HERE, '../build/wasm/dxos.wasm');
const WASM_BROTLI_MAX = 1024 * 1024;
const CLIENT_GZIP_MAX = 40 * 1024;
const SMALL = 1024; // not worth a second file
const COMPRESSIBLE = /\.(?:js|wasm|html|css|svg|json|webmanifest)$/;

const common = { bundle: true, format: 'esm', target: 'es2022', charset: 'utf8', legalComments: 'none', logLevel: 'warning' };

async function bundle(entries, outdir, options = {}) {
  await build({ ...common, minify: true, entryPoints: entries.map((path) => join(HERE, path)), outdir, ...options });
}

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesBelow(join(folder, entry.name)) : [join(folder, entry.name)]);
}

const isFresh = (path, than) => existsSync(path) && statSync(path).mtimeMs >= statSync(than).mtimeMs;

/** Writes FILE.br and FILE.gz beside each file that is worth it; a line for each. */
function compress(folder) {
  for (const path of filesBelow(folder).filter((file) => COMPRESSIBLE.test(file)).sort()) {
    const data = readFileSync(path);
    if (data.length < SMALL) continue;
    if (!isFresh(`${path}.br`, path)) {
      const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: data.length };
      writeFileSync(`${path}.br`, brotliCompressSync(data, { params }));
      writeFileSync(`${path}.gz`, gzipSync(data, { level: 9 }));
    }
    const [brotli, gzip] = ['br', 'gz'].map((ending) => statSync(`${path}.${ending}`).size);
    console.log(`web: ${path.slice(OUT.length + 1)}, ${data.length} bytes, gzip ${gzip}, brotli ${brotli}`);
    if (path.endsWith('.wasm') && brotli > WASM_BROTLI_MAX) throw new Error(`the module has ${brotli} bytes in brotli, more than ${WASM_BROTLI_MAX}`);
  }
}

/** The module keeps its time, so that it is compressed again only when it changed: that takes seconds. */
function copyModule() {
  const target = join(OUT, 'halo/core/dxos.wasm');
  if (!isFresh(target, WASM)) copyFileSync(WASM, target);
}

async function buildProduct() {
  mkdirSync(join(OUT, 'halo/core'), { recursive: true });
  await bundle(['core/leader_worker.ts', 'core/broker.ts'], join(OUT, 'halo/core'));
  copyModule();
  compress(join(OUT, 'halo'));
}

/** Client and hooks as modules for programs that do not compile TypeScript: build/web-package, of which index.js is what a page loads. */
async function buildPackage() {
  rmSync(PACKAGE, { recursive: true, force: true });
  const entryPoints = { index: 'client/src/index.ts', node: 'client/src/node/socket.ts', react: 'react/src/index.ts' };
  for (const name of Object.keys(entryPoints)) entryPoints[name] = join(HERE, entryPoints[name]);
  const { metafile } = await build({ ...common, minify: true, splitting: true, metafile: true, entryPoints, outdir: PACKAGE, external: ['react', 'node:*'] });
  const [output] = Object.entries(metafile.outputs).find(([path]) => path.endsWith('/index.js'));
  const loaded = [output, ...metafile.outputs[output].imports.filter((use) => !use.external).map((use) => use.path)];
  const size = loaded.reduce((sum, path) => sum + gzipSync(readFileSync(path), { level: 9 }).length, 0);
  console.log(`web: client, gzip ${size}`);
  if (size > CLIENT_GZIP_MAX) throw new Error(`the client has ${size} bytes in gzip, more than ${CLIENT_GZIP_MAX}`);
}

async function buildTests() {
  const named = (pattern) => readdirSync(join(HERE, 'tests')).filter((name) => pattern.test(name)).map((name) => `tests/${name}`);
  rmSync(TESTS, { recursive: true, force: true });
  await bundle(named(/^test_.*\.ts$/), join(TESTS, 'unit'), { platform: 'node', minify: false, outExtension: { '.js': '.mjs' } });
  await bundle(named(/^page_.*\.ts$/), join(TESTS, 'pages'), { minify: false });
  for (const page of named(/\.html$/)) copyFileSync(join(HERE, page), join(TESTS, 'pages', page.slice('tests/'.length)));
}

if (!process.argv.includes('--only-tests')) await buildProduct();
await buildPackage();
if (process.argv.some((argument) => argument === '--tests' || argument === '--only-tests')) await buildTests();

// site.mjs: makes a site, a folder that a kube serves, from a folder of sources; build.mjs holds the table of them.
//
// index.html is the beginning: what it names beside itself is bundled (scripts, styles) or copied (pictures, a manifest and the pictures it names), gets
// a name with a hash, and is named so in the page. A service worker (service_worker.ts) with the list of all files and their hashes closes the site.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from './bundler.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const SMALL = 1024; // not worth a second file
const COMPRESSIBLE = /\.(?:js|wasm|html|css|svg|json|webmanifest)$/;
const BUNDLED = /\.(?:tsx?|m?js|css)$/;
/** What index.html names beside itself, and where. */
const NAMED = /\b(?:src|href)="(?:\.?\/)?([^":#?]+)"/g;
const PICTURES = ['.svg', '.png', '.webp', '.ico', '.woff2'];

export const BUNDLE = {
  bundle: true, format: 'esm', target: 'es2022', charset: 'utf8', legalComments: 'none', logLevel: 'warning', minify: true, jsx: 'automatic',
  define: { 'process.env.NODE_ENV': '"production"' }, absWorkingDir: HERE, // names with hashes are the same wherever it is built from
};

const sha256 = (data) => createHash('sha256').update(data).digest();

/** `name.ending` as `name.HASH.ending`: in a form that a kube takes for immutable. */
export function hashedName(name, data) {
  const ending = extname(name);
  return `${name.slice(0, name.length - ending.length)}.${sha256(data).toString('hex').slice(0, 12)}${ending}`;
}

/** Bundles entry points (an object of names to paths); returns the files (path in the site → bytes) and where each entry went. */
export async function bundle(entryPoints, { define = {}, ...options } = {}) {
  const root = join(HERE, 'out'); // nothing is written there
  const { outputFiles, metafile } = await build({
    ...BUNDLE, entryPoints, outdir: root, write: false, metafile: true, entryNames: '[dir]/[name]-[hash]', chunkNames: '[name]-[hash]',
    assetNames: '[name]-[hash]', loader: Object.fromEntries(PICTURES.map((ending) => [ending, 'file'])), define: { ...BUNDLE.define, ...define }, ...options,
  });
  const files = new Map(outputFiles.map(({ path, contents }) => [relative(root, path), Buffer.from(contents)]));
  const entries = new Map();
  for (const [path, { entryPoint }] of Object.entries(metafile.outputs)) {
    if (entryPoint) entries.set(join(HERE, entryPoint), relative('out', path));
  }
  return { files, entries };
}

// --- A page and what it names -----------------------------------------------------------------------------------------

/** A manifest names pictures beside itself, too. */
function addManifest(source, name, files) {
  const manifest = JSON.parse(readFileSync(join(source, name), 'utf8'));
  for (const icon of manifest.icons ?? []) icon.src = addCopy(source, icon.src, files);
  const data = Buffer.from(JSON.stringify(manifest)), path = hashedName(name, data);
  files.set(path, data);
  return path;
}

function addCopy(source, name, files) {
  const data = readFileSync(join(source, name)), path = hashedName(name, data);
  files.set(path, data);
  return path;
}

/** The files of the page in `source`, index.html among them. */
async function pageFiles(source, options) {
  const html = readFileSync(join(source, 'index.html'), 'utf8');
  const sources = new Map(); // name in the page → its source
  for (const [, name] of html.matchAll(NAMED)) {
    // A script may be named as what it becomes.
    const found = [name, name.replace(/\.js$/, '.ts'), name.replace(/\.js$/, '.tsx')].find((path) => existsSync(join(source, path)));
    if (found) sources.set(name, found);
    else if (extname(name) !== '') throw new Error(`${join(source, 'index.html')} names ${name}, which is not there`);
  }
  const entryPoints = [...sources.values()].filter((path) => BUNDLED.test(path)).map((path) => join(source, path));
  const { files, entries } = await bundle(entryPoints, { splitting: true, outbase: source, ...options });
  const place = (path) => {
    if (BUNDLED.test(path)) return entries.get(join(source, path));
    return path.endsWith('.webmanifest') ? addManifest(source, path, files) : addCopy(source, path, files);
  };
  const places = new Map([...sources].map(([name, path]) => [name, place(path)]));
  const rewritten = html.replace(NAMED, (whole, name) => (places.has(name) ? `${whole.slice(0, whole.indexOf('"'))}"/${places.get(name)}"` : whole));
  return files.set('index.html', Buffer.from(rewritten));
}

/** The worker that keeps these files; another build is another worker, byte for byte. */
async function serviceWorker(files) {
  const list = [...files].map(([path, data]) => [path === 'index.html' ? '/' : `/${path}`, `sha256-${sha256(data).toString('base64')}`]).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify(list);
  const { outputFiles: [script] } = await build({
    ...BUNDLE, format: 'iife', entryPoints: [join(HERE, 'service_worker.ts')], write: false,
    define: { DX_FILES: text, DX_BUILD: JSON.stringify(sha256(text).toString('hex').slice(0, 12)) },
  });
  return Buffer.from(script.contents);
}

// --- A folder of files ------------------------------------------------------------------------------------------------

function filesBelow(folder, under = '') {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesBelow(join(folder, entry.name), `${under}${entry.name}/`) : [`${under}${entry.name}`]);
}

/** What is there already keeps its time, so that it is not compressed again: brotli takes seconds for the module. */
function writeFiles(folder, files) {
  for (const [path, data] of files) {
    const whole = join(folder, path);
    if (existsSync(whole) && readFileSync(whole).equals(data)) continue;
    mkdirSync(dirname(whole), { recursive: true });
    writeFileSync(whole, data);
  }
  for (const path of filesBelow(folder)) {
    if (!files.has(path.replace(/\.(?:br|gz)$/, '')) && !files.has(path)) rmSync(join(folder, path));
  }
}

const timeOf = (path) => (existsSync(path) ? statSync(path).mtimeMs : -1);

/** FILE.br and FILE.gz beside each file that is worth it. */
function compress(folder, files) {
  for (const [path, data] of files) {
    const whole = join(folder, path);
    if (!COMPRESSIBLE.test(path) || data.length < SMALL || timeOf(`${whole}.br`) >= timeOf(whole)) continue;
    const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: data.length };
    writeFileSync(`${whole}.gz`, gzipSync(data, { level: 9 }));
    writeFileSync(`${whole}.br`, brotliCompressSync(data, { params }));
  }
}

/** Bytes on the wire, in brotli where there is that. */
export function sentSize(folder, path) {
  const whole = join(folder, path);
  return statSync(existsSync(`${whole}.br`) ? `${whole}.br` : whole).size;
}

/**
 * Builds the site in `folder` from `source` (null: no page yet, and so no service worker) and `parts` (path → bytes). Returns the paths of its files; those
 * of the page come first.
 */
export async function buildSite(folder, { source, parts = new Map(), ...options }) {
  const page = source === null ? new Map() : await pageFiles(source, options);
  const files = new Map([...page, ...parts]);
  if (source !== null) files.set('sw.js', await serviceWorker(files));
  mkdirSync(folder, { recursive: true });
  writeFiles(folder, files);
  compress(folder, files);
  return { page: [...page.keys()], all: [...files.keys()] };
}

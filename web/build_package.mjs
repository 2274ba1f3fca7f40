// build_package.mjs: client and hooks as a package for programs: build/web-package, installed by its path (`npm install .../build/web-package`).
//
// index.js is what a page loads, node.js finds agents, react.js has the hooks, yjs.js documents upon texts; they share their code, so that there is one client in a program that uses
// several. Declarations stand under types/, made by tsc from the sources. Nothing is minified: bundlers do that, and what an error shows can be read.
import { execFileSync } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from './bundler.mjs';
import { BUNDLE } from './site.mjs';

const HERE = dirname(fileURLToPath(import.meta.url)), PACKAGE = join(HERE, '../build/web-package');
const GZIP_MAX = 40 * 1024;
/** What programs import, by the name behind the package's. */
const ENTRIES = { index: 'client/src/index.ts', node: 'client/src/node/socket.ts', react: 'react/src/index.ts', yjs: 'client/src/yjs/index.ts' };

/** What some of these need, of which a program has one copy of its own. */
const PEERS = { react: '>=18', 'y-protocols': '^1.0.6', yjs: '^13.6.0' };

/** What a page loads, all of it. */
function checkSize(outputs) {
  const [index] = Object.keys(outputs).filter((path) => path.endsWith('/index.js'));
  const loaded = new Set([index]);
  for (const path of loaded) for (const use of outputs[path].imports) if (!use.external) loaded.add(use.path);
  const size = [...loaded].reduce((sum, path) => sum + gzipSync(readFileSync(join(HERE, path)), { level: 9 }).length, 0);
  console.log(`web: client, gzip ${size}`);
  if (size > GZIP_MAX) throw new Error(`the client has ${size} bytes in gzip, more than ${GZIP_MAX}`);
}

/** Sources name each other by their endings (.ts); what stands in a package is found as .js. */
function writeTypes() {
  const types = join(PACKAGE, 'types');
  execFileSync(process.execPath, [join(HERE, 'node_modules/typescript/bin/tsc'), '-p', join(HERE, 'tsconfig.package.json'), '--outDir', types], { stdio: 'inherit' });
  for (const name of readdirSync(types, { recursive: true }).filter((path) => path.endsWith('.d.ts'))) {
    const path = join(types, name);
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll(/(['"])(\.{1,2}\/[^'"]*)\.ts\1/g, '$1$2.js$1'));
  }
}

function writeManifest() {
  const { version, license, engines } = JSON.parse(readFileSync(join(HERE, 'package.json'), 'utf8'));
  const exports = Object.fromEntries(Object.entries(ENTRIES).map(([name, source]) => [
    name === 'index' ? '.' : `./${name}`,
    { types: `./types/${source.replace(/\.ts$/, '.d.ts')}`, default: `./${name}.js` },
  ]));
  const manifest = {
    name: 'dxos-client', version, license, type: 'module', description: 'A program\'s view of a DXOS vault: identity, spaces, live objects, and React hooks for them',
    exports, types: exports['.'].types, sideEffects: false, engines,
    peerDependencies: PEERS, peerDependenciesMeta: Object.fromEntries(Object.keys(PEERS).map((name) => [name, { optional: true }])),
  };
  writeFileSync(join(PACKAGE, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  copyFileSync(join(HERE, 'client/README.md'), join(PACKAGE, 'README.md'));
  copyFileSync(join(HERE, '../LICENSE'), join(PACKAGE, 'LICENSE'));
}

export async function buildPackage() {
  rmSync(PACKAGE, { recursive: true, force: true });
  const entryPoints = Object.fromEntries(Object.entries(ENTRIES).map(([name, source]) => [name, join(HERE, source)]));
  const { metafile } = await build({ ...BUNDLE, minify: false, splitting: true, metafile: true, entryPoints, outdir: PACKAGE, external: [...Object.keys(PEERS), 'node:*'] });
  checkSize(metafile.outputs);
  writeTypes();
  writeManifest();
}

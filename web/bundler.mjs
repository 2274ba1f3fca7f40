// bundler.mjs: esbuild, and where it finds what pages import: web/node_modules (npm), else Debian's packages in the same versions, so that pages can be
// built on a machine without npm.
//   node bundler.mjs   exits 0 when all of it is there
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where Debian puts packages: of scripts alone, and with programs of this machine's kind. */
const DEBIAN = '/usr/share/nodejs', DEBIAN_KIND = '/usr/lib';
const IMPORTED = ['react', 'react-dom', 'qrcode-generator'];

const require = createRequire(import.meta.url);

function findEsbuild() {
  try {
    return require('esbuild');
  } catch {
    const found = readdirSync(DEBIAN_KIND).map((kind) => join(DEBIAN_KIND, kind, 'nodejs/esbuild/lib/main.js')).find((path) => existsSync(path));
    if (!found) throw new Error('esbuild is not there: `make web` brings it from npm, `make pages` from Debian');
    process.env.ESBUILD_BINARY_PATH ??= '/usr/bin/esbuild'; // a node that is not Debian's would not find it
    return require(found);
  }
}

/** Whether a package can be bundled. */
export const isThere = (name) => [new URL('node_modules', import.meta.url).pathname, DEBIAN].some((folder) => existsSync(join(folder, name, 'package.json')));

const esbuild = findEsbuild();
export const build = (options) => esbuild.build({ nodePaths: [DEBIAN], ...options });

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = IMPORTED.every(isThere) ? 0 : 1;

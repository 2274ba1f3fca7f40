// tests/test_pages.ts: the pages where npm brought nothing (`make pages` on a bare Debian): an app that needs more than Debian has is left out with a word, and
// what is served is what could be built.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const WEB = fileURLToPath(new URL('../../../web', import.meta.url));
/** What tools/need brings from Debian. */
const DEBIANS = ['esbuild', 'react', 'react-dom', 'qrcode-generator'];

test('without npm the notes are left out with a word, and the rest is built', () => {
  const root = mkdtempSync(join(tmpdir(), 'dx-pages-'));
  try {
    const web = join(root, 'web'), served = join(root, 'build/web');
    cpSync(WEB, web, { recursive: true, filter: (path) => !path.includes('node_modules') });
    mkdirSync(join(web, 'node_modules'));
    for (const name of DEBIANS) if (existsSync(join(WEB, 'node_modules', name))) symlinkSync(join(WEB, 'node_modules', name), join(web, 'node_modules', name));
    mkdirSync(join(root, 'build/wasm'), { recursive: true });
    writeFileSync(join(root, 'build/wasm/dxos.wasm'), 'no module, for its name alone');
    mkdirSync(join(served, 'notes'), { recursive: true }); // of a build with npm, before
    writeFileSync(join(served, 'notes/index.html'), 'old');
    const { status, stdout, stderr } = spawnSync(process.execPath, ['build.mjs', '--only-sites'], { cwd: web, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^web: notes, left out: yjs is not here; `make web` brings it from npm$/m);
    assert.deepEqual(readdirSync(served).sort(), ['halo', 'tasks']);
    for (const label of ['halo', 'tasks']) assert.ok(existsSync(join(served, label, 'index.html')), label);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

// tests/test_package.ts: build/web-package as a program installs it: its README's first example compiles under both ways of finding modules, strict and
// with every declaration checked, and runs against an agent.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { Agent } from './agent.ts';

const run = promisify(execFile);
const MODULES = resolve('web/node_modules'), project = mkdtempSync(join(tmpdir(), 'dx-package-'));
after(() => rmSync(project, { recursive: true, force: true }));

/** The n-th block of this language in the README. */
function example(language: string): string {
  const found = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'ms').exec(readFileSync('build/web-package/README.md', 'utf8'));
  assert.ok(found?.[1], `the README shows ${language}`);
  return found[1];
}

const BASE = { target: 'ES2022', strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, verbatimModuleSyntax: true };

async function compile(name: string, files: readonly string[], options: object): Promise<void> {
  const config = join(project, `tsconfig.${name}.json`);
  writeFileSync(config, JSON.stringify({ compilerOptions: { ...BASE, ...options }, files }));
  await run(process.execPath, [join(MODULES, 'typescript/bin/tsc'), '-p', config]).catch((error: { stdout: string }) => assert.fail(`${name}: ${error.stdout}`));
}

test('the first examples of the README: compiled by a program of one\'s own, and run', async () => {
  mkdirSync(join(project, 'node_modules/@types'), { recursive: true });
  cpSync(resolve('build/web-package'), join(project, 'node_modules/dxos-client'), { recursive: true });
  for (const name of ['csstype', 'undici-types', '@types/node', '@types/react']) symlinkSync(join(MODULES, name), join(project, 'node_modules', name));
  writeFileSync(join(project, 'package.json'), '{"type": "module"}');
  writeFileSync(join(project, 'milk.ts'), example('ts'));
  writeFileSync(join(project, 'app.tsx'), example('tsx'));
  // One of them checks every declaration, the browser's too, which takes most of the time.
  await Promise.all([
    compile('node16', ['milk.ts'], { module: 'node16', moduleResolution: 'node16', lib: ['ES2022', 'DOM'], types: ['node'], skipLibCheck: true, outDir: 'out' }),
    compile('bundler', ['milk.ts', 'app.tsx'], { module: 'ESNext', moduleResolution: 'bundler', lib: ['ES2022', 'DOM'], types: [], skipLibCheck: false, jsx: 'react-jsx', noEmit: true }),
  ]);
  const agent = await Agent.start('Alice');
  try {
    const { stdout } = await run(process.execPath, [join(project, 'out/milk.js')], { env: { ...process.env, DX_VAULT: agent.vault } });
    const said = stdout.split('\n').filter((line, at, all) => line !== '' && line !== all[at - 1]); // once more when it got its id
    assert.deepEqual(said, ['open: ', 'open: oat milk', 'open: ']);
    const [space] = (await agent.dx('space', 'list', '--json')).map((line) => JSON.parse(line) as { name: string });
    assert.equal(space?.name, 'home');
    const [milk] = (await agent.dx('object', 'ls', 'home', '--json')).map((line) => JSON.parse(line) as { data: unknown });
    assert.deepEqual(milk?.data, { title: 'oat milk', done: true, tags: ['shop'] });
  } finally {
    await agent.end();
  }
});

test('what a page loads is small, and asks for nothing of node', () => {
  const manifest = JSON.parse(readFileSync('build/web-package/package.json', 'utf8')) as { exports: Record<string, { types: string; default: string }> };
  assert.deepEqual(Object.keys(manifest.exports), ['.', './node', './react', './yjs']);
  for (const { types, default: file } of Object.values(manifest.exports)) for (const path of [types, file]) readFileSync(join('build/web-package', path));
  assert.doesNotMatch(readFileSync(join('build/web-package', (manifest.exports['.'] as { default: string }).default), 'utf8'), /["']node:/);
});

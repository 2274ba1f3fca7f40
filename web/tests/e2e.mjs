// tests/e2e.mjs: runs the tests that the files of tests/e2e/ export, in Debian's chromium on real origins. `make e2e`; some by name: E2E=takeover,kills
// Ends with their count and a table of figures, which build/e2e.jsonl has as JSON lines; pictures are in build/screenshots.
import { readdirSync } from 'node:fs';
import { figureTable, forgetFigures, makeSites, runTest } from './harness.mjs';

const tests = new Map();
for (const file of readdirSync(new URL('e2e/', import.meta.url)).filter((name) => name.endsWith('.mjs')).sort()) {
  for (const [name, test] of Object.entries(await import(new URL(`e2e/${file}`, import.meta.url)))) {
    if (tests.has(name)) throw new Error(`two tests are called ${name}`);
    tests.set(name, test);
  }
}

const names = process.env.E2E ? process.env.E2E.split(',') : [...tests.keys()];
const unknown = names.filter((name) => !tests.has(name));
if (unknown.length > 0) {
  console.error(`e2e: no test is called ${unknown.join(', ')}; there are ${[...tests.keys()].join(', ')}`);
  process.exit(2);
}

const sites = makeSites(), failed = [];
forgetFigures();
for (const name of names) {
  console.log(`e2e: ${name}`);
  const failure = await runTest(name, tests.get(name), sites);
  if (!failure) continue;
  failed.push(name);
  console.log(`e2e: ${name} FAILED: ${failure.stack}`);
}
console.log('e2e: figures of this run');
for (const line of figureTable()) console.log(line);
console.log(`e2e: ${names.length - failed.length} passed, ${failed.length} failed${failed.map((name) => ` ${name}`).join('')}`);
process.exit(failed.length === 0 ? 0 : 1);

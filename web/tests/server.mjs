// tests/server.mjs: serves build/web to the browser tests as *.localhost, as a kube does (a folder for each site) but with the test pages below /tests/ of
// every site. ETag and no-cache: the browser keeps files and asks whether they are still so.
import { createServer } from 'node:http';
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const BUILD = join(dirname(fileURLToPath(import.meta.url)), '../../build'), PAGES = '/tests/';
const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript', wasm: 'application/wasm', css: 'text/css' };

function find(host, path) {
  const clean = normalize(path), site = host.split('.')[0];
  if (!clean.startsWith('/') || !/^[a-z]+$/.test(site)) return null;
  const file = clean.startsWith(PAGES) ? join(BUILD, 'web-tests/pages', clean.slice(PAGES.length)) : join(BUILD, 'web', site, clean);
  return statSync(file, { throwIfNoEntry: false })?.isFile() ? file : null;
}

/** Listens on a port of its own; close() ends it. */
export async function serve() {
  const server = createServer((request, response) => {
    const file = find(request.headers.host ?? '', new URL(request.url, 'http://localhost').pathname);
    if (!file) {
      response.writeHead(404).end();
      return;
    }
    const encoded = /\bbr\b/.test(request.headers['accept-encoding'] ?? '') && statSync(`${file}.br`, { throwIfNoEntry: false });
    const body = readFileSync(encoded ? `${file}.br` : file);
    const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
    const headers = {
      'Content-Type': TYPES[file.split('.').pop()] ?? 'application/octet-stream', 'Cache-Control': 'no-cache', ETag: etag, Vary: 'Accept-Encoding',
      ...(encoded ? { 'Content-Encoding': 'br' } : {}),
    };
    if (request.headers['if-none-match'] === etag) response.writeHead(304, headers).end();
    else response.writeHead(200, headers).end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  return { port, origin: (host) => `http://${host}.localhost:${port}`, close: () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); }) };
}

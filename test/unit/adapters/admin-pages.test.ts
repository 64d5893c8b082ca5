// The dashboard's files over HTTP: a fixed table, with headers that let the page do only what it has to.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPages } from '../../../adapters/admin/http/pages.js';
import type { Administration } from '../../../src/ports/index.js';

const directory = mkdtempSync(join(tmpdir(), 'hexmq-pages-'));
let listeners: readonly object[] = [];
let server: Server;
let port = 0;

const administration = { call: () => Promise.resolve({ listeners }) } as unknown as Administration;

beforeAll(async () => {
  const files = [
    { name: 'index.html', type: 'text/html', etag: '"page"', isImmutable: false },
    { name: 'main-1.js', type: 'text/javascript', etag: '"script"', isImmutable: true },
  ];
  for (const { name } of files)
    for (const suffix of ['', '.gz', '.br']) writeFileSync(join(directory, `${name}${suffix}`), `${name}${suffix}`);
  writeFileSync(join(directory, 'files.json'), JSON.stringify(files));
  writeFileSync(join(directory, 'secret'), 'secret');
  const pages = createPages(administration, directory);
  server = createServer((request, response) => {
    if (!pages.answer(request, response)) response.writeHead(418).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});

afterAll(() => {
  server.close();
  server.closeAllConnections();
  rmSync(directory, { recursive: true });
});

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Sends the path as it is, which fetch would not. */
const get = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, path, headers, method, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => {
        resolve({ status: response.statusCode, headers: response.headers, body });
      });
    });
    request.on('error', reject);
    request.end();
  });

test('the root leads to the page, also behind a proxy with a path of its own', async () => {
  expect(await get('/')).toMatchObject({ status: 302, headers: { location: 'dashboard/' } });
  expect((await get('/api/v1/status')).status).toBe(418);
});

test('the page comes with a policy that allows its own files, and no frame, cookie or referrer', async () => {
  const { status, headers, body } = await get('/dashboard/');
  expect({ status, body }).toEqual({ status: 200, body: 'index.html' });
  expect(headers['content-security-policy']).toBe(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
      "form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
  );
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-cache',
  });
  expect(headers['set-cookie']).toBeUndefined();
});

describe('the WebSocket listeners of the policy', () => {
  test('have the name by which the browser has reached the page', async () => {
    listeners = [
      { listener: 'ws', type: 'ws', address: '0.0.0.0:8083' },
      { listener: 'wss', type: 'wss', address: '[::]:8084' },
      { listener: 'tcp', type: 'tcp', address: '0.0.0.0:1883' },
      { listener: 'unix', type: 'unix', address: '/run/hexmq.sock' },
    ];
    const policy = async (host: string) => (await get('/dashboard/', { host })).headers['content-security-policy'];
    expect(await policy('broker.example:7883')).toContain(
      "connect-src 'self' ws://broker.example:8083 wss://broker.example:8084;",
    );
    expect(await policy('[::1]:7883')).toContain("connect-src 'self' ws://[::1]:8083 wss://[::1]:8084;");
  });

  test('are left out where the Host header is no name', async () => {
    for (const host of ["x; script-src 'unsafe-inline'", 'a b', '*', 'a,b', 'user@host', 'http://x'])
      expect((await get('/dashboard/', { host })).headers['content-security-policy']).toContain("connect-src 'self';");
  });
});

test('a file comes in the encoding that the browser takes, is kept by caches, and is not sent again', async () => {
  const path = '/dashboard/main-1.js';
  expect(await get(path)).toMatchObject({ body: 'main-1.js', headers: { vary: 'accept-encoding' } });
  const brotli = await get(path, { 'accept-encoding': 'gzip, deflate, br' });
  expect(brotli).toMatchObject({ body: 'main-1.js.br', headers: { 'content-encoding': 'br' } });
  expect(brotli.headers['cache-control']).toContain('immutable');
  expect(await get(path, { 'accept-encoding': 'gzip, br;q=0' })).toMatchObject({ body: 'main-1.js.gz' });
  expect(await get(path, { 'if-none-match': '"script"' })).toMatchObject({ status: 304, body: '' });
  expect(await get(path, {}, 'HEAD')).toMatchObject({ status: 200, body: '' });
});

test('what is not in the table is not there, however the path is written', async () => {
  const paths = ['secret', '../secret', '..%2fsecret', './main-1.js', 'files.json', 'main-1.js.br', '%00', '__proto__'];
  for (const path of [...paths, '//secret', 'constructor'])
    expect({ path, status: (await get(`/dashboard/${path}`)).status }).toEqual({ path, status: 404 });
  expect(await get('/dashboard/', {}, 'POST')).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
});

test('without a build, the page says so', async () => {
  const pages = createPages(administration, join(directory, 'missing'));
  const other = createServer((request, response) => void pages.answer(request, response));
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port: otherPort } = other.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${otherPort}/dashboard/`);
  expect({ status: response.status, text: await response.text() }).toMatchObject({
    status: 503,
    text: expect.stringContaining('npm run build'),
  });
  other.close();
  other.closeAllConnections();
});

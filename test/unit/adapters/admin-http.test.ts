// The administration over HTTP: whatever a client sends gets a clear answer within bounds.
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import type { Server } from 'node:net';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdministrationError } from 'hexmq/ports';
import type { Actor, Administration, AdministrationEndpoint, Backup, LifecycleEvent, RecordStream } from 'hexmq/ports';
import { connectTo } from '../../../adapters/admin/http/client.js';
import { createEndpoint } from '../../../adapters/admin/http/index.js';
import { newToken, parseTokens, Tokens } from '../../../adapters/admin/http/tokens.js';

const directory = mkdtempSync(join(tmpdir(), 'hexmq-admin-'));
let path = '';
let count = 0;
let opened: AdministrationEndpoint[] = [];
const servers: Server[] = [];

interface Call {
  readonly operation: string;
  readonly request: unknown;
  readonly actor: Actor;
}

class FakeAdministration implements Administration {
  readonly calls: Call[] = [];
  readonly openApi = { openapi: '3.1.0' };
  readonly operations = new Map(
    (['look', 'change'] as const).map((name) => [
      name as string,
      {
        name,
        kind: name === 'look' ? ('query' as const) : ('command' as const),
        role: 'read' as const,
        summary: '',
        request: { properties: { limit: { type: 'integer' }, flag: { type: 'boolean' }, name: { type: 'string' } } },
        answer: {},
      },
    ]),
  );
  readonly streams = new Map([
    ['follow', { name: 'follow', role: 'read' as const, summary: '', request: {}, record: {} }],
  ]);
  /** What `follow` gives, and how often it was closed. */
  records: () => AsyncGenerator<object> = async function* () {
    yield await Promise.resolve({ n: 1 });
  };
  closed = 0;
  answer: (operation: string) => Promise<unknown> = () => Promise.resolve({ done: true });

  readonly metrics = () => Promise.resolve({ contentType: 'text/plain; version=0.0.4', body: 'one 1\n' });

  call(operation: string, request: unknown, actor: Actor): Promise<unknown> {
    this.calls.push({ operation, request, actor });
    return this.answer(operation);
  }

  open(operation: string, request: unknown, actor: Actor): Promise<RecordStream> {
    this.calls.push({ operation, request, actor });
    const records = this.records();
    const close = (): void => {
      this.closed++;
    };
    return Promise.resolve({ close, [Symbol.asyncIterator]: () => records });
  }

  makeBackup: (given: AbortSignal | undefined) => Promise<Backup> = () => Promise.reject(new Error('none'));

  backup(actor: Actor, given?: AbortSignal): Promise<Backup> {
    this.calls.push({ operation: 'backup', request: {}, actor });
    return this.makeBackup(given);
  }
}

async function open(options?: Parameters<typeof createEndpoint>[0]): Promise<{
  administration: FakeAdministration;
  events: LifecycleEvent[];
  address: string | undefined;
}> {
  path = join(directory, `${++count}.sock`);
  const administration = new FakeAdministration();
  const events: LifecycleEvent[] = [];
  const endpoint = createEndpoint(options ?? { socket: { path, isConfigured: true } }, {
    emit: (event) => events.push(event),
  });
  opened.push(endpoint);
  return { administration, events, address: await endpoint.open(administration) };
}

afterEach(async () => {
  await Promise.all(opened.map((one) => one.close()));
  opened = [];
  for (const server of servers.splice(0)) server.close();
});

interface Answer {
  readonly status: number;
  readonly type: string | undefined;
  readonly body: { readonly detail?: string; readonly type?: string };
}

function send(method: string, url: string, headers: Record<string, string> = {}, body?: string): Promise<Answer> {
  return new Promise((done, fail) => {
    const sent = httpRequest({ socketPath: path, method, path: url, headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += String(chunk)));
      response.on('end', () => {
        const type = response.headers['content-type'];
        done({ status: response.statusCode ?? 0, type, body: JSON.parse(text || '{}') as Answer['body'] });
      });
    });
    sent.on('error', fail);
    sent.end(body);
  });
}

/** Sends bytes as they are. @returns everything that comes back until the end. */
const sendRaw = (bytes: string): Promise<string> =>
  new Promise((done, fail) => {
    let text = '';
    const socket = connect(path, () => socket.write(bytes));
    socket.on('data', (chunk) => (text += String(chunk)));
    socket.on('close', () => {
      done(text);
    });
    socket.on('error', fail);
  });

const JSON_TYPE = { 'content-type': 'application/json' };

test('a query is called with the parameters of the URL as the values that they stand for', async () => {
  const { administration } = await open();
  const answer = await send('GET', '/api/v1/look?limit=5&flag=true&name=7&other=x&limit2=%20', {
    'x-hexmq-actor': 'eve',
  });
  expect(answer).toMatchObject({ status: 200, body: { done: true } });
  expect(administration.calls).toEqual([
    {
      operation: 'look',
      request: { limit: 5, flag: true, name: '7', other: 'x', limit2: ' ' },
      actor: { name: 'eve (socket)', role: 'write' },
    },
  ]);
});

test('a query with a long name is posted, and a command without parameters needs no body', async () => {
  const { administration } = await open();
  await send('POST', '/api/v1/look', JSON_TYPE, JSON.stringify({ name: 'x'.repeat(65_535) }));
  await send('POST', '/api/v1/change', { 'x-hexmq-actor': 'a b' });
  expect(administration.calls.map(({ operation, actor }) => [operation, actor.name])).toEqual([
    ['look', 'local user (socket)'],
    ['change', 'local user (socket)'],
  ]);
  expect(administration.calls[1]?.request).toEqual({});
});

test('the client of the command gets the answer, and the error that the administration reports', async () => {
  const { administration } = await open();
  const client = connectTo(path, 'alice');
  expect(await client.call('look', {})).toEqual({ done: true });
  administration.answer = () =>
    Promise.reject(new AdministrationError('not-found', 'there is no x', [{ parameter: 'name', detail: 'x' }]));
  const error = await client.call('change', {}).catch((failure: unknown) => failure as AdministrationError);
  expect(error).toMatchObject({ kind: 'not-found', message: 'there is no x', problems: [{ parameter: 'name' }] });
});

describe('a request that is wrong', () => {
  test.each([
    ['GET', '/api/v1/nothing', 404, 'unknown-operation', 'one of look, change'],
    ['GET', '/', 404, 'unknown-operation', 'one of look, change'],
    ['GET', '/api/v1/__proto__', 404, 'unknown-operation', 'one of look, change'],
    ['GET', '/api/v1/change', 405, 'method', 'change is called with POST'],
    ['DELETE', '/api/v1/look', 405, 'method', 'look is called with GET or POST'],
    ['GET', '/api/v1/%E0%A4%A', 400, 'malformed', 'not a valid url'],
  ])('a request %s %s that is wrong gets %d with %s', async (method, url, status, kind, detail) => {
    await open();
    const answer = await send(method, url);
    expect(answer).toMatchObject({ status, body: { type: `urn:hexmq:problem:${kind}`, status } });
    expect(answer.type).toMatch(/^application\/problem\+json/);
    expect(answer.body.detail).toContain(detail);
  });

  test.each([
    ['{"a":', JSON_TYPE, 400],
    ['{"__proto__":{"x":1}}', JSON_TYPE, 400],
    ['a=b', { 'content-type': 'application/x-www-form-urlencoded' }, 400],
    [`"${'x'.repeat(1_048_576)}"`, JSON_TYPE, 413],
  ])('a request with the body %.12s and %j that is wrong gets %d', async (body, headers, status) => {
    const { administration } = await open();
    expect((await send('POST', '/api/v1/look', headers, body)).status).toBe(status);
    expect(administration.calls).toEqual([]);
  });

  test('a request that is wrong as HTTP is answered and its connection closed', async () => {
    await open();
    expect(await sendRaw('hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 .*problem\+json/s);
    expect(await sendRaw(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
  });

  test('a request that is one too many at once gets an answer that says so', async () => {
    const { administration } = await open();
    administration.answer = () => new Promise(() => undefined);
    const waiting = Array.from({ length: 32 }, () => send('GET', '/api/v1/look').catch(() => undefined));
    while (administration.calls.length < 32) await new Promise((done) => setTimeout(done, 5));
    expect(await send('GET', '/api/v1/look')).toMatchObject({ status: 503, body: { type: 'urn:hexmq:problem:busy' } });
    await Promise.all([...opened.splice(0).map((one) => one.close()), ...waiting]);
  });

  test('a request that is one of thousands in one packet is not answered, and costs no more than some', async () => {
    const { administration } = await open();
    await send('GET', '/api/v1/look');
    expect(await sendRaw('GET /api/v1/look HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1000))).toBe('');
    expect(administration.calls.length).toBeLessThan(20);
  });

  test('a fault behind a request shows nothing of itself', async () => {
    const { administration } = await open();
    administration.answer = () => Promise.reject(new Error('secret'));
    const answer = await send('GET', '/api/v1/look');
    expect(answer.status).toBe(500);
    expect(JSON.stringify(answer)).not.toContain('secret');
  });
});

describe('the socket', () => {
  test('the socket is for its owner alone, and gone after the end', async () => {
    await open();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await opened.splice(0)[0]?.close();
    expect(() => statSync(path)).toThrow('ENOENT');
  });

  test('the socket of another process is not taken away', async () => {
    const taken = join(directory, 'taken.sock');
    const other = createServer().listen(taken);
    servers.push(other);
    await new Promise((done) => other.once('listening', done));
    await expect(open({ socket: { path: taken, isConfigured: true } })).rejects.toThrow(
      'another process listens there',
    );
    expect(statSync(taken).isSocket()).toBe(true);
  });

  test('the socket replaces no file', async () => {
    const file = join(directory, 'file');
    writeFileSync(file, 'text');
    await expect(open({ socket: { path: file, isConfigured: true } })).rejects.toThrow('no socket');
  });

  test('the socket with too long a path is refused with what to do, and left out if no configuration names it', async () => {
    const long = join(directory, 'x'.repeat(100));
    await expect(open({ socket: { path: long, isConfigured: true } })).rejects.toThrow(/has \d+ bytes.*admin\.socket/);
    const { address, events } = await open({ socket: { path: long, isConfigured: false } });
    expect(address).toBeUndefined();
    expect(events).toMatchObject([{ kind: 'warning', what: 'administration' }]);
  });

  test('the socket that is not there is explained to the client', async () => {
    await expect(connectTo(join(directory, 'none.sock'), 'a').call('look', {})).rejects.toThrow('no broker runs here');
  });
});

describe('tokens', () => {
  const file = join(directory, 'tokens');

  test('tokens are found by their hash, with name and role', () => {
    const read = newToken('reader', 'read');
    const write = newToken('writer', 'write');
    expect(read.line).not.toContain(read.token.slice(6));
    writeFileSync(file, `# comment\n${read.line}\n\n${write.line}\n`);
    const tokens = new Tokens(file);
    tokens.read();
    expect(tokens.find(read.token)).toEqual({ name: 'reader', role: 'read' });
    expect(tokens.find(write.token)).toEqual({ name: 'writer', role: 'write' });
    for (const guess of ['', 'hexmq_', read.line, `${read.token}x`]) expect(tokens.find(guess)).toBeUndefined();
  });

  test.each([
    ['reader read', 'not valid, expected a name, a role and sha256:'],
    [`reader all sha256:${'0'.repeat(64)}`, 'the role of reader is not valid, expected read or write'],
    [`a read sha256:${'0'.repeat(64)}\na read sha256:${'1'.repeat(64)}`, 'line 2: a has a line already'],
  ])('tokens in a file that has %j are refused with the line', (text, problem) => {
    expect(() => parseTokens(text, file)).toThrow(problem);
  });

  test('tokens are asked for over TCP, and a request without one is refused and reported', async () => {
    const { token, line } = newToken('ops', 'write');
    writeFileSync(file, `${line}\n`);
    const { administration, address, events } = await open({ http: { host: '127.0.0.1', port: 0, tokens: file } });
    const status = async (authorization?: string): Promise<number> =>
      (await fetch(`http://${address}/api/v1/look`, authorization === undefined ? {} : { headers: { authorization } }))
        .status;
    expect([await status(), await status('Bearer x'), await status(`Basic ${token}`)]).toEqual([401, 401, 401]);
    expect(administration.calls).toEqual([]);
    expect(events.map(({ kind }) => kind)).toEqual(Array(3).fill('administration-refused'));
    expect(await status(`Bearer ${token}`)).toBe(200);
    administration.answer = () => Promise.reject(new AdministrationError('forbidden', 'look needs the role write'));
    expect(await status(`Bearer ${token}`)).toBe(403);
    expect(events.slice(3)).toMatchObject([{ kind: 'administration-refused', detail: 'look needs the role write' }]);
    expect(administration.calls[0]?.actor).toEqual({ name: 'ops', role: 'write' });
  });
});

describe('monitoring', () => {
  const file = join(directory, 'tokens-of-monitoring');

  const open2 = async (): ReturnType<typeof open> => {
    writeFileSync(file, `${newToken('ops', 'read').line}\n`);
    return open({ http: { host: '127.0.0.1', port: 0, tokens: file } });
  };

  test('metrics and health need no token on loopback, and everything else does', async () => {
    const { administration, address } = await open2();
    administration.answer = () => Promise.resolve({ isReady: true, checks: [] });
    const status = async (path: string, init?: RequestInit): Promise<number> =>
      (await fetch(`http://${address}${path}`, init)).status;
    const paths = ['/metrics', '/health/live', '/health/ready', '/api/v1/metrics', '/metrics/x'];
    expect(await Promise.all(paths.map((path) => status(path)))).toEqual([200, 200, 200, 401, 401]);
    const head = paths.slice(0, 3).map((path) => status(path, { method: 'HEAD' }));
    expect(await Promise.all(head)).toEqual([200, 200, 200]);
    expect(await status('/metrics', { method: 'POST' })).toBe(401);
    // Whether there are built pages or not.
    expect((await fetch(`http://${address}/dashboard/`)).headers.get('x-frame-options')).toBe('DENY');
    const bare = await open({ http: { host: '127.0.0.1', port: 0, tokens: file, dashboard: false } });
    expect((await fetch(`http://${bare.address}/dashboard/`)).status).toBe(401);
    const metrics = await fetch(`http://${address}/metrics`);
    expect([metrics.headers.get('content-type'), await metrics.text()]).toEqual([
      'text/plain; version=0.0.4',
      'one 1\n',
    ]);
  });

  test('a page of another name that leads to loopback reads no metrics', async () => {
    const { address = '' } = await open2();
    const [host, port] = address.split(':');
    const status = (name: string): Promise<number | undefined> =>
      new Promise((done, fail) => {
        httpRequest({ host, port, path: '/metrics', headers: { host: name } }, ({ statusCode }) => {
          done(statusCode);
        })
          .on('error', fail)
          .end();
      });
    expect(await status('attacker.example')).toBe(401);
    expect(await status('localhost:1')).toBe(200);
    expect(await status('[::1]:1')).toBe(200);
  });

  test('a broker that is not ready answers 503 with its checks, and is live', async () => {
    const { administration } = await open();
    const health = { isReady: false, checks: [{ check: 'storage', isOk: false, detail: 'operations fail' }] };
    administration.answer = () => Promise.resolve(health);
    expect(await send('GET', '/health/ready')).toMatchObject({ status: 503, body: health });
    expect(await send('GET', '/health/live')).toMatchObject({ status: 200, body: { isLive: true } });
  });

  test('a broker that cannot say whether it is ready says why with 503, and is live', async () => {
    const { administration } = await open();
    administration.answer = () => Promise.reject(new AdministrationError('unavailable', 'the broker stops'));
    expect(await send('GET', '/health/ready')).toMatchObject({ status: 503, body: { detail: 'the broker stops' } });
    expect(await send('GET', '/health/live')).toMatchObject({ status: 200, body: { isLive: true } });
  });

  test('probes are answered while as many other requests wait as may', async () => {
    const { administration } = await open();
    const health = { isReady: true, checks: [] };
    administration.answer = (name) => (name === 'health' ? Promise.resolve(health) : new Promise(() => undefined));
    const waiting = Array.from({ length: 32 }, () => send('GET', '/api/v1/look').catch(() => undefined));
    while (administration.calls.length < 32) await new Promise((done) => setTimeout(done, 5));
    expect(await send('GET', '/api/v1/look')).toMatchObject({ status: 503 });
    expect(await send('GET', '/health/live')).toMatchObject({ status: 200, body: { isLive: true } });
    expect(await send('GET', '/health/ready')).toMatchObject({ status: 200, body: health });
    await Promise.all([...opened.splice(0).map((one) => one.close()), ...waiting]);
  });
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

describe('a stream', () => {
  test('a stream is one record a line, and ends when the broker ends it', async () => {
    const { administration } = await open();
    const found: object[] = [];
    for await (const record of connectTo(path, 'eve').open('follow', { level: 'debug' })) found.push(record);
    expect(found).toEqual([{ n: 1 }]);
    expect(administration.calls).toMatchObject([{ operation: 'follow', request: { level: 'debug' } }]);
    const raw = await sendRaw('GET /api/v1/follow?level=warn HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(raw).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(raw).toMatch(/content-type: application\/x-ndjson\r\n/);
    expect(raw).toMatch(/\{"n":1\}\n/);
    expect(administration.calls[1]).toMatchObject({ request: { level: 'warn' } });
  });

  test('a stream is closed when its reader goes, and streams take no place of requests', async () => {
    const { administration } = await open();
    administration.records = async function* () {
      yield { n: 1 };
      await new Promise(() => undefined);
    };
    const streams = Array.from({ length: 40 }, () => connectTo(path, 'eve').open('follow', {}));
    await Promise.all(streams.map((one) => one.next()));
    expect(await send('GET', '/api/v1/look')).toMatchObject({ status: 200 });
    await Promise.all(streams.map((one) => one.return(undefined)));
    while (administration.closed < 40) await new Promise(setImmediate);
  });

  test('a stream waits for a reader that is slow, and holds no more than the network does', async () => {
    const { administration } = await open();
    let given = 0;
    administration.records = async function* () {
      for (; given < 10_000; given++) yield await Promise.resolve({ text: 'x'.repeat(10_000) });
    };
    const socket = connect(path, () => socket.write('GET /api/v1/follow HTTP/1.1\r\nHost: x\r\n\r\n'));
    await new Promise((done) => socket.once('readable', done));
    let before = -1;
    while (before !== given) {
      before = given;
      for (let i = 0; i < 100; i++) await new Promise(setImmediate);
    }
    expect(given).toBeLessThan(1000);
    socket.destroy();
    while (administration.closed === 0) await new Promise(setImmediate);
  });

  test('a stream that is cut off is an error for its reader', async () => {
    const { administration } = await open();
    administration.records = async function* () {
      yield await Promise.resolve({ n: 1 });
      throw new Error('a fault');
    };
    const read: object[] = [];
    const all = async (): Promise<void> => {
      for await (const record of connectTo(path, 'eve').open('follow', {})) read.push(record);
    };
    await expect(all()).rejects.toThrow(/the broker at .* has ended/);
    // It may come together with the end.
    expect([[], [{ n: 1 }]]).toContainEqual(read);
  });
});

describe('a backup', () => {
  const partsOf = (text: string[], reason?: Error): Backup => ({
    ended: new AbortController().signal,
    text: (async function* () {
      for (const part of text) yield await Promise.resolve(part);
      if (reason !== undefined) throw reason;
    })(),
  });

  const received = async (): Promise<string> => {
    let text = '';
    for await (const part of await connectTo(path, 'alice').backup()) text += Buffer.from(part).toString();
    return text;
  };

  test('is a download of its text, in the name of who asks for it', async () => {
    const { administration } = await open();
    administration.makeBackup = () => Promise.resolve(partsOf(['one\n', 'two\n']));
    expect(await received()).toBe('one\ntwo\n');
    expect(administration.calls).toMatchObject([{ operation: 'backup', actor: { name: 'alice (socket)' } }]);
  });

  test('that cannot begin is a problem with a status', async () => {
    const { administration } = await open();
    administration.makeBackup = () => Promise.reject(new AdministrationError('busy', 'one is under way'));
    await expect(received()).rejects.toMatchObject({ kind: 'busy', message: 'one is under way' });
  });

  test('that ends before its end says why, in a line that is no last line, and breaks the connection', async () => {
    const { administration } = await open();
    administration.makeBackup = () => Promise.resolve(partsOf(['one\n'], new Error('storage has gone')));
    let text = '';
    const reading = (async () => {
      for await (const part of await connectTo(path, 'alice').backup()) text += Buffer.from(part).toString();
    })();
    await expect(reading).rejects.toThrow('before it was complete');
    expect(text).toBe('one\n{"kind":"failed","reason":"storage has gone"}\n');
  });

  test('that its reader leaves is ended while it is made, and while it is read', async () => {
    const { administration } = await open();
    const gone: string[] = [];
    let begun: () => void = () => undefined;
    const isBegun = new Promise<void>((resolve) => (begun = resolve));
    administration.makeBackup = (given) =>
      new Promise((_, reject) => {
        given?.addEventListener('abort', () => {
          gone.push('while it is made');
          reject(new Error('gone'));
        });
        begun();
      });
    const socket = connect(path, () => socket.write('GET /api/v1/backup HTTP/1.1\r\nHost: x\r\n\r\n'));
    await isBegun;
    socket.destroy();
    await within(() => gone.length === 1);

    administration.makeBackup = (given) => {
      given?.addEventListener('abort', () => gone.push('while it is read'));
      return Promise.resolve(partsOf(Array.from({ length: 100 }, () => 'x'.repeat(1_000_000))));
    };
    const second = connect(path, () => second.write('GET /api/v1/backup HTTP/1.1\r\nHost: x\r\n\r\n'));
    second.once('data', () => second.destroy());
    await within(() => gone.length === 2);
  });
});

async function within(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

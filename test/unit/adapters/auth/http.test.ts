// The HTTP authenticator and authorizer: requests, the meaning of answers, caching, and a service that fails.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { VirtualClock } from 'hexmq/testkit';
import type { AuthenticationRequest, AuthenticatorAnswer, AuthorizationRequest } from 'hexmq/ports';
import { createAuthenticator, createAuthorizer } from '../../../../adapters/auth/http/index.js';
import type { HttpAuthenticator } from '../../../../adapters/auth/http/http-authenticator.js';
import { json, status, WebServer } from '../../../e2e/web-server.js';

const NOW_S = 1_700_000_000;

let server: WebServer;
let clock: VirtualClock;

beforeEach(async () => {
  server = await new WebServer().listen();
  clock = new VirtualClock(NOW_S * 1000);
});

afterEach(() => server.close());

type Given = Partial<Omit<AuthenticationRequest, 'password' | 'clientId'>> & {
  readonly clientId?: string;
  readonly password?: string | Uint8Array;
};

function requestWith({ password = 'hush', clientId = 'meter', ...given }: Given = {}): AuthenticationRequest {
  return {
    clientId: clientId as AuthenticationRequest['clientId'],
    protocolVersion: 4,
    userName: 'ann',
    listener: 'tcp',
    peer: { remoteAddress: '10.0.0.7:51234', ipAddress: '10.0.0.7' },
    ...given,
    password: typeof password === 'string' ? Buffer.from(password) : password,
  };
}

const authenticatorWith = (options: object = {}) =>
  createAuthenticator({ url: `${server.url}/auth`, ...options }, { clock });
const ask = async (options: object = {}, given: Given = {}): Promise<AuthenticatorAnswer> =>
  authenticatorWith(options).authenticate(requestWith(given));
const certificate = { commonName: 'CN & co', subject: 'CN=CN & co', subjectAlternativeNames: [], fingerprint: '00' };
const bodies = (): unknown[] => server.requests.map(({ body }) => JSON.parse(body) as unknown);

describe('the request', () => {
  test('the request has the known data of a client as JSON and leaves out the rest', async () => {
    await ask();
    await ask({}, { userName: undefined, peer: { remoteAddress: 'x', certificate } });
    expect(server.requests[0]).toMatchObject({
      method: 'POST',
      path: '/auth',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
    });
    expect(bodies()).toEqual([
      { clientId: 'meter', userName: 'ann', password: 'hush', ipAddress: '10.0.0.7', listener: 'tcp' },
      { clientId: 'meter', password: 'hush', listener: 'tcp', commonName: 'CN & co' },
    ]);
  });

  test('the request may be a form or a query with other names and literal text', async () => {
    const values = { id: 'c:${clientId}', who: '${userName}@${listener}', kind: 'mqtt' };
    await ask({ contentType: 'form', body: values, query: { from: '${remoteAddress}' } });
    await ask({ method: 'GET', url: `${server.url}/auth?key=k`, query: { ...values, pw: '${password}' } });
    expect(server.requests[0]).toMatchObject({
      path: '/auth?from=10.0.0.7%3A51234',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'id=c%3Ameter&who=ann%40tcp&kind=mqtt',
    });
    expect(server.requests[1]).toMatchObject({
      method: 'GET',
      path: '/auth?key=k&id=c%3Ameter&who=ann%40tcp&kind=mqtt&pw=hush',
      body: '',
    });
  });

  test('data of a client cannot change the structure of the request', async () => {
    const clientId = '","admin":true,"x":"&admin=1#?/../%26\r\nHost: x';
    await ask({}, { clientId });
    await ask({ contentType: 'form' }, { clientId });
    await ask({ method: 'GET' }, { clientId: `${clientId}\${password}`, password: '&clientId=other' });
    expect(JSON.parse(server.requests[0]?.body ?? '')).toEqual({
      clientId,
      userName: 'ann',
      password: 'hush',
      ipAddress: '10.0.0.7',
      listener: 'tcp',
    });
    expect([...new URLSearchParams(server.requests[1]?.body).keys()]).toEqual([
      'clientId',
      'userName',
      'password',
      'ipAddress',
      'listener',
    ]);
    expect(new URLSearchParams(server.requests[1]?.body).get('clientId')).toBe(clientId);
    const { pathname, searchParams } = new URL(server.requests[2]?.path ?? '', server.url);
    expect([pathname, searchParams.getAll('clientId'), searchParams.getAll('password')]).toEqual([
      '/auth',
      [`${clientId}\${password}`],
      ['&clientId=other'],
    ]);
  });

  test('a password that is not UTF-8 is denied without a request', async () => {
    expect(await ask({}, { password: Uint8Array.of(0xff, 0xfe) })).toEqual({
      decision: 'deny',
      reason: 'bad-credentials',
      detail: 'the password is not UTF-8',
    });
    expect(server.requests).toHaveLength(0);
    expect(await ask({ body: { id: '${clientId}' } }, { password: Uint8Array.of(0xff, 0xfe) })).toMatchObject({
      decision: 'allow',
    });
  });

  describe('the headers of the request', () => {
    let directory: string;
    beforeEach(() => {
      directory = mkdtempSync(join(tmpdir(), 'hexmq-http-'));
    });
    afterEach(() => {
      rmSync(directory, { recursive: true });
    });

    test('headers may come from the environment and from a file that is reloaded', async () => {
      const headersFile = join(directory, 'headers');
      writeFileSync(headersFile, '# for the service\nX-Api-Key: first\n\n');
      process.env['HTTP_TEST_TOKEN'] = 'token';
      try {
        const authenticator = authenticatorWith({
          headers: { authorization: 'Bearer ${ENV:HTTP_TEST_TOKEN}' },
          headersFile,
          cacheTtlMs: 3_600_000,
        });
        await authenticator.authenticate(requestWith());
        writeFileSync(headersFile, 'X-Api-Key : second');
        await expect(authenticator.reload?.()).rejects.toThrow(
          new TypeError(`${headersFile}, line 1: expected Name: value`),
        );
        await authenticator.authenticate(requestWith({ clientId: 'second' }));
        writeFileSync(headersFile, 'X-Api-Key: second\r\n');
        await authenticator.reload?.();
        // Answers to requests with the old key are no longer cached.
        await authenticator.authenticate(requestWith());
      } finally {
        delete process.env['HTTP_TEST_TOKEN'];
      }
      expect(server.requests.map(({ headers }) => [headers['authorization'], headers['x-api-key']])).toEqual([
        ['Bearer token', 'first'],
        ['Bearer token', 'first'],
        ['Bearer token', 'second'],
      ]);
    });
  });
});

describe('the answer', () => {
  const allow = { decision: 'allow', userName: undefined, expiresAtMs: undefined };

  test.each([
    [200, allow],
    [204, allow],
    [401, { decision: 'deny', reason: 'bad-credentials', detail: 'the service denies it' }],
    [403, { decision: 'deny', reason: 'not-authorized', detail: 'the service denies it' }],
    [404, { decision: 'abstain' }],
  ])('the status %d is an answer', async (code, answer) => {
    server.answer = status(code);
    expect(await ask()).toEqual(answer);
  });

  test('the answer may be JSON with a user name, permissions and an expiry', async () => {
    server.answer = json({
      result: 'allow',
      userName: 'ann@plant',
      permissions: { publish: ['%u/%c/#'] },
      expiresAt: NOW_S + 60.5,
      more: 'is not looked at',
    });
    expect(await ask()).toEqual({
      decision: 'allow',
      userName: 'ann@plant',
      expiresAtMs: (NOW_S + 60.5) * 1000,
      permissions: {
        kind: 'rules',
        rules: [expect.objectContaining({ effect: 'allow', actions: ['publish'], topicFilter: 'ann@plant/meter/#' })],
      },
    });
    server.answer = json({ result: 'allow', userName: null, permissions: { publish: ['%u'] }, expiresAt: null });
    expect(await ask()).toMatchObject({
      decision: 'allow',
      userName: undefined,
      permissions: { rules: [{ topicFilter: 'ann' }] },
    });
    server.answer = json({ result: 'deny', userName: 'ann' });
    expect(await ask()).toMatchObject({ decision: 'deny', reason: 'bad-credentials' });
    server.answer = json({ result: 'ignore' });
    expect(await ask()).toEqual({ decision: 'abstain' });
  });

  test('an answer with a past expiry or invalid permissions denies the client', async () => {
    server.answer = json({ result: 'allow', expiresAt: NOW_S });
    expect(await ask()).toEqual({
      decision: 'deny',
      reason: 'bad-credentials',
      detail: 'the credentials have expired',
    });
    server.answer = json({ result: 'allow', permissions: { publish: ['#/a'] } });
    expect(await ask()).toEqual({
      decision: 'deny',
      reason: 'not-authorized',
      detail: 'permissions in the answer of the service: publish[0] is not a valid Topic Filter',
    });
    server.answer = json({ result: 'allow', permissions: { publish: ['%c'] } });
    expect(await ask({}, { clientId: '#' })).toMatchObject({ decision: 'deny', reason: 'not-authorized' });
  });

  test.each([
    ['status 500', status(500), 'it answered 500, expected 200, 204, 401, 403 or 404'],
    ['status 202', status(202), 'it answered 202, expected'],
    ['status 400', status(400), 'it answered 400, expected'],
    [
      'a redirect',
      status(302, { location: '/elsewhere' }),
      'it answered 302, expected 200, 204, 401, 403 or 404 (redirects are not followed)',
    ],
    [
      'a page',
      ((response) => void response.end('<html>Welcome</html>')) as typeof server.answer,
      'it answered 200 with a body that is not JSON',
    ],
    ['a list', json([]), 'it answered 200 with JSON that is not an object'],
    ['no result', json({ userName: 'ann' }), 'result in its answer is not valid, expected allow, deny or ignore'],
    ['another result', json({ result: 'Allow' }), 'result in its answer is not valid'],
    ['a user who is no text', json({ result: 'allow', userName: 5 }), 'userName in its answer is not a string'],
    [
      'a time in milliseconds',
      json({ result: 'allow', expiresAt: NOW_S * 1000 }),
      'expiresAt in its answer is not valid, expected seconds since 1970',
    ],
    ['a time that is text', json({ result: 'allow', expiresAt: '2030-01-01' }), 'expiresAt in its answer is not valid'],
    [
      'too much',
      ((response) => void response.end(' '.repeat(70_000))) as typeof server.answer,
      'it answered more than 65536 bytes',
    ],
    [
      'too much once it is unpacked',
      ((response) =>
        void response
          .writeHead(200, { 'content-encoding': 'gzip' })
          .end(gzipSync(Buffer.alloc(10_000_000)))) as typeof server.answer,
      'it answered more than 65536 bytes',
    ],
    ['a cut', ((response) => void response.destroy()) as typeof server.answer, 'UND_ERR_SOCKET'],
    [
      'a cut in the middle',
      ((response) =>
        void response
          .writeHead(200, { 'content-length': 100 })
          .write('{', () => response.destroy())) as typeof server.answer,
      'terminated',
    ],
  ])('an answer that is %s is a failure, neither allow nor deny', async (_what, answer, message) => {
    server.answer = answer;
    // Node reports a closed connection in two ways, depending on where it notices.
    await expect(ask()).rejects.toThrow(
      message === 'terminated' ? /UND_ERR_SOCKET|terminated/ : `${server.url}/auth: ${message}`,
    );
    expect(server.requests.map(({ path }) => path)).toEqual(['/auth']);
  });

  test('an answer that does not end in time is a failure', async () => {
    server.answer = () => undefined;
    await expect(ask({ timeoutMs: 50 })).rejects.toThrow(`${server.url}/auth: it did not answer in time`);
    server.answer = (response) => void response.writeHead(200).write('{"result":');
    await expect(ask({ timeoutMs: 50 })).rejects.toThrow('it did not answer in time');
  });

  test('a service that cannot be reached is a failure whose message contains no secret', async () => {
    await server.close();
    const options = {
      url: `${server.url}/auth?key=secret-key`,
      headers: { 'x-key': 'secret-key' },
      query: { pw: '${password}' },
    };
    const error = await ask(options, { password: 'secret-key' }).then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error?.message).toBe(`${server.url}/auth: ECONNREFUSED`);
    await server.listen();
  });
});

describe('the answer cache', () => {
  const decide: typeof server.answer = (response, { body }) =>
    void response.writeHead((JSON.parse(body) as { password: string }).password === 'hush' ? 204 : 401).end();

  test('answers are cached for a while, denials for a shorter time', async () => {
    server.answer = decide;
    const authenticator = authenticatorWith({ cacheTtlMs: 30_000, cacheNegativeTtlMs: 5000 });
    const decision = async (given: Given): Promise<string> =>
      (await authenticator.authenticate(requestWith(given))).decision;
    for (let i = 0; i < 3; i++) {
      expect(await decision({})).toBe('allow');
      expect(await decision({ password: 'wrong' })).toBe('deny');
    }
    expect(server.requests).toHaveLength(2);
    clock.advance(5000);
    expect([await decision({}), await decision({ password: 'wrong' })]).toEqual(['allow', 'deny']);
    expect(server.requests).toHaveLength(3);
    clock.advance(25_000);
    expect(await decision({})).toBe('allow');
    expect(server.requests).toHaveLength(4);
  });

  test('a cached answer is used only for the same request', async () => {
    const authenticator = authenticatorWith();
    const different: Given[] = [
      {},
      { password: 'other' },
      { clientId: 'other' },
      { userName: undefined },
      { listener: 'tls' },
      { peer: { remoteAddress: 'x' } },
    ];
    for (const given of [...different, ...different]) await authenticator.authenticate(requestWith(given));
    expect(server.requests).toHaveLength(different.length);
  });

  test('permissions in a cached answer are expanded for each client', async () => {
    server.answer = json({ result: 'allow', permissions: { publish: ['%c'] } });
    const authenticator = authenticatorWith({ body: { user: '${userName}' } });
    const filters = async (clientId: string): Promise<unknown> => authenticator.authenticate(requestWith({ clientId }));
    expect(await filters('one')).toMatchObject({ permissions: { rules: [{ topicFilter: 'one' }] } });
    expect(await filters('two')).toMatchObject({ permissions: { rules: [{ topicFilter: 'two' }] } });
    expect(server.requests).toHaveLength(1);
  });

  test('the answer cache is bounded and can be switched off', async () => {
    const authenticator = authenticatorWith({ cacheMax: 2 });
    for (const clientId of ['a', 'b', 'c', 'c', 'b', 'a']) await authenticator.authenticate(requestWith({ clientId }));
    expect(bodies()).toMatchObject(['a', 'b', 'c', 'a'].map((clientId) => ({ clientId })));
    const forgetful = authenticatorWith({ cacheTtlMs: 0 });
    for (let i = 0; i < 3; i++) await forgetful.authenticate(requestWith());
    expect(server.requests).toHaveLength(7);
  });

  test('failures are not cached', async () => {
    server.answer = status(500);
    const authenticator = authenticatorWith();
    await expect(authenticator.authenticate(requestWith())).rejects.toThrow('500');
    server.answer = status(204);
    expect(await authenticator.authenticate(requestWith())).toMatchObject({ decision: 'allow' });
  });
});

describe('a service that fails', () => {
  const patient = { breakerFailures: 3, breakerOpenMs: 10_000, cacheTtlMs: 0, cacheNegativeTtlMs: 0 };

  test('a service that fails repeatedly is not called for a while, then probed once', async () => {
    server.answer = status(503);
    const authenticator = authenticatorWith(patient);
    const asked = (): Promise<AuthenticatorAnswer> => Promise.resolve(authenticator.authenticate(requestWith()));
    for (let i = 0; i < 3; i++) await expect(asked()).rejects.toThrow('it answered 503');
    await expect(asked()).rejects.toThrow(/^not called after 3 failures in a row, the last: .*it answered 503/);
    clock.advance(9999);
    await expect(asked()).rejects.toThrow('not called');
    expect(server.requests).toHaveLength(3);

    clock.advance(1);
    // Of concurrent requests one is let through as the probe, and it fails.
    const outcomes = await Promise.allSettled([asked(), asked(), asked()]);
    expect(
      outcomes.map((outcome) =>
        outcome.status === 'rejected'
          ? /not called|it answered 503/.exec((outcome.reason as Error).message)?.[0]
          : undefined,
      ),
    ).toEqual(['it answered 503', 'not called', 'not called']);
    expect(server.requests).toHaveLength(4);

    clock.advance(10_000);
    server.answer = status(204);
    expect(await asked()).toMatchObject({ decision: 'allow' });
    expect(await Promise.all([asked(), asked()])).toMatchObject([{ decision: 'allow' }, { decision: 'allow' }]);
    expect(server.requests).toHaveLength(7);
  });

  test('a service that fails now and then is still called', async () => {
    const authenticator = authenticatorWith(patient);
    for (const code of [500, 500, 401, 500, 500, 204]) {
      server.answer = status(code);
      await Promise.resolve(authenticator.authenticate(requestWith())).catch(() => undefined);
    }
    expect(server.requests).toHaveLength(6);
  });

  test('a rejected request does not count as a failure of the service', async () => {
    const authenticator = authenticatorWith(patient);
    server.answer = status(400);
    for (let i = 0; i < 5; i++)
      await expect(authenticator.authenticate(requestWith())).rejects.toThrow('it answered 400');
  });

  test('concurrent and waiting requests to the service are bounded', async () => {
    const answers: (() => void)[] = [];
    let answered = 0;
    const underWay: number[] = [];
    server.answer = (response) => {
      underWay.push(server.requests.length - answered);
      answers.push(() => response.writeHead(204).end());
    };
    const authenticator = authenticatorWith({ maxConcurrent: 2, maxWaiting: 1 });
    const questions = ['a', 'b', 'c'].map(async (clientId) => authenticator.authenticate(requestWith({ clientId })));
    await expect(authenticator.authenticate(requestWith({ clientId: 'd' }))).rejects.toThrow(
      'too many requests at once: 2 running, 1 waiting',
    );
    for (const asked of [2, 3]) {
      await server.asked(asked);
      answered++;
      answers.shift()?.();
    }
    for (const answer of answers) answer();
    expect(await Promise.all(questions)).toMatchObject([
      { decision: 'allow' },
      { decision: 'allow' },
      { decision: 'allow' },
    ]);
    expect(underWay).toEqual([1, 2, 2]);
  });

  test('a waiting request is dropped when its client disconnects', async () => {
    const answers: (() => void)[] = [];
    server.answer = (response) => {
      answers.push(() => response.writeHead(204).end());
    };
    const authenticator = createAuthenticator({ url: server.url, maxConcurrent: 1 }, { clock }) as HttpAuthenticator;
    const client = new AbortController();
    const first = authenticator.authenticate(requestWith({ clientId: 'a' }));
    const gone = authenticator.authenticate(requestWith({ clientId: 'b' }), client);
    const cancelled = expect(gone).rejects.toThrow('the request was cancelled');
    client.abort();
    await cancelled;
    await server.asked(1);
    answers.shift()?.();
    expect(await first).toMatchObject({ decision: 'allow' });
    expect(server.requests).toHaveLength(1);
  });

  test('connections to the service are reused', async () => {
    const authenticator = authenticatorWith({ cacheTtlMs: 0 });
    for (let i = 0; i < 20; i++) await authenticator.authenticate(requestWith());
    expect(server.requests).toHaveLength(20);
    // A connection that is still busy with an answer is not reused.
    expect(server.connections).toBeLessThan(5);
  });
});

describe('the HTTP authorizer', () => {
  const request: AuthorizationRequest = {
    clientId: 'meter' as AuthorizationRequest['clientId'],
    userName: 'ann',
    protocolVersion: 4,
    listener: 'tcp',
    peer: { remoteAddress: '10.0.0.7:1', ipAddress: '10.0.0.7' },
    permissions: undefined,
  };
  const authorizerWith = (options: object = {}) =>
    createAuthorizer({ url: `${server.url}/rules`, ...options }, { clock });

  test('the rules of a client are requested once for a while', async () => {
    server.answer = json({ result: 'allow', permissions: { publish: ['%u/#'], deny: { publish: ['ann/x'] } } });
    const authorizer = authorizerWith();
    for (let i = 0; i < 2; i++) {
      expect(await authorizer.authorize(request)).toMatchObject({
        kind: 'rules',
        rules: [
          { effect: 'deny', actions: ['publish'], topicFilter: 'ann/x' },
          { effect: 'allow', actions: ['publish'], topicFilter: 'ann/#' },
        ],
      });
    }
    expect(bodies()).toEqual([{ clientId: 'meter', userName: 'ann', ipAddress: '10.0.0.7', listener: 'tcp' }]);
  });

  test.each([
    [status(404), { kind: 'rules', rules: [] }],
    [json({ result: 'ignore' }), { kind: 'rules', rules: [] }],
    [status(403), { kind: 'rules', rules: [], defaultEffect: 'deny' }],
    [json({ result: 'deny' }), { kind: 'rules', rules: [], defaultEffect: 'deny' }],
  ])('the answers ignore and deny give no rule or deny everything', async (answer, permissions) => {
    server.answer = answer;
    expect(await authorizerWith().authorize(request)).toEqual(permissions);
  });

  test.each([
    [status(204), 'the service answered allow without permissions, expected permissions, or ignore'],
    [json({ result: 'allow' }), 'the service answered allow without permissions'],
    [json({ result: 'allow', permissions: { publish: 'a' } }), 'publish: expected a list of Topic Filters'],
    [status(500), 'it answered 500'],
  ])('an answer without usable rules is a failure', async (answer, message) => {
    server.answer = answer;
    await expect(authorizerWith().authorize(request)).rejects.toThrow(message);
  });

  test('the authorizer does not accept the password as a placeholder', () => {
    expect(() => authorizerWith({ body: { pw: '${password}' } })).toThrow(
      'body.pw: ${password} is unknown, expected ${clientId}, ${userName}, ${ipAddress}',
    );
  });
});

describe('options', () => {
  const url = 'https://auth.example/mqtt';

  test.each<[string, object, string]>([
    ['no URL', {}, 'url: missing, expected a URL'],
    [
      'a URL without TLS',
      { url: 'http://auth.example/' },
      'url: http to auth.example can be read and changed in transit, expected https, or allowHttp: true',
    ],
    ['a URL with a password', { url: 'https://ann:hush@auth.example/' }, 'url: not valid, expected a URL such as'],
    [
      'a placeholder in the URL',
      { url: `${url}/\${clientId}` },
      'url: contains a placeholder, expected placeholders in query or body',
    ],
    [
      'an unknown placeholder',
      { url, body: { id: 'x-${clientid}' } },
      'body.id: ${clientid} is unknown, expected ${clientId}, ${userName}, ${password}',
    ],
    [
      'a value that is no text',
      { url, body: { id: 5 } },
      'body.id: 5 is not valid, expected a string with placeholders',
    ],
    [
      'a body with GET',
      { url, method: 'GET', body: { id: '${clientId}' } },
      'body: not valid with method GET, expected values in query',
    ],
    ['another method', { url, method: 'PUT' }, 'method: "PUT" is not valid, expected one of POST, GET'],
    ['a header of the connection', { url, headers: { Host: 'hush' } }, 'headers.Host: Host cannot be set'],
    [
      'a header with a line break',
      { url, headers: { 'x-key': 'hush\r\nx: y' } },
      'headers.x-key: "x-key" is not a valid header name, or its value is not valid',
    ],
    [
      'a header from a variable that is not there',
      { url, headers: { a: '${ENV:NOT_IN_THE_ENVIRONMENT}' } },
      'headers.a: the environment variable NOT_IN_THE_ENVIRONMENT is not set',
    ],
    [
      'a file that is not there',
      { url, headersFile: '/nowhere/headers' },
      'headersFile: /nowhere/headers: there is no such file',
    ],
    [
      'a time out of range',
      { url, timeoutMs: 0 },
      'timeoutMs: 0 is out of range, expected a whole number from 1 to 60000',
    ],
    ['an unknown key', { url, timeout: 5 }, 'timeout: unknown key, expected allowHttp, url, method'],
  ])('HTTP options with %s are refused', (_what, options, message) => {
    for (const create of [createAuthenticator, ...(message.includes('${password}') ? [] : [createAuthorizer])]) {
      expect(() => create(options, { clock })).toThrow(TypeError);
      expect(() => create(options, { clock })).toThrow(message);
      expect(() => create(options, { clock })).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining('hush') }),
      );
    }
  });
});

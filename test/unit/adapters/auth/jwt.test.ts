// The JWT authenticator: which tokens are accepted, the identity, expiry and permissions they give, and key handling.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, SignJWT, UnsecuredJWT } from 'jose';
import type { JWTHeaderParameters, JWTPayload } from 'jose';
import { VirtualClock } from 'hexmq/testkit';
import type { AuthenticationRequest, AuthenticatorAnswer } from 'hexmq/ports';
import { createAuthenticator } from '../../../../adapters/auth/jwt/index.js';
import { json, status, WebServer } from '../../../e2e/web-server.js';

const NOW_S = 1_700_000_000;
const SECRET = 'a secret of at least thirty-two bytes';
const LONG_SECRET = SECRET.repeat(2);

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const otherRsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ed25519 = generateKeyPairSync('ed25519');
const curves = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' } as const;
const ec = Object.fromEntries(
  Object.entries(curves).map(([algorithm, namedCurve]) => [algorithm, generateKeyPairSync('ec', { namedCurve })]),
);
const pemOf = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }) as string;

let directory: string;
let clock: VirtualClock;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hexmq-jwt-'));
  clock = new VirtualClock(NOW_S * 1000);
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function fileWith(text: string | Uint8Array, name = 'key'): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

const CLAIMS: JWTPayload = { sub: 'ann', exp: NOW_S + 60 };

function sign(
  claims: JWTPayload = CLAIMS,
  key: KeyObject | string = SECRET,
  header: JWTHeaderParameters = { alg: 'HS256' },
): Promise<string> {
  return new SignJWT(claims).setProtectedHeader(header).sign(typeof key === 'string' ? Buffer.from(key) : key);
}

type Given = Partial<Omit<AuthenticationRequest, 'password'>> & { readonly password?: string | Uint8Array };

function requestWith({ password, ...given }: Given): AuthenticationRequest {
  return {
    clientId: 'meter' as AuthenticationRequest['clientId'],
    protocolVersion: 4,
    userName: undefined,
    listener: 'test',
    peer: { remoteAddress: 'test:1' },
    ...given,
    password: typeof password === 'string' ? Buffer.from(password) : password,
  };
}

const jwt = (options: unknown) => createAuthenticator(options, { clock });
const ask = async (options: object, given: Given): Promise<AuthenticatorAnswer> =>
  jwt({ algorithms: ['HS256'], secret: SECRET, ...options }).authenticate(requestWith(given));
const denied = (detail: unknown, reason = 'bad-credentials') => ({ decision: 'deny', reason, detail });

describe('a valid token', () => {
  test('a valid token admits the client as its subject until the token expires', async () => {
    expect(await ask({}, { password: await sign() })).toEqual({
      decision: 'allow',
      userName: 'ann',
      expiresAtMs: (NOW_S + 60) * 1000,
    });
  });

  test.each(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'])('a token may be signed with %s', async (alg) => {
    const publicKeyFile = fileWith(pemOf(rsa.publicKey));
    const options = { algorithms: [alg], secret: undefined, publicKeyFile };
    expect(await ask(options, { password: await sign(CLAIMS, rsa.privateKey, { alg }) })).toMatchObject({
      decision: 'allow',
      userName: 'ann',
    });
    expect(await ask(options, { password: await sign(CLAIMS, otherRsa.privateKey, { alg }) })).toEqual(
      denied('the token is refused: signature verification failed'),
    );
  });

  test.each(['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'])('a token may be signed with %s', async (alg) => {
    const pair = ec[alg] ?? ed25519;
    const options = { algorithms: [alg], secret: undefined, publicKeyFile: fileWith(pemOf(pair.publicKey)) };
    expect(await ask(options, { password: await sign(CLAIMS, pair.privateKey, { alg }) })).toMatchObject({
      decision: 'allow',
      userName: 'ann',
    });
  });

  test.each(['HS256', 'HS384', 'HS512'])('a token may be signed with %s', async (alg) => {
    const password = await sign(CLAIMS, LONG_SECRET, { alg });
    expect(await ask({ algorithms: [alg], secret: LONG_SECRET }, { password })).toMatchObject({ decision: 'allow' });
    expect(await ask({ algorithms: [alg], secret: `${LONG_SECRET}!` }, { password })).toMatchObject(
      denied(expect.stringContaining('signature')),
    );
  });

  test('a token may be signed with a secret from a file, as text, base64 or hexadecimal', async () => {
    const password = await sign();
    for (const [secretEncoding, text] of [
      ['utf8', `${SECRET}\n`],
      ['base64', Buffer.from(SECRET).toString('base64')],
      ['hex', `${Buffer.from(SECRET).toString('hex')}\r\n`],
    ] as const) {
      expect(await ask({ secret: undefined, secretFile: fileWith(text), secretEncoding }, { password })).toMatchObject({
        decision: 'allow',
      });
    }
  });

  test('a token may be sent as the user name', async () => {
    expect(await ask({ tokenIn: 'userName' }, { userName: await sign() })).toMatchObject({
      decision: 'allow',
      userName: 'ann',
    });
    expect(await ask({ tokenIn: 'userName' }, { userName: 'ann', password: await sign() })).toEqual({
      decision: 'abstain',
    });
  });

  test('a token may name the user and the client in other claims', async () => {
    const options = { claims: { userName: 'upn', clientId: 'device' } };
    const password = await sign({ ...CLAIMS, upn: 'ann@plant', device: 'meter' });
    expect(await ask(options, { password })).toMatchObject({ decision: 'allow', userName: 'ann@plant' });
    const refusal = denied('the claim device is not the Client Identifier', 'not-authorized');
    expect(await ask(options, { password, clientId: 'other' as AuthenticationRequest['clientId'] })).toEqual(refusal);
    expect(await ask(options, { password: await sign({ ...CLAIMS, upn: 'ann@plant' }) })).toEqual(refusal);
  });

  test('a token without expiry is accepted if the configuration permits it', async () => {
    const password = await sign({ sub: 'ann' });
    expect(await ask({}, { password })).toEqual(denied('the token is refused: missing required "exp" claim'));
    expect(await ask({ requireExpiry: false }, { password })).toEqual({
      decision: 'allow',
      userName: 'ann',
      expiresAtMs: undefined,
    });
  });

  test('the clock tolerance extends the validity of a token', async () => {
    const ended = await sign({ sub: 'ann', exp: NOW_S - 4 });
    const early = await sign({ ...CLAIMS, nbf: NOW_S + 4 });
    const options = { clockToleranceMs: 5000 };
    expect(await ask(options, { password: ended })).toMatchObject({
      decision: 'allow',
      expiresAtMs: (NOW_S + 1) * 1000,
    });
    expect(await ask(options, { password: early })).toMatchObject({ decision: 'allow' });
    expect(await ask({}, { password: ended })).toEqual(denied('the token has expired'));
    expect(await ask({}, { password: early })).toEqual(denied(expect.stringContaining('nbf')));
  });

  test('a token needs an accepted audience and issuer', async () => {
    const options = { issuer: ['https://one.example', 'https://two.example'], audience: 'mqtt' };
    expect(
      await ask(options, { password: await sign({ ...CLAIMS, iss: 'https://two.example', aud: ['web', 'mqtt'] }) }),
    ).toMatchObject({ decision: 'allow' });
    for (const claims of [{ aud: 'mqtt' }, { iss: 'https://three.example', aud: 'mqtt' }]) {
      expect(await ask(options, { password: await sign({ ...CLAIMS, ...claims }) })).toEqual(
        denied(expect.stringContaining('"iss"')),
      );
    }
    for (const claims of [{ iss: 'https://one.example' }, { iss: 'https://one.example', aud: 'web' }]) {
      expect(await ask(options, { password: await sign({ ...CLAIMS, ...claims }) })).toEqual(
        denied(expect.stringContaining('"aud"')),
      );
    }
  });

  test('with matchUserName a token has to belong to the User Name of CONNECT', async () => {
    const password = await sign();
    for (const [userName, options, decision] of [
      ['ann', { matchUserName: true }, 'allow'],
      [undefined, { matchUserName: true }, 'allow'],
      ['bob', { matchUserName: true }, 'deny'],
      ['bob', {}, 'allow'],
    ] as const) {
      expect(await ask(options, { password, userName })).toMatchObject({ decision });
    }
  });
});

describe('permissions in a token', () => {
  const options = { claims: { permissions: 'mqtt' } };

  test('the permissions claim becomes rules with the names of the client', async () => {
    const password = await sign({ ...CLAIMS, mqtt: { publish: ['%u/%c/#'], deny: { subscribe: ['secret/#'] } } });
    expect(await ask(options, { password, userName: 'bob' })).toMatchObject({
      decision: 'allow',
      permissions: {
        kind: 'rules',
        rules: [
          {
            effect: 'deny',
            actions: ['subscribe', 'receive'],
            topicFilter: 'secret/#',
            source: 'claim mqtt of the token, deny.subscribe[0]',
          },
          { effect: 'allow', actions: ['publish'], topicFilter: 'ann/meter/#' },
        ],
      },
    });
  });

  test('a token without the configured permissions claim permits nothing', async () => {
    const password = await sign();
    expect(await ask(options, { password })).toMatchObject({
      decision: 'allow',
      permissions: { kind: 'rules', rules: [] },
    });
    expect(await ask({}, { password: await sign({ ...CLAIMS, permissions: 5 }) })).not.toHaveProperty('permissions');
  });

  test('a token with invalid permissions is denied', async () => {
    expect(await ask(options, { password: await sign({ ...CLAIMS, mqtt: { publish: ['a', 'b#'] } }) })).toEqual(
      denied('the claim mqtt: publish[1] is not a valid Topic Filter', 'not-authorized'),
    );
    const password = await sign({ ...CLAIMS, mqtt: { publish: ['devices/%c/#'] } });
    expect(await ask(options, { password, clientId: '+' as AuthenticationRequest['clientId'] })).toEqual(
      denied(expect.stringContaining('has %c'), 'not-authorized'),
    );
  });
});

describe('a password that is not a token', () => {
  test.each<[string, Given]>([
    ['no password', {}],
    ['an empty one', { password: '' }],
    ['a word', { password: 'hunter2' }],
    ['three words with dots', { password: 'one.two.three' }],
    ['bytes', { password: Uint8Array.of(0xff, 0x2e, 0x00, 0x2e, 0x80) }],
    ['JSON without an algorithm', { password: `${Buffer.from('{"a":1}').toString('base64url')}.e30.` }],
    ['the largest password there is', { password: 'x'.repeat(65_535) }],
  ])('a password such as %s is left to other authenticators', async (_what, given) => {
    expect(await ask({}, given)).toEqual({ decision: 'abstain' });
  });
});

describe('an invalid token', () => {
  const withoutSecret = () => ({
    algorithms: ['RS256'],
    secret: undefined,
    publicKeyFile: fileWith(pemOf(rsa.publicKey)),
  });
  const partsOf = (token: string): [string, string, string] => token.split('.') as [string, string, string];
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

  test('an expired token is denied', async () => {
    const password = await sign({ sub: 'ann', exp: NOW_S });
    expect(await ask({}, { password })).toEqual(denied('the token has expired'));
  });

  test.each(['none', 'None', 'NONE', ''])('a token with the algorithm %p is denied', async (alg) => {
    const password = `${encode({ alg })}.${encode(CLAIMS)}.`;
    expect(await ask({}, { password })).toMatchObject({ decision: 'deny', reason: 'bad-credentials' });
    expect(await ask(withoutSecret(), { password })).toMatchObject({ decision: 'deny', reason: 'bad-credentials' });
    expect(
      await ask({}, { password: new UnsecuredJWT({ sub: 'ann' }).setExpirationTime(NOW_S + 60).encode() }),
    ).toMatchObject({ decision: 'deny' });
  });

  test('a token signed with the public key as its secret is denied', async () => {
    const pem = pemOf(rsa.publicKey);
    const password = await sign(CLAIMS, pem, { alg: 'HS256' });
    expect(await ask(withoutSecret(), { password })).toEqual(denied(expect.stringContaining('"alg"')));
    const head = `${encode({ alg: 'RS256' })}.${encode(CLAIMS)}`;
    const byHand = `${head}.${createHmac('sha256', pem).update(head).digest('base64url')}`;
    expect(await ask(withoutSecret(), { password: byHand })).toEqual(denied(expect.stringContaining('signature')));
  });

  test('a token with an algorithm that is not configured is denied', async () => {
    expect(await ask({ secret: LONG_SECRET }, { password: await sign(CLAIMS, LONG_SECRET, { alg: 'HS512' }) })).toEqual(
      denied(expect.stringContaining('"alg"')),
    );
    const password = await sign(CLAIMS, rsa.privateKey, { alg: 'PS256' });
    expect(await ask(withoutSecret(), { password })).toEqual(denied(expect.stringContaining('"alg"')));
  });

  test('a token with a key in its header is denied', async () => {
    const jwk = await exportJWK(otherRsa.publicKey);
    const password = await sign(CLAIMS, otherRsa.privateKey, { alg: 'RS256', jwk, jku: 'http://127.0.0.1:1/keys' });
    expect(await ask(withoutSecret(), { password })).toEqual(denied(expect.stringContaining('signature')));
  });

  test('a modified token is denied', async () => {
    const token = await sign();
    const [header, , signature] = partsOf(token);
    expect(await ask({}, { password: `${header}.${encode({ ...CLAIMS, sub: 'root' })}.${signature}` })).toEqual(
      denied(expect.stringContaining('signature')),
    );
    expect(await ask({}, { password: token.slice(0, -2) })).toMatchObject({ decision: 'deny' });
    const [, payload] = partsOf(token);
    expect(await ask({}, { password: `${encode({ alg: 'HS256', typ: 'JWT' })}.${payload}.${signature}` })).toEqual(
      denied(expect.stringContaining('signature')),
    );
  });

  test('a token with additional or missing characters is denied', async () => {
    const token = await sign();
    const [header, payload] = partsOf(token);
    for (const password of [
      `${token}\n`,
      ` ${token}`,
      `\0${token}`,
      `${token}.x.y`,
      `${header}.${payload}`,
      `${header}.`,
    ]) {
      expect({ password, ...(await ask({}, { password })) }).toMatchObject({
        decision: 'deny',
        reason: 'bad-credentials',
      });
    }
  });

  test('a token with an unknown critical extension is denied', async () => {
    const head = `${encode({ alg: 'HS256', crit: ['b64'], b64: false })}.${encode(CLAIMS)}`;
    expect(
      await ask({}, { password: `${head}.${createHmac('sha256', SECRET).update(head).digest('base64url')}` }),
    ).toMatchObject({ decision: 'deny' });
  });

  test('a token that is larger than allowed is denied', async () => {
    const password = await sign({ ...CLAIMS, filling: 'x'.repeat(8192) });
    expect(await ask({}, { password })).toEqual(denied(`the token has ${password.length} bytes, 8192 are allowed`));
    expect(await ask({ maxTokenBytes: 65_535 }, { password })).toMatchObject({ decision: 'allow' });
  });

  test.each<[string, JWTPayload]>([
    ['no user', { exp: NOW_S + 60 }],
    ['an empty user', { ...CLAIMS, sub: '' }],
    ['a user that is a number', { ...CLAIMS, sub: 7 as unknown as string }],
    ['a time that is a text', { sub: 'ann', exp: '2030-01-01' as unknown as number }],
    ['a time that is beyond all times', { sub: 'ann', exp: 1e300 }],
  ])('a token with %s is denied', async (_what, claims) => {
    // By hand: the library refuses to sign some of these.
    const head = `${encode({ alg: 'HS256' })}.${encode(claims)}`;
    expect(
      await ask({}, { password: `${head}.${createHmac('sha256', SECRET).update(head).digest('base64url')}` }),
    ).toMatchObject({ decision: 'deny', reason: 'bad-credentials' });
  });

  test('the reason for denying a token does not contain the token', async () => {
    const password = await sign({ ...CLAIMS, iss: 'hush' });
    const answers = [
      await ask({ issuer: 'x' }, { password }),
      await ask({ secret: `${SECRET}!` }, { password }),
      await ask({ audience: 'x' }, { password }),
    ];
    for (const answer of answers) {
      expect(answer).toMatchObject({ decision: 'deny' });
      expect(JSON.stringify(answer)).not.toContain('hush');
      for (const part of password.split('.')) expect(JSON.stringify(answer)).not.toContain(part);
    }
  });
});

describe('a key set', () => {
  const jwkOf = async (key: KeyObject, fields: object) => ({ ...(await exportJWK(key)), ...fields });
  const byKid = (kid: string, key = rsa.privateKey): Promise<string> => sign(CLAIMS, key, { alg: 'RS256', kid });
  const RS256 = { algorithms: ['RS256'], secret: undefined };

  test('a key set file has the key that a token names', async () => {
    const keys = [await jwkOf(rsa.publicKey, { kid: 'one' }), await jwkOf(otherRsa.publicKey, { kid: 'two' })];
    const options = { ...RS256, jwksFile: fileWith(JSON.stringify({ keys })) };
    expect(await ask(options, { password: await byKid('one') })).toMatchObject({ decision: 'allow' });
    expect(await ask(options, { password: await byKid('two', otherRsa.privateKey) })).toMatchObject({
      decision: 'allow',
    });
    expect(await ask(options, { password: await byKid('two') })).toEqual(denied(expect.stringContaining('signature')));
    expect(await ask(options, { password: await byKid('three') })).toEqual(
      denied(expect.stringContaining('no applicable key')),
    );
    // Without a key name, each key is tried.
    expect(await ask(options, { password: await sign(CLAIMS, otherRsa.privateKey, { alg: 'RS256' }) })).toMatchObject({
      decision: 'allow',
    });
    expect(
      await ask(options, {
        password: await sign(CLAIMS, generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey, { alg: 'RS256' }),
      }),
    ).toEqual(denied(expect.stringContaining('signature')));
  });

  test('a reload applies a changed key set file, and keeps the old keys if it fails', async () => {
    const path = fileWith(JSON.stringify({ keys: [await jwkOf(rsa.publicKey, { kid: 'one' })] }));
    const authenticator = jwt({ algorithms: ['RS256'], jwksFile: path });
    const old = requestWith({ password: await byKid('one') });
    writeFileSync(path, '{ "keys": 5 }');
    await expect(authenticator.reload?.()).rejects.toThrow(`${path}: not a JSON Web Key Set`);
    expect(await authenticator.authenticate(old)).toMatchObject({ decision: 'allow' });
    writeFileSync(path, JSON.stringify({ keys: [await jwkOf(otherRsa.publicKey, { kid: 'two' })] }));
    await authenticator.reload?.();
    expect(await authenticator.authenticate(old)).toMatchObject({ decision: 'deny' });
    expect(
      await authenticator.authenticate(requestWith({ password: await byKid('two', otherRsa.privateKey) })),
    ).toMatchObject({ decision: 'allow' });
  });

  describe('a remote key set', () => {
    let server: WebServer;

    beforeEach(async () => {
      server = await new WebServer().listen();
    });

    afterEach(() => server.close());

    const publish = async (kid: string, key = rsa.publicKey): Promise<void> => {
      server.answer = json({ keys: [await jwkOf(key, { kid })] });
    };
    const remote = (options: object = {}) => jwt({ algorithms: ['RS256'], jwksUrl: `${server.url}/keys`, ...options });
    const decision = async (
      authenticator: ReturnType<typeof jwt>,
      kid: string,
      key = rsa.privateKey,
    ): Promise<AuthenticatorAnswer['decision']> => {
      const password = await sign({ sub: 'ann', exp: clock.nowMs() / 1000 + 60 }, key, { alg: 'RS256', kid });
      return (await authenticator.authenticate(requestWith({ password }))).decision;
    };

    test('a remote key set is fetched once for concurrent tokens and again when it is old', async () => {
      await publish('one');
      const authenticator = remote({ jwksMaxAgeMs: 60_000 });
      expect(await Promise.all(Array.from({ length: 20 }, () => decision(authenticator, 'one')))).toEqual(
        Array.from({ length: 20 }, () => 'allow'),
      );
      expect(server.requests.map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /keys']);
      clock.advance(59_999);
      await decision(authenticator, 'one');
      expect(server.requests).toHaveLength(1);
      clock.advance(1);
      await decision(authenticator, 'one');
      expect(server.requests).toHaveLength(2);
    });

    test('a remote key set is not fetched before the first token', async () => {
      await publish('one');
      const authenticator = remote();
      expect(await authenticator.authenticate(requestWith({ password: 'hunter2' }))).toEqual({ decision: 'abstain' });
      expect(server.requests).toHaveLength(0);
    });

    test('an unknown key name causes a fetch of the key set, at most once in the cooldown', async () => {
      await publish('one');
      const authenticator = remote({ jwksCooldownMs: 30_000 });
      await decision(authenticator, 'one');
      clock.advance(30_000);
      await publish('two', otherRsa.publicKey);
      expect(await decision(authenticator, 'two', otherRsa.privateKey)).toBe('allow');
      expect(await decision(authenticator, 'one')).toBe('deny');
      expect(await Promise.all(['a', 'b', 'c', 'd'].map((kid) => decision(authenticator, kid)))).toEqual([
        'deny',
        'deny',
        'deny',
        'deny',
      ]);
      expect(server.requests).toHaveLength(2);
      clock.advance(30_000);
      expect(await decision(authenticator, 'e')).toBe('deny');
      expect(server.requests).toHaveLength(3);
    });

    test('a stale key set stays valid for a limited time while the server does not answer', async () => {
      await publish('one');
      const authenticator = remote({ jwksMaxAgeMs: 60_000, jwksStaleMs: 600_000 });
      expect(await decision(authenticator, 'one')).toBe('allow');
      server.answer = status(503);
      clock.advance(60_000);
      expect(await decision(authenticator, 'one')).toBe('allow');
      clock.advance(599_999);
      expect(await decision(authenticator, 'one')).toBe('allow');
      clock.advance(1);
      await expect(decision(authenticator, 'one')).rejects.toThrow(
        `no keys from ${server.url}/keys: it answered 503, expected 200`,
      );
      await publish('one');
      clock.advance(1000);
      expect(await decision(authenticator, 'one')).toBe('allow');
    });

    test('a key set that cannot be fetched is a failure, and is fetched again after a second', async () => {
      server.answer = status(500);
      const authenticator = remote();
      await expect(decision(authenticator, 'one')).rejects.toThrow('it answered 500, expected 200');
      await expect(decision(authenticator, 'one')).rejects.toThrow('it answered 500, expected 200');
      expect(server.requests).toHaveLength(1);
      clock.advance(1000);
      await publish('one');
      expect(await decision(authenticator, 'one')).toBe('allow');
    });

    test('an unknown key name is a failure while the key set cannot be fetched', async () => {
      await publish('one');
      const authenticator = remote();
      await decision(authenticator, 'one');
      clock.advance(30_000);
      server.answer = status(500);
      await expect(decision(authenticator, 'two')).rejects.toThrow('it answered 500');
      expect(await decision(authenticator, 'one')).toBe('allow');
    });

    test('a key set is not accepted from a redirect, or if it is too large, too slow or invalid', async () => {
      await publish('one');
      const elsewhere = await new WebServer().listen();
      elsewhere.answer = server.answer;
      try {
        server.answer = status(302, { location: elsewhere.url });
        await expect(decision(remote(), 'one')).rejects.toThrow(
          'it answered 302, expected 200 (redirects are not followed)',
        );
        expect(elsewhere.requests).toHaveLength(0);
      } finally {
        await elsewhere.close();
      }
      server.answer = (response) => void response.end(Buffer.alloc(300_000, ' '));
      await expect(decision(remote(), 'one')).rejects.toThrow('it answered more than 262144 bytes');
      server.answer = (response) => void response.write('{');
      await expect(decision(remote({ jwksTimeoutMs: 50 }), 'one')).rejects.toThrow('it did not answer in time');
      server.answer = () => undefined;
      await expect(decision(remote({ jwksTimeoutMs: 50 }), 'one')).rejects.toThrow('it did not answer in time');
      server.answer = (response) => void response.end('<html>');
      await expect(decision(remote(), 'one')).rejects.toThrow('not JSON, expected a JSON Web Key Set');
      server.answer = json({ keys: [{ kty: 'oct', k: 'c2VjcmV0' }] });
      await expect(decision(remote(), 'one')).rejects.toThrow('it contains a secret or private key');
    });

    test('a key server that cannot be reached is reported without the query of its URL', async () => {
      const { url } = server;
      await server.close();
      await expect(decision(remote({ jwksUrl: `${url}/keys?key=hush` }), 'one')).rejects.toThrow(
        /^no keys from http:\/\/127\.0\.0\.1:\d+\/keys: ECONNREFUSED$/,
      );
      await server.listen();
    });
  });
});

describe('options of the JWT authenticator', () => {
  const secret = { algorithms: ['HS256'], secret: SECRET };

  test.each<[string, unknown, string]>([
    ['nothing', {}, 'algorithms: missing, expected a list of HS256, '],
    [
      'the algorithm none',
      { ...secret, algorithms: ['none'] },
      'algorithms: "none" is not valid, expected a list of HS256',
    ],
    [
      'no keys',
      { algorithms: ['HS256'] },
      'no keys, expected one of secret, secretFile, publicKeyFile, jwksFile, jwksUrl',
    ],
    ['two kinds of keys', { ...secret, jwksUrl: 'https://a.example' }, 'secret and jwksUrl at once, expected one of'],
    [
      'a secret for public keys',
      { ...secret, algorithms: ['HS256', 'RS256'] },
      'algorithms: RS256 does not fit secret, expected HS256, HS384, HS512',
    ],
    [
      'public keys for a secret',
      { algorithms: ['HS256'], jwksUrl: 'https://a.example' },
      'algorithms: HS256 does not fit jwksUrl, expected RS256',
    ],
    [
      'a short secret',
      { ...secret, secret: 'hush' },
      'secret: a secret of 4 bytes is too short, expected at least 32 for HS256',
    ],
    ['a secret that is no base64', { ...secret, secretEncoding: 'base64' }, 'secret: it is not valid base64'],
    [
      'a variable that is not there',
      { ...secret, secret: '${ENV:NOT_IN_THE_ENVIRONMENT}' },
      'secret: the environment variable NOT_IN_THE_ENVIRONMENT is not set',
    ],
    [
      'a file that is not there',
      { algorithms: ['RS256'], publicKeyFile: '/nowhere/key.pem' },
      'publicKeyFile: /nowhere/key.pem: there is no such file',
    ],
    [
      'a URL without TLS',
      { algorithms: ['RS256'], jwksUrl: 'http://a.example/keys' },
      'jwksUrl: http to a.example can be read and changed in transit, expected https, or allowHttp: true',
    ],
    [
      'an unknown claim',
      { ...secret, claims: { user: 'sub' } },
      'claims.user: unknown key, expected userName, clientId, permissions',
    ],
    ['an unknown key', { ...secret, issuers: 'x' }, 'issuers: unknown key, expected algorithms'],
    ['what belongs to another kind of keys', { ...secret, jwksMaxAgeMs: 5000 }, 'jwksMaxAgeMs: unknown key'],
    [
      'a tolerance out of range',
      { ...secret, clockToleranceMs: -1 },
      'clockToleranceMs: -1 is out of range, expected a whole number from 0 to 600000',
    ],
    [
      'two meanings of the user name',
      { ...secret, tokenIn: 'userName', matchUserName: true },
      'matchUserName: true is not valid with tokenIn userName',
    ],
    ['no mapping', 'RS256', '"RS256" is not valid, expected a mapping of options'],
  ])('JWT options with %s are refused', (_what, options, message) => {
    expect(() => jwt(options)).toThrow(TypeError);
    expect(() => jwt(options)).toThrow(message);
    expect(() => jwt(options)).toThrow(
      expect.objectContaining({ message: expect.not.stringMatching(/hush|thirty-two/) }),
    );
  });

  test('a key that does not fit the algorithms is refused', async () => {
    const refusal = (text: string, algorithms: string[], option = 'publicKeyFile') =>
      expect(() => jwt({ algorithms, [option]: fileWith(text) }));
    refusal(pemOf(rsa.publicKey), ['RS256', 'ES256']).toThrow(
      'a key of type rsa does not fit ES256, expected a key on the curve prime256v1',
    );
    refusal(pemOf(ec['ES384']?.publicKey as KeyObject), ['ES256']).toThrow(
      'a key on the curve secp384r1 does not fit ES256, expected a key on the curve prime256v1',
    );
    refusal(pemOf(ed25519.publicKey), ['PS256']).toThrow(
      'a key of type ed25519 does not fit PS256, expected a key of type rsa',
    );
    refusal(pemOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey), ['RS256']).toThrow(
      'an RSA key of 1024 bits is too short, expected at least 2048',
    );
    refusal(rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, ['RS256']).toThrow(
      'not a public key, expected PEM that begins with',
    );
    refusal('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----', ['RS256']).toThrow(
      'the public key cannot be parsed, expected PEM',
    );
    refusal(JSON.stringify({ keys: [await exportJWK(rsa.privateKey)] }), ['RS256'], 'jwksFile').toThrow(
      'it contains a secret or private key, expected public keys only',
    );
    refusal('{"keys":[]}', ['RS256'], 'jwksFile').toThrow(
      'not a JSON Web Key Set, expected { "keys": [...] } with 1 to 100 keys',
    );
    expect(() =>
      jwt({ algorithms: ['HS256'], secretFile: fileWith(Uint8Array.of(0xff, ...Buffer.from(SECRET))) }),
    ).toThrow('it is not UTF-8');
  });

  test('the JWT secret may come from an environment variable', async () => {
    process.env['JWT_TEST_SECRET'] = SECRET;
    try {
      expect(await ask({ secret: '${ENV:JWT_TEST_SECRET}' }, { password: await sign() })).toMatchObject({
        decision: 'allow',
      });
    } finally {
      delete process.env['JWT_TEST_SECRET'];
    }
  });
});

// The scram authenticator: the examples of the RFCs, its file, and what it does not reveal.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Authenticator, ClientId, Exchange, ExchangeAnswer } from 'hexmq/ports';
import { credentialsOf, formatCredentials, parseCredentials } from '../../../../adapters/auth/scram/credentials.js';
import { createAuthenticator } from '../../../../adapters/auth/scram/index.js';
import { ScramExchange } from '../../../../adapters/auth/scram/scram-exchange.js';
import { newDecoy, scramName, scramSecrets } from '../../../../adapters/auth/scram/tools.js';
import { ScramClient } from '../../../clients/scram-client.js';

const text = (answer: ExchangeAnswer): string =>
  'data' in answer && answer.data !== undefined ? Buffer.from(answer.data).toString() : '';
const detailOf = (answer: ExchangeAnswer): string => (answer.decision === 'deny' ? answer.detail : answer.decision);

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hexmq-scram-'));
  path = join(directory, 'scram');
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

/** A file of these users, all with the password `pencil`. */
async function write(users: readonly string[], decoy: string | undefined = newDecoy()): Promise<void> {
  const secrets = await scramSecrets(Buffer.from('pencil'), 4096);
  const lines = users.flatMap((user) => secrets.map((secret) => `${user}:${secret}`));
  writeFileSync(path, [...(decoy === '' ? [] : [`:${decoy}`]), ...lines, ''].join('\n'));
}

function begin(authenticator: Authenticator, method = 'SCRAM-SHA-256'): Exchange {
  const exchange = authenticator.exchange?.({
    clientId: 'a' as ClientId,
    protocolVersion: 5,
    userName: undefined,
    password: undefined,
    listener: 'test',
    peer: { remoteAddress: 'test:1' },
    authenticationMethod: method,
    isRenewal: false,
  });
  if (exchange === undefined) throw new Error('no exchange');
  return exchange;
}

async function login(authenticator: Authenticator, client: ScramClient): Promise<ExchangeAnswer> {
  const exchange = begin(authenticator, client.method);
  const challenge = await exchange.next(client.first());
  return challenge.decision === 'continue'
    ? exchange.next(client.final(challenge.data ?? new Uint8Array()))
    : challenge;
}

describe('SCRAM-SHA-256', () => {
  test('gives the messages of the example in RFC 7677', async () => {
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
    const credentials = await credentialsOf('SCRAM-SHA-256', Buffer.from('pencil'), { iterations: 4096, salt });
    const exchange = new ScramExchange({
      method: 'SCRAM-SHA-256',
      find: () => ({ isKnown: true, credentials }),
      newNonce: () => '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
    });
    const challenge = exchange.next(Buffer.from('n,,n=user,r=rOprNGfwEbeRWgbNEkqO'));
    expect(text(challenge)).toBe(
      'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    );
    const final = exchange.next(
      Buffer.from(
        'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,' +
          'p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
      ),
    );
    expect(final).toMatchObject({ decision: 'allow', userName: 'user' });
    expect(text(final)).toBe('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
  });

  test('accepts a client that could bind the channel, and refuses one that has bound it', async () => {
    await write(['user']);
    const authenticator = createAuthenticator({ path });
    const able = new ScramClient({ user: 'user', password: 'pencil', gs2Header: 'y,,' });
    expect(detailOf(await login(authenticator, able))).toBe('allow');
    for (const [message, detail] of [
      ['p=tls-exporter,,n=user,r=x', 'scram: channel binding is not supported'],
      ['n,a=other,n=user,r=x', 'scram: its first message has another beginning than n,, or y,,'],
      ['n,,m=more,n=user,r=x', 'scram: it demands an extension that is not known'],
      ['n,,n=us=er,r=x', 'scram: its user name has a = that is not =2C or =3D'],
      ['n,,n=\u0007,r=x', 'scram: its user name is not one that RFC 4013 permits'],
      ['n,,n=user,r=', 'scram: its nonce is not printable ASCII'],
      ['n,,n=user', 'scram: its first message is not n=user,r=nonce'],
    ] as const)
      expect(detailOf(await begin(authenticator).next(Buffer.from(message)))).toBe(detail);
  });

  test('refuses a last message for another channel, another challenge, or without a proof', async () => {
    await write(['user']);
    const authenticator = createAuthenticator({ path });
    const answered = async (change: (final: string) => string): Promise<string> => {
      const client = new ScramClient({ user: 'user', password: 'pencil' });
      const exchange = begin(authenticator);
      const challenge = await exchange.next(client.first());
      return detailOf(await exchange.next(Buffer.from(change(client.final(Buffer.from(text(challenge))).toString()))));
    };
    expect(await answered((final) => final)).toBe('allow');
    expect(await answered((final) => final.replace('c=biws', 'c=eSws'))).toMatch(/differ in channel binding$/);
    expect(await answered((final) => final.replace(/r=./, 'r=\u007e'))).toMatch(/another challenge/);
    expect(await answered((final) => final.replace(/,p=.*/, ''))).toMatch(/is not c=header,r=nonce,p=proof$/);
    expect(await answered((final) => `${final}=`)).toMatch(/not base64$/);
    expect(await answered((final) => final.replace(/p=.*/, 'p='))).toBe('scram: wrong password');
  });

  test('gives a client that has sent nothing its turn, once', async () => {
    await write(['user']);
    const exchange = begin(createAuthenticator({ path }));
    expect(await exchange.next(undefined)).toEqual({ decision: 'continue' });
    expect(detailOf(await exchange.next(undefined))).toBe('scram: it has sent no message');
  });

  test('names with commas, and the same name in another encoding, are the same user', async () => {
    await write(['a,b=c', scramName('I\u00adX') ?? '']);
    const authenticator = createAuthenticator({ path });
    for (const user of ['a,b=c', '\u2168'])
      expect(detailOf(await login(authenticator, new ScramClient({ user, password: 'pencil' })))).toBe('allow');
  });
});

describe('a user that does not exist', () => {
  const challengeOf = async (authenticator: Authenticator, user: string, hash: 'sha256' | 'sha512' = 'sha256') => {
    const client = new ScramClient({ user, password: 'x', hash });
    client.final(Buffer.from(text(await begin(authenticator, client.method).next(client.first()))));
    return { salt: client.salt, iterations: client.iterations };
  };

  test('gets the same salt each time, also after a restart, and another one than other names and methods', async () => {
    await write(['user']);
    const one = await challengeOf(createAuthenticator({ path }), 'carol');
    expect(await challengeOf(createAuthenticator({ path }), 'carol')).toEqual(one);
    expect(one.iterations).toBe(4096);
    expect(Buffer.from(one.salt, 'base64')).toHaveLength(16);
    const others = [
      await challengeOf(createAuthenticator({ path }), 'dave'),
      await challengeOf(createAuthenticator({ path }), 'carol', 'sha512'),
    ];
    expect(new Set([one, ...others].map(({ salt }) => salt)).size).toBe(3);
  });

  test('gets a salt of its own from each process if the file has no secret', async () => {
    await write(['user'], '');
    const salts = [createAuthenticator({ path }), createAuthenticator({ path })].map(async (each) => {
      return (await challengeOf(each, 'carol')).salt;
    });
    expect(new Set(await Promise.all(salts)).size).toBe(2);
  });
});

describe('a file of SCRAM credentials', () => {
  test('is read again, and stays as it was if it has become invalid', async () => {
    await write(['user']);
    const authenticator = createAuthenticator({ path });
    await write(['other']);
    await authenticator.reload?.();
    const user = (name: string): ScramClient => new ScramClient({ user: name, password: 'pencil' });
    expect(detailOf(await login(authenticator, user('user')))).toBe('scram: unknown user for SCRAM-SHA-256');
    writeFileSync(path, 'other:secret\n');
    await expect(authenticator.reload?.()).rejects.toThrow(/scram: line 1: expected SCRAM-SHA-256\$/);
    expect(detailOf(await login(authenticator, user('other')))).toBe('allow');
  });

  test('is refused with what is wrong, and without the secret', async () => {
    const [secret = ''] = await scramSecrets(Buffer.from('pencil'), 4096);
    for (const [content, problem] of [
      [`a:${secret}\na:${secret}\n`, /line 2: this user has SCRAM-SHA-256 already/],
      [`a:${secret.replace('4096', '4095')}\n`, /it has 4095 iterations, expected 4096 to/],
      [`a:${secret.slice(0, -8)}\n`, /its keys are damaged, expected 32 bytes each/],
      [`:${newDecoy()}\n:${newDecoy()}\n`, /line 2: there is no user name/],
      ['a:$scrypt$ln=14\n', /hexmq passwd --scram writes it/],
    ] as const) {
      writeFileSync(path, content);
      expect(() => createAuthenticator({ path })).toThrow(problem);
    }
    expect(() => createAuthenticator({ path: join(directory, 'none') })).toThrow(/hexmq passwd --scram/);
  });

  test('has the format of PostgreSQL', async () => {
    const credentials = await credentialsOf('SCRAM-SHA-512', Buffer.from('pencil'), { iterations: 5000 });
    const line = formatCredentials(credentials);
    expect(line).toMatch(/^SCRAM-SHA-512\$5000:[\w+/]{22}==\$[\w+/]{86}==:[\w+/]{86}==$/);
    expect(parseCredentials(line)).toEqual(credentials);
    await expect(credentialsOf('SCRAM-SHA-256', Uint8Array.of(0xff), { iterations: 4096 })).rejects.toThrow(/SASLprep/);
  });
});

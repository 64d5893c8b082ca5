// The built command with external identities: tokens, an HTTP service, users in MongoDB.
import { afterAll, describe, expect, test } from '@jest/globals';
import { scryptSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { JWTPayload } from 'jose';
import { MongoClient } from 'mongodb';
import type { Document } from 'mongodb';
import { mongoServer } from '../support/mongodb-server.js';
import { hexmq, startBroker, temporaryDirectory } from './hexmq-command.js';
import type { RunningBroker } from './hexmq-command.js';
import { connect } from './mqtt-js.js';
import type { Client } from './mqtt-js.js';
import { afterwards, run, scene } from './program.js';
import { describeWith, describeWithServer } from './tools.js';
import { json, status, WebServer } from './web-server.js';

const SECRET = 'a secret of at least thirty-two bytes';
/** Codes of CONNACK. */
const REFUSED = { unavailable: { code: 3 }, badCredentials: { code: 4 }, notAuthorized: { code: 5 } };

const server = await mongoServer();
afterAll(() => server?.stop());

function tokenWith(claims: JWTPayload, secret = SECRET): Promise<string> {
  return new SignJWT({ sub: 'ann', aud: 'mqtt', ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(Buffer.from(secret));
}

const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;

function fileWith(name: string, text: string): string {
  const path = join(temporaryDirectory(), name);
  writeFileSync(path, text);
  return path;
}

/** JSON is YAML. */
const configWith = (config: object): string[] => [
  '--config',
  fileWith(
    'hexmq.yaml',
    JSON.stringify({ listeners: [{ type: 'tcp', port: 0 }], storage: { adapter: 'memory' }, ...config }),
  ),
];

/** A broker that has to stop cleanly at the end of the scene. */
async function onBroker(config: object, body: (broker: RunningBroker) => Promise<void>): Promise<void> {
  const broker = await startBroker(configWith(config));
  await body(broker);
  const { status: code, stderr } = await broker.stop();
  expect({ code, errors: /"level":"(error|fatal)"|^hexmq: .*/m.exec(stderr)?.[0] }).toEqual({
    code: 0,
    errors: undefined,
  });
}

/** Expects that the client receives what it publishes to one topic, and is disconnected for publishing to the other. */
async function expectRules(
  broker: RunningBroker,
  { mqtt, inbox, closed }: Client,
  allowed: string,
  denied: string,
): Promise<void> {
  await mqtt.subscribeAsync('#', { qos: 1 });
  await mqtt.publishAsync(allowed, 'allowed', { qos: 1 });
  expect((await inbox.take(1)).map(({ topic }) => topic)).toEqual([allowed]);
  mqtt.publish(denied, 'denied', { qos: 1 });
  await closed;
  await broker.program.logs(new RegExp(`"event":"publish-denied".*"topic":"${denied}"`));
}

/** Files that the configuration needs are removed at the end of the scene. */
const withConfig = (body: (broker: RunningBroker) => Promise<void>, config: () => object): Promise<void> =>
  scene(() => onBroker(config(), body));

async function webServer(): Promise<WebServer> {
  const web = await new WebServer().listen();
  afterwards(() => void web.close());
  return web;
}

describe('a client with a JSON Web Token', () => {
  const jwt = (options: object = {}) => ({
    authentication: [
      {
        adapter: 'jwt',
        options: { algorithms: ['HS256'], secretFile: fileWith('secret', `${SECRET}\n`), audience: 'mqtt', ...options },
      },
    ],
  });

  test('a client with a token is admitted and may do what the token permits', () =>
    withConfig(
      async (broker) => {
        const permissions = { publish: ['%u/#'], subscribe: ['#'], deny: { publish: ['ann/%c/secret'] } };
        const password = await tokenWith({ exp: inSeconds(3600), mqtt: permissions });
        await expectRules(
          broker,
          await connect(broker, { clientId: 'meter', username: 'any-name', password }),
          'ann/1',
          'ann/meter/secret',
        );
        await expectRules(
          broker,
          await connect(broker, { clientId: 'meter', username: 'any-name', password }),
          'ann/meter',
          'any-name/1',
        );
        expect(broker.program.stderr).not.toContain(password);
      },
      () => ({ ...jwt({ claims: { permissions: 'mqtt' } }), authorization: [{ adapter: 'credentials' }] }),
    ));

  test('a client is disconnected when its token expires', () =>
    withConfig(
      async (broker) => {
        const lasting = await connect(broker, {
          clientId: 'lasting',
          password: await tokenWith({ exp: inSeconds(3600) }),
          username: 'ann',
        });
        const brief = await connect(broker, {
          clientId: 'brief',
          password: await tokenWith({ exp: inSeconds(3) }),
          username: 'ann',
        });
        expect(brief.connack.returnCode).toBe(0);
        await brief.closed;
        await broker.program.logs(/"event":"connection-ended".*"clientId":"brief".*"reason":"credentials-expired"/);
        expect(lasting.mqtt.connected).toBe(true);
      },
      () => jwt(),
    ));

  test('a client with an invalid token is refused without further details', () =>
    withConfig(
      async (broker) => {
        const good = await tokenWith({ exp: inSeconds(3600) });
        const bad = [
          await tokenWith({ exp: inSeconds(-1) }),
          await tokenWith({ exp: inSeconds(3600), aud: 'web' }),
          await tokenWith({ exp: inSeconds(3600) }, `${SECRET}!`),
          `${good}x`,
        ];
        for (const password of bad)
          await expect(connect(broker, { username: 'ann', password })).rejects.toMatchObject(REFUSED.badCredentials);
        await broker.program.logs(/"event":"connection-refused".*"detail":"the token has expired"/);
        for (const password of bad) expect(broker.program.stderr).not.toContain(password);
        await expect(connect(broker, { username: 'ann', password: 'hunter2' })).rejects.toMatchObject(
          REFUSED.notAuthorized,
        );
      },
      () => jwt(),
    ));

  test('tokens with a published key are accepted, also while the key server is down', () =>
    scene(async () => {
      const web = await webServer();
      const { publicKey, privateKey } = await generateKeyPair('ES256');
      web.answer = json({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one' }] });
      const tokenBy = (key: typeof privateKey) =>
        new SignJWT({ sub: 'ann', exp: inSeconds(3600) }).setProtectedHeader({ alg: 'ES256', kid: 'one' }).sign(key);
      await onBroker(
        { authentication: [{ adapter: 'jwt', options: { algorithms: ['ES256'], jwksUrl: `${web.url}/keys` } }] },
        async (broker) => {
          const password = await tokenBy(privateKey);
          await connect(broker, { username: 'ann', password });
          await web.close();
          await connect(broker, { username: 'ann', password });
          const forged = await tokenBy((await generateKeyPair('ES256')).privateKey);
          await expect(connect(broker, { username: 'ann', password: forged })).rejects.toMatchObject(
            REFUSED.badCredentials,
          );
          expect(web.requests.map(({ path }) => path)).toEqual(['/keys']);
          await web.listen();
        },
      );
    }));

  describeWith('mosquitto', 'from mosquitto_pub', () => {
    test('mosquitto_pub with a token is admitted or refused', () =>
      withConfig(
        async (broker) => {
          const publish = async (password: string) =>
            run('mosquitto_pub', [
              '-h',
              broker.host,
              '-p',
              String(broker.port),
              '-t',
              'a',
              '-m',
              'b',
              '-q',
              '1',
              '-u',
              'ann',
              '-P',
              password,
            ]);
          expect((await publish(await tokenWith({ exp: inSeconds(3600) }))).status).toBe(0);
          const { status: code, stderr } = await publish(await tokenWith({ exp: inSeconds(-3600) }));
          expect([code, stderr]).toEqual([4, expect.stringContaining('bad user name or password')]);
        },
        () => jwt(),
      ));
  });
});

describe('a client of an HTTP service', () => {
  const http = (web: WebServer, options: object = {}) => ({
    adapter: 'http',
    options: { url: `${web.url}/auth`, cacheTtlMs: 0, cacheNegativeTtlMs: 0, ...options },
  });

  test('the HTTP service decides whether a client is admitted and what it may do', () =>
    scene(async () => {
      const web = await webServer();
      web.answer = (response, request) => {
        const { userName, password } = JSON.parse(request.body) as { userName?: string; password?: string };
        if (request.path === '/rules')
          json({ result: 'allow', permissions: { publish: ['%u/#'], subscribe: ['#'] } })(response, request);
        else if (userName === 'ann')
          json({ result: password === 'right' ? 'allow' : 'deny', userName: 'Ann' })(response, request);
        else status(403)(response, request);
      };
      await onBroker(
        { authentication: [http(web)], authorization: [http(web, { url: `${web.url}/rules` })] },
        async (broker) => {
          await expectRules(
            broker,
            await connect(broker, { clientId: 'meter', username: 'ann', password: 'right' }),
            'Ann/1',
            'ann/1',
          );
          await expect(connect(broker, { username: 'ann', password: 'hush-hush' })).rejects.toMatchObject(
            REFUSED.badCredentials,
          );
          await expect(connect(broker, { username: 'bob', password: 'hush-hush' })).rejects.toMatchObject(
            REFUSED.notAuthorized,
          );
          await broker.program.logs(/"event":"connection-refused".*"reason":"not-authorized"/);
          expect(broker.program.stderr).not.toContain('hush-hush');
        },
      );
    }));

  test('while the HTTP service is down new clients get CONNACK 3 and others stay connected', () =>
    scene(async () => {
      const web = await webServer();
      await onBroker(
        { authentication: [http(web, { breakerFailures: 2, headers: { 'x-key': 'secret-key' } })] },
        async (broker) => {
          const early = await connect(broker, { username: 'ann', password: 'hush-hush' });
          await web.close();
          for (let i = 0; i < 3; i++)
            await expect(connect(broker, { username: 'bob', password: 'hush-hush' })).rejects.toMatchObject(
              REFUSED.unavailable,
            );
          await broker.program.logs(
            /"event":"connection-refused".*"reason":"authentication-unavailable".*not called after 2 failures in a row/,
          );
          expect(early.mqtt.connected).toBe(true);
          expect(broker.program.stderr).not.toMatch(/hush-hush|secret-key/);
          await web.listen();
        },
      );
    }));
});

describeWithServer(server, 'a client whose user is in MongoDB', (mongo) => {
  test('a user in MongoDB is admitted with its password and may do what its roles permit', () =>
    scene(async () => {
      const database = mongo.newDatabase();
      const client = new MongoClient(mongo.uri);
      const salt = Buffer.from('a salt for tests');
      const hash = scryptSync('hush-hush', salt, 32, { N: 2 ** 10, r: 8, p: 1 });
      try {
        const passwordHash = `$scrypt$ln=10,r=8,p=1$${salt.toString('base64')}$${hash.toString('base64')}`;
        await client
          .db(database)
          .collection<Document>('users')
          .insertOne({ _id: 'ann' as never, passwordHash, roles: ['writer'], permissions: { subscribe: ['#'] } });
        await client
          .db(database)
          .collection<Document>('roles')
          .insertOne({ _id: 'writer' as never, permissions: { publish: ['%u/#'] } });
      } finally {
        await client.close();
      }
      const mongodb = { adapter: 'mongodb', options: { url: mongo.uri, database } };
      await onBroker({ authentication: [mongodb], authorization: [mongodb] }, async (broker) => {
        await expectRules(broker, await connect(broker, { username: 'ann', password: 'hush-hush' }), 'ann/1', 'bob/1');
        for (const username of ['ann', 'bob'])
          await expect(connect(broker, { username, password: 'wrong-one' })).rejects.toMatchObject(
            REFUSED.badCredentials,
          );
        await broker.program.logs(/"detail":"mongodb: there is no such user"/);
        expect(broker.program.stderr).not.toMatch(/hush-hush|wrong-one/);
      });
    }));
});

describe('hexmq check-config', () => {
  const checked = (authentication: object, authorization: object) =>
    hexmq(['check-config', ...configWith({ authentication: [authentication], authorization: [authorization] })]);
  const anonymous = { adapter: 'anonymous' };
  const credentials = { adapter: 'credentials' };

  test('hexmq check-config contacts no server', () =>
    scene(async () => {
      const web = await webServer();
      const { status: code, stdout } = await checked(
        { adapter: 'jwt', options: { algorithms: ['RS256'], jwksUrl: web.url } },
        { adapter: 'http', options: { url: web.url } },
      );
      expect([code, stdout]).toEqual([0, expect.stringContaining('the configuration is valid')]);
      expect(web.connections).toBe(0);
    }));

  test.each([
    [
      { adapter: 'jwt', options: { algorithms: ['none'] } },
      credentials,
      'authentication[0].options: refused by jwt: algorithms: "none" is not valid, expected a list of HS256, ',
    ],
    [
      { adapter: 'mongodb', options: { url: 'mongodb://ann:hush@', database: 'x' } },
      credentials,
      'authentication[0].options: refused by mongodb: url: not a valid MongoDB connection string',
    ],
    [
      anonymous,
      { adapter: 'http', options: { url: 'http://hush.example' } },
      'authorization[0].options: refused by http: url: http to hush.example can be read and changed in transit',
    ],
    [
      anonymous,
      { adapter: 'credentials', options: { claim: 'x' } },
      'authorization[0].options.claim: unknown key, credentials has no options',
    ],
  ])('hexmq check-config reports invalid options: %j, %j', (authentication, authorization, problem) =>
    scene(async () => {
      const { status: code, stderr } = await checked(authentication, authorization);
      expect([code, stderr]).toEqual([1, expect.stringContaining(problem)]);
      expect(stderr).not.toContain('ann:hush');
    }),
  );
});

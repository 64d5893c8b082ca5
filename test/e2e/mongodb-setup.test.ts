// The built command and a MongoDB that was set up wrong: one line, with the place, what is wrong and what to do, status
// 1, and within bounds. And one that was set up right: over TLS, with credentials from the environment or a file, which
// nothing that is said shows.
import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { MongoClient } from 'mongodb';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { MongoProxy, isGreeting, refusal } from '../support/mongodb/proxy.js';
import type { Judge } from '../support/mongodb/proxy.js';
import { makeCertificate, terminateTls } from '../support/mongodb/tls.js';
import { mongoServer } from '../support/mongodb-server.js';
import { hexmq, startBroker, temporaryDirectory } from './hexmq-command.js';
import { connect } from './mqtt-js.js';
import { afterwards, scene } from './program.js';
import type { ProgramEnd } from './program.js';
import { describeWith, describeWithServer } from './tools.js';

const PATIENCE_MS = 120_000;
const USER = 'someone-known';
const PASSWORD = 'hunter2%2Fs3cr3t%40x';
/** The password as it is encoded in a URL, and in plain text. */
const SECRETS = [USER, PASSWORD, 'hunter2'];
const CREDENTIALS = `${USER}:${PASSWORD}@`;
/** The mechanism of a login that the proxy can answer for the server. */
const PLAIN = 'authMechanism=PLAIN&authSource=$external&directConnection=true';

const server = await mongoServer();
afterAll(() => server?.stop());

const ARGUMENTS = ['start', '--port', '0', '--storage', 'mongodb', '--log-level', 'debug'];

type Environment = Readonly<Record<string, string>>;

const start = (env: Environment): Promise<ProgramEnd> => hexmq(ARGUMENTS, { env, cwd: temporaryDirectory() });

function expectRefusal({ status, stdout, stderr }: ProgramEnd, sentence: RegExp): void {
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  // A start that takes long says so first, in the log.
  const said = stderr.replace(/^\{[^\n]*"event":"start-waits"[^\n]*\n/, '');
  expect(said).toMatch(/^hexmq: [^\n]+\n$/);
  expect(said.slice('hexmq: '.length, -1)).toMatch(sentence);
  expectNoSecret(stderr);
}

function expectNoSecret(text: string): void {
  for (const secret of SECRETS) expect(text).not.toContain(secret);
}

async function closedPort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, 'close');
  return port;
}

function fileWith(text: string, name = 'file'): string {
  const path = join(temporaryDirectory(), name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

describe('an invalid URL of MongoDB', () => {
  test.each<readonly [string, string, RegExp]>([
    [
      'has another scheme',
      `http://${CREDENTIALS}host`,
      /^storage\.options: refused by mongodb: .*url: not valid, expected a connection string that begins with mongodb:\/\/ or mongodb\+srv:\/\/$/,
    ],
    [
      'is not valid',
      `mongodb://${CREDENTIALS}host:port/`,
      /^storage\.options: refused by mongodb: .*url: not a connection string; percent-encode special characters in the user name and the password$/,
    ],
    [
      'has a password that is not encoded',
      `mongodb://${USER}:hunter2@x@host/`,
      /url: not a connection string; percent-encode/,
    ],
    ['has an unknown option', `mongodb://${CREDENTIALS}host/?tlsCa=x`, /url: not a connection string/],
    [
      'names a host that does not exist',
      `mongodb://${CREDENTIALS}nowhere.invalid/`,
      /^MongoDB at nowhere\.invalid:27017\/hexmq cannot be reached or does not answer: check that it runs, the URL, and the network \(.+\)$/,
    ],
    [
      'names a cluster that does not exist',
      `mongodb+srv://${CREDENTIALS}nowhere.invalid/`,
      /^MongoDB at nowhere\.invalid\/hexmq cannot be found: DNS has no mongodb\+srv:\/\/ records for that name, check the URL \(.+\)$/,
    ],
    [
      'names a file that does not exist',
      `mongodb://${CREDENTIALS}127.0.0.1/?tls=true&tlsCAFile=/nowhere/ca.pem`,
      /^the file \/nowhere\/ca\.pem, which the URL of MongoDB at 127\.0\.0\.1:27017\/hexmq names, cannot be read: check its path and permissions \(.+\)$/,
    ],
  ])('a URL that %s is refused in one line', (_name, url, sentence) =>
    scene(async () => {
      expectRefusal(await start({ HEXMQ_STORAGE_URL: url }), sentence);
    }),
  );

  test('a URL with a closed port is refused in one line', () =>
    scene(async () => {
      const port = await closedPort();
      expectRefusal(
        await start({ HEXMQ_STORAGE_URL: `mongodb://${CREDENTIALS}127.0.0.1:${port}/` }),
        new RegExp(
          `^MongoDB at 127\\.0\\.0\\.1:${port}/hexmq cannot be reached or does not answer: .+\\(connect ECONNREFUSED 127\\.0\\.0\\.1:${port}\\)$`,
        ),
      );
    }));

  test.each<readonly [string, Environment, RegExp]>([
    [
      'a URL file that does not exist',
      { HEXMQ_STORAGE_URL_FILE: '/nowhere/url' },
      /^HEXMQ_STORAGE_URL_FILE: cannot read \/nowhere\/url \(ENOENT\), expected a file that the user who runs hexmq can read$/,
    ],
    [
      'a URL file together with a URL',
      { HEXMQ_STORAGE_URL_FILE: '/nowhere/url', HEXMQ_STORAGE_URL: `mongodb://${CREDENTIALS}host/` },
      /^HEXMQ_STORAGE_URL_FILE: HEXMQ_STORAGE_URL is set as well, expected one of them$/,
    ],
    [
      'an invalid name of a database',
      { HEXMQ_STORAGE_URL: `mongodb://${CREDENTIALS}host/`, HEXMQ_STORAGE_DATABASE: 'a b' },
      /database: "a b" is not valid, expected the name of a database$/,
    ],
  ])('%s is refused in one line', (_name, env, sentence) =>
    scene(async () => {
      expectRefusal(await start(env), sentence);
    }),
  );

  test.each([
    'storage: "$URL"',
    'storage: { adapter: "$URL" }',
    'storage: { adapter: mongodb, url: "$URL" }',
    'storage: { adapter: mongodb, options: { uri: "$URL" } }',
    '"$URL": x',
    'limits: { maxInflight: "$URL" }',
  ])('a misplaced URL (%s) is refused without repeating its credentials', (text) =>
    scene(async () => {
      const path = fileWith(text.replace('$URL', `mongodb://${CREDENTIALS}host/`));
      for (const command of ['start', 'check-config', 'inspect']) {
        const { status, stdout, stderr } = await hexmq([command, '--config', path], { cwd: temporaryDirectory() });
        expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
        expect(stderr).toMatch(/^hexmq: /);
        expectNoSecret(stderr);
      }
    }),
  );
});

describeWithServer(server, 'a MongoDB server that hexmq cannot use', (real) => {
  let database = '';
  beforeEach(() => {
    database = real.newDatabase();
  });

  const loginRefused = refusal(18, 'AuthenticationFailed', 'Authentication failed.');

  /** Admits every user: the tests cannot know which users the server has. */
  const admitting =
    (judge: Judge): Judge =>
    (command) => {
      const verdict = judge(command);
      return verdict === 'pass' && command.name === 'saslStart'
        ? { answer: { ok: 1, conversationId: 1, done: true, payload: Buffer.alloc(0) } }
        : verdict;
    };

  async function proxyThat(judge: Judge): Promise<MongoProxy> {
    const proxy = await MongoProxy.before(real.uri);
    afterwards(() => void proxy.close());
    proxy.judgeWith(admitting(judge));
    return proxy;
  }

  const urlOf = ({ address }: MongoProxy): string => `mongodb://${CREDENTIALS}${address}/?${PLAIN}`;

  test.each<readonly [string, Judge, RegExp]>([
    [
      'a MongoDB server that refuses the login',
      ({ name }) => (name === 'saslStart' ? { answer: loginRefused } : 'pass'),
      /^MongoDB at 127\.0\.0\.1:\d+\/hexmq_test_\w+ refuses the login or a request: check user, password and role \(readWrite is needed\) \(.+\)$/,
    ],
    [
      'a MongoDB server that does not grant the needed role',
      (command) =>
        isGreeting(command) || command.name === 'saslStart'
          ? 'pass'
          : { answer: refusal(13, 'Unauthorized', 'not authorized on hexmq to execute command') },
      /^MongoDB at \S+ refuses the login or a request: .+ \(not authorized on hexmq to execute command\)$/,
    ],
    [
      'a MongoDB server of an unsupported version',
      (command) =>
        isGreeting(command) ? { amend: (reply) => ({ ...reply, minWireVersion: 0, maxWireVersion: 6 }) } : 'pass',
      /^MongoDB at \S+ is of a version that is not supported: upgrade it to 4\.4 or later \(.+\)$/,
    ],
    [
      'a MongoDB server without space for a first start',
      ({ name }) =>
        ['insert', 'create', 'createIndexes', 'findAndModify'].includes(name)
          ? { answer: refusal(14_031, 'OutOfDiskSpace', 'no space') }
          : 'pass',
      /^no space left for MongoDB at \S+: free some \(no space\)$/,
    ],
    [
      'a MongoDB server that answers greetings only',
      (command) => (isGreeting(command) || command.name === 'saslStart' ? 'pass' : 'hold-reply'),
      /^MongoDB at \S+ cannot be reached or does not answer: .+$/,
    ],
    [
      'a MongoDB server that cuts every connection',
      () => 'cut',
      /^MongoDB at \S+ cannot be reached or does not answer: .+$/,
    ],
  ])(
    '%s is refused in one line',
    (_name, judge, sentence) =>
      scene(async () => {
        const proxy = await proxyThat(judge);
        expectRefusal(await start({ HEXMQ_STORAGE_URL: urlOf(proxy), HEXMQ_STORAGE_DATABASE: database }), sentence);
      }),
    PATIENCE_MS,
  );

  test('a MongoDB server outside the replica set of the URL is refused in one line', () =>
    scene(async () => {
      const { host } = new URL(real.uri);
      expectRefusal(
        await start({ HEXMQ_STORAGE_URL: `mongodb://${host}/?replicaSet=another`, HEXMQ_STORAGE_DATABASE: database }),
        /^MongoDB at \S+ is not a member of the replica set that the URL names: check replicaSet in it \(.+\)$/,
      );
    }));

  test.each<readonly [string, string, object, RegExp]>([
    [
      'another program uses',
      'orders',
      { _id: 1 },
      /^the database 127\.0\.0\.1:\d+\/hexmq_test_\w+ holds data that is not of hexmq: choose another one$/,
    ],
    [
      'a newer hexmq has written',
      'meta',
      { _id: 'format', version: 99 },
      /^the data in MongoDB at \S+ was written by a newer hexmq \(format 99, this one reads 1 to 2\): use that version or a later one$/,
    ],
  ])('a database that %s is refused in one line', (_name, collection, document, sentence) =>
    scene(async () => {
      const client = new MongoClient(real.uri);
      afterwards(() => void client.close());
      await client
        .db(database)
        .collection(collection)
        .insertOne({ ...document });
      expectRefusal(await start({ HEXMQ_STORAGE_URL: real.uri, HEXMQ_STORAGE_DATABASE: database }), sentence);
    }),
  );

  test(
    'credentials of MongoDB appear in no output: ready line, log, check-config, inspect, export, migrate and their errors',
    () =>
      scene(async () => {
        const proxy = await proxyThat(() => 'pass');
        const urlFile = fileWith(`${urlOf(proxy)}\n`, 'url');
        // The environment overrides the file.
        const config = fileWith(
          `storage: { adapter: mongodb, options: { url: "mongodb://${CREDENTIALS}nowhere.invalid/", database: other } }\n`,
          'hexmq.yaml',
        );
        const env = { HEXMQ_STORAGE_URL_FILE: urlFile, HEXMQ_STORAGE_DATABASE: database };
        const outputs: string[] = [];
        const command = async (args: readonly string[], environment: Environment, status: number): Promise<string> => {
          const end = await hexmq(args, { env: environment, cwd: temporaryDirectory() });
          outputs.push(end.stdout, end.stderr);
          expect({ args, status: end.status, stderr: end.stderr }).toEqual({ args, status, stderr: end.stderr });
          return end.stdout + end.stderr;
        };

        const broker = await startBroker(['--port', '0', '--config', config, '--log-level', 'debug'], { env });
        expect(broker.program.stdout).toContain(
          `storage mongodb (${proxy.address}/${database}; acknowledged when flushed to disk)`,
        );
        const client = await connect(broker, { clientId: 'a', clean: false });
        proxy.judgeWith((one) => (isGreeting(one) ? 'pass' : { answer: loginRefused }));
        proxy.cut();
        const acknowledged = client.mqtt.publishAsync('t', 'x', { qos: 1, retain: true });
        await broker.program.logs(/"event":"storage-failing".+refuses the login/);
        proxy.judgeWith(admitting(() => 'pass'));
        await acknowledged;
        // A second broker takes the database over: the first one ends and logs why.
        const other = await startBroker(['--port', '0', '--config', config], { env });
        const second = client.mqtt.publishAsync('t', 'y', { qos: 1, retain: true });
        second.catch(() => undefined);
        const { status, stdout, stderr } = await broker.program.end();
        expect(status).toBe(1);
        expect(stderr).toContain('"event":"fatal"');
        outputs.push(stdout, stderr);
        const end = await other.stop();
        expect(end.status).toBe(0);
        outputs.push(end.stdout, end.stderr);

        expect(await command(['check-config', '--config', config], env, 0)).toContain(
          `storage mongodb (${proxy.address}/${database};`,
        );
        expect(await command(['inspect', '--config', config], env, 0)).toContain('sessions');
        await command(['export', '--config', config, '--output', join(temporaryDirectory(), 'all.jsonl')], env, 0);
        const there = fileWith(
          `storage: { adapter: mongodb, options: { url: "${urlOf(proxy)}", database: ${database} } }\n`,
        );
        const target = fileWith(
          `storage: { adapter: mongodb, options: { url: "${urlOf(proxy)}", database: ${real.newDatabase()} } }\n`,
        );
        expect(await command(['migrate', '--from', there, '--to', target], {}, 0)).toMatch(
          /^migrated mongodb \(.+\) to mongodb \(.+\), equal on both sides/,
        );
        // The same commands with a refused login, and without a server.
        proxy.judgeWith(({ name }) => (name === 'saslStart' ? { answer: loginRefused } : 'pass'));
        expect(await command(['migrate', '--from', there, '--to', target], {}, 1)).toMatch(
          /^hexmq: MongoDB at \S+ refuses the login/,
        );
        expect(await command(['inspect', '--config', config], env, 1)).toMatch(
          /^hexmq: MongoDB at \S+ refuses the login/,
        );
        await proxy.close();
        expect(await command(['export', '--config', config], env, 1)).toMatch(
          /^hexmq: MongoDB at \S+ cannot be reached/,
        );
        for (const text of outputs) expectNoSecret(text);
      }),
    PATIENCE_MS,
  );

  describeWith('openssl', 'over TLS', () => {
    test('a MongoDB server over TLS is used if its certificate is trusted, and refused with one line of advice otherwise', () =>
      scene(async () => {
        const directory = temporaryDirectory();
        const own = makeCertificate(directory, 'own');
        const another = makeCertificate(directory, 'another');
        const { hostname, port } = new URL(real.uri);
        const terminator = await terminateTls(own, { host: hostname, port: Number(port) });
        afterwards(terminator.close);
        const url = (ca: string, host = '127.0.0.1'): string =>
          `mongodb://${host}:${String(terminator.port)}/?directConnection=true&tls=true&tlsCAFile=${encodeURIComponent(ca)}`;

        const broker = await startBroker(['--port', '0', '--storage', 'mongodb'], {
          env: { HEXMQ_STORAGE_URL: url(own.certificatePath), HEXMQ_STORAGE_DATABASE: database },
        });
        const client = await connect(broker, { clientId: 'a', clean: false });
        await client.mqtt.publishAsync('t', 'x', { qos: 1, retain: true });
        expect((await broker.stop()).status).toBe(0);

        const distrusted =
          /^MongoDB at \S+ has a certificate that is not trusted: check tlsCAFile in the URL, and the host name in the certificate \(.+\)$/;
        expectRefusal(
          await start({ HEXMQ_STORAGE_URL: url(another.certificatePath), HEXMQ_STORAGE_DATABASE: database }),
          distrusted,
        );
        expectRefusal(
          await start({ HEXMQ_STORAGE_URL: url(own.certificatePath, 'localhost'), HEXMQ_STORAGE_DATABASE: database }),
          distrusted,
        );
      }));
  });
});

// From a checked configuration to a broker: which adapters are created, in which order, and which are refused.
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, createBroker } from 'hexmq';
import { Authenticator, Authorizer, Listener, Random, Storage, Telemetry } from 'hexmq/ports';
import type { LifecycleEvent, BrokerEvent } from 'hexmq/ports';
import { MemoryStorage } from '../../../adapters/storage/memory/index.js';
import { MemoryNetwork } from '../../../adapters/network/memory/index.js';
import { Committer } from '../../../src/application/committer.js';
import { Engine } from '../../../src/application/engine.js';
import { BrokerService } from '../../../src/application/service.js';
import { Broker } from '../../../src/domain/broker.js';
import { resolveConfig } from '../../../src/composition/resolve-config.js';
import { checkAdapters } from '../../../src/composition/check.js';
import { composeBroker, createAdapters, createContainer } from '../../../src/composition/container.js';
import { LifecyclePart, ListenerAuthenticator } from '../../../src/composition/injection.js';

const silent = { telemetry: [] };
const inMemory = { storage: { adapter: 'memory' } };
/** CONNECT of MQTT 3.1.1, clean session, client identifier `a`. */
const CONNECT = Uint8Array.from([0x10, 13, 0, 4, ...Buffer.from('MQTT'), 4, 2, 0, 60, 0, 1, 0x61]);

describe('the parts of an engine', () => {
  const config = resolveConfig({ ...inMemory, listeners: [{ type: 'tcp', port: 0 }] });

  test('the parts of a broker are made once in a container, and shared by all that need them', async () => {
    const container = await createContainer(config, silent);
    const [engine, committer] = [await container.getAsync(Engine), await container.getAsync(Committer)];
    expect(engine.committer).toBe(committer);
    expect(engine.broker).toBe(await container.getAsync(Broker));
    expect((await container.getAsync(BrokerService)).engine).toBe(engine);
  });

  test('the parts of one broker are not shared with another broker', async () => {
    const [one, other] = [await createContainer(config, silent), await createContainer(config, silent)];
    expect(await one.getAsync(Committer)).not.toBe(await other.getAsync(Committer));
  });

  test('the parts of a broker can be resolved one by one: the part that commits needs no listener and no authenticator', async () => {
    const container = await createContainer(config, silent);
    const created: string[] = [];
    for (const [name, token] of Object.entries({ Listener, Authenticator, Storage, Engine }))
      container.onActivation<unknown>(token, (_context, part) => {
        created.push(name);
        return part;
      });
    await container.getAsync(Committer);
    expect(created).toEqual(['Storage']);
  });
});

describe('an embedded broker', () => {
  test('an embedded broker starts with the implementations that the program gives it, and stops', async () => {
    const network = new MemoryNetwork();
    const events: (BrokerEvent | LifecycleEvent)[] = [];
    const broker = createBroker(inMemory, {
      listeners: [network],
      telemetry: [{ emit: (event) => events.push(event) }],
    });
    expect(broker.addresses.size).toBe(0);
    await broker.start();
    expect([...broker.addresses]).toEqual([['memory', 'memory:memory']]);
    await broker.stop();
    await broker.stop();
    await broker.ended;
    expect(events.map(({ kind }) => kind)).toEqual(['listening', 'ready', 'stopping', 'stopped']);
  });

  test('an embedded broker listens on a TCP port if the program gives it no listener', async () => {
    const broker = createBroker({ ...inMemory, listeners: [{ type: 'tcp', port: 0 }] }, silent);
    await broker.start();
    expect(broker.addresses.get('tcp')).toMatch(/^127\.0\.0\.1:\d+$/);
    await broker.stop();
  });

  test('an embedded broker with an invalid configuration is refused when it is created', () => {
    expect(() => createBroker({ limits: { maxInflight: 0 } })).toThrow(ConfigError);
  });

  test('an embedded broker starts once, and refuses a second start', async () => {
    const broker = createBroker(inMemory, { ...silent, listeners: [new MemoryNetwork()] });
    await broker.start();
    await expect(broker.start()).rejects.toThrow('a broker starts once');
    await broker.stop();
  });

  test('an embedded broker can be stopped before it was started and after its start has failed', async () => {
    await createBroker(inMemory, silent).stop();
    const first = createBroker({ ...inMemory, listeners: [{ type: 'tcp', port: 0 }] }, silent);
    await first.start();
    const port = Number(first.addresses.get('tcp')?.split(':')[1]);
    const second = createBroker({ ...inMemory, listeners: [{ type: 'tcp', port }] }, silent);
    await expect(second.start()).rejects.toThrow('the port is in use');
    await second.stop();
    await second.ended;
    await first.stop();
  });

  test('an embedded broker that is stopped while its storage does not open closes the storage once it has opened', async () => {
    jest.useFakeTimers();
    try {
      const storage = new MemoryStorage();
      const calls: string[] = [];
      const open = storage.open.bind(storage);
      let openLate!: () => Promise<void>;
      storage.open = () =>
        new Promise((resolve) => {
          openLate = () => open().then(resolve);
        });
      const close = storage.close.bind(storage);
      storage.close = () => {
        calls.push('close');
        return close();
      };
      const service = await composeBroker(resolveConfig(inMemory), { ...silent, storage, listeners: [] });
      const started = service.start().catch((error: unknown) => calls.push((error as Error).name));
      await jest.advanceTimersByTimeAsync(0);
      const stopped = service.stop();
      await jest.advanceTimersByTimeAsync(5000);
      await Promise.all([started, stopped]);
      expect(calls).toEqual(['StartInterrupted']);
      await openLate();
      await jest.advanceTimersByTimeAsync(0);
      expect(calls).toEqual(['StartInterrupted', 'close']);
    } finally {
      jest.useRealTimers();
    }
  });

  test('an embedded broker calls the authenticators that the program gives it in their order', async () => {
    const calls: string[] = [];
    const abstaining = (name: string): Authenticator => ({
      name,
      authenticate: () => {
        calls.push(name);
        return { decision: 'abstain' };
      },
    });
    const network = new MemoryNetwork();
    const authenticators = ['first', 'second', 'third', 'fourth'].map(abstaining);
    const broker = createBroker(inMemory, { ...silent, listeners: [network], authenticators });
    await broker.start();
    const client = network.connect();
    client.write(CONNECT);
    await client.closed;
    expect(calls).toEqual(['first', 'second', 'third', 'fourth']);
    await broker.stop();
  });
});

describe('the authentication of a listener', () => {
  const connected = async (network: MemoryNetwork): Promise<string> => {
    const client = network.connect();
    client.write(CONNECT);
    await client.closed;
    return Buffer.concat(client.received).toString('hex');
  };
  const refusing = (reason: 'bad-credentials' | 'not-authorized'): Authenticator => ({
    name: reason,
    authenticate: () => ({ decision: 'deny', reason, detail: 'the test denies' }),
  });

  test('the authentication of a listener replaces the authentication of the broker for connections of that listener', async () => {
    const [one, other] = [new MemoryNetwork({ name: 'one' }), new MemoryNetwork({ name: 'other' })];
    const broker = createBroker(inMemory, {
      ...silent,
      listeners: [one, other],
      authenticators: [refusing('bad-credentials')],
      listenerAuthenticators: new Map([['other', [refusing('not-authorized')]]]),
    });
    await broker.start();
    expect([await connected(one), await connected(other)]).toEqual(['20020004', '20020005']);
    await broker.stop();
  });

  test('each entry in the authentication of a listener has an adapter of its own', async () => {
    const authentication = [{ adapter: 'certificate' }, { adapter: 'anonymous' }];
    const container = await createContainer(
      resolveConfig({
        authentication,
        listeners: [
          { type: 'tcp', port: 1, authentication },
          { type: 'tcp', port: 2 },
          { type: 'tcp', port: 3, name: 'third', authentication },
        ],
      }),
      silent,
    );
    const ofListener = (name: string): Promise<Authenticator[]> =>
      container.getAllAsync(ListenerAuthenticator, { name, optional: true });
    const all = [await container.getAllAsync(Authenticator), await ofListener('tcp-1'), await ofListener('third')];
    expect(all.map((list) => list.map(({ name }) => name))).toEqual(Array(3).fill(['certificate', 'anonymous']));
    expect(await ofListener('tcp-2')).toEqual([]);
    expect(new Set(all.flat()).size).toBe(6);
  });

  test('an authenticator of a listener that refuses its options is reported with its key in the configuration', async () => {
    const written = {
      listeners: [{ type: 'tcp', authentication: [{ adapter: 'certificate', options: { identity: 'x' } }] }],
    };
    await expect(checkAdapters(resolveConfig(written))).rejects.toThrow(
      'listeners[0].authentication[0].options: refused by certificate: identity: "x" is not valid, expected one of commonName, subject, san',
    );
  });
});

describe('an adapter', () => {
  const workingDirectory = process.cwd();
  const directory = mkdtempSync(join(tmpdir(), 'hexmq-plugins-'));

  afterAll(() => {
    process.chdir(workingDirectory);
    rmSync(directory, { recursive: true });
  });

  test('an adapter is created for each name in the configuration', async () => {
    const container = await createContainer(resolveConfig({ logging: { level: 'silent' } }));
    expect((await container.getAsync(Storage)).traits.durable).toBe(true);
    expect((await container.getAllAsync(Authenticator)).map(({ name }) => name)).toEqual(['anonymous']);
    expect((await container.getAllAsync(Listener)).map(({ name }) => name)).toEqual(['tcp']);
    expect(await container.getAllAsync(Telemetry)).toHaveLength(1);
    expect((await container.getAsync(Random)).bytes(5)).toHaveLength(5);
    expect(await composeBroker(resolveConfig({}), {})).toBeDefined();
  });

  test('an adapter is not even imported when the program gives another implementation', async () => {
    const config = resolveConfig({ storage: { adapter: 'no-such-package' }, authorization: [{ adapter: 'neither' }] });
    const container = await createContainer(config, { storage: new MemoryStorage(), authorizers: [] });
    await createAdapters(container, config);
    expect((await container.getAsync(Storage)).traits.durable).toBe(false);
    expect(await container.getAllAsync(Authorizer, { optional: true })).toEqual([]);
  });

  test('an adapter that is needed alone is created without the others', async () => {
    const config = resolveConfig({ storage: { adapter: 'memory' }, authentication: [{ adapter: 'no-such-package' }] });
    expect((await (await createContainer(config)).getAsync(Storage)).traits.durable).toBe(false);
  });

  test('an adapter is created once for all that depend on it', async () => {
    const container = await createContainer(resolveConfig(inMemory), silent);
    const [first, second] = await Promise.all([container.getAsync(Storage), container.getAsync(Storage)]);
    expect(first).toBe(second);
  });

  test('an adapter is shared with no other broker of the process', async () => {
    const config = resolveConfig(inMemory);
    const [one, other] = [await createContainer(config, silent), await createContainer(config, silent)];
    expect(await one.getAsync(Storage)).not.toBe(await other.getAsync(Storage));
  });

  test('an adapter that cannot be created does not hide the problems of others', async () => {
    const config = resolveConfig({
      storage: { adapter: 'no-storage' },
      authentication: [{ adapter: 'anonymous' }, { adapter: 'no-authenticator' }, { adapter: 'neither' }],
      authorization: [{ adapter: 'rules', options: { nothing: 1 } }],
    });
    const problems = await composeBroker(config).then(
      () => [],
      (error: unknown) => (error as ConfigError).problems.map((problem) => problem.split(':')[0]),
    );
    expect(problems).toEqual([
      'storage.adapter',
      'authentication[1].adapter',
      'authentication[2].adapter',
      'authorization[0].options',
    ]);
  });

  test('an adapter that is not installed is refused, and the nearest known name is suggested', async () => {
    await expect(checkAdapters(resolveConfig({ storage: { adapter: 'memroy' } }))).rejects.toThrow(
      'storage.adapter: "memroy" is not installed, expected memory, file, mongodb, the name of an installed npm package, or a path that begins with ./; did you mean memory?',
    );
    await expect(checkAdapters(resolveConfig({ authentication: [{ adapter: 'no-such-package' }] }))).rejects.toThrow(
      'authentication[0].adapter: "no-such-package" is not installed',
    );
  });

  test('an adapter is never loaded from a URL', async () => {
    for (const adapter of ['file:///x.js', 'data:text/javascript,1', 'node:fs', 'https://example.org/x.js']) {
      await expect(checkAdapters(resolveConfig({ storage: { adapter } }))).rejects.toThrow(
        'is not the name of an adapter',
      );
    }
  });

  test('an adapter that lacks the function of its port is refused by name', async () => {
    await expect(checkAdapters(resolveConfig({ storage: { adapter: 'yaml' } }))).rejects.toThrow(
      'storage.adapter: the package yaml exports neither a plugin (as default) nor a function createStorage, expected an adapter made for hexmq/ports',
    );
  });

  /** Installs a package in a directory, which becomes the working directory. */
  function installed(name: string, source: string): void {
    const folder = join(directory, 'node_modules', name);
    mkdirSync(folder, { recursive: true });
    const manifest = { name, version: '1.0.0', type: 'module', exports: './index.js' };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
    writeFileSync(join(folder, 'index.js'), source);
    process.chdir(directory);
  }

  test('an adapter may be a package installed in the working directory, and may refuse its options', async () => {
    installed(
      'hexmq-storage-example',
      `export function createStorage(options) {
        if (!options.url) throw new TypeError("url is missing");
        const methods = ['open', 'openReadOnly', 'load', 'commit', 'readQueue', 'readRetained', 'close'];
        const traits = { durable: false, fencing: false, preferredBatchChanges: 1 };
        return { of: options.url, traits, ...Object.fromEntries(methods.map((name) => [name, async () => {}])) };
      }`,
    );
    const withOptions = async (options: Record<string, unknown>): Promise<unknown> =>
      (
        await createContainer(resolveConfig({ storage: { adapter: 'hexmq-storage-example', options } }), silent)
      ).getAsync(Storage);
    expect(await withOptions({ url: 'x' })).toMatchObject({ of: 'x' });
    await expect(withOptions({})).rejects.toThrow('storage.options: refused by hexmq-storage-example: url is missing');
  });

  let packages = 0;

  /** What is said about a package with this source under each key of the configuration. */
  async function problemOf(port: 'storage' | 'authentication' | 'authorization', source: string): Promise<string> {
    const adapter = `hexmq-faulty-${String(++packages)}`;
    installed(adapter, source);
    const config = resolveConfig(port === 'storage' ? { storage: { adapter } } : { [port]: [{ adapter }] });
    const said = await checkAdapters(config).then(
      () => 'nothing',
      (error: unknown) => (error instanceof ConfigError ? error.message : `a crash: ${String(error)}`),
    );
    return said.replaceAll(adapter, 'NAME').replaceAll(/[^\s(]*node_modules/g, '');
  }

  const STORAGE = `const methods = ['open', 'openReadOnly', 'load', 'commit', 'readQueue', 'readRetained', 'close'];
    const storage = Object.fromEntries(methods.map((name) => [name, async () => {}]));`;
  const REJECTING = 'export const createAuthenticator = async () => { throw new Error("too late"); };';
  const AUTHENTICATOR = 'export const createAuthenticator = () => ({ name: "x", authenticate() {} });';

  test.each([
    [
      'storage',
      'export const createStorage = undefined;',
      'storage.adapter: the package NAME exports neither a plugin (as default) nor a function createStorage, expected an adapter made for hexmq/ports; its createStorage is undefined',
    ],
    [
      'storage',
      'export default { createStorage() {} };',
      'storage.adapter: the package NAME exports neither a plugin (as default) nor a function createStorage, expected an adapter made for hexmq/ports; its default export has one, which is not looked at',
    ],
    [
      'storage',
      AUTHENTICATOR,
      'storage.adapter: the package NAME exports neither a plugin (as default) nor a function createStorage, expected an adapter made for hexmq/ports; it exports createAuthenticator, so it is an adapter for something else',
    ],
    [
      'storage',
      'export default class {}',
      'storage.adapter: the package NAME exports neither a plugin (as default) nor a function createStorage, expected an adapter made for hexmq/ports; its default export was not made by definePlugin',
    ],
    [
      'storage',
      'export const createStorage = () => undefined;',
      'storage.adapter: NAME: createStorage returned undefined, expected a storage',
    ],
    [
      'storage',
      'export const createStorage = () => ({ name: "x", authenticate() {} });',
      'storage.adapter: NAME: createStorage returned an object without open(), openReadOnly(), load(), commit(), readQueue(), readRetained(), close(), expected a storage',
    ],
    [
      'storage',
      `${STORAGE} export const createStorage = async () => storage;`,
      'storage.adapter: NAME: createStorage returned a promise, expected a storage; what takes time belongs into its open()',
    ],
    [
      'storage',
      `${STORAGE} export const createStorage = () => storage;`,
      'storage.adapter: NAME: createStorage returned a storage that is not usable: the storage adapter broke its contract: it has no traits; the contract suite in hexmq/testkit finds such faults',
    ],
    [
      'authentication',
      REJECTING,
      'authentication[0].adapter: NAME: createAuthenticator returned a promise, expected an authenticator; what takes time belongs into its start()',
    ],
    [
      'authentication',
      'export const createAuthenticator = () => ({ authenticate() {} });',
      'authentication[0].adapter: NAME: createAuthenticator returned an authenticator whose name is undefined, expected a name for the log',
    ],
    [
      'authentication',
      'export const createAuthenticator = () => ({ name: "x", authenticate() {}, start: true });',
      'authentication[0].adapter: NAME: createAuthenticator returned an authenticator whose start is no function, expected a function, or none',
    ],
    ['authentication', AUTHENTICATOR, 'nothing'],
    [
      'authorization',
      'export const createAuthorizer = () => ({ name: "x", authenticate() {} });',
      'authorization[0].adapter: NAME: createAuthorizer returned an object without authorize(), expected an authorizer',
    ],
    [
      'authorization',
      'export const createAuthorizer = () => null;',
      'authorization[0].adapter: NAME: createAuthorizer returned null, expected an authorizer',
    ],
    [
      'authorization',
      '\nthrow new TypeError("no native module");',
      'authorization[0].adapter: NAME cannot be loaded: no native module (/NAME/index.js:2:7)',
    ],
    [
      'authorization',
      'import "not-installed-dependency";',
      expect.stringMatching(
        /^authorization\[0\]\.adapter: NAME cannot be loaded: .*Cannot find (module|package) 'not-installed/,
      ),
    ],
  ] as const)(
    'an adapter for %s with the source %s is reported by its key and its name',
    async (port, source, problem) => {
      expect(await problemOf(port, source)).toEqual(problem);
    },
  );
});

describe('the container', () => {
  test('the container starts access adapters, interceptors, storage, engine, listeners and warnings in this order', async () => {
    const container = await createContainer(resolveConfig(inMemory), silent);
    const parts = await container.getAllAsync(LifecyclePart);
    expect(parts.map(({ name }) => name)).toEqual([
      'event listeners',
      'services of adapters',
      'authentication and authorization',
      'interceptors',
      'storage',
      'engine',
      '$SYS',
      'plugins',
      'listeners',
      'warnings',
      'administration',
    ]);
  });

  test('the container limits the time of configured authenticators, and not of those that the program gives', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'hexmq-slow-'));
    const workingDirectory = process.cwd();
    try {
      const folder = join(directory, 'node_modules/hexmq-slow');
      mkdirSync(folder, { recursive: true });
      writeFileSync(
        join(folder, 'package.json'),
        '{ "name": "hexmq-slow", "type": "module", "exports": "./index.js" }',
      );
      writeFileSync(
        join(folder, 'index.js'),
        'export const createAuthenticator = () => ({ name: "slow", authenticate: () => new Promise(() => {}) });',
      );
      process.chdir(directory);
      const config = resolveConfig({ authentication: [{ adapter: 'hexmq-slow', timeoutMs: 5 }] });
      const [configured] = await (await createContainer(config, silent)).getAllAsync(Authenticator);
      await expect(configured?.authenticate({ clientId: 'slow' } as never)).rejects.toThrow('no answer within 5 ms');
      const own: Authenticator = { name: 'own', authenticate: () => ({ decision: 'abstain' }) };
      const [given] = await (
        await createContainer(config, { ...silent, authenticators: [own] })
      ).getAllAsync(Authenticator);
      expect(given).toBe(own);
    } finally {
      process.chdir(workingDirectory);
      rmSync(directory, { recursive: true });
    }
  });
});

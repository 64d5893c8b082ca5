// From a checked configuration to a broker: adapters are found, refused by name when they are not what was asked for, and kept in order.
import { afterAll, describe, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, createBroker } from 'hexmq';
import { Authenticator, Listener, Random, Storage, Telemetry } from 'hexmq/ports';
import type { LifecycleEvent, BrokerEvent } from 'hexmq/ports';
import { MemoryNetwork } from '../../../adapters/network/memory/index.js';
import { resolveConfig } from '../../../src/composition/config.js';
import { checkAdapters } from '../../../src/composition/check.js';
import { composeBroker, createContainer } from '../../../src/composition/container.js';
import { ListenerAuthenticator } from '../../../src/composition/injection.js';

const silent = { telemetry: [] };
const inMemory = { storage: { adapter: 'memory' } };
/** CONNECT of MQTT 3.1.1, clean session, client identifier `a`. */
const CONNECT = Uint8Array.from([0x10, 13, 0, 4, ...Buffer.from('MQTT'), 4, 2, 0, 60, 0, 1, 0x61]);

describe('an embedded broker', () => {
  test('starts on the ports that it was given and stops', async () => {
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

  test('listens on a real port when nothing else is said', async () => {
    const broker = createBroker({ ...inMemory, listeners: [{ type: 'tcp', port: 0 }] }, silent);
    await broker.start();
    expect(broker.addresses.get('tcp')).toMatch(/^127\.0\.0\.1:\d+$/);
    await broker.stop();
  });

  test('refuses a configuration that is wrong before it is started', () => {
    expect(() => createBroker({ limits: { maxInflight: 0 } })).toThrow(ConfigError);
  });

  test('starts once', async () => {
    const broker = createBroker(inMemory, { ...silent, listeners: [new MemoryNetwork()] });
    await broker.start();
    await expect(broker.start()).rejects.toThrow('a broker starts once');
    await broker.stop();
  });

  test('can be stopped before it was started, and after a start that failed', async () => {
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

  test('asks its authenticators in the order in which they were given', async () => {
    const asked: string[] = [];
    const abstaining = (name: string): Authenticator => ({
      name,
      authenticate: () => {
        asked.push(name);
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
    expect(asked).toEqual(['first', 'second', 'third', 'fourth']);
    await broker.stop();
  });
});

describe('authentication of a listener', () => {
  const connected = async (network: MemoryNetwork): Promise<string> => {
    const client = network.connect();
    client.write(CONNECT);
    await client.closed;
    return Buffer.concat(client.received).toString('hex');
  };
  const refusing = (reason: 'bad-credentials' | 'not-authorized'): Authenticator => ({
    name: reason,
    authenticate: () => ({ decision: 'deny', reason, detail: 'the test says so' }),
  });

  test('is asked instead of that of the broker', async () => {
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

  test('is loaded as the configuration has it, an adapter for each entry', async () => {
    const authentication = [{ adapter: 'certificate' }, { adapter: 'anonymous' }];
    const container = createContainer(
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

  test('that refuses its options is told with its place', async () => {
    const written = {
      listeners: [{ type: 'tcp', authentication: [{ adapter: 'certificate', options: { identity: 'x' } }] }],
    };
    await expect(checkAdapters(resolveConfig(written))).rejects.toThrow(
      'listeners[0].authentication[0].options: refused by certificate: identity: "x" is not valid, expected one of commonName, subject, san',
    );
  });
});

describe('adapters', () => {
  const workingDirectory = process.cwd();
  const directory = mkdtempSync(join(tmpdir(), 'hexmq-plugins-'));

  afterAll(() => {
    process.chdir(workingDirectory);
    rmSync(directory, { recursive: true });
  });

  test('are loaded as the configuration names them', async () => {
    const container = createContainer(resolveConfig({ logging: { level: 'silent' } }));
    expect((await container.getAsync(Storage)).traits.durable).toBe(true);
    expect((await container.getAllAsync(Authenticator)).map(({ name }) => name)).toEqual(['anonymous']);
    expect((await container.getAllAsync(Listener)).map(({ name }) => name)).toEqual(['tcp']);
    expect(await container.getAllAsync(Telemetry)).toHaveLength(1);
    expect((await container.getAsync(Random)).bytes(5)).toHaveLength(5);
    expect(await composeBroker(resolveConfig({}), {})).toBeDefined();
  });

  test('that are not installed are refused, with the name that was probably meant', async () => {
    await expect(checkAdapters(resolveConfig({ storage: { adapter: 'memroy' } }))).rejects.toThrow(
      'storage.adapter: "memroy" is not installed, expected memory, file, mongodb or the name of an installed npm package; did you mean memory?',
    );
    await expect(checkAdapters(resolveConfig({ authentication: [{ adapter: 'no-such-package' }] }))).rejects.toThrow(
      'authentication[0].adapter: "no-such-package" is not installed',
    );
  });

  test('are packages, never files or addresses', async () => {
    for (const adapter of ['./evil.js', '/etc/passwd', 'file:///x.js', 'data:text/javascript,1', '../x', 'node:fs']) {
      await expect(checkAdapters(resolveConfig({ storage: { adapter } }))).rejects.toThrow('is no name of an adapter');
    }
  });

  test('that lack the function of their port are refused by name', async () => {
    await expect(checkAdapters(resolveConfig({ storage: { adapter: 'yaml' } }))).rejects.toThrow(
      'storage.adapter: the package yaml exports no function createStorage, expected an adapter made for hexmq/ports',
    );
  });

  test('may be installed where the broker is started, and refuse their options', async () => {
    const folder = join(directory, 'node_modules/hexmq-storage-of-somebody');
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ name: 'hexmq-storage-of-somebody', version: '1.0.0', type: 'module', exports: './index.js' }),
    );
    writeFileSync(
      join(folder, 'index.js'),
      'export function createStorage(options) { if (!options.url) throw new TypeError("url is missing"); return { of: options.url }; }',
    );
    process.chdir(directory);
    const withOptions = (options: Record<string, unknown>): Promise<unknown> =>
      createContainer(resolveConfig({ storage: { adapter: 'hexmq-storage-of-somebody', options } }), silent).getAsync(
        Storage,
      );
    expect(await withOptions({ url: 'x' })).toEqual({ of: 'x' });
    await expect(withOptions({})).rejects.toThrow(
      'storage.options: refused by hexmq-storage-of-somebody: url is missing',
    );
  });
});

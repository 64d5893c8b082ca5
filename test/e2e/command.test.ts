// The command: its output, its reaction to signals, and its refusals.
import { describe, expect, test } from '@jest/globals';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { hexmq, ROOT, startBroker, withBroker } from './hexmq-command.js';
import { connect } from './mqtt-js.js';
import { afterwards, scene } from './program.js';
import type { ProgramEnd } from './program.js';

const { version } = JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8')) as { version: string };

const MEMORY_STORAGE = pathToFileURL(join(ROOT, 'dist/adapters/storage/memory/index.js')).href;

function fileWith(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'hexmq-e2e-'));
  afterwards(() => {
    rmSync(directory, { recursive: true });
  });
  const path = join(directory, 'hexmq.yaml');
  writeFileSync(path, text);
  return path;
}

/** Told on standard error in sentences of ours, each with all of these words, and nothing of the program's insides. */
function expectRefusal({ status, stdout, stderr }: ProgramEnd, ...words: string[]): void {
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  for (const word of words) expect(stderr).toContain(word);
  expect(stderr).toMatch(/^(hexmq|error): .+\n$/);
  expect(stderr).not.toMatch(/\bat .+:\d+:\d+|node_modules|dist\//);
}

test('a command whose storage never answers says so by the name of the package', async () => {
  const config = fileWith('storage: { adapter: hexmq-storage-hanging }');
  const folder = join(dirname(config), 'node_modules/hexmq-storage-hanging');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "name": "hexmq-storage-hanging", "exports": "./index.mjs" }');
  writeFileSync(
    join(folder, 'index.mjs'),
    `const traits = { durable: true, fencing: true, preferredBatchChanges: 1 };
    const never = () => new Promise(() => {});
    export const createStorage = () => ({ traits, open: never, openReadOnly: never, load: never, commit: never,
      readQueue: never, readRetained: never, close: never });`,
  );
  expectRefusal(
    await hexmq(['inspect', '--config', config], { cwd: dirname(config) }),
    'storage.adapter: openReadOnly() of hexmq-storage-hanging never settled',
  );
});

test('a storage that is linked, as npm link and pnpm do, finds its own dependencies', () =>
  scene(async () => {
    const config = fileWith('storage: { adapter: hexmq-storage-linked }');
    const modules = join(dirname(config), 'node_modules');
    const store = join(dirname(config), 'store/node_modules');
    for (const [name, code] of [
      ['needed', `export { createStorage } from 'needed-by-that';`],
      ['needed-by-that', `export { createStorage } from ${JSON.stringify(MEMORY_STORAGE)};`],
    ] as const) {
      mkdirSync(join(store, name), { recursive: true });
      writeFileSync(join(store, name, 'package.json'), JSON.stringify({ name, exports: './index.mjs' }));
      writeFileSync(join(store, name, 'index.mjs'), code);
    }
    mkdirSync(modules);
    symlinkSync(join(store, 'needed'), join(modules, 'hexmq-storage-linked'));
    const { stop } = await startBroker(['--port', '0', '--config', config], { cwd: dirname(config) });
    expect((await stop()).status).toBe(0);
  }));

describe('hexmq start', () => {
  test('hexmq start prints one line when it is ready, with its address, storage and authentication', () =>
    withBroker(async ({ program, host, port }) => {
      // Not on a terminal, it is a line of the log, which is JSON there.
      expect(program.stdout).toMatch(/^[^\n]+\n$/);
      expect(JSON.parse(program.stdout)).toEqual({
        level: 'info',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        event: 'started',
        version,
        msg: `hexmq ${version} ready: tcp ${host}:${port}, storage memory (not durable: nothing survives a restart), authentication anonymous (everyone is admitted)`,
      });
      expect(host).toBe('127.0.0.1');
    }));

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'hexmq start ends with status 0 at %s, and its clients see their connections close',
    (signal) =>
      scene(async () => {
        const broker = await startBroker();
        const clients = await Promise.all([connect(broker, {}, '3.1'), connect(broker, {}, '3.1.1')]);
        broker.program.kill(signal);
        await Promise.all(clients.map(({ closed }) => closed));
        expect(await broker.program.end()).toMatchObject({ status: 0, signal: null });
      }),
  );

  test('hexmq start ignores SIGUSR1 and SIGUSR2, opens no debugger, and logs the signal', () =>
    withBroker(async (broker) => {
      const { mqtt } = await connect(broker);
      for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) {
        broker.program.kill(signal);
        await broker.program.logs(new RegExp(`"level":"warn",.*"event":"signal-ignored","signal":"${signal}"`));
      }
      await mqtt.publishAsync('still', 'here', { qos: 1 });
      expect(broker.program.stderr).not.toContain('Debugger');
    }));

  test('hexmq start exits with status 1, the address and advice if its port is in use', () =>
    withBroker(async ({ host, port }) => {
      expectRefusal(await hexmq(['start', '--port', String(port)]), `${host}:${port}`, 'in use', '--port');
    }));

  test('hexmq start can use the port of a broker that has just stopped', () =>
    scene(async () => {
      const first = await startBroker();
      await connect(first);
      await first.stop();
      const second = await startBroker(['--port', String(first.port)]);
      expect(second.port).toBe(first.port);
      expect((await second.stop()).status).toBe(0);
    }));

  test('hexmq start listens on HEXMQ_PORT unless a flag gives another port', () =>
    scene(async () => {
      // The port of one that has stopped is free.
      const first = await startBroker();
      await first.stop();
      const env = { HEXMQ_PORT: String(first.port) };
      const second = await startBroker([], { env });
      expect(second.port).toBe(first.port);
      // While it is taken, the flag has to win.
      const third = await startBroker(['--port', '0'], { env });
      expect(third.port).not.toBe(first.port);
      expect((await second.stop()).status).toBe(0);
      expect((await third.stop()).status).toBe(0);
    }));

  test('a Kubernetes Service named hexmq does not keep the broker from starting', () =>
    scene(async () => {
      const env = {
        HEXMQ_PORT: 'tcp://10.0.0.1:1883',
        HEXMQ_SERVICE_HOST: '10.0.0.1',
        HEXMQ_SERVICE_PORT: '1883',
        HEXMQ_SERVICE_PORT_MQTT: '1883',
        HEXMQ_PORT_1883_TCP: 'tcp://10.0.0.1:1883',
        HEXMQ_PORT_1883_TCP_PROTO: 'tcp',
        HEXMQ_PORT_1883_TCP_PORT: '1883',
        HEXMQ_PORT_1883_TCP_ADDR: '10.0.0.1',
        HEXMQ_METRICS_PORT: 'tcp://10.0.0.2:9100',
        HEXMQ_METRICS_SERVICE_HOST: '10.0.0.2',
      };
      const broker = await startBroker(['--port', '0', '--storage', 'memory'], { env });
      expect((await broker.stop()).status).toBe(0);
      expect((await hexmq(['check-config'], { env: { ...env, HEXMQ_SERVICE_HOTS: 'x' } })).stderr).toMatch(
        /^hexmq: HEXMQ_SERVICE_HOTS: unknown variable.*\n$/,
      );
    }));

  test('hexmq start applies limits from a file and from the environment', () =>
    scene(async () => {
      const config = fileWith('listeners: [{ type: tcp, port: 0 }]\nlimits: { maxQos: 0 }\n');
      const broker = await startBroker(['--config', config], { env: { HEXMQ_LIMITS_MAX_QOS: '1' } });
      const client = await connect(broker);
      const [grant] = await client.mqtt.subscribeAsync('topic', { qos: 2 });
      expect(grant?.qos).toBe(1);
      expect((await broker.stop()).status).toBe(0);
    }));
});

describe('an invalid configuration', () => {
  test.each([
    ['an unknown key', 'limits: { maxInFlight: 5 }', ['limits.maxInFlight', 'unknown key', 'maxInflight']],
    [
      'a value of the wrong type',
      'limits: { maxInflight: many }',
      ['limits.maxInflight', '"many"', 'a whole number from 1 to 65535'],
    ],
    ['a value out of range', 'listeners: [{ type: tcp, port: 70000 }]', ['listeners[0].port', '70000', '0 to 65535']],
    ['an unknown storage', 'storage: { adapter: memroy }', ['storage.adapter', 'memroy', 'memory']],
    [
      'a host that others can reach, without authentication',
      'listeners: [{ type: tcp, host: 0.0.0.0 }]',
      ['listeners[0].host', '0.0.0.0', 'authentication', '127.0.0.1'],
    ],
    ['text that is not YAML', 'limits: {\nlisteners: ][', ['hexmq.yaml', 'line 2']],
  ])('start and check-config refuse a configuration with %s', (_what, text, words) =>
    scene(async () => {
      const config = fileWith(text);
      const [started, checked] = await Promise.all([
        hexmq(['start', '--config', config]),
        hexmq(['check-config', '--config', config]),
      ]);
      for (const end of [started, checked]) {
        const { status, stdout, stderr } = end;
        expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
        // Text that is not YAML may be wrong in several places, with a line for each.
        expectRefusal({ ...end, stderr: `${stderr.split('\n')[0]}\n` }, ...words);
        expect(stderr).toMatch(/^(hexmq: .+\n)+$/);
      }
    }),
  );

  test('a configuration file that cannot be read is refused with its name', () =>
    scene(async () => {
      const missing = join(tmpdir(), 'hexmq-there-is-no-such-file.yaml');
      expectRefusal(await hexmq(['start', '--config', missing]), missing, 'no such file');
      expectRefusal(await hexmq(['start', '--config', tmpdir()]), tmpdir(), 'directory');
      if (process.getuid?.() === 0) return; // Root can read every file.
      const locked = fileWith('limits: {}');
      chmodSync(locked, 0);
      expectRefusal(await hexmq(['start', '--config', locked]), locked, 'not permitted');
    }));

  test('an invalid value of a flag or variable is refused with the name of the flag or variable', () =>
    scene(async () => {
      expectRefusal(await hexmq(['start', '--port', 'high']), '--port', '"high"', '0 to 65535');
      expectRefusal(await hexmq(['start', '--storage', 'papyrus']), 'papyrus', 'memory');
      expectRefusal(await hexmq(['start', '--host', '0.0.0.0']), '--host', '0.0.0.0', 'authentication');
      expectRefusal(await hexmq(['start'], { env: { HEXMQ_PORT: '-1' } }), 'HEXMQ_PORT', '-1', '0 to 65535');
      expectRefusal(await hexmq(['start'], { env: { HEXMQ_PROT: '1884' } }), 'HEXMQ_PROT', 'HEXMQ_PORT');
    }));

  test('a configuration with several problems is refused with all of them at once', () =>
    scene(async () => {
      const { status, stderr } = await hexmq([
        'check-config',
        '--config',
        fileWith('limits: { maxInflight: 0, maxQos: 3 }\nstorrage: { adapter: memory }\n'),
      ]);
      expect(status).toBe(1);
      for (const key of ['limits.maxInflight', 'limits.maxQos', 'storrage'])
        expect(stderr).toContain(`hexmq: ${key}: `);
    }));
});

describe('hexmq', () => {
  test('hexmq check-config prints that a configuration is valid, and the listeners and storage it results in', () =>
    scene(async () => {
      const { status, stdout, stderr } = await hexmq([
        'check-config',
        '--config',
        fileWith('listeners: [{ type: tcp, port: 1999 }]'),
      ]);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toMatch(
        /^the configuration is valid: tcp 127\.0\.0\.1:1999, storage file .*, authentication anonymous .*\n$/,
      );
    }));

  test('hexmq check-config prints an IPv6 address as hexmq start does', () =>
    scene(async () => {
      const { stdout } = await hexmq([
        'check-config',
        '--config',
        fileWith(
          'listeners: [{ type: tcp, host: "::", port: 1999 }, { type: ws, host: "::1", port: 2000 }]\nauthentication: [{ adapter: anonymous }]',
        ),
      ]);
      expect(stdout).toMatch(/^the configuration is valid: tcp \[::\]:1999, ws \[::1\]:2000, storage /);
    }));

  test('hexmq --version prints the version of the package', () =>
    scene(async () => {
      expect(await hexmq(['--version'])).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' });
    }));

  test('hexmq --help lists the commands and the environment variables', () =>
    scene(async () => {
      const { status, stdout } = await hexmq(['--help']);
      expect(status).toBe(0);
      for (const word of ['start', 'check-config', 'HEXMQ_CONFIG', 'HEXMQ_LIMITS_MAX_INFLIGHT'])
        expect(stdout).toContain(word);
      const start = await hexmq(['start', '--help']);
      for (const flag of ['--config', '--port', '--host', '--storage', '--data', '--log-level'])
        expect(start.stdout).toContain(flag);
    }));

  test('an unknown option or command is refused with a suggestion', () =>
    scene(async () => {
      const option = await hexmq(['start', '--prot', '1884']);
      expect(option).toMatchObject({ status: 1, stdout: '' });
      expect(option.stderr).toMatch(/--prot[^]*--port/);
      const command = await hexmq(['strat']);
      expect(command).toMatchObject({ status: 1, stdout: '' });
      expect(command.stderr).toMatch(/strat[^]*start/);
    }));
});

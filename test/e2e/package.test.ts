// The package as npm would publish it, installed into empty projects: the command, the entries for programs, the types,
// and what it says about packages that it does not bring, on each version of Node that test/e2e/node-versions installs.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, readiness } from './hexmq-command.js';
import { connect } from './mqtt-js.js';
import { Program, run, scene } from './program.js';
import { describeWith, NODE_VERSIONS } from './tools.js';

const DIRECTORY = mkdtempSync(join(tmpdir(), 'hexmq-package-'));
/** It has nothing but hexmq. */
const BARE = join(DIRECTORY, 'bare');
/** It has the optional packages too, in the versions of the lock file. */
const FULL = join(DIRECTORY, 'full');
const INSTALLING_MS = 180_000;

const { version, packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
  readonly version: string;
  readonly packages: Readonly<Record<string, { readonly version: string }>>;
};
const locked = (name: string): string => `${name}@${packages[`node_modules/${name}`]?.version ?? ''}`;

async function npm(args: readonly string[], cwd: string): Promise<string> {
  const { status, stdout } = await run('npm', args, { cwd, patienceMs: INSTALLING_MS });
  expect({ args, status }).toEqual({ args, status: 0 });
  return stdout.trim();
}

async function install(project: string, names: readonly string[]): Promise<void> {
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }');
  await npm(['install', '--prefer-offline', '--no-audit', '--no-fund', '--silent', ...names], project);
}

/** The command in a project, for Node. */
const command = (project: string): string => join(project, 'node_modules/hexmq/dist/src/cli/main.js');

const missing = (key: string, adapter: string, name: string): string =>
  `hexmq: ${key}: ${adapter} needs the package ${name}, which is not installed: npm install ${name}\n`;

const IN_FILES = missing('storage.adapter', 'file', 'classic-level');
const IN_MONGODB = missing('storage.adapter', 'mongodb', 'mongodb');
/** Commands of which a package is not installed, and what they say. */
const REFUSED: readonly (readonly [args: string, says: string])[] = [
  ['start', IN_FILES],
  ['check-config', IN_FILES],
  ['inspect', IN_FILES],
  ['export', IN_FILES],
  ['import', IN_FILES],
  ['start --storage mongodb', IN_MONGODB],
  ['inspect --storage mongodb', IN_MONGODB],
  ['check-config --config users.yaml', missing('authentication[0].adapter', 'mongodb', 'mongodb')],
  ['start --config users.yaml', missing('authentication[0].adapter', 'mongodb', 'mongodb')],
  ['check-config --config roles.yaml', missing('authorization[0].adapter', 'mongodb', 'mongodb')],
];

const CONFIGURATIONS = {
  'users.yaml':
    'storage: { adapter: memory }\nauthentication: [{ adapter: mongodb, options: { url: "mongodb://a" } }]\n',
  'roles.yaml':
    'storage: { adapter: memory }\nauthorization: [{ adapter: mongodb, options: { url: "mongodb://a" } }]\n',
  'files.yaml': 'storage: { adapter: file, options: { directory: ./a } }\n',
  'memory.yaml': 'storage: { adapter: memory }\n',
};

/** A test of an adapter with Node's test runner, as the guides describe it. */
const KIT = `
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import fastCheck from 'fast-check';
import { createStorage } from 'hexmq/adapters/storage/memory';
import { runSeed, storageContract } from 'hexmq/testkit';

storageContract({
  name: 'memory',
  describe,
  test,
  fastCheck,
  model: { numRuns: 5 },
  factory: {
    async create() {
      const storage = createStorage({});
      return { storage, reopen: async () => createStorage({}), dispose: () => storage.close() };
    },
  },
});

test('a simulation', async () => {
  for (const seed of [1, 2, 3]) {
    const { violation, steps } = await runSeed(seed, { makeStorage: () => createStorage({}) });
    assert.equal(violation, undefined);
    assert.ok(steps > 0);
  }
});
`;

const EMBEDDING = `
import { createBroker } from 'hexmq';
import { ReasonCode, Storage } from 'hexmq/ports';

const broker = createBroker({
  listeners: [{ type: 'tcp', port: 0 }],
  storage: { adapter: 'file', options: { directory: './embedded-' + process.version } },
  logging: { level: 'fatal' },
});
await broker.start();
await broker.stop();
console.log(ReasonCode.notAuthorized, typeof Storage);
`;

/** What a program in TypeScript does with each entry. */
const TYPED = `
import { createBroker } from 'hexmq';
import type { Broker, ConfigInput } from 'hexmq';
import { ReasonCode } from 'hexmq/ports';
import type { Interceptor, Storage } from 'hexmq/ports';
import { createStorage } from 'hexmq/adapters/storage/memory';
import { runSeed, storageContract } from 'hexmq/testkit';

const config: ConfigInput = { storage: { adapter: 'memory' } };
const interceptor: Interceptor = {
  name: 'no',
  publish: () => ({ decision: 'deny', reasonCode: ReasonCode.quotaExceeded, reason: 'no' }),
};
export const broker: Broker = createBroker(config, { interceptors: [interceptor] });
export const storage: Storage = createStorage({});
export const outcome = runSeed(1, { makeStorage: () => createStorage({}) });
export const contract: (...options: Parameters<typeof storageContract>) => void = storageContract;
`;

/** Declarations that still need Node's types where a program has none. Nothing may be added. */
const NEED_NODE_TYPES = [
  'adapters/admin/http/tokens',
  'adapters/auth/passwords/password-hash',
  'adapters/auth/passwords/user-lines',
  'adapters/auth/scram/credentials',
  'adapters/auth/scram/credentials-file',
  'src/application/output-buffer',
  'src/ports/regular-file',
];

describeWith('node_versions', 'the package in an empty project', () => {
  beforeAll(async () => {
    await scene(async () => {
      const packed = await npm(['pack', '--ignore-scripts', '--silent', '--pack-destination', DIRECTORY], ROOT);
      const tarball = join(DIRECTORY, packed);
      const optional = ['classic-level', 'mongodb', 'fast-check'].map(locked);
      await Promise.all([install(BARE, [tarball]), install(FULL, [tarball, ...optional])]);
    });
    for (const [name, text] of Object.entries(CONFIGURATIONS)) writeFileSync(join(BARE, name), text);
    writeFileSync(join(FULL, 'kit.test.mjs'), KIT);
    writeFileSync(join(FULL, 'embedding.mjs'), EMBEDDING);
    writeFileSync(join(FULL, 'typed.ts'), TYPED);
  }, INSTALLING_MS);
  afterAll(() => {
    rmSync(DIRECTORY, { recursive: true, force: true });
  });

  describe.each([...NODE_VERSIONS])('with Node %s', (_version, node) => {
    test('the command starts, serves a client, and checks its configuration', () =>
      scene(async () => {
        expect(await run(node, [command(BARE), '--version'])).toMatchObject({ status: 0, stdout: `${version}\n` });
        const checked = await run(node, [command(BARE), 'check-config', '--config', 'memory.yaml'], { cwd: BARE });
        expect(checked).toMatchObject({ status: 0, stderr: '' });
        const args = [command(BARE), 'start', '--storage', 'memory', '--port', '0'];
        const broker = new Program(node, args, { cwd: BARE });
        const { host, port } = await readiness(broker);
        const client = await connect({ url: `mqtt://${host}:${port}` });
        await client.mqtt.subscribeAsync('plant/#', { qos: 1 });
        await client.mqtt.publishAsync('plant/7', '21.5', { qos: 1 });
        expect(await client.inbox.texts(1)).toEqual(['21.5']);
        broker.kill('SIGTERM');
        await client.closed;
        expect((await broker.end()).status).toBe(0);
      }));

    test('an adapter without its package is refused by a sentence that names the package', () =>
      scene(async () => {
        const commands = node === NODE_VERSIONS.values().next().value ? REFUSED : REFUSED.slice(-3);
        for (const [args, says] of commands) {
          const refused = await run(node, [command(BARE), ...args.split(' ')], { cwd: BARE });
          expect({ args, ...refused }).toEqual({ args, status: 1, signal: null, stdout: '', stderr: says });
        }
      }));

    test('a contract suite and a simulation run with node:test, and a broker is embedded', () =>
      scene(async () => {
        const kit = await run(node, ['--test', 'kit.test.mjs'], { cwd: FULL, patienceMs: 60_000 });
        expect(kit).toMatchObject({ status: 0, stdout: expect.stringMatching(/^. fail 0$/m) });
        expect(Number(/^. pass (\d+)$/m.exec(kit.stdout)?.[1])).toBeGreaterThan(10);
        const embedded = await run(node, ['embedding.mjs'], { cwd: FULL });
        expect(embedded).toMatchObject({ status: 0, stdout: '135 symbol\n' });
      }));
  });

  test('migrate names the package of each side that lacks one', () =>
    scene(async () => {
      const migrate = ['migrate', '--from', 'files.yaml', '--to', 'memory.yaml'];
      const { status, stderr } = await run(process.execPath, [command(BARE), ...migrate], { cwd: BARE });
      expect(status).toBe(1);
      expect(stderr).toContain('file needs the package classic-level, which is not installed: npm install classic-lev');
      expect(stderr).not.toMatch(/^ +at /m);
    }));

  test('a program in TypeScript compiles without the types of Node, and with the libraries checked', () =>
    scene(async () => {
      const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
      const compilerOptions = {
        strict: true,
        noEmit: true,
        module: 'nodenext',
        target: 'es2022',
        // AbortSignal and URL, which are the same in browsers.
        lib: ['es2022', 'dom'],
        types: [],
      };
      writeFileSync(join(FULL, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['typed.ts'] }));
      const { stdout } = await run(process.execPath, [compiler, '-p', '.'], { cwd: FULL, patienceMs: 60_000 });
      const known = NEED_NODE_TYPES.map((name) => `node_modules/hexmq/dist/${name}.d.ts`);
      const lines = stdout.split('\n').filter((line) => line !== '' && !line.startsWith(' '));
      expect(lines.filter((line) => !known.includes(line.split('(')[0] ?? ''))).toEqual([]);
      expect(lines.filter((line) => !line.includes("'Buffer'"))).toEqual([]);
    }));
});

// The import rules: the tree obeys them, and each rejects a violation. A rule that matches nothing looks exactly like a
// rule that is obeyed, so for each there is a file that breaks it, in a temporary tree with the project's layout.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
const CONFIG = join(ROOT, '.dependency-cruiser.cjs');
const COMMAND = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');

interface Rule {
  readonly name: string;
  readonly comment?: string;
  readonly severity: string;
}

const { forbidden } = createRequire(import.meta.url)(CONFIG) as { forbidden: readonly Rule[] };

/** For each rule, files that break it, with their contents. */
const VIOLATIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ...Object.fromEntries(
    [
      'access',
      'messages',
      'topics',
      'queues',
      'routing',
      'session',
      'publish',
      'connect',
      'handlers',
      'in-process',
    ].map((folder) => [
      `domain-folders-run-one-way-from-${folder}`,
      {
        [`src/domain/${folder}/upward.ts`]: `import type { value } from '../${
          ['handlers', 'in-process'].includes(folder) ? 'broker' : 'handlers/handler'
        }.js'; export type T = typeof value;`,
      },
    ]),
  ),
  'no-cycles': { 'src/domain/chicken.ts': "import { value } from './egg.js'; export const other = value;" },
  'nothing-unresolved': { 'src/application/lost.ts': "import './nowhere.js';" },
  'protocol-imports-only-itself': {
    'src/protocol/outward.ts': "import type { value } from '../domain/rule.js'; export type T = typeof value;",
    'src/protocol/impure.ts': "import { randomBytes } from 'node:crypto'; export const salt = randomBytes(1);",
    'src/protocol/borrowed.ts': "import 'zod';",
  },
  'domain-imports-only-itself-and-protocol': {
    'src/domain/impure.ts': "import { readFileSync } from 'node:fs'; export const text = readFileSync('x');",
    'src/domain/session/outward.ts': "import type { value } from '../../ports/index.js'; export type T = typeof value;",
    'src/domain/borrowed.ts': "import 'inversify';",
  },
  'domain-takes-types-of-protocol': {
    'src/domain/encoding.ts': "import { value } from '../protocol/encoder.js'; export const bytes = value;",
  },
  'ports-take-types-only': {
    'src/ports/heavy.ts': "import { value } from '../domain/rule.js'; export const other = value;",
  },
  'ports-know-only-domain-and-protocol': {
    'src/ports/inward.ts': "import type { value } from '../application/engine.js'; export type T = typeof value;",
  },
  'application-knows-only-the-core': {
    'src/application/timers.ts': "import { setTimeout } from 'node:timers'; setTimeout(() => undefined, 1);",
    'src/application/wiring.ts':
      "import type { value } from '../composition/container.js'; export type T = typeof value;",
  },
  'testkit-needs-no-test-runner': {
    'src/testkit/suite.ts': "import { test } from '@jest/globals'; test('x', () => undefined);",
  },
  'the-plugin-kit-uses-the-host': {
    'src/testkit/plugin-contract/suite.ts': "import { test } from '@jest/globals'; test('x', () => undefined);",
  },
  'the-crash-kit-starts-processes': {
    'src/testkit/storage-crash/suite.ts': "import { test } from '@jest/globals'; test('x', () => undefined);",
  },
  'testkit-takes-types-of-the-core': {
    'src/testkit/insides.ts': "import { value } from '../domain/rule.js'; export const other = value;",
  },
  'simulation-takes-only-the-codec': {
    'src/testkit/simulation/insides.ts': "import { value } from '../../domain/rule.js'; export const other = value;",
  },
  'container-only-in-composition': {
    'src/cli/locator.ts': "import { Container } from 'inversify'; export const container = new Container();",
    'adapters/auth/greedy/index.ts': "import 'reflect-metadata';",
  },
  'plugin-definitions-know-nothing-of-the-broker': {
    'src/plugin/inward.ts': "import type { value } from '../ports/index.js'; export type T = typeof value;",
  },
  'packages-are-found-in-one-place': {
    'src/composition/elsewhere.ts': "import 'import-meta-resolve';",
  },
  'adapters-named-only-in-the-table': {
    'src/composition/container.ts': "export const value = () => import('../../adapters/storage/one/index.js');",
    'src/testkit/built-in.ts':
      "import { value } from '../../adapters/storage/one/index.js'; export const other = value;",
  },
  'adapters-loaded-dynamically': {
    'src/composition/adapter-table.ts':
      "import { value } from '../../adapters/storage/one/index.js'; export const other = value;",
  },
  'adapters-know-only-the-ports': {
    'adapters/network/nosy/index.ts':
      "import type { value } from '../../../src/application/engine.js'; export type T = typeof value;",
  },
  'adapters-reach-the-ports-by-package-name': {
    'adapters/network/shortcut/index.ts':
      "import { value } from '../../../src/ports/index.js'; export const other = value;",
  },
  'adapters-do-not-know-each-other': {
    'adapters/storage/two/index.ts': "import { value } from '../one/index.js'; export const other = value;",
    'adapters/auth/one/index.ts': "import { value } from '../../storage/one/index.js'; export const other = value;",
    'adapters/network/sockets/one.ts':
      "import { value } from '../../storage/one/index.js'; export const other = value;",
    'adapters/storage/lifecycle/one.ts': "import { value } from '../one/index.js'; export const other = value;",
    'adapters/auth/passwords/one.ts': "import { value } from '../../storage/one/index.js'; export const other = value;",
  },
  'socket-code-only-in-network-adapters': {
    'adapters/auth/connecting/index.ts':
      "import { value } from '../../network/sockets/server-socket.js'; export const other = value;",
  },
  'login-code-only-in-auth-adapters': {
    'adapters/storage/asking/index.ts':
      "import { value } from '../../auth/fetching/bounded-fetch.js'; export const other = value;",
    'src/application/hashing.ts':
      "import { value } from '../../adapters/auth/passwords/password-hash.js'; export const other = value;",
  },
  'storage-lifecycle-only-in-storage-adapters': {
    'adapters/auth/storing/index.ts':
      "import { value } from '../../storage/lifecycle/storage-lifecycle.js'; export const other = value;",
  },
  'websockets-only-in-their-adapter': { 'adapters/network/sockets/framing.ts': "import 'ws';" },
  'mongodb-only-in-its-adapters': { 'adapters/storage/three/index.ts': "import 'mongodb';" },
  'level-only-in-the-file-adapter': { 'adapters/storage/four/index.ts': "import 'classic-level';" },
  'pino-only-in-the-log': { 'src/application/logging.ts': "import { pino } from 'pino'; export const log = pino;" },
  'jose-only-in-the-jwt-adapter': {
    'adapters/auth/six/index.ts': "import { jwtVerify } from 'jose'; export const verify = jwtVerify;",
  },
  'sockets-only-in-network-adapters': {
    'adapters/storage/five/index.ts': "import { connect } from 'node:tls'; export const socket = connect;",
    'src/application/connecting.ts': "import { connect } from 'net'; export const socket = connect;",
  },
  'composition-stays-below-the-command': {
    'src/composition/upward.ts': "import { value } from '../index.js'; export const other = value;",
  },
  'command-goes-through-composition': {
    'src/cli/direct.ts': "import { value } from '../application/engine.js'; export const other = value;",
  },
  'warm-up-is-a-client': {
    'src/warmup/inside.ts': "import { value } from '../application/engine.js'; export const other = value;",
  },
  'warm-up-only-in-the-command': {
    'src/composition/warm.ts': "import { value } from '../warmup/warmup.js'; export const other = value;",
  },
  'commander-only-in-the-command': { 'src/composition/flags.ts': "import 'commander';" },
  'configuration-libraries-only-in-composition': { 'src/cli/parsing.ts': "import 'yaml';" },
  'schemas-only-for-configuration-and-administration': { 'src/cli/checking.ts': "import 'zod';" },
  'administration-knows-only-the-ports': {
    'src/administration/inside.ts':
      "import type { value } from '../application/engine.js'; export type T = typeof value;",
    'src/administration/disk.ts': "import { readFileSync } from 'node:fs'; export const text = readFileSync('x');",
  },
  'administration-is-reached-through-its-port': {
    'adapters/admin/direct/index.ts':
      "import type { value } from '../../../src/administration/operations.js'; export type T = typeof value;",
  },
  'dashboard-knows-only-the-operations': {
    'src/dashboard/inside.ts': "import type { value } from '../ports/index.js'; export type T = typeof value;",
    'src/dashboard/server.ts': "import { readFileSync } from 'node:fs'; export const text = readFileSync('x');",
  },
  'dashboard-takes-types-of-the-operations': {
    'src/dashboard/heavy.ts': "import { value } from '../administration/operations.js'; export const other = value;",
  },
  'dashboard-is-served-not-imported': {
    'src/cli/page.ts': "import { value } from '../dashboard/format.js'; export const other = value;",
  },
  'fastify-only-in-the-admin-adapter': { 'src/composition/serving.ts': "import 'fastify';" },
  'production-imports-no-tests': {
    'src/application/shortcut.ts': "import { value } from '../../test/support/helper.js'; export const other = value;",
    'adapters/network/tested/index.ts': "import 'mqtt';",
  },
  'declared-dependencies-only': {
    'adapters/network/dev/index.ts': "import 'mqtt-packet';",
    'adapters/storage/undeclared/index.ts': "import 'undeclared';",
  },
  'e2e-knows-nothing-of-ours': {
    'test/e2e/peeking.test.ts':
      "import type { value } from '../../src/application/engine.js'; export type T = typeof value;",
    'test/e2e/helped.test.ts': "import { value } from '../support/helper.js'; export const other = value;",
  },
  'clients-know-nothing-of-ours': {
    'test/clients/peeking.ts':
      "import type { value } from '../../src/application/engine.js'; export type T = typeof value;",
    'test/clients/helped.ts': "import { value } from '../support/helper.js'; export const other = value;",
  },
};

/** Files that the violations import. */
const IMPORTED_FILES = [
  'src/warmup/warmup.ts',
  'src/protocol/encoder.ts',
  'src/domain/rule.ts',
  'src/domain/broker.ts',
  'src/domain/handlers/handler.ts',
  'src/ports/index.ts',
  'src/administration/operations.ts',
  'src/dashboard/format.ts',
  'src/application/engine.ts',
  'src/index.ts',
  'adapters/storage/one/index.ts',
  'adapters/network/sockets/server-socket.ts',
  'adapters/storage/lifecycle/storage-lifecycle.ts',
  'adapters/auth/fetching/bounded-fetch.ts',
  'adapters/auth/passwords/password-hash.ts',
  'test/support/helper.ts',
];

const PACKAGES = [
  ...[
    'inversify',
    'reflect-metadata',
    'mongodb',
    'classic-level',
    'pino',
    'jose',
    'commander',
    'fastify',
    'yaml',
    'import-meta-resolve',
    'zod',
    'mqtt',
    'mqtt-packet',
    'ws',
    'undeclared',
  ],
  '@jest/globals',
];

interface Violation {
  readonly from: string;
  readonly to: string;
  readonly rule: { readonly name: string };
}

/** Runs the command line, as CI does. */
function cruise(directory: string, ...folders: string[]): Promise<readonly Violation[]> {
  return new Promise((done, fail) => {
    const args = [COMMAND, '--config', CONFIG, '--output-type', 'json', ...folders];
    // The exit status is the number of violations, so an error is expected here.
    execFile(process.execPath, args, { cwd: directory, maxBuffer: 256 * 1024 * 1024 }, (_error, stdout, stderr) => {
      try {
        done((JSON.parse(stdout) as { summary: { violations: Violation[] } }).summary.violations);
      } catch {
        fail(new Error(`dependency-cruiser printed no JSON: ${stderr}${stdout.slice(0, 1000)}`));
      }
    });
  });
}

test('the tree obeys every import rule', async () => {
  const violations = await cruise(ROOT, 'src', 'adapters', 'test');
  expect(violations.map(({ rule, from, to }) => `${rule.name}: ${from} imports ${to}`)).toEqual([]);
}, 120_000);

test('every import rule fails the build and says in a sentence why it exists', () => {
  for (const { name, comment, severity } of forbidden) {
    expect({ name, severity }).toEqual({ name, severity: 'error' });
    expect(comment).toMatch(/^[A-Z`].{30,}\.$/);
  }
});

test('every import rule has a violation to try', () => {
  expect(Object.keys(VIOLATIONS).sort()).toEqual(forbidden.map(({ name }) => name).sort());
});

describe('import rules', () => {
  let directory: string;
  let violations: readonly Violation[];

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'hexmq-rules-'));
    cpSync(join(ROOT, 'package.json'), join(directory, 'package.json'));
    for (const path of IMPORTED_FILES) write(path, 'export const value = 1;');
    write('src/domain/egg.ts', "import { other } from './chicken.js'; export const value = other;");
    for (const name of PACKAGES) {
      write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'index.js' }));
      write(`node_modules/${name}/index.js`, 'module.exports = {};');
    }
    for (const files of Object.values(VIOLATIONS)) for (const [path, text] of Object.entries(files)) write(path, text);
    violations = await cruise(directory, 'src', 'adapters', 'test');
  });

  afterAll(() => {
    rmSync(directory, { recursive: true });
  });

  function write(path: string, text: string): void {
    const file = join(directory, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${text}\n`);
  }

  for (const [name, files] of Object.entries(VIOLATIONS)) {
    for (const file of Object.keys(files)) {
      test(`the rule ${name} rejects ${file}`, () => {
        expect(violations.filter(({ rule }) => rule.name === name).map(({ from }) => from)).toContain(file);
      });
    }
  }
});

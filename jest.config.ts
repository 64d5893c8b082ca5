/** @jest-config-loader esbuild-register */
// The tests. `npm test` sets HEXMQ_TESTS=short and runs what needs Node alone and fits into three minutes on two cores;
// `npm run test:rest` sets it to `rest` and runs what that leaves out. `npm run test:all`, and Jest without the
// variable, run everything.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from 'jest';

const shared = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true },
          target: 'es2022',
        },
        module: { type: 'es6' },
      },
    ],
  },
  moduleNameMapper: {
    '^hexmq/ports$': '<rootDir>/src/ports/index.ts',
    '^hexmq/testkit$': '<rootDir>/src/testkit/index.ts',
    '^hexmq$': '<rootDir>/src/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
} satisfies Config;

/**
 * Tests that take long: kills, migrations, recoveries of large stores, many seeds, planted bugs, builds of a fresh
 * copy, and whatever else waits for processes, disks or hostile clients for most of its time.
 */
const LONG = [
  'test/architecture/(dependency-rules|purity-rules|test-runs)\\.test',
  'test/e2e/(backup|create-plugin|kill|power|migrate|migrate-kill|recovery)\\.test',
  'test/e2e/(administration(-attacks)?|command)\\.test',
  'test/e2e/(file-storage|hostile-clients|inspect|loss-matrix|mixed-versions|mqtt-js(-5)?|plugins)\\.test',
  'test/e2e/(memory|names-in-memory|waiting-memory)\\.test',
  'test/e2e/(enhanced-)?authentication\\.test',
  'test/e2e/process-faults/',
  'test/contract/(kit-catches|storage-faulty)\\.test',
  'test/contract/storage-(crash|file-damage|file-disk|memory-long-queues)\\.test',
  'test/unit/application/transfer/migrate\\.test',
  'test/simulation/(seeds-(?!1-to-)|planted-bugs)',
];

/** Tests that need a program besides Node: OpenSSL for certificates, servers of databases, clients by others. */
const NEEDS_PROGRAMS = [
  'test/(contract|e2e)/[^/]*mongodb',
  'test/e2e/(acl-on-both-brokers|mosquitto-sys|promtool)\\.test',
  'test/e2e/(authorization|completion|dashboard|deployment|package)\\.test',
  'test/e2e/(browser|clients-5|paho|mosquitto|guides|tls-guide|listeners|client-certificates|disk-failure)\\.test',
  'test/e2e/examples/',
  'test/contract/network-(tls|websocket)\\.test',
  'test/unit/adapters/(network-(tls|proxy)|sockets/(certificate|sent-bytes|tls-files))\\.test',
];

const { programs, filesThatNeed } = JSON.parse(readFileSync(join(__dirname, 'test/programs.json'), 'utf8')) as {
  readonly programs: Readonly<Record<string, string>>;
  readonly filesThatNeed: { readonly openssl: readonly string[] };
};

/** Programs that have to be there: without them, tests fail instead of being skipped. */
const required = (process.env['HEXMQ_REQUIRE'] ?? '')
  .split(',')
  .map((name) => name.trim())
  .filter((name) => name !== '');
for (const name of required)
  if (!Object.hasOwn(programs, name))
    throw new Error(`HEXMQ_REQUIRE: "${name}" is not known, expected names of ${Object.keys(programs).join(', ')}`);

const part = process.env['HEXMQ_TESTS'] ?? '';
if (!['', 'short', 'rest'].includes(part))
  throw new Error(`HEXMQ_TESTS: got "${part}", expected short, rest or nothing`);

/** By the reason: the files that are left out. A suite inside another file leaves itself out: see test/e2e/tools.ts. */
function filesLeftOut(): Readonly<Record<string, readonly string[]>> {
  if (part === 'short')
    return {
      'left to npm run test:all: takes long': LONG,
      'left to npm run test:all: needs programs besides Node': NEEDS_PROGRAMS,
    };
  if (required.includes('openssl') || spawnSync('openssl', ['version'], { stdio: 'ignore' }).status === 0) return {};
  return { [`skipped: openssl is missing: ${programs['openssl']}`]: filesThatNeed.openssl };
}

const leftOut = filesLeftOut();

const project = (name: string): Config => ({
  ...shared,
  displayName: name,
  rootDir: '.',
  testRegex: (part === 'rest' ? [...LONG, ...NEEDS_PROGRAMS] : ['']).map(
    (pattern) => `/(?=test/${name}/.*\\.test\\.ts$)${pattern}`,
  ),
  testPathIgnorePatterns: Object.values(leftOut).flatMap((patterns) => patterns.map((one) => `<rootDir>/${one}`)),
});

const config: Config = {
  // Random histories on a disk or a database that other tests use as well take half a minute.
  testTimeout: 90_000,
  // The longest tests wait for processes most of the time.
  maxWorkers: '100%',
  reporters: ['default', ['<rootDir>/test/support/skipped-suites.mjs', { leftOut }]],
  projects: ['architecture', 'unit', 'contract', 'conformance', 'simulation', 'e2e', 'scenarios'].map(project),
};

export default config;

/** @jest-config-loader esbuild-register */
// The tests. `npm test` sets HEXMQ_TESTS=short and runs what needs Node alone and fits into three minutes on two cores;
// `npm run test:all`, and Jest without the variable, run everything.
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
  '<rootDir>/test/e2e/(kill|power|migrate|migrate-kill|recovery|npm-start)\\.test',
  '<rootDir>/test/e2e/(file-storage|hostile-clients|inspect|loss-matrix|mqtt-js)\\.test',
  '<rootDir>/test/e2e/(pid-file|signals|standard-streams)\\.test',
  '<rootDir>/test/contract/storage-file-disk\\.test',
  '<rootDir>/test/unit/application/transfer/migrate\\.test',
  '<rootDir>/test/simulation/(seeds-(?!1-to-)|planted-bugs)',
];

/** Tests that need a program besides Node: OpenSSL for certificates, a MongoDB server, clients by others. */
const NEEDS_PROGRAMS = [
  '<rootDir>/test/(contract|e2e)/[^/]*mongodb',
  '<rootDir>/test/e2e/(browser|paho|mosquitto|guides|tls-guide|listeners|client-certificates|disk-failure)\\.test',
  '<rootDir>/test/contract/network-(tls|websocket)\\.test',
  '<rootDir>/test/unit/adapters/(network-(tls|proxy)|sockets/(certificate|sent-bytes))\\.test',
];

/** A suite that needs a program inside another file leaves itself out: see test/e2e/tools.ts. */
const leftOut = process.env['HEXMQ_TESTS'] === 'short' ? [...LONG, ...NEEDS_PROGRAMS] : [];

const project = (name: string): Config => ({
  ...shared,
  displayName: name,
  rootDir: '.',
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  testPathIgnorePatterns: leftOut,
});

const config: Config = {
  testTimeout: 30_000,
  // The longest tests wait for processes most of the time.
  maxWorkers: '100%',
  projects: ['architecture', 'unit', 'contract', 'conformance', 'simulation', 'e2e', 'scenarios'].map(project),
};

export default config;

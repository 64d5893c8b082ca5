/** @jest-config-loader esbuild-register */
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

const project = (name: string): Config => ({
  ...shared,
  displayName: name,
  rootDir: '.',
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
});

const config: Config = {
  testTimeout: 30_000,
  // The tests that take longest wait for processes most of the time.
  maxWorkers: '100%',
  projects: ['architecture', 'unit', 'contract', 'conformance', 'simulation', 'e2e'].map(project),
};

export default config;

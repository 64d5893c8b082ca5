// What a test run says about tests that it does not run.
import { afterAll, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
const JEST = join(ROOT, 'node_modules/jest/bin/jest.js');

const directory = mkdtempSync(join(tmpdir(), 'hexmq-test-runs-'));
afterAll(() => {
  rmSync(directory, { recursive: true });
});

function jest(args: readonly string[], env: Readonly<Record<string, string>> = {}): { status: unknown; text: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [JEST, ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, HEXMQ_REQUIRE: '', ...env },
  });
  return { status, text: stdout + stderr };
}

test('a run of tests ends with the name of each suite that it skipped, and with the reason', () => {
  mkdirSync(join(directory, 'test'));
  writeFileSync(
    join(directory, 'test/a.test.ts'),
    `describe.skip('a browser [skipped: chromium is missing: a browser]', () => { test('a', () => {}); test('b', () => {}); });
     describe('runs', () => { test('c', () => {}); test.skip('d [skipped: needs Linux]', () => {}); });`,
  );
  writeFileSync(join(directory, 'test/b.test.ts'), `test.skip('e', () => {});`);
  writeFileSync(join(directory, 'test/slow.test.ts'), '');
  const leftOut = { 'takes long': ['test/slow\\.test'] };
  const config = {
    rootDir: directory,
    testMatch: ['<rootDir>/test/*.test.ts'],
    testPathIgnorePatterns: ['slow'],
    transform: {},
    reporters: ['default', [join(ROOT, 'test/support/skipped-suites.mjs'), { leftOut }]],
  };
  const run = jest(['--config', JSON.stringify(config)]);
  expect(run).toMatchObject({ status: 0 });
  const summary = /^Not tested:\n(( {2}.+\n)+)/m.exec(run.text)?.[1]?.trimEnd().split('\n').sort();
  expect(summary).toEqual([
    '  takes long: test/slow.test.ts',
    '  test/a.test.ts, "a browser", skipped: chromium is missing: a browser (2 tests)',
    '  test/a.test.ts, "d", skipped: needs Linux (1 test)',
    '  test/b.test.ts, "e", skipped without a reason (1 test)',
  ]);
  expect(jest(['--config', JSON.stringify(config), '-t', 'c']).text).not.toContain('Not tested:');
});

test('npm test and npm run test:rest run every file once together, and npm test none that asks for programs', () => {
  const listed = (part: string): string[] =>
    jest(['--listTests'], { HEXMQ_TESTS: part, HEXMQ_REQUIRE: 'openssl' })
      .text.split('\n')
      .filter((line) => line.endsWith('.test.ts'))
      .sort();
  const short = listed('short');
  expect([...short, ...listed('rest')].sort()).toEqual(listed(''));
  // A suite that leaves itself out would be run by neither of them.
  expect(short.filter((file) => /^describe(With|If)\(/m.test(readFileSync(file, 'utf8')))).toEqual([]);
  expect(jest(['--listTests'], { HEXMQ_TESTS: 'long' }).text).toContain(
    'HEXMQ_TESTS: got "long", expected short, rest',
  );
});

test('names in HEXMQ_REQUIRE that are not known are refused before anything runs', () => {
  const { status, text } = jest(['--listTests'], { HEXMQ_REQUIRE: 'mosquitto,opnessl' });
  expect(status).toBe(1);
  expect(text).toContain('HEXMQ_REQUIRE: "opnessl" is not known, expected names of cc, chromium, fish, hivemq, ');
});

test('without openssl, the files that need it are left out and named', () => {
  const noPrograms = { PATH: directory, HEXMQ_TESTS: '' };
  const { text } = jest(['--listTests'], noPrograms);
  expect(text).toContain('network-tcp.test.ts');
  expect(text).not.toContain('network-tls.test.ts');
  expect(jest(['--listTests'], { ...noPrograms, HEXMQ_REQUIRE: 'openssl' }).text).toContain('network-tls.test.ts');
  expect(jest(['--showConfig'], noPrograms).text).toContain('skipped: openssl is missing');
});

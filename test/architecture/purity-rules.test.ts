// The lint rules that keep time, randomness and I/O out of the core: each rejects what it should, only where it should.
import { beforeAll, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');

interface Finding {
  readonly line: number;
  readonly ruleId: string | null;
}

const IMPURITIES = [
  'export const now = Date.now();',
  'export const year = new Date();',
  'export const chance = Math.random();',
  'export const elapsed = performance.now();',
  'export const home = process.env;',
  'setTimeout(() => undefined, 1);',
  'queueMicrotask(() => undefined);',
  'export async function later() { await Promise.resolve(); }',
  'export const promise = new Promise<void>(() => undefined);',
];

const SWITCHES = `
type Fruit = 'apple' | 'pear';
export function forgets(fruit: Fruit): number { switch (fruit) { case 'apple': return 1; } return 2; }
export function hides(fruit: Fruit): number { switch (fruit) { case 'apple': return 1; default: return 2; } }
`;

const PURE = ['src/domain/identifiers.ts', 'src/protocol/packets.ts'];
const SHELL = 'src/application/service.ts';
const ANYWHERE = 'src/ports/random.ts';

/** Text to lint as if it were the contents of the project's file of this name. */
const TEXTS = new Map([
  ...[...PURE, SHELL].map((path): [string, string] => [path, IMPURITIES.join('\n')]),
  [ANYWHERE, SWITCHES],
]);

/**
 * ESLint in a separate process, because it cannot load its configuration with Jest's module loader. One process for all
 * texts, because it starts slowly.
 */
const LINT = `
  const { ESLint } = await import('eslint');
  const eslint = new ESLint();
  const found = [];
  for (const [filePath, text] of JSON.parse(process.argv[1])) {
    const [result] = await eslint.lintText(text, { filePath });
    found.push([filePath, result.messages]);
  }
  console.log(JSON.stringify(found));
`;

let findings: ReadonlyMap<string, readonly Finding[]>;

beforeAll(async () => {
  const answer = await new Promise<string>((done, fail) => {
    const args = ['--input-type=module', '--eval', LINT, JSON.stringify([...TEXTS])];
    execFile(process.execPath, args, { cwd: ROOT }, (error, stdout) => {
      if (error === null) done(stdout);
      else fail(new Error('ESLint printed no findings', { cause: error }));
    });
  });
  findings = new Map(JSON.parse(answer) as [string, Finding[]][]);
}, 120_000);

function linesOf(path: string, rule: string): number[] {
  const found = findings.get(path)?.filter(({ ruleId }) => ruleId?.startsWith(rule)) ?? [];
  return [...new Set(found.map(({ line }) => line))].sort((a, b) => a - b);
}

for (const path of PURE) {
  test(`${path} may use no clock, no randomness, no process and no promise`, () => {
    expect(linesOf(path, 'no-restricted-')).toEqual(IMPURITIES.map((_, index) => index + 1));
  });
}

test('the shell may wait, but takes time and randomness from its ports', () => {
  expect(linesOf(SHELL, 'no-restricted-')).toEqual([1, 2, 3, 4, 5, 6]);
});

test('a switch that omits a member of a union or hides it behind a default is rejected', () => {
  expect(linesOf(ANYWHERE, '@typescript-eslint/switch-exhaustiveness-check')).toEqual([3, 4]);
});

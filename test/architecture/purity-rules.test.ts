// The lint rules that keep the world out of the core: each bites where it should, and only there.
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

/** What is linted as if it stood in the file of ours that has this name. */
const TEXTS = new Map([
  ...[...PURE, SHELL].map((path): [string, string] => [path, IMPURITIES.join('\n')]),
  [ANYWHERE, SWITCHES],
]);

/** ESLint in a process of its own, because Jest's module loader is not one that it can load its configuration with; one for all, because it starts slowly. */
const LINT = `
  const { ESLint } = await import('eslint');
  const eslint = new ESLint();
  const found = [];
  for (const [filePath, text] of JSON.parse(process.argv[1])) found.push([filePath, (await eslint.lintText(text, { filePath }))[0].messages]);
  console.log(JSON.stringify(found));
`;

let findings: ReadonlyMap<string, readonly Finding[]>;

beforeAll(async () => {
  const answer = await new Promise<string>((done, fail) => {
    const args = ['--input-type=module', '--eval', LINT, JSON.stringify([...TEXTS])];
    execFile(process.execPath, args, { cwd: ROOT }, (error, stdout) => {
      if (error === null) done(stdout);
      else fail(new Error('eslint did not answer', { cause: error }));
    });
  });
  findings = new Map(JSON.parse(answer) as [string, Finding[]][]);
}, 120_000);

function linesOf(path: string, rule: string): number[] {
  const found = findings.get(path)?.filter(({ ruleId }) => ruleId?.startsWith(rule)) ?? [];
  return [...new Set(found.map(({ line }) => line))].sort((a, b) => a - b);
}

for (const path of PURE) {
  test(`${path}: no clock, no chance, no process and no waiting`, () => {
    expect(linesOf(path, 'no-restricted-')).toEqual(IMPURITIES.map((_, index) => index + 1));
  });
}

test('the shell waits, but takes time and chance from its ports', () => {
  expect(linesOf(SHELL, 'no-restricted-')).toEqual([1, 2, 3, 4, 5, 6]);
});

test('a switch that forgets a member of a union, and one that hides it behind a default, are refused', () => {
  expect(linesOf(ANYWHERE, '@typescript-eslint/switch-exhaustiveness-check')).toEqual([3, 4]);
});

// The version of Node that the command asks for.
import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { problemWithNode } from '../../../src/cli/node-version.js';

const ROOT = resolve(import.meta.dirname, '../../..');

test.each(['18.20.4', '20.18.3', '16.0.0'])('Node %s is refused with a sentence', (version) => {
  expect(problemWithNode(version)).toBe(`Node ${version} is too old, expected Node 20.19 or later`);
});

test.each(['20.19.0', '20.20.1', '22.0.0', '24.1.0'])('Node %s is accepted', (version) => {
  expect(problemWithNode(version)).toBeUndefined();
});

test('the sentence names the version of package.json', () => {
  const { engines } = JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8')) as { engines: { node: string } };
  expect(engines.node).toBe('>=20.19.0');
});

test('what runs before the version is checked loads nothing that may be missing in an older Node', () => {
  const entry = readFileSync(resolve(ROOT, 'src/cli/main.ts'), 'utf8');
  expect([...entry.matchAll(/^import .* from '(.+)';$/gm)].map(([, path]) => path)).toEqual([
    './node-version.js',
    './signals.js',
  ]);
  for (const name of ['node-version', 'signals'])
    expect(readFileSync(resolve(ROOT, `src/cli/${name}.ts`), 'utf8')).not.toMatch(/^import (?!type )/m);
});

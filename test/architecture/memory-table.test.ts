// Each row of the table of memory in docs/architecture has an attack from outside, or the reason why none can show it.
import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ATTACKS, attacksOf } from '../e2e/memory/table.js';

const ROOT = join(import.meta.dirname, '../..');

/** The first column of the table. */
function rows(): readonly string[] {
  const page = readFileSync(join(ROOT, 'docs/architecture/README.md'), 'utf8');
  const [, section = ''] = page.split('\n## Memory\n');
  const lines = section.split('\n').filter((line) => line.startsWith('| '));
  return lines.slice(1).map((line) => line.split(' | ')[0]?.slice(2) ?? '');
}

test('each row of the table of memory has an attack or a reason, and each attack has a row', () => {
  expect(rows().length).toBeGreaterThan(25);
  expect(Object.keys(ATTACKS).sort()).toEqual([...rows()].sort());
});

test('the tests that stand for rows without an attack exist', () => {
  for (const entry of Object.values(ATTACKS)) {
    if (typeof entry !== 'string') continue;
    const named = [...entry.matchAll(/[\w/-]+\.test\.ts/g)].map(([name]) => name);
    expect(named).not.toEqual([]);
    for (const name of named) expect(readFileSync(join(ROOT, 'test', name), 'utf8')).toContain('test(');
  }
});

test('without a bound, each attack would make the broker hold more than twice what is allowed', () => {
  for (const [row, name, { unbounded, growthMax }] of attacksOf(ATTACKS))
    expect({ row, name, isClear: unbounded > 2 * growthMax }).toEqual({ row, name, isClear: true });
});

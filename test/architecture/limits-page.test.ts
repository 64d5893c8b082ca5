// docs/limits.md names every limit, and no reason that does not exist.
import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LIMIT_DESCRIPTIONS } from '../../src/composition/descriptions.js';

const ROOT = join(import.meta.dirname, '../..');
const page = readFileSync(join(ROOT, 'docs/limits.md'), 'utf8');

/** The code in the first column of the tables, and in the last one. */
function columns(): { limits: string[]; reasons: string[] } {
  const rows = page.split('\n').filter((line) => /^\| .*`.*\|$/.test(line));
  const codes = (cell = ''): string[] => [...cell.matchAll(/`([\w-]+)`/g)].map(([, code = '']) => code);
  const cells = rows.map((row) => row.split('|').map((cell) => cell.trim()));
  return {
    limits: cells.flatMap((row) => codes(row[1])),
    reasons: cells.flatMap((row) => codes(row[3])),
  };
}

test('the page on limits names every limit of the configuration', () => {
  const named = new Set([...page.matchAll(/`(\w+)`/g)].map(([, name]) => name));
  expect(Object.keys(LIMIT_DESCRIPTIONS).filter((name) => !named.has(name))).toEqual([]);
});

test('every limit in the tables of the page on limits exists', () => {
  const known = new Set([...Object.keys(LIMIT_DESCRIPTIONS), 'discard', 'refuse']);
  const { limits } = columns();
  expect(limits.length).toBeGreaterThan(40);
  expect(limits.filter((name) => !known.has(name))).toEqual([]);
});

test('every reason and event in the tables of the page on limits exists', () => {
  const source = ['src/domain/reasons.ts', 'src/domain/events.ts', 'src/ports/telemetry.ts'].map((path) =>
    readFileSync(join(ROOT, path), 'utf8'),
  );
  const known = new Set([...source.join('\n').matchAll(/'([\w-]+)'/g)].map(([, reason]) => reason));
  const { reasons } = columns();
  expect(reasons.length).toBeGreaterThan(30);
  expect(reasons.filter((reason) => !known.has(reason))).toEqual([]);
});

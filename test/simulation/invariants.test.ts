// The table of invariants in the documentation, compared with the invariants that run: each row leads to the file that
// holds the invariant and names the statements that the file's header names.
import { describe, expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { INVARIANTS } from '../../src/testkit/simulation/invariants/index.js';

interface Row {
  readonly name: string;
  readonly link: string;
  readonly source: string;
}

const PAGE = new URL('../../docs/architecture/simulation.md', import.meta.url);

async function readTable(): Promise<readonly Row[]> {
  const text = await readFile(fileURLToPath(PAGE), 'utf8');
  const table = text.slice(text.indexOf('| invariant | says | source |')).split('\n\n')[0] ?? '';
  return table
    .split('\n')
    .slice(2)
    .map((line) => {
      const [first = '', , source = ''] = line.split(' | ');
      const { name = '', link = '' } = /^\| \[(?<name>[^\]]+)\]\((?<link>[^)]+)\)$/.exec(first)?.groups ?? {};
      return { name, link, source: source.replace(/ \|$/, '') };
    });
}

const idsIn = (text: string): string[] => [...new Set(text.match(/MQTT5?-\d+\.\d+\.\d+-\d+/g))].sort();
const headerOf = (source: string): string => /^(\/\/.*\n)+/.exec(source)?.[0] ?? '';
const rows = await readTable();

test('the documentation lists the invariants of the simulation in the order in which they see an observation', () => {
  expect(rows.map(({ name }) => name)).toEqual(Object.keys(INVARIANTS));
});

describe('the row of an invariant in the documentation', () => {
  test.each(rows)('links "$name" to the file that holds its class', async ({ name, link }) => {
    const module = (await import(fileURLToPath(new URL(link, PAGE)))) as Record<string, unknown>;
    expect(Object.values(module)).toContain(INVARIANTS[name as keyof typeof INVARIANTS]);
  });

  test.each(rows)('names for "$name" the statements that the header of its file names, or a page', async (row) => {
    const source = await readFile(fileURLToPath(new URL(row.link, PAGE)), 'utf8');
    expect(idsIn(row.source)).toEqual(idsIn(headerOf(source)));
    if (idsIn(row.source).length === 0) expect(row.source).toMatch(/^\[[^\]]+\]\([^)]+\)$/);
  });
});

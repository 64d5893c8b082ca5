// docs/conformance.md and docs/conformance-5.md are made from the catalogues and the test names of this folder and of
// `mqtt5`, and this test keeps them together: every statement has a test or says why it has none, and no test names a
// statement that does not exist. HEXMQ_WRITE_DOCS=1 writes the pages.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { DIFFERENCES_31 } from './differences-31.js';
import { RULES_5, STATEMENTS_5 } from './mqtt5/statements-5.js';
import { NamedTests, coverage, reasonOf, writtenTests } from './page.js';
import { RULES_311, STATEMENTS_311 } from './statements-311.js';
import type { Statement } from './statements-311.js';

interface Catalogue {
  readonly name: string;
  readonly page: string;
  /** Of the tests. */
  readonly folder: string;
  /** Of Appendix B. */
  readonly statements: readonly Statement[];
  readonly others: readonly Statement[];
  readonly size: Readonly<Record<'all' | Statement['binds'], number>>;
  readonly render: (tests: NamedTests) => string[];
}

const CATALOGUES: readonly Catalogue[] = [
  {
    name: 'MQTT 3.1.1 and 3.1',
    page: 'docs/conformance.md',
    folder: 'test/conformance',
    statements: STATEMENTS_311,
    others: [...RULES_311, ...DIFFERENCES_31],
    size: { all: 141, server: 69, client: 28, both: 44 },
    render: render311,
  },
  {
    name: 'MQTT 5',
    page: 'docs/conformance-5.md',
    folder: 'test/conformance/mqtt5',
    statements: STATEMENTS_5,
    others: RULES_5,
    size: { all: 251, server: 117, client: 47, both: 87 },
    render: render5,
  },
];

describe.each(CATALOGUES)('the catalogue of $name', ({ page, folder, statements, others, size, render }) => {
  const all = [...statements, ...others];
  const tests = new NamedTests(folder);

  test('the catalogue has the statements of Appendix B, each once', () => {
    const count = (binds: Statement['binds']): number => statements.filter((one) => one.binds === binds).length;
    expect({
      all: statements.length,
      server: count('server'),
      client: count('client'),
      both: count('both'),
    }).toEqual(size);
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  });

  test('every statement has a test, or a reason for having none, but not both', () => {
    const ids = (which: (tested: boolean, reason: boolean) => boolean): string[] =>
      all.filter((one) => which(tests.of(one).length > 0, reasonOf(one) !== undefined)).map(({ id }) => id);
    expect(ids((tested, reason) => !tested && !reason)).toEqual([]);
    expect(ids((tested, reason) => tested && reason)).toEqual([]);
  });

  test('every test names a statement that exists', () => {
    const known = new Set(all.map(({ id }) => id));
    expect(tests.all.filter(({ ids }) => ids.length === 0).map(({ sentence }) => sentence)).toEqual([]);
    expect(tests.all.flatMap(({ ids }) => ids).filter((id) => !known.has(id))).toEqual([]);
  });

  test('the page has as many tests as the conformance files', () => {
    expect(tests.all).toHaveLength(writtenTests(folder));
  });

  test('the page has the names of the tests', () => {
    const rendered = `${render(tests).join('\n').trimEnd()}\n`;
    if (process.env['HEXMQ_WRITE_DOCS'] === '1') writeFileSync(page, rendered);
    expect(readFileSync(page, 'utf8')).toBe(rendered);
  });
});

describe('the code', () => {
  test('the code names statements that exist: those of MQTT 3.1.1 by their numbers, those of MQTT 5 as MQTT5', () => {
    const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    const known = new Set([
      ...[...STATEMENTS_311, ...DIFFERENCES_31].map(({ id }) => id),
      ...STATEMENTS_5.map(({ id }) => id.replace('MQTT-', 'MQTT5-')),
    ]);
    const unknown = sources.flatMap((file) =>
      [...readFileSync(join('src', file), 'utf8').matchAll(/\[(MQTT\d*-\d[^\]]*)\]/g)]
        .map(([, id = '']) => id)
        .filter((id) => !known.has(id))
        .map((id) => `${file}: ${id}`),
    );
    expect(unknown).toEqual([]);
  });
});

/** How both pages are read, and how they are written. */
function howToRead(ids: string, folder: string): string[] {
  return [
    '## How to read it',
    '',
    `- **Statement**: the number in Appendix B. ${ids}`,
    '- **Binds**: who has to obey the rule. `both` is a rule for senders or receivers, and a broker is both. For a rule that binds clients, the test',
    '  breaks it and checks the reaction of the broker.',
    '- **Summary**: the rule in our words; the wording of the standard is authoritative.',
    `- **Tests**: a test's name without the number with which it begins, and its file in \`${folder}\`.`,
    '',
    'The tests send bytes to a whole broker and check every byte of the answer, with a parser that fails on anything that the standard forbids a',
    'server to send. Every test of a close also checks that nothing else was sent, that the reason was reported, and that other clients are still served.',
    '',
    'The page is generated from the tests: `HEXMQ_WRITE_DOCS=1 NODE_OPTIONS=--experimental-vm-modules npx jest --selectProjects conformance -t "the page has the names"`',
    'writes it, and the same test without the variable fails if it is out of date.',
    '',
  ];
}

function render311(tests: NamedTests): string[] {
  return [
    '# Conformance',
    '',
    'hexmq serves MQTT 3.1.1, MQTT 3.1 and MQTT 5, which has [a page of its own](conformance-5.md). This page lists every normative statement of',
    '*MQTT Version 3.1.1* (OASIS Standard, Appendix B) and every difference of *MQTT V3.1* for a broker, each with the tests that check hexmq.',
    '',
    coverage(STATEMENTS_311),
    '',
    ...howToRead(
      'Ids that begin with `MQTT311-` and `MQTT31-` are ours, for rules without a number.',
      'test/conformance',
    ),
    '## MQTT 3.1.1',
    '',
    ...tests.sections(STATEMENTS_311),
    '### Rules without a number',
    '',
    ...tests.table(RULES_311),
    '## MQTT 3.1',
    '',
    'Everything else is as in 3.1.1.',
    '',
    ...tests.sections(DIFFERENCES_31),
  ];
}

function render5(tests: NamedTests): string[] {
  return [
    '# Conformance to MQTT 5',
    '',
    'This page lists every normative statement of *MQTT Version 5.0* (OASIS Standard, Appendix B), each with the tests that check hexmq. Versions',
    '3.1.1 and 3.1 have [a page of their own](conformance.md). See also [what MQTT 5 adds](mqtt5.md).',
    '',
    coverage(STATEMENTS_5),
    '',
    ...howToRead(
      'Ids that begin with `MQTT5-` are ours, for rules without a number. The same number means other things in 3.1.1, so the code names ' +
        'a statement of MQTT 5 as `MQTT5-3.1.2-24`.',
      'test/conformance/mqtt5',
    ),
    '## Statements',
    '',
    ...tests.sections(STATEMENTS_5),
    '## Rules without a number',
    '',
    ...tests.table(RULES_5),
  ];
}

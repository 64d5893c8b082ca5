// docs/conformance.md is made from the catalogues and the test names of this folder, and this test keeps the three
// together: every statement has a test or says why it has none, and no test names a statement that does not exist.
// HEXMQ_WRITE_DOCS=1 writes the page.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { DIFFERENCES_31 } from './differences-31.js';
import { RULES_311, STATEMENTS_311 } from './statements-311.js';
import type { Statement } from './statements-311.js';

const FOLDER = 'test/conformance';
const PAGE = 'docs/conformance.md';
const ALL = [...STATEMENTS_311, ...RULES_311, ...DIFFERENCES_31];

interface NamedTest {
  readonly file: string;
  readonly ids: readonly string[];
  readonly sentence: string;
}

/** All tests of this folder, found in their sources: `test('[id] [id] sentence', …`. */
function namedTests(): NamedTest[] {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.test.ts') && file !== 'page.test.ts');
  return files.sort().flatMap((file) => {
    const source = readFileSync(join(FOLDER, file), 'utf8');
    return [...source.matchAll(/^\s*test\(\s*(['"`])(.*?)\1,/gms)].map(([, , name = '']) => {
      const [, brackets = '', sentence = ''] = /^((?:\[[^\]]*\] )*)(.*)$/s.exec(name) ?? [];
      return { file, ids: [...brackets.matchAll(/\[([^\]]*)\]/g)].map(([, id = '']) => id), sentence };
    });
  });
}

const TESTS = namedTests();
const testsOf = ({ id }: Statement): NamedTest[] => TESTS.filter(({ ids }) => ids.includes(id));
const reasonOf = ({ untestable, notYet }: Statement): string | undefined => untestable ?? notYet;

describe('the catalogue', () => {
  test('the catalogue has the 141 statements of Appendix B, each once', () => {
    const count = (binds: Statement['binds']): number =>
      STATEMENTS_311.filter((statement) => statement.binds === binds).length;
    expect({
      all: STATEMENTS_311.length,
      server: count('server'),
      client: count('client'),
      both: count('both'),
    }).toEqual({
      all: 141,
      server: 69,
      client: 28,
      both: 44,
    });
    expect(new Set(ALL.map(({ id }) => id)).size).toBe(ALL.length);
  });

  test('every statement has a test, or a reason for having none, but not both', () => {
    expect(
      ALL.filter((statement) => testsOf(statement).length === 0 && reasonOf(statement) === undefined).map(
        ({ id }) => id,
      ),
    ).toEqual([]);
    expect(
      ALL.filter((statement) => testsOf(statement).length > 0 && reasonOf(statement) !== undefined).map(({ id }) => id),
    ).toEqual([]);
  });

  test('every test names a statement that exists', () => {
    const known = new Set(ALL.map(({ id }) => id));
    expect(TESTS.filter(({ ids }) => ids.length === 0).map(({ sentence }) => sentence)).toEqual([]);
    expect(TESTS.flatMap(({ ids }) => ids).filter((id) => !known.has(id))).toEqual([]);
  });

  test('the page has as many tests as the conformance files', () => {
    const written = readdirSync(FOLDER)
      .filter((file) => file.endsWith('.test.ts') && file !== 'page.test.ts')
      .flatMap((file) => [...readFileSync(join(FOLDER, file), 'utf8').matchAll(/\b(?:test|it)(?:\.\w+)?\(/g)]);
    expect(TESTS).toHaveLength(written.length);
  });
});

describe('docs/conformance.md', () => {
  test('docs/conformance.md has the names of the tests', () => {
    const page = renderPage();
    if (process.env['HEXMQ_WRITE_DOCS'] === '1') writeFileSync(PAGE, page);
    expect(readFileSync(PAGE, 'utf8')).toBe(page);
  });
});

function renderPage(): string {
  const testable = STATEMENTS_311.filter((statement) => reasonOf(statement) === undefined);
  const server = STATEMENTS_311.filter(({ binds }) => binds !== 'client');
  const serverTested = server.filter((statement) => reasonOf(statement) === undefined);
  return [
    '# Conformance',
    '',
    `hexmq serves MQTT 3.1.1 and MQTT 3.1. This page lists every normative statement of *MQTT Version 3.1.1* (OASIS Standard, Appendix B) and every`,
    `difference of *MQTT V3.1* for a broker, each with the tests that check hexmq.`,
    '',
    `Of the ${STATEMENTS_311.length} statements, ${testable.length} have tests; of the ${server.length} that bind a server, ${serverTested.length}. The others have the reason in place of tests.`,
    '',
    '## How to read it',
    '',
    '- **Statement**: the number in Appendix B. Ids that begin with `MQTT311-` and `MQTT31-` are ours, for rules without a number.',
    '- **Binds**: who has to obey the rule. `both` is a rule for senders or receivers, and a broker is both. For a rule that binds clients, the test',
    '  breaks it and checks the reaction of the broker.',
    '- **Summary**: the rule in our words; the wording of the standard is authoritative.',
    `- **Tests**: a test's name without the number with which it begins, and its file in \`${FOLDER}\`.`,
    '',
    'The tests send bytes to a whole broker and check every byte of the answer, with a parser that fails on anything that the standard forbids a',
    'server to send. Every test of a close also checks that nothing else was sent, that the reason was reported, and that other clients are still served.',
    '',
    `The page is generated from the tests: \`HEXMQ_WRITE_DOCS=1 NODE_OPTIONS=--experimental-vm-modules npx jest --selectProjects conformance -t ${PAGE}\``,
    'writes it, and the same test without the variable fails if it is out of date.',
    '',
    '## MQTT 3.1.1',
    '',
    ...sections(STATEMENTS_311),
    '### Rules without a number',
    '',
    ...table(RULES_311),
    '## MQTT 3.1',
    '',
    'Everything else is as in 3.1.1.',
    '',
    ...sections(DIFFERENCES_31),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
}

function sections(statements: readonly Statement[]): string[] {
  const names = [...new Set(statements.map(({ section }) => section))];
  return names.flatMap((name) => [`### ${name}`, '', ...table(statements.filter(({ section }) => section === name))]);
}

function table(statements: readonly Statement[]): string[] {
  const rows = statements.map(
    (statement) => `| ${statement.id} | ${statement.binds} | ${escape(statement.summary)} | ${evidence(statement)} |`,
  );
  return ['| Statement | Binds | Summary | Tests |', '|---|---|---|---|', ...rows, ''];
}

function evidence(statement: Statement): string {
  if (statement.untestable !== undefined) return `none: ${escape(statement.untestable)}`;
  if (statement.notYet !== undefined) return `not yet: ${escape(statement.notYet)}`;
  const tests = testsOf(statement);
  const files = [...new Set(tests.map(({ file }) => file))];
  return files
    .map(
      (file) =>
        `${tests
          .filter((one) => one.file === file)
          .map(({ sentence }) => escape(sentence))
          .join('<br>')} (\`${file}\`)`,
    )
    .join('<br>');
}

const escape = (text: string): string =>
  text
    .replaceAll('|', '\\|')
    .replaceAll('#', '\\#')
    .replaceAll('<', '\\<')
    .replaceAll('_', '\\_')
    .replaceAll('*', '\\*');

// A page about the conformance to a version: its catalogue of statements, and the tests of a folder whose names begin
// with the numbers of statements.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Statement } from './statements-311.js';

/** The test of the page itself. */
const PAGE_TEST = 'page.test.ts';

interface NamedTest {
  readonly file: string;
  readonly ids: readonly string[];
  readonly sentence: string;
}

export const reasonOf = ({ untestable, notYet }: Statement): string | undefined => untestable ?? notYet;

const testFiles = (folder: string): string[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.test.ts') && file !== PAGE_TEST)
    .sort();

/** How often a test is written in the files of the folder, by whatever name. */
export const writtenTests = (folder: string): number =>
  testFiles(folder).flatMap((file) => [
    ...readFileSync(join(folder, file), 'utf8').matchAll(/\b(?:test|it)(?:\.\w+)?\(/g),
  ]).length;

/** The tests of a folder, found in their sources: `test('[id] [id] sentence', …`. */
export class NamedTests {
  readonly all: readonly NamedTest[];

  constructor(folder: string) {
    this.all = testFiles(folder).flatMap((file) => {
      const source = readFileSync(join(folder, file), 'utf8');
      return [...source.matchAll(/^\s*test\(\s*(['"`])(.*?)\1,/gms)].map(([, , name = '']) => {
        const [, brackets = '', sentence = ''] = /^((?:\[[^\]]*\] )*)(.*)$/s.exec(name) ?? [];
        return { file, ids: [...brackets.matchAll(/\[([^\]]*)\]/g)].map(([, id = '']) => id), sentence };
      });
    });
  }

  of({ id }: Statement): NamedTest[] {
    return this.all.filter(({ ids }) => ids.includes(id));
  }

  /** Statements by section, each section with a heading. */
  sections(statements: readonly Statement[]): string[] {
    const names = [...new Set(statements.map(({ section }) => section))];
    return names.flatMap((name) => [
      `### ${name}`,
      '',
      ...this.table(statements.filter(({ section }) => section === name)),
    ]);
  }

  table(statements: readonly Statement[]): string[] {
    const rows = statements.map(
      (one) => `| ${one.id} | ${one.binds} | ${escape(one.summary)} | ${this.#evidence(one)} |`,
    );
    return ['| Statement | Binds | Summary | Tests |', '|---|---|---|---|', ...rows, ''];
  }

  #evidence(statement: Statement): string {
    if (statement.untestable !== undefined) return `none: ${escape(statement.untestable)}`;
    if (statement.notYet !== undefined) return `not yet: ${escape(statement.notYet)}`;
    const tests = this.of(statement);
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
}

/** "Of the N statements, …" */
export function coverage(statements: readonly Statement[]): string {
  const testable = statements.filter((statement) => reasonOf(statement) === undefined);
  const server = statements.filter(({ binds }) => binds !== 'client');
  const serverTested = server.filter((statement) => reasonOf(statement) === undefined);
  return (
    `Of the ${statements.length} statements, ${testable.length} have tests; of the ${server.length} that bind a server, ` +
    `${serverTested.length}. The others have the reason in place of tests.`
  );
}

const escape = (text: string): string =>
  text
    .replaceAll('|', '\\|')
    .replaceAll('#', '\\#')
    .replaceAll('<', '\\<')
    .replaceAll('_', '\\_')
    .replaceAll('*', '\\*');

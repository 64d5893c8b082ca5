// Tidiness: the sizes, headers and words of the files, and that the architecture page maps every folder and class.
// Sizes and words drift one line at a time, which no review notices; a failing test does.
import { describe, expect, test } from '@jest/globals';
import { BANNED_WORDS } from './tidy/banned-words.js';
import { EXCEPTIONS } from './tidy/exceptions.js';
import { projectFiles, topLevel } from './tidy/project-files.js';
import { FILE_LINES_MAX, FUNCTION_LINES_MAX, LINE_COLUMNS_MAX, RULES } from './tidy/rules.js';
import type { RuleName } from './tidy/rules.js';

const CODE = projectFiles('', /\.(tsx?|mjs|cjs|js)$/);
const SCRIPTS = projectFiles('', /\.sh$/);
const PROSE = projectFiles('', /\.md$/);

/** The rule's own list and test name the words. The conformance page quotes the specification. */
const WITH_BANNED_WORDS = new Set([
  'test/architecture/tidy/banned-words.ts',
  'test/architecture/tidy.test.ts',
  'docs/conformance.md',
  'docs/conformance-5.md',
]);

const FILES: Readonly<Record<RuleName, typeof CODE>> = {
  'line length': [...CODE, ...SCRIPTS],
  'function size': CODE,
  'file size': CODE,
  header: CODE,
  'banned words': [...CODE, ...SCRIPTS, ...PROSE].filter(({ path }) => !WITH_BANNED_WORDS.has(path)),
};

/** An exception is a file, or a folder with a slash at its end. */
const covers = (exception: string, path: string): boolean =>
  exception.endsWith('/') ? path.startsWith(exception) : path === exception;

const RULE_NAMES = Object.keys(RULES) as RuleName[];

describe.each(RULE_NAMES)('tidiness: %s', (rule) => {
  const exceptions = Object.keys(EXCEPTIONS[rule]);
  const findings = FILES[rule].map((file) => ({ path: file.path, found: RULES[rule](file) }));

  test(`the rule "${rule}" holds in every file but its exceptions`, () => {
    const broken = findings
      .filter(({ path }) => !exceptions.some((exception) => covers(exception, path)))
      .flatMap(({ path, found }) => found.map(({ line, what }) => `${path}:${line}: ${what}`));
    expect(broken).toEqual([]);
  });

  test(`every exception to the rule "${rule}" is needed`, () => {
    const needed = findings.filter(({ found }) => found.length > 0).map(({ path }) => path);
    expect(exceptions.filter((exception) => !needed.some((path) => covers(exception, path)))).toEqual([]);
  });
});

test('the top level holds six folders and configuration files, nothing else', () => {
  const folders = topLevel().filter((name) => !name.includes('.') && name !== 'LICENSE');
  expect(folders.sort()).toEqual(['adapters', 'deploy', 'docs', 'src', 'templates', 'test']);
});

/** The lines on which a rule finds something. */
const found = (rule: RuleName, text: string, path = 'src/some.ts'): number[] =>
  RULES[rule]({ path, text }).map(({ line }) => line);

const lines = (count: number, line = 'x;'): string => `${line}\n`.repeat(count);
const long = (head: string, tail: string): string => `${head}\n${lines(FUNCTION_LINES_MAX - 1)}${tail}\n`;

describe('tidiness rules', () => {
  test('a line beyond the limit is found in code and in comments', () => {
    expect(found('line length', `${'x'.repeat(LINE_COLUMNS_MAX)}\n//${'x'.repeat(LINE_COLUMNS_MAX - 1)}\n`)).toEqual([
      2,
    ]);
  });

  test('a file beyond the limit is found, but a suite of tests is not', () => {
    expect(found('file size', lines(FILE_LINES_MAX))).toEqual([]);
    expect(found('file size', lines(FILE_LINES_MAX + 1))).toEqual([1]);
    expect(found('file size', lines(FILE_LINES_MAX + 1), 'test/unit/some.test.ts')).toEqual([]);
  });

  test.each([
    ['function f() {', '}'],
    ['const f = () => {', '};'],
    ['class C { m() {', '} }'],
    ['class C { constructor() {', '} }'],
    ["test('t', () => {", '});'],
  ])('a function beyond the limit is found: %s', (head, tail) => {
    expect(found('function size', long(head, tail))).toEqual([1]);
    expect(found('function size', long(head, tail).replace('x;\n', ''))).toEqual([]);
  });

  test.each(["describe('d', () => {", "onServer('d', () => {", 'function laws(law) {'])(
    'a function that declares tests may be long: %s',
    (head) => {
      const declared = "test('t', () => 1);\nfor (const each of [1]) law('l', () => 1);";
      expect(found('function size', long(head, `${declared}\n}`))).toEqual([]);
      expect(found('function size', long(head, '}'))).toEqual([1]);
    },
  );

  test('a file without a comment at the top is found, with or without an interpreter line', () => {
    expect(found('header', "import 'x';\n// late\n")).toEqual([1]);
    expect(found('header', '#!/usr/bin/env node\nx;\n')).toEqual([1]);
    expect(found('header', '#!/usr/bin/env node\n// A command.\nx;\n')).toEqual([]);
    expect(found('header', '/** A module. */\nx;\n')).toEqual([]);
  });

  test('a banned word is found in prose and inside names', () => {
    expect(found('banned words', 'fine\n// for whoever watches\n\nconst aDoorkeeper = openDoorkeeper;\n')).toEqual([
      2, 4,
    ]);
  });

  test('every banned word comes with a replacement', () => {
    for (const [pattern, instead] of BANNED_WORDS)
      expect([pattern.source, instead]).toEqual([pattern.source, expect.stringMatching(/\w{3}/)]);
  });
});

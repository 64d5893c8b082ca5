// The rules of tidiness, as functions from a file's text to what is wrong with it: sizes, the header comment, and words
// that a reader would have to translate. They look at text and syntax only, so each can be tested on a few lines.
import ts from 'typescript';
import type { ProjectFile } from './project-files.js';
import { BANNED_WORDS } from './banned-words.js';

/** Columns of a line. Prettier keeps code within them, but does not wrap comments and strings. */
export const LINE_COLUMNS_MAX = 120;
/** A literal in a test from which on it may make its line longer. */
const LITERAL_COLUMNS_MIN = 80;
/** Lines of a function, from its signature to its closing brace. */
export const FUNCTION_LINES_MAX = 70;
/** Lines of a file. */
export const FILE_LINES_MAX = 400;

export interface Finding {
  /** Counted from 1. */
  readonly line: number;
  readonly what: string;
}

export type Rule = (file: ProjectFile) => readonly Finding[];
export type RuleName = keyof typeof RULES;

const linesOf = (text: string): string[] => text.split('\n');

const lineLength: Rule = ({ path, text }) => {
  const columns = linesOf(text).map((line) => line.length);
  if (columns.every((count) => count <= LINE_COLUMNS_MAX)) return [];
  const literals = path.startsWith('test/') ? linesOfLiterals(path, text) : new Set();
  return columns.flatMap((count, index) =>
    count > LINE_COLUMNS_MAX && !literals.has(index + 1) ? [{ line: index + 1, what: `${count} columns` }] : [],
  );
};

/**
 * The lines that a single literal fills: the name of a test, sample data, an expected message. To break it would make
 * it harder to find.
 */
function linesOfLiterals(path: string, text: string): Set<number> {
  const lines = new Set<number>();
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateExpression(node) || ts.isRegularExpressionLiteral(node)) {
      const first = source.getLineAndCharacterOfPosition(node.getStart(source)).line;
      const last = source.getLineAndCharacterOfPosition(node.getEnd()).line;
      if (last > first || node.getEnd() - node.getStart(source) >= LITERAL_COLUMNS_MIN)
        for (let line = first; line <= last; line++) lines.add(line + 1);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return lines;
}

/** A list of tests may be long: its reader looks for one test, and does not read it from top to bottom. */
const isSuite = (path: string): boolean => path.endsWith('.test.ts');

const fileSize: Rule = ({ path, text }) => {
  const lines = linesOf(text).length - 1;
  return lines > FILE_LINES_MAX && !isSuite(path) ? [{ line: 1, what: `${lines} lines` }] : [];
};

const functionSize: Rule = ({ path, text }) => {
  const findings: Finding[] = [];
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const lineOf = (position: number): number => source.getLineAndCharacterOfPosition(position).line + 1;
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined && !declaresTests(node)) {
      const first = lineOf(node.getStart(source));
      const lines = lineOf(node.getEnd()) - first + 1;
      if (lines > FUNCTION_LINES_MAX) findings.push({ line: first, what: `${nameOf(node)} has ${lines} lines` });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return findings;
};

/**
 * A function that declares tests: it calls `describe`, `test` or a contract suite's `law`, not counting what its inner
 * functions call.
 */
function declaresTests(node: ts.Node): boolean {
  const visit = (inner: ts.Node): boolean => {
    if (ts.isFunctionLike(inner)) return false;
    if (ts.isCallExpression(inner) && /^(describe|test|law)\b/.test(inner.expression.getText())) return true;
    return ts.forEachChild(inner, visit) ?? false;
  };
  return ts.forEachChild(node, visit) ?? false;
}

function nameOf(node: ts.SignatureDeclaration): string {
  const named = node.name ?? (ts.isVariableDeclaration(node.parent) ? node.parent.name : undefined);
  return named === undefined ? 'an unnamed function' : named.getText();
}

const header: Rule = ({ text }) => {
  const start = text.replace(/^#!.*\n/, '').trimStart();
  return /^\/[/*]/.test(start) ? [] : [{ line: 1, what: 'no comment at the top that says what the file is' }];
};

/** Separates the words of a name, as in `readOnlyStore`, so that names are searched as sentences are. */
const withSpacesInNames = (line: string): string => line.replace(/([a-z\d])([A-Z])/g, '$1 $2').replace(/_/g, ' ');

const bannedWords: Rule = ({ text }) =>
  linesOf(text).flatMap((line, index) => {
    const words = withSpacesInNames(line);
    return [...BANNED_WORDS].flatMap(([pattern, instead]) => {
      const found = pattern.exec(words);
      return found === null ? [] : [{ line: index + 1, what: `"${found[0]}"; write ${instead}` }];
    });
  });

export const RULES = {
  'line length': lineLength,
  'function size': functionSize,
  'file size': fileSize,
  header,
  'banned words': bannedWords,
} satisfies Record<string, Rule>;

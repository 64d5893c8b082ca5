// docs/architecture/dependency-injection.md: every feature it lists is used in the file it names, on the line it links
// to. `HEXMQ_WRITE_DOCS=1` updates the line numbers.
import { expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

const PATH = resolve(import.meta.dirname, '../../../docs/architecture/dependency-injection.md');
const ROW = /^\| `([^`]+)` \| \[([^\]]+)\]\(([^)#]+)(?:#L\d+)?\) \|/gm;

const COMMENT = /^\s*(\/\/|\/?\*)/;

/** The page with each link of the table leading to the first line that has the feature after the imports. */
function withLines(page: string): string {
  return page.replace(ROW, (_row, feature: string, text: string, file: string) => {
    const lines = readFileSync(resolve(dirname(PATH), file), 'utf8').split('\n');
    const imports = lines.map((each) => /^(import|\}).* from '.*';$/.test(each)).lastIndexOf(true);
    const line = lines.findIndex((each, index) => index > imports && !COMMENT.test(each) && each.includes(feature));
    if (line === -1) throw new Error(`${file} does not use ${feature}`);
    return `| \`${feature}\` | [${text}](${file}#L${line + 1}) |`;
  });
}

test('the page on dependency injection links to the line where each feature is used', () => {
  const page = readFileSync(PATH, 'utf8');
  if (process.env['HEXMQ_WRITE_DOCS'] === '1') writeFileSync(PATH, withLines(page));
  expect([...page.matchAll(ROW)].length).toBeGreaterThan(10);
  expect(readFileSync(PATH, 'utf8')).toBe(withLines(page));
});

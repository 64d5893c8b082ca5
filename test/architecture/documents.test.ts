// The links of the documents: each leads to an existing file and heading, and every page can be reached from the
// README.
import { expect, test } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
const PAGES = [
  'README.md',
  'CHANGELOG.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => join('docs', name)),
].filter((name) => name.endsWith('.md'));

interface Link {
  readonly text: string;
  /** Relative to the root. */
  readonly file: string;
  readonly heading: string | undefined;
}

const proseOf = (page: string): string => readFileSync(join(ROOT, page), 'utf8').replace(/^```[^]*?^```$/gm, '');

/** Links within the project; links to other sites are left out. */
function linksOf(page: string): Link[] {
  return [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, text = '']) => text)
    .filter((text) => !/^[a-z]+:/.test(text))
    .map((text) => {
      const [path = '', heading] = text.split('#');
      return { text, file: path === '' ? page : relative(ROOT, resolve(ROOT, dirname(page), path)), heading };
    });
}

/** The anchors that a page's headings get. */
function anchorsOf(page: string): string[] {
  return [...proseOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
}

test('every link in the documents leads to an existing file and heading', () => {
  const broken = PAGES.flatMap((page) =>
    linksOf(page)
      .filter(
        ({ file, heading }) =>
          !existsSync(join(ROOT, file)) ||
          (heading !== undefined && file.endsWith('.md') && !anchorsOf(file).includes(heading)),
      )
      .map(({ text }) => `${page}: ${text}`),
  );
  expect(broken).toEqual([]);
});

test('every page of the documents can be reached from the README', () => {
  const reached = new Set(['README.md']);
  // The set grows while the loop runs; a Set's iterator visits members added meanwhile.
  for (const page of reached) {
    for (const { file } of linksOf(page)) if (PAGES.includes(file)) reached.add(file);
  }
  expect(PAGES.filter((page) => !reached.has(page))).toEqual([]);
});

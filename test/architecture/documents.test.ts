// The documents lead somewhere: every link between them, and from them to files and headings, and to every page there is a way from the README.
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
  /** From the root. */
  readonly file: string;
  readonly heading: string | undefined;
}

const proseOf = (page: string): string => readFileSync(join(ROOT, page), 'utf8').replace(/^```[^]*?^```$/gm, '');

/** Not those to other sites. */
function linksOf(page: string): Link[] {
  return [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, text = '']) => text)
    .filter((text) => !/^[a-z]+:/.test(text))
    .map((text) => {
      const [path = '', heading] = text.split('#');
      return { text, file: path === '' ? page : relative(ROOT, resolve(ROOT, dirname(page), path)), heading };
    });
}

/** As the names of anchors are made of headings. */
function anchorsOf(page: string): string[] {
  return [...proseOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
}

test('every link leads to a file that is there, and to a heading that it has', () => {
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

test('every page can be reached from the README', () => {
  const reached = new Set(['README.md']);
  // Grows while it is gone through.
  for (const page of reached) {
    for (const { file } of linksOf(page)) if (PAGES.includes(file)) reached.add(file);
  }
  expect(PAGES.filter((page) => !reached.has(page))).toEqual([]);
});

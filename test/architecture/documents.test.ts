// The documents: each link leads to an existing file and heading, each path of the code exists, and every page can be
// reached from the README.
import { expect, test } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { projectFiles } from './tidy/project-files.js';

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

/** Every path of the code without its extension, and every part of such a path. */
function codePaths(): Set<string> {
  const paths = new Set<string>();
  for (const { path } of ['src', 'adapters', 'templates', 'test'].flatMap((folder) => projectFiles(folder, /./))) {
    const parts = path.replace(/\.\w+$/, '').split('/');
    for (let from = 0; from < parts.length; from++)
      for (let to = from + 2; to <= parts.length; to++) paths.add(parts.slice(from, to).join('/'));
  }
  return paths;
}

/** Names with a slash that are not paths of the code: topics of the examples, and entries of the package. */
const NOT_A_PATH = /^(plant|hexmq)\//;

test('every path of the code that an architecture page names exists', () => {
  const paths = codePaths();
  const named = PAGES.filter((page) => page.startsWith('docs/architecture/')).flatMap((page) =>
    [...proseOf(page).matchAll(/`([a-z][a-z\d-]*(?:\/[a-z\d.-]+)+)`/g)].map(([, name = '']) => ({ page, name })),
  );
  expect(named.length).toBeGreaterThan(30);
  const missing = named.filter(({ name }) => !NOT_A_PATH.test(name) && !paths.has(name.replace(/\.ts$/, '')));
  expect(missing).toEqual([]);
});

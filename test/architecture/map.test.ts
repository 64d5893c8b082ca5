// The map in docs/architecture/README.md: every folder of src and adapters has an entry, and the entry names every
// class that the folder exports. A map that omits the newest parts misleads the reader who needs it most.
import { expect, test } from '@jest/globals';
import { projectFiles } from './tidy/project-files.js';

const [page] = projectFiles('docs', /^docs\/architecture\/README\.md$/);
const SOURCES = ['src', 'adapters'].flatMap((folder) => projectFiles(folder, /\.ts$/));

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/'));
const namesIn = (text: string): Set<string> => new Set([...text.matchAll(/`([^`\n]+)`/g)].map(([, name = '']) => name));

/**
 * The names that the page gives for each folder: in table rows whose first cell names it, and in sections whose heading
 * does.
 */
function entriesOf(text: string): Map<string, Set<string>> {
  const entries = new Map<string, Set<string>>();
  const add = (key: string, names: string): void => {
    for (const folder of namesIn(key)) {
      const known = entries.get(folder) ?? new Set();
      for (const name of namesIn(names)) known.add(name);
      entries.set(folder, known);
    }
  };
  for (const section of text.split(/^(?=#+ )/m)) {
    const [heading = '', ...lines] = section.split('\n');
    add(heading, lines.join('\n'));
    for (const line of lines) {
      const [, firstCell, rest] = /^\| ([^|]+) \|(.*)$/.exec(line) ?? [];
      if (firstCell !== undefined && rest !== undefined) add(firstCell, rest);
    }
  }
  return entries;
}

const ENTRIES = entriesOf(page?.text ?? '');

test('every folder of src and adapters has an entry on the architecture page', () => {
  const folders = [...new Set(SOURCES.map(({ path }) => folderOf(path)))];
  expect(folders.filter((folder) => !ENTRIES.has(folder))).toEqual([]);
});

test('every folder with an entry on the architecture page exists', () => {
  const folders = new Set(SOURCES.flatMap(({ path }) => ancestorsOf(path)));
  const named = [...ENTRIES.keys()].filter((name) => /^(src|adapters)\//.test(name) && !name.includes('*'));
  expect(named.filter((folder) => !folders.has(folder) && !SOURCES.some(({ path }) => path === folder))).toEqual([]);
});

function ancestorsOf(path: string): string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

test('every exported class, or its file, is named in the entry of its folder', () => {
  const missing = SOURCES.flatMap(({ path, text }) => {
    const names = ENTRIES.get(folderOf(path)) ?? new Set();
    // The module of an adapter is named by its folder.
    const isNamed = path.endsWith('/index.ts') || names.has(path.slice(path.lastIndexOf('/') + 1, -'.ts'.length));
    const classes = [...text.matchAll(/^export (?:abstract )?class (\w+)/gm)].map(([, name = '']) => name);
    return isNamed ? [] : classes.filter((name) => !names.has(name)).map((name) => `${path}: ${name}`);
  });
  expect(missing).toEqual([]);
});

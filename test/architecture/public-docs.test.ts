// The docstrings of the public API: everything that the package's three entries export from the sources has one, so
// that an editor shows it where the name is used.
import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
const ENTRIES = ['src/index.ts', 'src/ports/index.ts', 'src/testkit/index.ts'];
const DECLARATION = /^export (?:async )?(?:abstract )?(?:class|interface|function|const|type) (\w+)/;

interface PublicName {
  readonly path: string;
  readonly name: string;
}

/** The names that a file exports, with the files that declare them. */
function exportsOf(path: string): PublicName[] {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const passedOn = [...text.matchAll(/^export (?:type )?\{([^}]*)\} from '(\.[^']+)\.js'/gm)].flatMap(
    ([, names = '', from = '']) => {
      const wanted = new Set(names.split(',').map((name) => name.replace(/\btype\b/, '').trim()));
      return exportsOf(join(dirname(path), `${from}.ts`)).filter(({ name }) => wanted.has(name));
    },
  );
  const declared = text.split('\n').flatMap((line) => {
    const name = DECLARATION.exec(line)?.[1];
    return name === undefined ? [] : [{ path, name }];
  });
  return [...declared, ...passedOn];
}

/** Whether a declaration of the name, a type or its token, has a docstring above it. */
function isDocumented({ path, name }: PublicName): boolean {
  const lines = readFileSync(join(ROOT, path), 'utf8').split('\n');
  return lines.some(
    (line, index) => DECLARATION.exec(line)?.[1] === name && lines[index - 1]?.trimEnd().endsWith('*/') === true,
  );
}

test('every name that the package exports has a docstring', () => {
  const names = ENTRIES.flatMap(exportsOf);
  expect(names.length).toBeGreaterThan(80);
  expect(names.filter((name) => !isDocumented(name))).toEqual([]);
});

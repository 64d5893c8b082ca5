// Writes the package of a plugin from the templates of its kind, which are shipped with hexmq. They are a package that
// works, with another name.
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { FileError } from '../report-error.js';
import type { PluginKind } from './kinds.js';

export interface WantedPackage {
  readonly kind: PluginKind;
  readonly name: string;
  readonly directory: string;
  /** Of hexmq. */
  readonly version: string;
}

interface PackageJson {
  readonly peerDependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
}

/** In the templates. */
const NAME = 'example-plugin';
const CLASS = 'ExampleStorage';

/** @returns the files, with the directory. @throws FileError */
export function writePackage(wanted: WantedPackage): readonly string[] {
  const { kind, directory } = wanted;
  requireNewOrEmpty(directory);
  const templates = join(dirname(createRequire(import.meta.url).resolve('hexmq/package.json')), 'templates/plugin');
  const files = ['all', kind].flatMap((from) => filesIn(join(templates, from)));
  return attempt(directory, () =>
    files
      .map(({ path, name }) => {
        const to = join(directory, name);
        mkdirSync(dirname(to), { recursive: true });
        writeFileSync(to, filled(name, readFileSync(path, 'utf8'), wanted), { flag: 'wx' });
        return to;
      })
      .sort(),
  );
}

function requireNewOrEmpty(directory: string): void {
  const found = attempt(directory, () => statSync(directory, { throwIfNoEntry: false }));
  if (found === undefined) return;
  if (!found.isDirectory()) throw new FileError(`${directory} is a file, expected a directory that is new or empty`);
  if (attempt(directory, () => readdirSync(directory)).length > 0)
    throw new FileError(`${directory} is not empty, expected a directory that is new or empty`);
}

/** @throws FileError in place of an error of the file system, which is for the user to correct. */
function attempt<T>(directory: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new FileError(`cannot write ${directory}: ${(error as Error).message}`, { cause: error });
  }
}

/** `_` stands for a dot at the beginning, or hides a file from npm and from tools that look for it. */
function filesIn(directory: string): { readonly path: string; readonly name: string }[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const name = path.slice(directory.length + 1);
      return { path, name: name.replace(/^_(?=git)/, '.').replace(/^_/, '') };
    });
}

function filled(file: string, template: string, { kind, name, version }: WantedPackage): string {
  const className = `${name.replace(/(?:^|-+)(.?)/g, (_, letter: string) => letter.toUpperCase())}Storage`;
  const text = template.replaceAll(NAME, name).replaceAll(CLASS, className);
  if (file !== 'package.json') return text;
  const packageJson = JSON.parse(text) as PackageJson;
  const { peerDependencies, devDependencies } = packageJson;
  peerDependencies['hexmq'] = devDependencies['hexmq'] = `^${version}`;
  // The random histories of the contract of storage.
  if (kind !== 'storage') delete devDependencies['fast-check'];
  return `${JSON.stringify(packageJson, undefined, 2)}\n`;
}

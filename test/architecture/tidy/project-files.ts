// The files that the project's own rules apply to. Read from the disk, not from git, so that a file counts before it is
// committed.
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../../..');

/** Not part of the project: installed, built or written at run time. */
const FOREIGN = new Set(['node_modules', 'dist', 'coverage', 'data', '.git', 'package-lock.json']);

export interface ProjectFile {
  /** Relative to the root, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** The names at the top level of the project. */
export const topLevel = (): string[] => readdirSync(ROOT).filter((name) => !FOREIGN.has(name));

function pathsBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .filter(({ name }) => !FOREIGN.has(name))
    .flatMap((entry) => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      return entry.isDirectory() ? pathsBelow(path) : [path];
    });
}

/** The files below a folder (`''` is the root) whose path matches, in the order of their paths. */
export function projectFiles(folder: string, path: RegExp): ProjectFile[] {
  return pathsBelow(folder)
    .filter((each) => path.test(each))
    .sort()
    .map((each) => ({ path: each, text: readFileSync(join(ROOT, each), 'utf8') }));
}

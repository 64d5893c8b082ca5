// Whether a start could use the data directory, found out without creating or changing anything.
import { access, constants, readdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { storageError } from './errors.js';
import { refuseForeignFiles } from './opening.js';

/** @returns what a start would fail for, or `undefined`; a directory that another broker uses is no reason. */
export async function directoryProblem(directory: string): Promise<string | undefined> {
  try {
    const existing = await nearest(directory);
    if (!(await stat(existing)).isDirectory()) throw noDirectory(existing);
    await access(existing, constants.R_OK | constants.W_OK | constants.X_OK);
    if (existing === directory) refuseForeignFiles(directory, await readdir(directory));
    return undefined;
  } catch (error) {
    const named = storageError(error, directory);
    if (named instanceof Error) return named.message;
    throw error;
  }
}

/** The directory, or the first above it that is there: in that one, the others are made. */
async function nearest(path: string): Promise<string> {
  try {
    await stat(path);
    return path;
  } catch (error) {
    const above = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || above === path) throw error;
    return nearest(above);
  }
}

/** As `mkdir` below a file fails. */
const noDirectory = (path: string): Error =>
  Object.assign(new Error(`ENOTDIR: not a directory, '${path}'`), { code: 'ENOTDIR', errno: -20 });

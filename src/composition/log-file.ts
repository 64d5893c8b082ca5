// The file of the log (`logging.file`), as far as it can be looked at without making it.
import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Why the log cannot be written there, beginning with the key; `undefined` if nothing is known to prevent it. */
export function logFileProblem(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats !== undefined && !stats.isFile())
      return `logging.file: ${path} is not a file, expected a file to append to`;
    // A file that is renamed is made again, so its directory has to be writable too.
    accessSync(dirname(path), constants.W_OK | constants.X_OK);
    if (stats !== undefined) accessSync(path, constants.W_OK);
    return undefined;
  } catch (error) {
    return `logging.file: ${path} cannot be written: ${(error as Error).message}`;
  }
}

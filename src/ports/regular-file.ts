// Reading of a file that an operator names: a configuration, a certificate, a list of users. Only a regular file will
// do, or a link to one, as secrets are often mounted. Opening a FIFO waits until something writes to it, which may
// never be, and a device may have no end.
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { open, stat } from 'node:fs/promises';

/** Not to wait if the name has become that of a FIFO since it was examined. Windows does not have it. */
const FLAGS = constants.O_RDONLY | ((constants.O_NONBLOCK as number | undefined) ?? 0);

/** The code of the error for what is neither a regular file nor a directory. */
export const NOT_REGULAR = 'ERR_NOT_REGULAR_FILE';

/**
 * @returns its content.
 * @throws Error of the system, or one that says what the path leads to and what was expected.
 */
export async function readRegularFile(path: string): Promise<Buffer> {
  requireRegular(await stat(path));
  const file = await open(path, FLAGS);
  try {
    requireRegular(await file.stat());
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** The same without waiting for other work. */
export function readRegularFileSync(path: string): Buffer {
  const fd = openRegularFileSync(path);
  try {
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** @returns a descriptor for reading, which the caller has to close. @throws as `readRegularFile`. */
export function openRegularFileSync(path: string): number {
  requireRegular(statSync(path));
  const fd = openSync(path, FLAGS);
  try {
    requireRegular(fstatSync(fd));
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function requireRegular(stats: Stats): void {
  if (stats.isFile()) return;
  const error: NodeJS.ErrnoException = new Error(`it is ${kindOf(stats)}, expected a regular file`);
  // Of a directory, as the system says it on reading.
  error.code = stats.isDirectory() ? 'EISDIR' : NOT_REGULAR;
  throw error;
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a FIFO (named pipe)';
  return stats.isSocket() ? 'a socket' : 'a device';
}

// Errors of the engine and the file system, as one of the four kinds of StorageError, with the directory and what the
// operator can do. The caller decides when to try again. An error that is no failure of either stays what it is: a
// fault of this program, which no further attempt would repair.
import { StorageError } from 'hexmq/ports';

/** A record differs from what was written. */
export class DamagedRecord extends Error {
  override readonly name = 'DamagedRecord';
}

interface Failure {
  readonly message: string;
  readonly code?: unknown;
  readonly errno?: unknown;
  readonly cause?: unknown;
}

/**
 * By shape, not by class: the engine creates its errors in native code, with the `Error` of one realm, and a process
 * can have several.
 */
const isFailure = (error: unknown): error is Failure =>
  typeof error === 'object' && error !== null && typeof (error as { message?: unknown }).message === 'string';

/** Every cause of an error, outermost first. */
function* chainOf(error: unknown): Generator<Failure> {
  for (let each = error; isFailure(each); each = each.cause) yield each;
}

const codeOf = ({ code }: Failure): string => (typeof code === 'string' ? code : '');

/** A limit on file size (EFBIG) counts as space. */
const SPACE = /no space left|disk quota exceeded|file too large|ENOSPC|EDQUOT|EFBIG/i;
const PERMISSION = /permission denied|read-only file system|operation not permitted|EACCES|EPERM|EROFS/i;
const NO_DIRECTORY = /not a directory|file exists|ENOTDIR|EEXIST/i;
/** The engine is opened again, and was there before. */
const NO_STORE = /does not exist \(create_if_missing is false\)/;
/** From a read that was under way when the engine was closed to be reopened. */
const CLOSED = /^LEVEL_(DATABASE|ITERATOR|SNAPSHOT|BATCH)_NOT_OPEN$/;

const isDiskFailure = (failure: Failure): boolean =>
  codeOf(failure) === 'LEVEL_IO_ERROR' ||
  /^IO error: /.test(failure.message) ||
  typeof failure.errno === 'number' ||
  CLOSED.test(codeOf(failure));

/** Whether the error or one of its causes has the code. */
export const hasCode = (error: unknown, code: string): boolean =>
  [...chainOf(error)].some((each) => codeOf(each) === code);

/** @returns the StorageError, or the error itself if it is no failure of the engine or the file system. */
export function storageError(error: unknown, directory: string): unknown {
  if (error instanceof StorageError) return error;
  const chain = [...chainOf(error)];
  const says = (words: RegExp): boolean => chain.some((each) => words.test(each.message) || words.test(codeOf(each)));
  // The engine wraps what happened into "could not open" and "failed".
  const innermost = chain.at(-1);
  const detail = innermost?.message ?? String(error);
  const problem = (kind: StorageError['kind'], text: string): StorageError =>
    new StorageError(kind, text, { cause: error });

  if (hasCode(error, 'LEVEL_LOCKED')) return inUse(directory, detail, error);
  if (hasCode(error, 'LEVEL_CORRUPTION') || error instanceof DamagedRecord) return damaged(directory, detail, error);
  if (says(NO_STORE)) return damaged(directory, 'the file CURRENT is missing', error);
  if (innermost === undefined || !isDiskFailure(innermost)) return error;
  if (says(SPACE)) return problem('full', `no space left for the data directory ${directory}: free some (${detail})`);
  if (says(PERMISSION)) {
    return problem(
      'unavailable',
      `the data directory ${directory} cannot be written: ` +
        `give the user that runs hexmq permission, or choose another directory (${detail})`,
    );
  }
  if (says(NO_DIRECTORY))
    return problem(
      'unavailable',
      `the data directory ${directory} is not a directory: remove the file, or choose another path (${detail})`,
    );
  return problem('unavailable', `the data directory ${directory} failed: check the disk (${detail})`);
}

/** @param detail who uses it, as far as that is known. */
export const inUse = (directory: string, detail: string, cause: unknown): StorageError =>
  new StorageError(
    'fenced',
    `the data directory ${directory} is in use by another hexmq: ` +
      `stop that one, or give this one a directory of its own (${detail})`,
    { cause },
  );

export const damaged = (directory: string, detail: string, cause?: unknown): StorageError =>
  new StorageError(
    'corrupt',
    `the data in ${directory} is damaged: ` +
      `restore a backup, or move the directory away to start with an empty one (${detail})`,
    { cause },
  );

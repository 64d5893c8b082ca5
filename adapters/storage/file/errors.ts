// What the engine and the file system say, as one of the four kinds of StorageError, with the directory and what can be done. When to try again is
// the caller's affair.
import { StorageError } from 'hexmq/ports';

interface Failure {
  readonly name?: string;
  readonly message: string;
  readonly code?: unknown;
  readonly cause?: unknown;
}

/** By shape, not by class: the engine makes its errors in native code, which knows one `Error` only, and a process can have several. */
const isFailure = (error: unknown): error is Failure => typeof error === 'object' && error !== null && typeof (error as { message?: unknown }).message === 'string';

/** Every cause of an error, outermost first. */
function* chainOf(error: unknown): Generator<Failure> {
  for (let each = error; isFailure(each); each = each.cause) yield each;
}

const codeOf = ({ code }: Failure): string => (typeof code === 'string' ? code : '');

const SPACE = /no space left|disk quota exceeded|ENOSPC|EDQUOT/i;
const PERMISSION = /permission denied|read-only file system|operation not permitted|EACCES|EPERM|EROFS/i;
const NO_DIRECTORY = /not a directory|file exists|ENOTDIR|EEXIST/i;

export function storageError(error: unknown, directory: string): StorageError {
  if (error instanceof StorageError) return error;
  const chain = [...chainOf(error)];
  // The decoding of a record that is not what it should be ends in a RangeError.
  const isAny = (test: (each: Failure) => boolean): boolean => chain.some(test);
  const says = (words: RegExp): boolean => isAny((each) => words.test(each.message) || words.test(codeOf(each)));
  // The engine wraps what happened into "could not open" and "failed".
  const detail = chain.at(-1)?.message ?? String(error);
  const problem = (kind: StorageError['kind'], text: string): StorageError => new StorageError(kind, text, { cause: error });

  if (isAny((each) => codeOf(each) === 'LEVEL_LOCKED')) {
    return problem('fenced', `the data directory ${directory} is in use by another hexmq: stop that one, or give this one a directory of its own (${detail})`);
  }
  if (isAny((each) => codeOf(each) === 'LEVEL_CORRUPTION' || each.name === 'RangeError')) {
    return problem('corrupt', `the data in ${directory} is damaged: restore a backup, or move the directory away to begin anew (${detail})`);
  }
  if (says(SPACE)) return problem('full', `no space left for the data directory ${directory}: free some (${detail})`);
  if (says(PERMISSION)) {
    return problem('unavailable', `the data directory ${directory} cannot be written: give the user that runs hexmq the right to, or choose another directory (${detail})`);
  }
  if (says(NO_DIRECTORY)) return problem('unavailable', `the data directory ${directory} is no directory: remove what is there, or choose another (${detail})`);
  return problem('unavailable', `the data directory ${directory} did not take the call (${detail})`);
}

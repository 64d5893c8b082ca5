// Whether the files that this process has locked are still those that the path of the data directory leads to. Where
// the directory or a lock was removed or exchanged meanwhile, the engine would go on writing to files that have no name
// any more, and another process could open what has their names now.
import { stat } from 'node:fs';
import { join } from 'node:path';
import { StorageError } from 'hexmq/ports';
import { LOCK_FOLDER } from './directory-lock.js';

/** The device and the number of a file; NONE if there is none at the path; UNKNOWN if the look-up failed. */
type Identity = string;
const NONE = 'none';
const UNKNOWN = 'unknown';

/** While a locked file is open its number is not given to another. */
const LOCKS = ['LOCK', join(LOCK_FOLDER, 'LOCK')] as const;

/** Codes with which a path leads nowhere; ESTALE is how NFS says so. */
const GONE = new Set(['ENOENT', 'ENOTDIR', 'ESTALE']);

export class DirectoryIdentity {
  private constructor(
    private readonly directory: string,
    private readonly whole: Identity,
    private readonly locks: readonly Identity[],
  ) {}

  /** Call when the locks have been taken. */
  static async of(directory: string): Promise<DirectoryIdentity> {
    return new DirectoryIdentity(directory, await identityOf(directory), await locksOf(directory));
  }

  /** Costs two look-ups in the cache of the file system. @returns what happened, or `undefined` if nothing did. */
  async change(): Promise<StorageError | undefined> {
    const now = await locksOf(this.directory);
    const changed = now.findIndex((lock, i) => lock !== UNKNOWN && lock !== this.locks[i]);
    if (changed < 0) return undefined;
    const whole = await identityOf(this.directory);
    const what = whole === NONE ? 'was removed or renamed' : 'was exchanged for another one';
    return new StorageError(
      'fenced',
      whole === this.whole || whole === UNKNOWN
        ? `the file ${LOCKS[changed] as string} of the data directory ${this.directory} was removed or exchanged ` +
            'while this hexmq used it, so that another one could open it: start again'
        : `the data directory ${this.directory} ${what} while this hexmq used it, so that nothing more can be stored ` +
            'in it: put it back, and start again',
    );
  }
}

const locksOf = (directory: string): Promise<Identity[]> =>
  Promise.all(LOCKS.map((name) => identityOf(join(directory, name))));

/** By callback, because that costs half as much as a promise of `node:fs/promises`. */
function identityOf(path: string): Promise<Identity> {
  return new Promise((resolve) => {
    stat(path, { bigint: true }, (error, found) => {
      if (error === null) resolve(`${String(found.dev)}:${String(found.ino)}`);
      else resolve(GONE.has(error.code ?? '') ? NONE : UNKNOWN);
    });
  });
}

// The PID file: the process id of a running broker, for commands and scripts that send it a signal. The broker keeps
// the file open for as long as it runs. That proves, as nothing in the file could, that its number is still that of
// the broker: see `process-kind.ts`.
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { openRegularFileSync } from '../ports/regular-file.js';
import { FileError } from './report-error.js';
import type { FileIdentity } from './process-kind.js';
import type { ProcessHost } from './process-host.js';

export interface PidFileFlag {
  readonly pidFile?: string;
}

export const pidFileOf = ({ pidFile }: PidFileFlag, { environment }: ProcessHost): string | undefined =>
  pidFile ?? environment['HEXMQ_PID_FILE'];

/** How often another process may be faster with the name before the start gives up. */
const ATTEMPTS = 5;
/** Of file systems without hard links. */
const NO_LINKS: ReadonlySet<string | undefined> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** The PID file of this broker, which no other may have. */
export class PidFile {
  readonly #path: string;
  readonly #fd: number;

  private constructor(path: string, fd: number) {
    this.#path = path;
    this.#fd = fd;
  }

  /** What can be known before the start. @throws FileError if the file cannot be written, or is another broker's. */
  static check(path: string, host: ProcessHost): void {
    naming(path, () => {
      staleFile(path, host);
      accessSync(dirname(path), constants.W_OK);
    });
  }

  /** @throws FileError if the file cannot be written, or is another broker's. */
  static write(path: string, host: ProcessHost): PidFile {
    return naming(path, () => {
      const own = besides(path);
      // Not through a link: the name must be new.
      const fd = openSync(own, 'wx', 0o644);
      try {
        writeSync(fd, `${host.pid}\n`);
        publish(own, path, host);
      } catch (error) {
        closeSync(fd);
        rmSync(own, { force: true });
        throw error;
      }
      return new PidFile(path, fd);
    });
  }

  /** Removes the file, unless the name belongs to another one by now. */
  remove(): void {
    try {
      if (isSame(lstatSync(this.#path, { bigint: true }), fstatSync(this.#fd, { bigint: true }))) rmSync(this.#path);
    } catch {
      // Already removed.
    }
    closeSync(this.#fd);
  }
}

/** Gives the complete file its name, so that a reader never sees half of it; a stale file makes way. */
function publish(own: string, path: string, host: ProcessHost): void {
  for (let attempt = 1; ; attempt++) {
    const stale = staleFile(path, host);
    if (stale !== undefined) setAside(path, stale);
    try {
      linkSync(own, path);
      rmSync(own);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (NO_LINKS.has(code)) {
        renameSync(own, path);
        return;
      }
      if (code !== 'EEXIST' || attempt === ATTEMPTS) throw error;
    }
  }
}

/** Removes the stale file, and no other that has come to its name since it was judged. */
function setAside(path: string, stale: FileIdentity): void {
  const aside = besides(path);
  renameSync(path, aside);
  if (!isSame(statSync(aside, { bigint: true }), stale)) linkSync(aside, path);
  rmSync(aside);
}

/**
 * The file that a broker which is gone has left; `undefined` if there is no file.
 * @throws FileError if it is no PID file, or that of a running broker.
 */
function staleFile(path: string, host: ProcessHost): FileIdentity | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  if (stats.isSymbolicLink()) throw new FileError(`${path} is a symbolic link, expected a file or nothing there`);
  if (!stats.isFile()) throw new FileError(`${path} is not a file, expected a file or nothing there`);
  // What a full disk leaves.
  if (stats.size === 0n) return stats;
  const { pid } = readPidFile(path);
  if (pid !== host.pid && ['broker', 'starting'].includes(host.whatIs(pid, stats)))
    throw new FileError(`${path} is the PID file of a running broker, process ${pid}: stop it, or choose another file`);
  return stats;
}

/** @throws FileError that names the file, for every error. */
function naming<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof FileError) throw error;
    throw new FileError(`cannot write the process id to ${path}: ${(error as Error).message}`, { cause: error });
  }
}

const besides = (path: string): string => `${path}.${randomBytes(6).toString('hex')}`;

const isSame = (one: FileIdentity, other: FileIdentity): boolean => one.dev === other.dev && one.ino === other.ino;

/** @throws FileError */
export function readPidFile(path: string): { readonly pid: number; readonly file: FileIdentity } {
  let text: string;
  let file: FileIdentity;
  try {
    const fd = openRegularFileSync(path);
    try {
      file = fstatSync(fd, { bigint: true });
      text = readFileSync(fd, 'utf8');
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const what =
      (error as NodeJS.ErrnoException).code === 'ENOENT'
        ? 'no such file, so no broker that was started with it is running'
        : (error as Error).message;
    throw new FileError(`${path}: ${what}`, { cause: error });
  }
  if (!/^[1-9]\d{0,9}\s*$/.test(text)) throw new FileError(`${path}: expected a process id and nothing else`);
  return { pid: Number(text), file };
}

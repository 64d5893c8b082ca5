// A file for the log that can be opened again under its name, after it was renamed to make room for a new one.
import { close, closeSync, constants, fstatSync, openSync, write, writeSync } from 'node:fs';
import type { LineOutput } from './line-writer.js';

const { O_APPEND, O_CREAT, O_NONBLOCK, O_WRONLY } = constants;
/** Names of users and addresses of clients are in it. */
const MODE = 0o640;

export class LogFile implements LineOutput {
  readonly path: string;
  readonly #onFailing: (error: NodeJS.ErrnoException) => void;
  /** `undefined` until something is written. */
  #fd: number | undefined;
  /** What the write under way goes to. */
  #writing: number | undefined;
  #isFailing = false;

  /** @param onFailing called when the file cannot be opened or written, once until a write succeeds again. */
  constructor(path: string, onFailing: (error: NodeJS.ErrnoException) => void) {
    this.path = path;
    this.#onFailing = onFailing;
  }

  /**
   * Continues in the file that has the name now, and makes it if there is none.
   * @throws Error if the file cannot be opened or is none, such as a directory or a pipe. The previous one stays.
   */
  reopen(): void {
    const previous = this.#fd;
    this.#fd = opened(this.path);
    if (previous !== undefined && this.#writing !== previous) closeSync(previous);
  }

  write(bytes: Buffer, done: (error: NodeJS.ErrnoException | null | undefined, written: number) => void): void {
    let fd: number;
    try {
      fd = this.#fd ??= opened(this.path);
    } catch (error) {
      setImmediate(() => {
        this.#note(error as NodeJS.ErrnoException);
        done(error as NodeJS.ErrnoException, 0);
      });
      return;
    }
    this.#writing = fd;
    write(fd, bytes, (error, written) => {
      this.#writing = undefined;
      // It was replaced meanwhile. An error of closing it says nothing about the log from here on.
      if (fd !== this.#fd) close(fd, () => undefined);
      this.#note(error);
      done(error, written);
    });
  }

  writeNow(bytes: Buffer): void {
    const fd = (this.#fd ??= opened(this.path));
    for (let rest = bytes; rest.byteLength > 0;) rest = rest.subarray(writeSync(fd, rest));
  }

  /** A full disk may have room again. */
  canRetry(): boolean {
    return true;
  }

  #note(error: NodeJS.ErrnoException | null): void {
    if (error !== null && !this.#isFailing) this.#onFailing(error);
    this.#isFailing = error !== null;
  }
}

/** Without waiting for a reader, if the name is that of a pipe. */
function opened(path: string): number {
  const fd = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, MODE);
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw new Error(`${path} is not a file`);
}

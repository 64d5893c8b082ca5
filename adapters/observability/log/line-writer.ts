// Log lines on their way to a file, pipe or terminal that may be full, slow or gone. The broker never waits for it: one
// write is under way, what follows waits within a bound of bytes, and lines beyond the bound are dropped and counted.

/** What still waits when it is reached is lost. Some 20,000 lines of usual length. */
export const WAITING_BYTES_MAX = 4 * 1024 * 1024;
/** A line costs more memory than its characters. */
const LINE_OVERHEAD_BYTES = 64;
/** Lines are written together up to about this size. */
const WRITE_BYTES = 64 * 1024;

/** Where bytes go, without blocking. */
export interface LineOutput {
  /** Calls back, later, with how many of the bytes were written, or with the error. */
  write(bytes: Buffer, done: (error: NodeJS.ErrnoException | null | undefined, written: number) => void): void;
  /** Writes as much as goes at once, for a process that is about to end. May throw. */
  writeNow(bytes: Buffer): void;
  /** Whether what it could not write can be tried again after this error. */
  canRetry(error: NodeJS.ErrnoException): boolean;
}

export interface LineWriterParts {
  readonly output: LineOutput;
  readonly bytesMax?: number;
  /** Calls back after a pause that does not keep the process alive. */
  readonly retryLater: (callback: () => void) => void;
  /**
   * Lines were dropped, and there is room again for a line that says so.
   * @param cause the code of the last error of a write, or `undefined` if lines were only written too slowly.
   */
  readonly onDropped: (count: number, cause: string | undefined) => void;
}

export class LineWriter {
  readonly #parts: LineWriterParts;
  readonly #bytesMax: number;
  #waiting: string[] = [];
  /** Of the waiting lines and of the write under way. */
  #bytes = 0;
  /** What the write under way has not written yet. */
  #current: Buffer | undefined;
  #currentBytes = 0;
  #dropped = 0;
  #cause: string | undefined;
  #isGone = false;

  constructor(parts: LineWriterParts) {
    this.#parts = parts;
    this.#bytesMax = parts.bytesMax ?? WAITING_BYTES_MAX;
  }

  /** Takes a line with its line feed. */
  write(line: string): void {
    if (this.#isGone) return;
    const cost = costOf(line);
    // Once one was dropped, all are until there is room for a good part: the log then has one gap instead of many.
    if (this.#dropped > 0 || this.#bytes + cost > this.#bytesMax) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(line);
    this.#bytes += cost;
    this.#next();
  }

  /** Writes what waits as far as it goes at once, for a process that is about to end. */
  flush(): void {
    if (this.#isGone) return;
    const lines = this.#waiting;
    this.#waiting = [];
    try {
      this.#parts.output.writeNow(Buffer.from(lines.join('')));
    } catch {
      // The log is lost, and there is no other place to say so.
    }
  }

  #next(): void {
    if (this.#current !== undefined || this.#waiting.length === 0) return;
    let size = 0;
    let count = 0;
    while (count < this.#waiting.length && size < WRITE_BYTES) size += costOf(this.#waiting[count++] as string);
    this.#currentBytes = size;
    this.#send(Buffer.from(this.#waiting.splice(0, count).join('')));
  }

  #send(bytes: Buffer): void {
    this.#current = bytes;
    this.#parts.output.write(bytes, (error, written) => {
      if (error !== null && error !== undefined) this.#failed(error, bytes);
      else if (written < bytes.byteLength) this.#send(bytes.subarray(written));
      else this.#written();
    });
  }

  #written(): void {
    this.#current = undefined;
    this.#bytes -= this.#currentBytes;
    if (this.#dropped > 0 && this.#bytes <= this.#bytesMax / 2) {
      const count = this.#dropped;
      const cause = this.#cause;
      this.#dropped = 0;
      this.#cause = undefined;
      this.#parts.onDropped(count, cause);
    }
    if (this.#dropped === 0) this.#cause = undefined;
    this.#next();
  }

  #failed(error: NodeJS.ErrnoException, bytes: Buffer): void {
    if (this.#parts.output.canRetry(error)) {
      this.#cause = error.code ?? error.message;
      this.#parts.retryLater(() => {
        this.#send(bytes);
      });
      return;
    }
    this.#isGone = true;
    this.#waiting = [];
    this.#current = undefined;
    this.#bytes = 0;
  }
}

const costOf = (line: string): number => Buffer.byteLength(line) + LINE_OVERHEAD_BYTES;

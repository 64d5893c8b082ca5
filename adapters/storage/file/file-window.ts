// A file that is read from front to back in small pieces, through a buffer that holds a larger one.
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

const WINDOW_BYTES = 1024 * 1024;

export class FileWindow {
  #bytes = Buffer.alloc(0);
  #offset = 0;

  private constructor(
    readonly file: FileHandle,
    readonly size: number,
  ) {}

  /**
   * @returns what `work` returns, or `undefined` if there is no such file: another process or the engine itself may
   * have removed it.
   */
  static async of<Result>(path: string, work: (window: FileWindow) => Promise<Result>): Promise<Result | undefined> {
    let file: FileHandle;
    try {
      file = await open(path);
    } catch (error) {
      if ((error as { code?: string }).code === 'ENOENT') return undefined;
      throw error;
    }
    try {
      const { size } = await file.stat();
      return await work(new FileWindow(file, size));
    } finally {
      await file.close();
    }
  }

  /** @returns a view, valid until the next call; shorter than `length` at the end of the file. */
  async read(offset: number, length: number): Promise<Buffer> {
    if (offset < this.#offset || offset + length > this.#offset + this.#bytes.length)
      await this.#fill(offset, Math.max(length, WINDOW_BYTES));
    return this.#bytes.subarray(offset - this.#offset, offset - this.#offset + length);
  }

  async #fill(offset: number, length: number): Promise<void> {
    const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(length, this.size - offset)));
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await this.file.read(bytes, filled, bytes.length - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    this.#bytes = bytes.subarray(0, filled);
    this.#offset = offset;
  }
}

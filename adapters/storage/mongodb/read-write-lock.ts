// Reads, many at a time, or one round of the checkpointer: never both, because a round moves the collections from one
// moment to a later one, and no read may see what lies between. First come, first served, so that neither side starves.

export class ReadWriteLock {
  /** The end of the line of writes. */
  #lastWrite: Promise<unknown> = Promise.resolve();
  /** The reads since the last write began to wait; each promise settles when its read has ended. */
  #reads = new Set<Promise<unknown>>();

  async read<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#lastWrite.then(work);
    const settled = result.catch(() => undefined);
    this.#reads.add(settled);
    try {
      return await result;
    } finally {
      this.#reads.delete(settled);
    }
  }

  write<Result>(work: () => Promise<Result>): Promise<Result> {
    const reads = this.#reads;
    this.#reads = new Set();
    const result = this.#lastWrite.then(() => Promise.all(reads)).then(work);
    this.#lastWrite = result.catch(() => undefined);
    return result;
  }
}

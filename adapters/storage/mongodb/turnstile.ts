// Reads, many at a time, and rounds of the folder, one at a time, never both: a round moves the collections from one moment to a later one, and what
// lies between is nobody's to see. In the order in which they came, so that neither waits for ever.

export class Turnstile {
  #line: Promise<unknown> = Promise.resolve();
  /** Those since the last round; each is done when it settles. */
  #readers = new Set<Promise<unknown>>();

  async read<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#line.then(work);
    const settled = result.catch(() => undefined);
    this.#readers.add(settled);
    try {
      return await result;
    } finally {
      this.#readers.delete(settled);
    }
  }

  alone<Result>(work: () => Promise<Result>): Promise<Result> {
    const readers = this.#readers;
    this.#readers = new Set();
    const result = this.#line.then(() => Promise.all(readers)).then(work);
    this.#line = result.catch(() => undefined);
    return result;
  }
}

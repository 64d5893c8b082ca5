// So many at once, and so many who wait for their turn; whoever comes then is turned away at once.

export class Gate {
  readonly #concurrent: number;
  readonly #waiting: number;
  readonly #queue: (() => void)[] = [];
  #running = 0;

  constructor(concurrent: number, waiting: number) {
    this.#concurrent = concurrent;
    this.#waiting = waiting;
  }

  /** @param signal aborted: it is not begun any more. */
  async run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#running < this.#concurrent) this.#running++;
    else if (this.#queue.length < this.#waiting) await new Promise<void>((resolve) => this.#queue.push(resolve));
    else throw new Error(`${this.#running} questions are under way and ${this.#queue.length} wait, no more are taken`);
    try {
      if (signal?.aborted === true) throw new Error('nobody waits for the answer any more');
      return await task();
    } finally {
      // Its place goes to the next one, or is free.
      const next = this.#queue.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

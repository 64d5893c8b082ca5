// Where passwords wait to be hashed: a few are at work at once, so that the thread pool is left to the disk as well, and only so many wait.

interface Job {
  start(): void;
  cancel(why: string): void;
}

export class WorkQueue {
  readonly #waiting = new Set<Job>();
  #working = 0;
  #isClosed = false;

  constructor(
    readonly maxWorking: number,
    readonly maxWaiting: number,
  ) {}

  /**
   * Does the work when its turn comes.
   * @param signal what nobody waits for any more leaves the line.
   * @returns a rejection when the line is full.
   */
  run<Result>(work: () => Result | Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
    if (this.#isClosed) return Promise.reject(new Error('it is closed'));
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        job.cancel('nobody waits for the answer any more');
      };
      const job: Job = {
        start: () => {
          signal?.removeEventListener('abort', leave);
          this.#work(work).then(resolve, reject);
        },
        cancel: (why) => {
          signal?.removeEventListener('abort', leave);
          this.#waiting.delete(job);
          reject(new Error(why));
        },
      };
      if (signal?.aborted === true) job.cancel('nobody waits for the answer any more');
      else if (this.#working < this.maxWorking) job.start();
      else if (this.#waiting.size >= this.maxWaiting) job.cancel(`${this.maxWaiting} passwords wait to be checked`);
      else {
        this.#waiting.add(job);
        signal?.addEventListener('abort', leave);
      }
    });
  }

  /** Nothing begins any more; what is at work ends by itself. */
  close(): void {
    this.#isClosed = true;
    for (const job of this.#waiting) job.cancel('it is closed');
  }

  async #work<Result>(work: () => Result | Promise<Result>): Promise<Result> {
    this.#working++;
    try {
      return await work();
    } finally {
      this.#working--;
      this.#next();
    }
  }

  #next(): void {
    const [job] = this.#waiting;
    if (job === undefined) return;
    this.#waiting.delete(job);
    job.start();
  }
}

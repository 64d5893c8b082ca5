// A bounded work queue: a limited number of tasks run at once and a limited number wait, in order of arrival. The
// bounds protect what the tasks use, such as the thread pool (which the disk needs too) or a server, and the broker's
// memory.

interface Task {
  start(): void;
  reject(reason: string): void;
}

export class WorkQueue {
  readonly #maxRunning: number;
  readonly #maxWaiting: number;
  readonly #waiting = new Set<Task>();
  #running = 0;
  #isClosed = false;

  constructor(maxRunning: number, maxWaiting: number) {
    this.#maxRunning = maxRunning;
    this.#maxWaiting = maxWaiting;
  }

  /**
   * Runs the work as soon as the bounds permit.
   * @param signal removes the work from the queue when it is aborted. Work that has started is not affected.
   * @returns the result of the work, or a rejection if the queue is full or closed, or the signal was aborted.
   */
  run<Result>(work: () => Result | Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
    if (this.#isClosed) return Promise.reject(new Error('closed'));
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        task.reject('the request was cancelled');
      };
      const task: Task = {
        start: () => {
          signal?.removeEventListener('abort', onAbort);
          this.#run(work).then(resolve, reject);
        },
        reject: (reason) => {
          signal?.removeEventListener('abort', onAbort);
          this.#waiting.delete(task);
          reject(new Error(reason));
        },
      };
      if (signal?.aborted === true) onAbort();
      else if (this.#running < this.#maxRunning) task.start();
      else if (this.#waiting.size >= this.#maxWaiting)
        task.reject(`too many requests at once: ${this.#running} running, ${this.#waiting.size} waiting`);
      else {
        this.#waiting.add(task);
        signal?.addEventListener('abort', onAbort);
      }
    });
  }

  /** Rejects all waiting and future work. Running work is not affected. */
  close(): void {
    this.#isClosed = true;
    for (const task of this.#waiting) task.reject('closed');
  }

  async #run<Result>(work: () => Result | Promise<Result>): Promise<Result> {
    this.#running++;
    try {
      return await work();
    } finally {
      this.#running--;
      this.#startNext();
    }
  }

  #startNext(): void {
    const [task] = this.#waiting;
    if (task === undefined) return;
    this.#waiting.delete(task);
    task.start();
  }
}

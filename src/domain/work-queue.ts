// Work that is too large for one step: it is done in slices, one a step, so that other clients are served in between.
// Tasks take turns.

export interface Task {
  /** Does the next slice. @returns whether the task is finished. */
  run(): boolean;
}

export class WorkQueue {
  /** In the order of their turns. */
  readonly #tasks = new Set<Task>();

  get isEmpty(): boolean {
    return this.#tasks.size === 0;
  }

  /** A task that is in the queue already keeps its turn. */
  add(task: Task): void {
    this.#tasks.add(task);
  }

  /** Does one slice of the task whose turn it is. */
  continue(): void {
    for (const task of this.#tasks) {
      this.#tasks.delete(task);
      if (!task.run()) this.#tasks.add(task);
      return;
    }
  }
}

// Work that is too large for one step: it is done in slices, one a step, so that other clients are served in between. Tasks take turns.

export interface Task {
  /** Does the next slice. @returns whether the task is finished. */
  run(): boolean;
}

export class WorkQueue {
  #tasks: Task[] = [];

  get isEmpty(): boolean {
    return this.#tasks.length === 0;
  }

  add(task: Task): void {
    this.#tasks.push(task);
  }

  /** Does one slice of the task whose turn it is. */
  continue(): void {
    const task = this.#tasks.shift();
    if (task !== undefined && !task.run()) this.#tasks.push(task);
  }
}

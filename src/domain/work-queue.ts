// Work that is too large for one step: it is done in slices, one a step, so that other clients are served in between.
// Tasks take turns. Every second slice is one of a task that has priority, because all publishers wait for it.

export interface Task {
  readonly hasPriority?: boolean;
  /** Does the next slice. @returns whether the task is finished. */
  run(): boolean;
}

export class WorkQueue {
  /** Each in the order of their turns. */
  readonly #tasks = new Set<Task>();
  readonly #withPriority = new Set<Task>();
  #isPriorityNext = true;

  get isEmpty(): boolean {
    return this.#tasks.size === 0 && this.#withPriority.size === 0;
  }

  /** A task that is in the queue already keeps its turn. */
  add(task: Task): void {
    this.#queueOf(task).add(task);
  }

  /** Does one slice of the task whose turn it is. */
  continue(): void {
    const isPriority = this.#tasks.size === 0 || (this.#isPriorityNext && this.#withPriority.size > 0);
    this.#isPriorityNext = !isPriority;
    const tasks = isPriority ? this.#withPriority : this.#tasks;
    for (const task of tasks) {
      tasks.delete(task);
      if (!task.run()) tasks.add(task);
      return;
    }
  }

  #queueOf({ hasPriority = false }: Task): Set<Task> {
    return hasPriority ? this.#withPriority : this.#tasks;
  }
}

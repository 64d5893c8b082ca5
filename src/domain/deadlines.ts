// What is due when: a heap of deadlines, so that the core can answer "when next?" and the shell needs one timer for all
// connections. A deadline is a timer of one owner that is set, moved and cleared; the timer's kind says what happens
// when it expires.

/** What the expiry of a deadline means, for all owners of one kind. */
export interface TimerKind<Owner> {
  /** What is timed, in a word or two; for people. */
  readonly name: string;
  readonly expired: (owner: Owner) => void;
}

export class Deadline<Owner> {
  /** In milliseconds; meaningless while not set. */
  atMs = 0;
  /** Index in the heap, or -1 if it is not set. Belongs to `Deadlines`. */
  position = -1;

  constructor(
    readonly kind: TimerKind<Owner>,
    readonly owner: Owner,
  ) {}

  get isSet(): boolean {
    return this.position >= 0;
  }

  expire(): void {
    this.kind.expired(this.owner);
  }
}

/** A deadline, whatever its owner. */
interface Scheduled {
  atMs: number;
  position: number;
  expire(): void;
}

export class Deadlines {
  readonly #heap: Scheduled[] = [];

  get nextMs(): number | undefined {
    return this.#heap[0]?.atMs;
  }

  /** Sets the deadline, or moves it if it is set. */
  set(deadline: Scheduled, atMs: number): void {
    deadline.atMs = atMs;
    if (deadline.position < 0) {
      deadline.position = this.#heap.length;
      this.#heap.push(deadline);
    }
    this.#up(deadline);
    this.#down(deadline);
  }

  clear(deadline: Scheduled): void {
    const position = deadline.position;
    if (position < 0) return;
    deadline.position = -1;
    const last = this.#heap.pop() as Scheduled;
    if (last === deadline) return;
    this.#heap[position] = last;
    last.position = position;
    this.#up(last);
    this.#down(last);
  }

  /** Removes and returns the earliest deadline that is due. */
  takeDue(nowMs: number): Scheduled | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.atMs > nowMs) return undefined;
    this.clear(first);
    return first;
  }

  #up(deadline: Scheduled): void {
    const heap = this.#heap;
    let at = deadline.position;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt] as Scheduled;
      if (parent.atMs <= deadline.atMs) break;
      heap[at] = parent;
      parent.position = at;
      at = parentAt;
    }
    heap[at] = deadline;
    deadline.position = at;
  }

  #down(deadline: Scheduled): void {
    const heap = this.#heap;
    let at = deadline.position;
    for (;;) {
      let childAt = 2 * at + 1;
      let child = heap[childAt];
      if (child === undefined) break;
      const right = heap[childAt + 1];
      if (right !== undefined && right.atMs < child.atMs) {
        child = right;
        childAt++;
      }
      if (child.atMs >= deadline.atMs) break;
      heap[at] = child;
      child.position = at;
      at = childAt;
    }
    heap[at] = deadline;
    deadline.position = at;
  }
}

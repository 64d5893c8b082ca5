// Time that moves when told to. Timers fire in the order in which they are due and, due at the same time, in the order
// in which they were made. Nothing fires on its own, so a test decides what has happened before what.
import type { Clock, Timer } from '../ports/index.js';

/** More firings than this without time moving on is a timer that keeps setting itself for now. */
const FIRINGS_AT_ONCE_MAX = 100_000;
/** How often `advanceAsync` lets the event loop turn after each firing, for what the callback began to come to rest. */
const TURNS_BETWEEN_TIMERS = 3;

interface PendingTimer {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
  state: 'waiting' | 'fired' | 'cancelled';
}

export class VirtualClock implements Clock {
  #nowMs: number;
  #made = 0;
  /** A heap: no timer fires before the one at half its place. */
  readonly #heap: PendingTimer[] = [];
  /** Cancelled timers stay in the heap until they come to its top. */
  #cancelled = 0;

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  at(atMs: number, callback: () => void): Timer {
    const timer: PendingTimer = { atMs, order: this.#made++, callback, state: 'waiting' };
    this.#push(timer);
    return {
      cancel: () => {
        if (timer.state !== 'waiting') return;
        timer.state = 'cancelled';
        this.#cancelled++;
      },
    };
  }

  /** Timers that have neither fired nor been cancelled. */
  get pending(): number {
    return this.#heap.length - this.#cancelled;
  }

  /** When the next timer is due: possibly in the past. `undefined`: there is none. */
  get nextDueMs(): number | undefined {
    this.#dropCancelled();
    return this.#heap[0]?.atMs;
  }

  /** Moves on by `ms` and fires what is due by then, timers made meanwhile too. */
  advance(ms: number): void {
    this.advanceTo(this.#nowMs + ms);
  }

  advanceTo(timeMs: number): void {
    const due = this.#dueBy(timeMs);
    for (let timer = due(); timer !== undefined; timer = due()) timer.callback();
    this.#moveTo(timeMs);
  }

  /** As `advance`, but lets promises and `setImmediate` run before the first timer and after each. */
  async advanceAsync(ms: number): Promise<void> {
    await this.advanceToAsync(this.#nowMs + ms);
  }

  async advanceToAsync(timeMs: number): Promise<void> {
    await settled();
    const due = this.#dueBy(timeMs);
    for (let timer = due(); timer !== undefined; timer = due()) {
      timer.callback();
      await settled();
    }
    this.#moveTo(timeMs);
  }

  /** Gives the timers due by `timeMs` one after the other, with the clock at the time of each. */
  #dueBy(timeMs: number): () => PendingTimer | undefined {
    if (timeMs < this.#nowMs)
      throw new RangeError(`time does not go back: it is ${String(this.#nowMs)}, not ${String(timeMs)}`);
    let firings = 0;
    return () => {
      this.#dropCancelled();
      const next = this.#heap[0];
      if (next === undefined || next.atMs > timeMs) return undefined;
      if (next.atMs > this.#nowMs) {
        firings = 0;
        this.#moveTo(next.atMs);
      }
      if (++firings > FIRINGS_AT_ONCE_MAX)
        throw new Error(`${String(firings)} timers fired at ${String(this.#nowMs)}: one sets itself again for now`);
      this.#pop();
      next.state = 'fired';
      return next;
    };
  }

  #moveTo(timeMs: number): void {
    if (timeMs > this.#nowMs) this.#nowMs = timeMs;
  }

  #dropCancelled(): void {
    while (this.#heap[0]?.state === 'cancelled') {
      this.#cancelled--;
      this.#pop();
    }
  }

  #push(timer: PendingTimer): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(timer, heap[parent] as PendingTimer)) break;
      heap[at] = heap[parent] as PendingTimer;
      at = parent;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as PendingTimer, heap[child] as PendingTimer)) child++;
      if (!isBefore(heap[child] as PendingTimer, last)) break;
      heap[at] = heap[child] as PendingTimer;
      at = child;
    }
    heap[at] = last;
  }
}

const isBefore = (a: PendingTimer, b: PendingTimer): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

async function settled(): Promise<void> {
  for (let turn = 0; turn < TURNS_BETWEEN_TIMERS; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

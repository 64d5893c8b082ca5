// A clock that a test moves. Timers fire in the order in which they are due and, if due at the same time, in the order
// in which they were created. No timer fires by itself, so a test decides the order of events.
import type { Clock, Timer } from '../ports/index.js';

/** More firings than this at one time mean that a timer restarts itself without delay. */
const FIRINGS_AT_ONCE_MAX = 100_000;
/** Turns of the event loop after each firing in `advanceAsync`, in which the work that the callback began completes. */
const TURNS_BETWEEN_TIMERS = 3;

interface PendingTimer {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
  state: 'waiting' | 'fired' | 'cancelled';
}

/** A clock that moves only when a test advances it, in milliseconds since 1970. */
export class VirtualClock implements Clock {
  #nowMs: number;
  #wallAheadMs = 0;
  readonly #watchers = new Set<() => void>();
  #created = 0;
  /** A binary heap: no timer fires before its parent, at half its index. */
  readonly #heap: PendingTimer[] = [];
  /** The number of cancelled timers, which stay in the heap until they reach its top. */
  #cancelled = 0;

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs + this.#wallAheadMs;
  }

  /** How far the date is ahead of `nowMs`. A test sets it to correct the date; no timer moves. */
  get wallAheadMs(): number {
    return this.#wallAheadMs;
  }

  set wallAheadMs(aheadMs: number) {
    this.#wallAheadMs = aheadMs;
    for (const corrected of this.#watchers) corrected();
  }

  watch(corrected: () => void): Timer {
    this.#watchers.add(corrected);
    return { cancel: () => this.#watchers.delete(corrected) };
  }

  at(atMs: number, callback: () => void): Timer {
    const timer: PendingTimer = { atMs, order: this.#created++, callback, state: 'waiting' };
    this.#push(timer);
    return {
      cancel: () => {
        if (timer.state !== 'waiting') return;
        timer.state = 'cancelled';
        this.#cancelled++;
      },
    };
  }

  /** The number of timers that have neither fired nor been cancelled. */
  get pending(): number {
    return this.#heap.length - this.#cancelled;
  }

  /** The time in milliseconds at which the next timer is due, possibly in the past; `undefined` without a timer. */
  get nextDueMs(): number | undefined {
    this.#dropCancelled();
    return this.#heap[0]?.atMs;
  }

  /** Advances by `ms` milliseconds, and fires the timers due by then, including those created meanwhile. */
  advance(ms: number): void {
    this.advanceTo(this.#nowMs + ms);
  }

  /** @throws RangeError if `timeMs` is in the past. */
  advanceTo(timeMs: number): void {
    const due = this.#dueBy(timeMs);
    for (let timer = due(); timer !== undefined; timer = due()) timer.callback();
    this.#moveTo(timeMs);
  }

  /** As `advance`, but lets promises and `setImmediate` run before the first timer and after each timer. */
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

  /** Returns a function that returns the timers due by `timeMs` one by one, with the clock at the time of each. */
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
        throw new Error(`${String(firings)} timers fired at ${String(this.#nowMs)}: one restarts itself without delay`);
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

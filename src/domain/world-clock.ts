// The wall clock as the core knows it: how far it is ahead of broker time, the deadlines that are instants of the
// world, such as the end of a token, and the mark by which a store can be read after a restart.
import { CLOCK_QUEUE, appendOf, haveParted } from './clock-mark.js';
import type { ClockMark } from './clock-mark.js';
import type { Context } from './context.js';
import { Deadline, Deadlines } from './deadlines.js';
import type { MessageId, Seq } from './identifiers.js';

/**
 * If the next start has a wrong date, no more of the time that the broker has run is not counted than a tenth of it, or
 * ten minutes if that is more, and never more than a day.
 */
const MARK_MIN_MS = 600_000;
const MARK_MAX_MS = 86_400_000;

export class WorldClock {
  /** Deadlines by the wall clock. When that is corrected, all of them move, and none has to be set again. */
  readonly deadlines = new Deadlines();
  /** What a mark made now would say. */
  #markedAheadMs = 0;
  #nextSeq = 0;
  #startedAtMs = 0;
  readonly #nextMark = new Deadline<WorldClock>(
    {
      name: 'clock mark',
      expired: () => {
        this.#mark();
      },
    },
    this,
  );

  constructor(
    readonly context: Context,
    readonly own: Deadlines,
    readonly newMessageId: () => MessageId,
  ) {}

  /** In broker time; `undefined` if nothing is due by the wall clock. */
  get nextMs(): number | undefined {
    const { nextMs } = this.deadlines;
    return nextMs === undefined ? undefined : nextMs - this.context.wallAheadMs;
  }

  /** Removes and returns the earliest deadline that is due by the wall clock. */
  takeDue(): ReturnType<Deadlines['takeDue']> {
    return this.deadlines.takeDue(this.context.nowMs + this.context.wallAheadMs);
  }

  /**
   * @param mark what the store has. A wall clock that says less than the mark is not believed until it changes: many
   * machines start in 1970.
   */
  begin(mark: ClockMark | undefined, wallAheadMs: number): void {
    this.context.wallAheadMs = wallAheadMs;
    this.#startedAtMs = this.context.nowMs;
    this.#nextSeq = mark === undefined ? 0 : mark.seq + 1;
    this.#markedAheadMs = mark?.wallAheadMs ?? wallAheadMs;
    this.#markLater();
  }

  /** The wall clock was corrected: it is this far ahead now. */
  corrected(wallAheadMs: number): void {
    const byMs = wallAheadMs - this.context.wallAheadMs;
    this.context.wallAheadMs = wallAheadMs;
    if (haveParted(wallAheadMs, this.#markedAheadMs)) {
      this.#markedAheadMs = wallAheadMs;
      this.#mark();
    }
    this.context.effects.emit({ kind: 'clock-corrected', byMs });
  }

  /** Takes away the marks before only behind the new one: however a commit is cut, there is one. */
  #mark(): void {
    const { changes, nowMs } = this.context;
    const seq = this.#nextSeq++ as Seq;
    const mark = { seq, atMs: nowMs, wallAheadMs: this.#markedAheadMs };
    changes.record(appendOf(mark, this.newMessageId()));
    if (seq > 0) changes.remove({ kind: 'queue.trim', queue: CLOCK_QUEUE, through: (seq - 1) as Seq }, undefined);
    this.#markLater();
  }

  #markLater(): void {
    const { nowMs } = this.context;
    const laterMs = Math.min(Math.max((nowMs - this.#startedAtMs) / 10, MARK_MIN_MS), MARK_MAX_MS);
    this.own.set(this.#nextMark, nowMs + laterMs);
  }
}

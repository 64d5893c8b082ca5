// The places at which pages ended, for the pages that follow. A place holds a position in the broker's tables, so only
// a few are kept, and none for long; and each is good for one page, so that an answer that is lost on its way is
// noticed instead of being left out.
import { randomUUID } from 'node:crypto';
import { AdministrationError } from '../ports/index.js';
import type { Clock, Timer } from '../ports/index.js';

/** Kept at once, for all callers together: the one that was used least recently makes way. */
const KEPT_MAX = 100;
const IDLE_MS = 60_000;

/** A part of an answer, and how to go on. */
export interface Found<Item> {
  readonly items: Item[];
  readonly next: Continuation<Item> | undefined;
}

/** Reads the next items, at most as many. */
export type Continuation<Item> = (limit: number) => Found<Item> | Promise<Found<Item>>;

interface Kept {
  readonly operation: string;
  readonly next: Continuation<unknown>;
  readonly until: number;
}

export class KeptCursors {
  /** In the order in which they end. */
  readonly #kept = new Map<string, Kept>();
  #timer: Timer | undefined;

  constructor(readonly clock: Clock) {}

  get size(): number {
    return this.#kept.size;
  }

  /** @returns the name of the cursor. */
  keep(operation: string, next: Continuation<unknown>): string {
    for (const [oldest] of this.#kept) {
      if (this.#kept.size < KEPT_MAX) break;
      this.#kept.delete(oldest);
    }
    const name = randomUUID();
    const until = this.clock.nowMs() + IDLE_MS;
    this.#kept.set(name, { operation, next, until });
    this.#timer ??= this.clock.at(until, () => {
      this.#expire();
    });
    return name;
  }

  /** @throws AdministrationError `gone` if there is no such cursor, or it belongs to another operation. */
  take(operation: string, name: string): Continuation<unknown> {
    const kept = this.#kept.get(name);
    if (kept?.operation !== operation) {
      throw new AdministrationError('gone', 'there is no such cursor: begin with the first page again', [
        { parameter: 'cursor', detail: `a cursor is good for one page of ${operation}, within a minute` },
      ]);
    }
    this.#kept.delete(name);
    return kept.next;
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#kept.clear();
  }

  #expire(): void {
    this.#timer = undefined;
    const nowMs = this.clock.nowMs();
    for (const [name, { until }] of this.#kept) {
      if (until > nowMs) {
        this.#timer = this.clock.at(until, () => {
          this.#expire();
        });
        return;
      }
      this.#kept.delete(name);
    }
  }
}

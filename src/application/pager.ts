// Reads that the core asks for: pages of queues and of retained messages. A read begins when what the core wants to find there is durable, so that it
// never sees a page older than its own facts. Few are under way at once: no storage is faster for being asked a thousand things, and each page that is
// on its way takes memory, when all clients come back after a restart.
import { StorageError } from '../ports/storage.js';
import type { Storage } from '../ports/storage.js';
import type { Clock } from '../ports/clock.js';
import type { Ticket } from '../domain/durability.js';
import { Fifo } from '../domain/session/fifo.js';
import { pauseAfter } from './retry.js';

/** What has become durable so far. */
export interface DurableSoFar {
  readonly durableTicket: Ticket;
}

export interface PagerObserver {
  readFailing(error: StorageError, attempt: number): void;
  readRecovered(attempts: number): void;
  fatal(error: Error): void;
}

const READS_AT_ONCE = 16;

export class Pager {
  #waiting: { readonly after: Ticket; readonly read: () => void }[] = [];
  #underWay = 0;
  /** Those that may be read, in the order of asking. */
  readonly #line = new Fifo<() => void>();
  #stopped = false;

  constructor(
    readonly storage: Storage,
    readonly clock: Clock,
    readonly committed: DurableSoFar,
    readonly observer: PagerObserver,
  ) {}

  /**
   * Calls `read` when it may, again after a failure that may pass, and hands its result to `done`.
   * @param after what has to be durable first.
   */
  read<T>(after: Ticket, read: () => Promise<T>, done: (result: T) => void): void {
    const start = (): void => {
      this.#enter(() => void this.#attempt(read, done, 1));
    };
    if (after <= this.committed.durableTicket) start();
    else this.#waiting.push({ after, read: start });
  }

  durable(ticket: Ticket): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = waiting.filter((one) => one.after > ticket);
    for (const one of waiting) if (one.after <= ticket) one.read();
  }

  stop(): void {
    this.#stopped = true;
    this.#waiting = [];
  }

  #enter(attempt: () => void): void {
    if (this.#underWay >= READS_AT_ONCE) {
      this.#line.push(attempt);
      return;
    }
    this.#underWay++;
    attempt();
  }

  #leave(): void {
    this.#underWay--;
    const next = this.#line.shift();
    if (next !== undefined && !this.#stopped) this.#enter(next);
  }

  async #attempt<T>(read: () => Promise<T>, done: (result: T) => void, attempt: number): Promise<void> {
    let result: T;
    try {
      result = await read();
    } catch (error) {
      this.#leave();
      // Storage may have been closed under it.
      if (this.#stopped) return;
      if (!(error instanceof StorageError) || error.kind === 'fenced' || error.kind === 'corrupt') {
        this.observer.fatal(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      this.observer.readFailing(error, attempt);
      await pauseAfter(attempt, this.clock);
      if (!this.#stopped) this.#enter(() => void this.#attempt(read, done, attempt + 1));
      return;
    }
    this.#leave();
    if (this.#stopped) return;
    if (attempt > 1) this.observer.readRecovered(attempt);
    done(result);
  }
}

// Reads that the core asks for: pages of queues and of retained messages. A read begins when what the core wants to
// find there is durable, so that it never sees a page older than its own facts. Few are in progress at once: no storage
// is faster for a thousand concurrent reads, and each page in progress takes memory when all clients return after a
// restart.
import type { Storage } from '../ports/storage.js';
import type { Clock } from '../ports/clock.js';
import type { Ticket } from '../domain/durability.js';
import { Fifo } from '../domain/queues/fifo.js';
import type { DurabilityWaiters } from './durability-waiters.js';
import { isRetryable, pauseAfter } from './retry.js';
import type { StorageReports } from './storage-reports.js';
import { asError } from './timeout.js';

const CONCURRENT_READS_MAX = 16;

interface PageRequest<T> {
  readonly read: (storage: Storage) => Promise<T>;
  readonly check: (result: T) => T;
  readonly done: (result: T) => void;
}

export class Pager {
  #inProgress = 0;
  /** Attempts that may begin when another read ends, in the order of the requests. */
  readonly #next = new Fifo<() => void>();
  #stopped = false;

  constructor(
    readonly storage: Storage,
    readonly clock: Clock,
    readonly waiters: DurabilityWaiters,
    readonly reports: StorageReports,
  ) {}

  /**
   * Hands the result of `read`, once it has been checked, to `done`. The read begins when `after` is durable, and is
   * repeated after a failure that may pass.
   * @param check returns the result, or throws if no storage may give it.
   */
  read<T>(
    after: Ticket,
    read: (storage: Storage) => Promise<T>,
    check: (result: T) => T,
    done: (result: T) => void,
  ): void {
    const request = { read, check, done };
    this.waiters.wait(after, () => {
      if (!this.#stopped) this.#enter(() => void this.#attempt(request, 1));
    });
  }

  stop(): void {
    this.#stopped = true;
  }

  #enter(attempt: () => void): void {
    if (this.#inProgress >= CONCURRENT_READS_MAX) {
      this.#next.push(attempt);
      return;
    }
    this.#inProgress++;
    attempt();
  }

  #leave(): void {
    this.#inProgress--;
    const next = this.#next.shift();
    if (next !== undefined && !this.#stopped) this.#enter(next);
  }

  async #attempt<T>(request: PageRequest<T>, attempt: number): Promise<void> {
    let result: T;
    try {
      result = request.check(await request.read(this.storage));
    } catch (error) {
      this.#leave();
      // Storage may have been closed meanwhile.
      if (this.#stopped) return;
      if (!isRetryable(error)) {
        this.reports.fatal(asError(error));
        return;
      }
      this.reports.failing(error, attempt);
      await pauseAfter(attempt, this.clock);
      if (!this.#stopped) this.#enter(() => void this.#attempt(request, attempt + 1));
      return;
    }
    this.#leave();
    if (this.#stopped) return;
    if (attempt > 1) this.reports.recovered(attempt);
    request.done(result);
  }
}

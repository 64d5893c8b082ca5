// Reads that the core asks for: pages of queues and of retained messages. A read begins when everything recorded before it was asked for is
// durable, so that the core never sees a page older than its own facts.
import { StorageError } from '../ports/storage.js';
import type { Storage } from '../ports/storage.js';
import type { Clock } from '../ports/clock.js';
import { pauseAfter } from './retry.js';

/** What a page read waits for, seen from here. */
export interface PendingChanges {
  /** 0: nothing is pending. */
  readonly pendingBatch: number;
}

export class Pager {
  /** In the order of their batches, which is the order of asking. */
  #waiting: { readonly batch: number; readonly read: () => void }[] = [];
  #stopped = false;

  constructor(
    readonly storage: Storage,
    readonly clock: Clock,
    readonly pending: PendingChanges,
    readonly fatal: (error: Error) => void,
  ) {}

  /** Calls `read` when it may, again after a failure that may pass, and hands its result to `done`. */
  read<T>(read: () => Promise<T>, done: (result: T) => void): void {
    const start = (): void => void this.#run(read, done);
    const batch = this.pending.pendingBatch;
    if (batch === 0) start();
    else this.#waiting.push({ batch, read: start });
  }

  durable(batch: number): void {
    let count = 0;
    while (count < this.#waiting.length && (this.#waiting[count]?.batch ?? 0) <= batch) count++;
    if (count === 0) return;
    for (const { read } of this.#waiting.splice(0, count)) read();
  }

  stop(): void {
    this.#stopped = true;
    this.#waiting = [];
  }

  async #run<T>(read: () => Promise<T>, done: (result: T) => void): Promise<void> {
    for (let attempt = 1; !this.#stopped; attempt++) {
      let result: T;
      try {
        result = await read();
      } catch (error) {
        if (!(error instanceof StorageError) || error.kind === 'fenced' || error.kind === 'corrupt') {
          this.fatal(error instanceof Error ? error : new Error(String(error)));
          return;
        }
        await pauseAfter(attempt, this.clock);
        continue;
      }
      if (!this.#stopped) done(result);
      return;
    }
  }
}

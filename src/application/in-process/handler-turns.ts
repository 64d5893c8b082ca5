// When the handlers of the embedding program and of plugins are called: after the broker's turn, from a queue, one
// mailbox after the other. They get a bounded time before the network is served again.
import type { Clock } from '../../ports/clock.js';

/** Something whose handler has to be called. */
export interface Runnable {
  /** Calls the handler a few times. @returns whether there is more to do at once. */
  run(): boolean;
}

/** Together, before the network is polled. */
const RUN_MS = 5;

export class HandlerTurns {
  readonly #ready = new Set<Runnable>();
  #isScheduled = false;

  /** @param later calls back after what is there now has been handled. */
  constructor(
    readonly later: (callback: () => void) => void,
    readonly clock: Pick<Clock, 'nowMs'>,
  ) {}

  add(runnable: Runnable): void {
    this.#ready.add(runnable);
    this.#schedule();
  }

  remove(runnable: Runnable): void {
    this.#ready.delete(runnable);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.later(() => {
      this.#isScheduled = false;
      this.#run();
    });
  }

  #run(): void {
    const endMs = this.clock.nowMs() + RUN_MS;
    // What becomes ready meanwhile has its turn in the next run: a handler may cause its own next item.
    for (const runnable of [...this.#ready]) {
      this.#ready.delete(runnable);
      if (runnable.run()) this.#ready.add(runnable);
      if (this.clock.nowMs() >= endMs) break;
    }
    if (this.#ready.size > 0) this.#schedule();
  }
}

// The order of starting and stopping. Parts depend on those before them, so they start in order and stop in reverse;
// and a start that fails leaves nothing running and reports its own cause, whatever goes wrong while the rest is
// stopped.
import type { Clock, Timer } from '../ports/clock.js';
import type { Startable } from '../ports/startable.js';
import { asError, withTimeout } from './timeout.js';

/** How long a start goes on after it is no longer needed: most end by themselves, and leave nothing behind. */
const INTERRUPTED_MS = 5000;

/**
 * Something with a life of its own. A `start` that fails has released what it acquired; a second `stop` does nothing.
 */
export interface Part extends Startable {
  /** For error messages. */
  readonly name: string;
  /**
   * Its start is no longer needed: a long one rejects as soon as it can, as if it had failed. One that does not for a
   * while is waited for no more, and `stop` is called while it is under way.
   */
  interruptStart?(): void;
}

/** Not a failure: the broker was stopped before it had started. */
export class StartInterrupted extends Error {
  override readonly name = 'StartInterrupted';

  constructor() {
    super('the broker was stopped while it started');
  }
}

export interface StopFailure {
  readonly part: string;
  readonly error: Error;
}

export class Lifecycle {
  readonly #parts: readonly Part[];
  readonly #started: Part[] = [];
  #starting: Part | undefined;
  readonly #clock: Clock;
  #isInterrupted = false;
  #patience: Timer | undefined;
  #giveUp: (() => void) | undefined;

  /** @param parts in the order of starting. */
  constructor(parts: readonly Part[], clock: Clock) {
    this.#parts = parts;
    this.#clock = clock;
  }

  /**
   * Starts the parts one after the other.
   * @throws what the first part that failed threw, or StartInterrupted; `stop` is then for the caller to call.
   */
  async start(): Promise<void> {
    const givenUp = new Promise<'given up'>((resolve) => {
      this.#giveUp = () => {
        resolve('given up');
      };
    });
    try {
      for (const part of this.#parts) {
        this.#starting = part;
        await Promise.race([part.start?.(), givenUp]);
        this.#started.push(part);
        if (this.#isInterrupted) throw new StartInterrupted();
      }
    } finally {
      this.#starting = undefined;
      this.#patience?.cancel();
    }
  }

  /** Ends a start that is under way as soon as the part that is starting allows it, or after a while without that. */
  interruptStart(): void {
    if (this.#isInterrupted) return;
    this.#isInterrupted = true;
    this.#starting?.interruptStart?.();
    this.#patience = this.#clock.at(this.#clock.nowMs() + INTERRUPTED_MS, () => this.#giveUp?.());
  }

  /**
   * Stops what has been started, in reverse, each part even if another one failed. Never rejects.
   * @param timeoutMs for each part; one that has not stopped by then has failed. Default: however long it takes.
   */
  async stop(timeoutMs?: number): Promise<readonly StopFailure[]> {
    const failures: StopFailure[] = [];
    for (let part = this.#started.pop(); part !== undefined; part = this.#started.pop()) {
      try {
        const stopping = part.stop?.();
        await (stopping === undefined || timeoutMs === undefined
          ? stopping
          : withTimeout(stopping, timeoutMs, this.#clock));
      } catch (error) {
        failures.push({ part: part.name, error: asError(error) });
      }
    }
    return failures;
  }
}

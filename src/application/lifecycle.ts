// The order of starting and stopping. Parts depend on those before them, so they start in order and stop in reverse;
// and a start that fails leaves nothing running and reports its own cause, whatever goes wrong while the rest is
// stopped.
import type { Startable } from '../ports/startable.js';
import { asError } from './timeout.js';

/**
 * Something with a life of its own. A `start` that fails has released what it acquired; a second `stop` does nothing.
 */
export interface Part extends Startable {
  /** For error messages. */
  readonly name: string;
  /** Its start is no longer needed: a long one rejects as soon as it can, as if it had failed. */
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
  #isInterrupted = false;

  /** @param parts in the order of starting. */
  constructor(parts: readonly Part[]) {
    this.#parts = parts;
  }

  /**
   * Starts the parts one after the other.
   * @throws what the first part that failed threw, or StartInterrupted; `stop` is then for the caller to call.
   */
  async start(): Promise<void> {
    for (const part of this.#parts) {
      this.#starting = part;
      await part.start?.();
      this.#started.push(part);
      if (this.#isInterrupted) throw new StartInterrupted();
    }
    this.#starting = undefined;
  }

  /** Ends a start that is under way as soon as the part that is starting allows it. */
  interruptStart(): void {
    this.#isInterrupted = true;
    this.#starting?.interruptStart?.();
  }

  /** Stops what has been started, in reverse, each part even if another one failed. Never rejects. */
  async stop(): Promise<readonly StopFailure[]> {
    const failures: StopFailure[] = [];
    for (let part = this.#started.pop(); part !== undefined; part = this.#started.pop()) {
      try {
        await part.stop?.();
      } catch (error) {
        failures.push({ part: part.name, error: asError(error) });
      }
    }
    return failures;
  }
}

// A circuit breaker. After several failures in a row the service is not called for a while: requests fail at once
// instead of each waiting for the same failure, and retries do not keep the service down. Then one request is let
// through as a probe, and its outcome decides.
import type { Clock } from 'hexmq/ports';

/** The service failed, as opposed to rejecting one request. Only this error counts towards opening the circuit. */
export class ServiceFailure extends Error {
  override readonly name = 'ServiceFailure';
}

export class CircuitBreaker {
  readonly #failuresMax: number;
  readonly #openMs: number;
  readonly #clock: Clock;
  #failures = 0;
  #lastFailure = '';
  #openUntilMs = 0;
  #isProbing = false;

  constructor(failuresMax: number, openMs: number, clock: Clock) {
    this.#failuresMax = failuresMax;
    this.#openMs = openMs;
    this.#clock = clock;
  }

  /** @throws what the task throws, or Error while the circuit is open. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    const isProbe = this.#failures >= this.#failuresMax;
    if (isProbe) {
      if (this.#isProbing || this.#clock.nowMs() < this.#openUntilMs) {
        throw new Error(`not called after ${this.#failures} failures in a row, the last: ${this.#lastFailure}`);
      }
      this.#isProbing = true;
    }
    try {
      const result = await task();
      this.#failures = 0;
      return result;
    } catch (error) {
      if (error instanceof ServiceFailure) this.#recordFailure(error);
      throw error;
    } finally {
      if (isProbe) this.#isProbing = false;
    }
  }

  #recordFailure({ message }: ServiceFailure): void {
    this.#failures++;
    this.#lastFailure = message;
    this.#openUntilMs = this.#clock.nowMs() + this.#openMs;
  }
}

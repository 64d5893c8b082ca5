// A service that has failed several times in a row is left alone for a while: clients are told at once, instead of each waiting for the same
// failure, and the service is not kept down by those who ask again. Then one question is let through, and its outcome decides.
import type { Clock } from 'hexmq/ports';

/** The service has failed, as opposed to the question. */
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

  async run<T>(task: () => Promise<T>): Promise<T> {
    const isProbe = this.#failures >= this.#failuresMax;
    if (isProbe) {
      if (this.#isProbing || this.#clock.nowMs() < this.#openUntilMs) {
        throw new Error(
          `not asked for a while after ${this.#failures} failures in a row, the last: ${this.#lastFailure}`,
        );
      }
      this.#isProbing = true;
    }
    try {
      const result = await task();
      this.#failures = 0;
      return result;
    } catch (error) {
      if (error instanceof ServiceFailure) this.#failed(error);
      throw error;
    } finally {
      if (isProbe) this.#isProbing = false;
    }
  }

  #failed({ message }: ServiceFailure): void {
    this.#failures++;
    this.#lastFailure = message;
    this.#openUntilMs = this.#clock.nowMs() + this.#openMs;
  }
}

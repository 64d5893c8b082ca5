// One question to the service and its answer, whatever the service does: in time, of bounded size, from nowhere else, and so many at once.
import type { Clock } from 'hexmq/ports';
import { boundedFetch, describeFetchError } from '../fetching/bounded-fetch.js';
import type { FetchResponse } from '../fetching/bounded-fetch.js';
import { answerOf } from './answer.js';
import type { Answer } from './answer.js';
import { CircuitBreaker, ServiceFailure } from './circuit-breaker.js';
import { Gate } from './gate.js';
import type { HeaderLines } from './header-lines.js';
import type { LookupRequest } from './request-template.js';

export interface ServiceClientOptions {
  readonly headers: HeaderLines;
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  readonly maxConcurrent: number;
  readonly maxWaiting: number;
  readonly breakerFailures: number;
  readonly breakerOpenMs: number;
}

export class ServiceClient {
  readonly #options: ServiceClientOptions;
  readonly #gate: Gate;
  readonly #breaker: CircuitBreaker;

  constructor(options: ServiceClientOptions, clock: Clock) {
    this.#options = options;
    this.#gate = new Gate(options.maxConcurrent, options.maxWaiting);
    this.#breaker = new CircuitBreaker(options.breakerFailures, options.breakerOpenMs, clock);
  }

  /** @throws Error which names the service, without its query, and says what it did. */
  ask(question: LookupRequest, signal?: AbortSignal): Promise<Answer> {
    // The breaker is behind the gate: those who waited there while the service failed are told at once.
    return this.#gate.run(() => this.#breaker.run(() => this.#ask(question)), signal);
  }

  reload(): void {
    this.#options.headers.reload();
  }

  async #ask(question: LookupRequest): Promise<Answer> {
    const place = `${question.url.origin}${question.url.pathname}`;
    try {
      const { status, body } = await this.#send(question);
      return answerOf(status, body);
    } catch (error) {
      const message = `${place}: ${(error as Error).message}`;
      throw error instanceof ServiceFailure
        ? new ServiceFailure(message, { cause: error })
        : new Error(message, { cause: error });
    }
  }

  async #send({ url, method, contentType, body }: LookupRequest): Promise<FetchResponse> {
    const { headers, timeoutMs, maxResponseBytes } = this.#options;
    const lines =
      contentType === undefined ? headers.lines : [['content-type', contentType] as const, ...headers.lines];
    try {
      return await boundedFetch(url, { method, headers: lines, body }, { timeoutMs, maxBytes: maxResponseBytes });
    } catch (error) {
      throw new ServiceFailure(describeFetchError(error), { cause: error });
    }
  }
}

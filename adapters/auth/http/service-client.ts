// The client of the service: bounded concurrency, a circuit breaker, a timeout and a maximum size of the answer.
import type { Clock } from 'hexmq/ports';
import { WorkQueue } from '../concurrency/work-queue.js';
import { boundedFetch, describeFetchError } from '../fetching/bounded-fetch.js';
import type { FetchResponse } from '../fetching/bounded-fetch.js';
import { answerOf } from './answer.js';
import type { Answer } from './answer.js';
import { CircuitBreaker, ServiceFailure } from './circuit-breaker.js';
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
  readonly #queue: WorkQueue;
  readonly #breaker: CircuitBreaker;

  constructor(options: ServiceClientOptions, clock: Clock) {
    this.#options = options;
    this.#queue = new WorkQueue(options.maxConcurrent, options.maxWaiting);
    this.#breaker = new CircuitBreaker(options.breakerFailures, options.breakerOpenMs, clock);
  }

  /** @throws Error that names the service, without the query, and says what happened. */
  send(request: LookupRequest, signal?: AbortSignal): Promise<Answer> {
    // The breaker comes after the queue: requests that waited while the service failed then fail at once.
    return this.#queue.run(() => this.#breaker.run(() => this.#send(request)), signal);
  }

  reload(): void {
    this.#options.headers.reload();
  }

  async #send(request: LookupRequest): Promise<Answer> {
    const place = `${request.url.origin}${request.url.pathname}`;
    try {
      const { status, body } = await this.#fetch(request);
      return answerOf(status, body);
    } catch (error) {
      const message = `${place}: ${(error as Error).message}`;
      throw error instanceof ServiceFailure
        ? new ServiceFailure(message, { cause: error })
        : new Error(message, { cause: error });
    }
  }

  async #fetch({ url, method, contentType, body }: LookupRequest): Promise<FetchResponse> {
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

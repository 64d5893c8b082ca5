// One question to the service and its answer, whatever the service does: in time, of bounded size, from nowhere else, and so many at once.
import type { Clock } from 'hexmq/ports';
import { answerOf } from './answer.js';
import type { Answer } from './answer.js';
import { Breaker, ServiceFailure } from './breaker.js';
import { Gate } from './gate.js';
import type { HeaderLines } from './header-lines.js';
import type { Question } from './request-template.js';

export interface ServiceOptions {
  readonly headers: HeaderLines;
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  readonly maxConcurrent: number;
  readonly maxWaiting: number;
  readonly breakerFailures: number;
  readonly breakerOpenMs: number;
}

export class Service {
  readonly #options: ServiceOptions;
  readonly #gate: Gate;
  readonly #breaker: Breaker;

  constructor(options: ServiceOptions, clock: Clock) {
    this.#options = options;
    this.#gate = new Gate(options.maxConcurrent, options.maxWaiting);
    this.#breaker = new Breaker(options.breakerFailures, options.breakerOpenMs, clock);
  }

  /** @throws Error which names the service, without its query, and says what it did. */
  ask(question: Question, signal?: AbortSignal): Promise<Answer> {
    // The breaker is behind the gate: those who waited there while the service failed are told at once.
    return this.#gate.run(() => this.#breaker.run(() => this.#ask(question)), signal);
  }

  reload(): void {
    this.#options.headers.reload();
  }

  async #ask(question: Question): Promise<Answer> {
    const place = `${question.url.origin}${question.url.pathname}`;
    try {
      const { status, body } = await this.#send(question);
      return answerOf(status, body);
    } catch (error) {
      const message = `${place}: ${reasonOf(error)}`;
      throw error instanceof ServiceFailure ? new ServiceFailure(message, { cause: error }) : new Error(message, { cause: error });
    }
  }

  async #send({ url, method, contentType, body }: Question): Promise<{ readonly status: number; readonly body: string }> {
    const { headers, timeoutMs } = this.#options;
    try {
      const response = await fetch(url, {
        method,
        // Whoever a redirect names would be told the password.
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
        headers: [['accept', 'application/json'], ...(contentType === undefined ? [] : [['content-type', contentType] as const]), ...headers.lines].map(([name, value]) => [name, value]),
        ...(body === undefined ? {} : { body }),
      });
      if (response.status === 200) return { status: 200, body: await this.#textOf(response) };
      await response.body?.cancel();
      return { status: response.status, body: '' };
    } catch (error) {
      throw new ServiceFailure(reasonOf(error), { cause: error });
    }
  }

  async #textOf(response: Response): Promise<string> {
    const { maxResponseBytes } = this.#options;
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > maxResponseBytes) throw new ServiceFailure(`it answered more than ${maxResponseBytes} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  }
}

/** `fetch` says why in the cause. */
function reasonOf(error: unknown): string {
  const { name, message, cause } = error as Error;
  if (error instanceof ServiceFailure) return message;
  if (name === 'TimeoutError') return 'it did not answer in time';
  const { code, message: because } = (cause ?? {}) as NodeJS.ErrnoException;
  return code ?? because ?? message;
}

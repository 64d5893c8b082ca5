// Answers, for a while, to the same question: of the same client with the same password. Keys are digests with a key of this process, so that a picture
// of its memory has no passwords, and none can be found by trying.
import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from 'hexmq/ports';
import type { Answer } from './answer.js';
import type { LookupRequest } from './request-template.js';

export interface CacheOptions {
  /** 0: nothing is kept. */
  readonly ttlMs: number;
  /** For refusals, and for those whom the service does not know. */
  readonly negativeTtlMs: number;
  readonly max: number;
}

export class AnswerCache {
  readonly #options: CacheOptions;
  readonly #clock: Clock;
  readonly #secret = randomBytes(32);
  /** The one that was put first is the first to go. */
  readonly #answers = new Map<string, { readonly answer: Answer; readonly untilMs: number }>();

  constructor(options: CacheOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  keyOf({ url, body }: LookupRequest): string {
    return createHmac('sha256', this.#secret)
      .update(`${url.href}\n${body ?? ''}`)
      .digest('base64');
  }

  get(key: string): Answer | undefined {
    const found = this.#answers.get(key);
    if (found === undefined || this.#clock.nowMs() < found.untilMs) return found?.answer;
    this.#answers.delete(key);
    return undefined;
  }

  put(key: string, answer: Answer): void {
    const { ttlMs, negativeTtlMs, max } = this.#options;
    const keptMs = answer.result === 'allow' ? ttlMs : negativeTtlMs;
    if (keptMs === 0) return;
    this.#answers.delete(key);
    this.#answers.set(key, { answer, untilMs: this.#clock.nowMs() + keptMs });
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > max && oldest !== undefined) this.#answers.delete(oldest);
  }

  clear(): void {
    this.#answers.clear();
  }
}

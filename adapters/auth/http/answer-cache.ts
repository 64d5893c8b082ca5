// A cache of the service's answers. Keys are MACs under a key of this process: a memory dump contains no passwords, and
// none can be found by trying.
import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from 'hexmq/ports';
import type { Answer } from './answer.js';
import type { LookupRequest } from './request-template.js';

export interface CacheOptions {
  /** How long an `allow` is kept; 0: not at all. */
  readonly ttlMs: number;
  /** How long a `deny` or `ignore` is kept; 0: not at all. */
  readonly negativeTtlMs: number;
  readonly maxEntries: number;
}

export class AnswerCache {
  readonly #options: CacheOptions;
  readonly #clock: Clock;
  readonly #key = randomBytes(32);
  /** In order of insertion: the oldest entry is evicted first. */
  readonly #answers = new Map<string, { readonly answer: Answer; readonly expiresAtMs: number }>();

  constructor(options: CacheOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  keyOf({ url, body }: LookupRequest): string {
    return createHmac('sha256', this.#key)
      .update(`${url.href}\n${body ?? ''}`)
      .digest('base64');
  }

  get(key: string): Answer | undefined {
    const found = this.#answers.get(key);
    if (found === undefined || this.#clock.nowMs() < found.expiresAtMs) return found?.answer;
    this.#answers.delete(key);
    return undefined;
  }

  put(key: string, answer: Answer): void {
    const { ttlMs, negativeTtlMs, maxEntries } = this.#options;
    const lifetimeMs = answer.result === 'allow' ? ttlMs : negativeTtlMs;
    if (lifetimeMs === 0) return;
    this.#answers.delete(key);
    this.#answers.set(key, { answer, expiresAtMs: this.#clock.nowMs() + lifetimeMs });
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > maxEntries && oldest !== undefined) this.#answers.delete(oldest);
  }

  clear(): void {
    this.#answers.clear();
  }
}

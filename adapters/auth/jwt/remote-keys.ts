// A JSON Web Key Set behind a URL, and when it is fetched:
// - for the first token, and again when it is older than `maxAgeMs`. Concurrent requests share one fetch.
// - for a token whose key is not in the set, which may be the first after a key rotation: at most once in `cooldownMs`,
//   so that tokens with random key names cause no flood.
// - While the server does not answer, the last set stays valid for `staleMs` beyond its age; tokens do not wait for
//   further attempts.
import { errors } from 'jose';
import type { JWTPayload, JWTVerifyOptions, LocalJWKSet } from 'jose';
import type { Clock } from 'hexmq/ports';
import { boundedFetch, unexpectedStatus, describeFetchError } from '../fetching/bounded-fetch.js';
import { keySetOf, verifyWithSet } from './keys.js';
import type { Keys } from './keys.js';

export interface RemoteKeysOptions {
  readonly url: URL;
  readonly maxAgeMs: number;
  readonly cooldownMs: number;
  readonly staleMs: number;
  readonly timeoutMs: number;
}

const RESPONSE_BYTES_MAX = 256 * 1024;
/** Shorter than the cooldown: after a failure, clients are locked out until the next attempt. */
const RETRY_AFTER_FAILURE_MS = 1000;

export class RemoteKeys implements Keys {
  readonly #options: RemoteKeysOptions;
  readonly #clock: Clock;
  #set: LocalJWKSet | undefined;
  #fetchedAtMs = -Infinity;
  #attemptedAtMs = -Infinity;
  #failure: Error | undefined;
  #pending: Promise<void> | undefined;

  constructor(options: RemoteKeysOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  async verify(token: string, options: JWTVerifyOptions): Promise<JWTPayload> {
    const set = await this.#current();
    try {
      return await verifyWithSet(set, token, options);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !this.#mayFetch(this.#options.cooldownMs)) throw error;
      await this.#fetch();
      // Without a fresh set it is unknown whether the key exists, so the token is not called invalid.
      if (this.#failure !== undefined) throw this.#failure;
      return verifyWithSet(await this.#current(), token, options);
    }
  }

  async #current(): Promise<LocalJWKSet> {
    const ageMs = this.#clock.nowMs() - this.#fetchedAtMs;
    if (this.#set !== undefined && ageMs < this.#options.maxAgeMs) return this.#set;
    const mayBeStale = ageMs < this.#options.maxAgeMs + this.#options.staleMs;
    if (this.#mayFetch(0)) {
      const fetched = this.#fetch();
      if (this.#failure === undefined || !mayBeStale) await fetched;
    }
    if (this.#set === undefined || (this.#failure !== undefined && !mayBeStale))
      throw this.#failure ?? new Error('no keys have been fetched');
    return this.#set;
  }

  /** @param pauseMs the minimum time since the last attempt, if it succeeded. */
  #mayFetch(pauseMs: number): boolean {
    if (this.#pending !== undefined) return true;
    return (
      this.#clock.nowMs() - this.#attemptedAtMs >= (this.#failure === undefined ? pauseMs : RETRY_AFTER_FAILURE_MS)
    );
  }

  /** Never rejects; `#failure` has the outcome. */
  #fetch(): Promise<void> {
    return (this.#pending ??= this.#load().finally(() => (this.#pending = undefined)));
  }

  async #load(): Promise<void> {
    this.#attemptedAtMs = this.#clock.nowMs();
    try {
      this.#set = keySetOf(await fetchText(this.#options.url, this.#options.timeoutMs));
      this.#fetchedAtMs = this.#attemptedAtMs;
      this.#failure = undefined;
    } catch (error) {
      this.#failure = new Error(
        `no keys from ${this.#options.url.origin}${this.#options.url.pathname}: ${describeFetchError(error)}`,
        { cause: error },
      );
    }
  }
}

async function fetchText(url: URL, timeoutMs: number): Promise<string> {
  const { status, body } = await boundedFetch(
    url,
    { method: 'GET', headers: [], body: undefined },
    { timeoutMs, maxBytes: RESPONSE_BYTES_MAX },
  );
  if (status !== 200) throw new Error(unexpectedStatus(status, '200'));
  return body;
}

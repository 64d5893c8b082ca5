// Verification of passwords against their hashes, for every adapter that has hashes. Hashing is slow by design, so it
// goes through a bounded queue, and a password that was verified recently is not hashed again: clients that all
// reconnect at once do not wait for thousands of hashes.
import type { Clock, OptionReader } from 'hexmq/ports';
import { WorkQueue } from '../concurrency/work-queue.js';
import { isPassword } from './password-hash.js';
import type { PasswordHash } from './password-hash.js';
import { VerifiedPasswords } from './verified-passwords.js';

export interface VerifierLimits {
  /** Passwords that are hashed at once. */
  readonly maxChecks: number;
  readonly maxWaitingChecks: number;
  /** How long a verified password is accepted without being hashed, in milliseconds; 0: not at all. */
  readonly rememberForMs: number;
}

const DAY_MS = 86_400_000;

export function readVerifierLimits(options: OptionReader): VerifierLimits {
  return options.readEach({
    maxChecks: () => options.integer('maxChecks', { min: 1, max: 64, fallback: 2 }),
    maxWaitingChecks: () => options.integer('maxWaitingChecks', { min: 0, max: 1_000_000, fallback: 10_000 }),
    rememberForMs: () => options.integer('rememberForMs', { min: 0, max: DAY_MS, fallback: 3_600_000 }),
  });
}

export class PasswordVerifier {
  readonly #queue: WorkQueue;
  readonly #verified: VerifiedPasswords;

  constructor({ maxChecks, maxWaitingChecks, rememberForMs }: VerifierLimits, clock: Clock) {
    this.#queue = new WorkQueue(maxChecks, maxWaitingChecks);
    this.#verified = new VerifiedPasswords(clock, rememberForMs);
  }

  /** Whether the password was verified against this hash recently. Synchronous and cheap. */
  isRemembered(expected: PasswordHash, password: Uint8Array): boolean {
    return this.#verified.has(expected, password);
  }

  /**
   * @returns whether the password is right, or a rejection if the queue is full or closed, or the signal was aborted.
   */
  verify(expected: PasswordHash, password: Uint8Array, signal: AbortSignal | undefined): Promise<boolean> {
    if (this.isRemembered(expected, password)) return Promise.resolve(true);
    return this.#queue.run(() => this.#check(expected, password), signal);
  }

  /**
   * Hashes the password without comparing it, so that an attempt with an unknown user name takes as long as any other.
   * @param like the parameters to hash with.
   */
  async verifyDecoy(like: PasswordHash, password: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    await this.#queue.run(() => isPassword(like, password), signal);
  }

  /** Rejects what waits, and forgets verified passwords. */
  close(): void {
    this.#queue.close();
    this.#verified.clear();
  }

  async #check(expected: PasswordHash, password: Uint8Array): Promise<boolean> {
    // The same password may have been verified while this request waited: a fleet of devices may share one.
    if (this.isRemembered(expected, password)) return true;
    const isRight = await isPassword(expected, password);
    if (isRight) this.#verified.add(expected, password);
    return isRight;
  }
}

// Passwords that were found to be right a while ago, so that clients that all come back at once do not wait for thousands of hashes. It keeps no
// password: only a hash with a key that this process made and never tells, bound to the hash that it was right for.
import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from 'hexmq/ports';
import type { PasswordHash } from './password-hash.js';

const ENTRIES_MAX = 100_000;

export class VerifiedPasswords {
  readonly #key = randomBytes(32);
  /** In the order in which they end. */
  readonly #endAtMs = new Map<string, number>();

  /** @param rememberForMs 0: not at all. */
  constructor(
    readonly clock: Clock,
    readonly rememberForMs: number,
  ) {}

  add(expected: PasswordHash, password: Uint8Array): void {
    if (this.rememberForMs === 0) return;
    const nowMs = this.clock.nowMs();
    const mark = this.#markOf(expected, password);
    this.#endAtMs.delete(mark);
    for (const [oldest, endAtMs] of this.#endAtMs) {
      if (endAtMs > nowMs && this.#endAtMs.size < ENTRIES_MAX) break;
      this.#endAtMs.delete(oldest);
    }
    this.#endAtMs.set(mark, nowMs + this.rememberForMs);
  }

  has(expected: PasswordHash, password: Uint8Array): boolean {
    if (this.#endAtMs.size === 0) return false;
    return (this.#endAtMs.get(this.#markOf(expected, password)) ?? 0) > this.clock.nowMs();
  }

  clear(): void {
    this.#endAtMs.clear();
  }

  /** The lengths are part of it: where one ends and the next begins is not for the password to say. */
  #markOf({ salt, hash }: PasswordHash, password: Uint8Array): string {
    const lengths = Buffer.from([hash.length, salt.length & 0xff, salt.length >> 8]);
    return createHmac('sha256', this.#key).update(lengths).update(hash).update(salt).update(password).digest('base64');
  }
}

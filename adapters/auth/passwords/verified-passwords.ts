// A bounded memory of recently verified passwords. It keeps no password: only a MAC under a key that never leaves this
// process, bound to the hash against which the password was verified.
import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from 'hexmq/ports';
import type { PasswordHash } from './password-hash.js';

const ENTRIES_MAX = 100_000;

export class VerifiedPasswords {
  readonly #key = randomBytes(32);
  readonly #clock: Clock;
  readonly #rememberForMs: number;
  /** By MAC, in order of expiry. */
  readonly #expiresAtMs = new Map<string, number>();

  /** @param rememberForMs 0: not at all. */
  constructor(clock: Clock, rememberForMs: number) {
    this.#clock = clock;
    this.#rememberForMs = rememberForMs;
  }

  add(expected: PasswordHash, password: Uint8Array): void {
    if (this.#rememberForMs === 0) return;
    const nowMs = this.#clock.nowMs();
    const mac = this.#macOf(expected, password);
    this.#expiresAtMs.delete(mac);
    for (const [oldest, expiresAtMs] of this.#expiresAtMs) {
      if (expiresAtMs > nowMs && this.#expiresAtMs.size < ENTRIES_MAX) break;
      this.#expiresAtMs.delete(oldest);
    }
    this.#expiresAtMs.set(mac, nowMs + this.#rememberForMs);
  }

  has(expected: PasswordHash, password: Uint8Array): boolean {
    if (this.#expiresAtMs.size === 0) return false;
    return (this.#expiresAtMs.get(this.#macOf(expected, password)) ?? 0) > this.#clock.nowMs();
  }

  clear(): void {
    this.#expiresAtMs.clear();
  }

  /** The MAC covers the lengths, so that a password cannot shift the boundaries between the fields. */
  #macOf({ salt, hash }: PasswordHash, password: Uint8Array): string {
    const lengths = Buffer.from([hash.length, salt.length & 0xff, salt.length >> 8]);
    return createHmac('sha256', this.#key).update(lengths).update(hash).update(salt).update(password).digest('base64');
  }
}

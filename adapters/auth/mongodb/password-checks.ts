// Whether a password is right: at once where it was found to be a while ago, else in the line of those that are hashed.
import type { Clock } from 'hexmq/ports';
import { WorkQueue } from '../passwords/work-queue.js';
import { isPassword, parsePasswordHash } from '../passwords/password-hash.js';
import type { PasswordHash } from '../passwords/password-hash.js';
import { VerifiedPasswords } from '../passwords/verified-passwords.js';

export interface PasswordCheckLimits {
  readonly maxChecks: number;
  readonly maxWaitingChecks: number;
  readonly rememberForMs: number;
}

/** As hard as what `hexmq passwd` writes. */
const NOBODYS_HASH: PasswordHash = {
  scheme: 'scrypt',
  ln: 14,
  r: 8,
  p: 5,
  salt: Buffer.alloc(16),
  hash: Buffer.alloc(32),
};

export class PasswordChecks {
  readonly #line: WorkQueue;
  readonly #verified: VerifiedPasswords;
  /** What an unknown user's password is hashed with, so that it takes as long as that of others. */
  #latest = NOBODYS_HASH;

  constructor({ maxChecks, maxWaitingChecks, rememberForMs }: PasswordCheckLimits, clock: Clock) {
    this.#line = new WorkQueue(maxChecks, maxWaitingChecks);
    this.#verified = new VerifiedPasswords(clock, rememberForMs);
  }

  /**
   * @param text the hash; `undefined`: there is no such user, which takes as long.
   * @throws Error when the text is no hash, or too many wait.
   */
  async isRight(text: string | undefined, password: Uint8Array, signal?: AbortSignal): Promise<boolean> {
    const expected = text === undefined ? undefined : parsePasswordHash(text);
    if (expected !== undefined && this.#verified.has(expected, password)) return true;
    const isRight = await this.#line.run(() => isPassword(expected ?? this.#latest, password), signal);
    if (expected === undefined) return false;
    this.#latest = expected;
    if (isRight) this.#verified.add(expected, password);
    return isRight;
  }

  /** Nothing begins any more. */
  close(): void {
    this.#line.close();
    this.#verified.clear();
  }
}

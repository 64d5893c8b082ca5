// Passwords are hashed a few at a time, so that the thread pool is left to the disk as well, and only so many wait. One that was right is known to be
// right for a while, so that a fleet that comes back need not be hashed again; what is remembered are digests with a key of this process.
import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from 'hexmq/ports';
import { isPassword, parsePasswordHash } from '../passwords/password-hash.js';
import type { PasswordHash } from '../passwords/password-hash.js';

export interface PasswordCheckLimits {
  readonly maxChecks: number;
  readonly maxWaitingChecks: number;
  readonly rememberForMs: number;
}

/** As hard as what `hexmq passwd` writes. */
const NOBODYS_HASH: PasswordHash = { scheme: 'scrypt', ln: 14, r: 8, p: 5, salt: Buffer.alloc(16), hash: Buffer.alloc(32) };
const REMEMBERED_MAX = 100_000;

export class PasswordChecks {
  readonly #limits: PasswordCheckLimits;
  readonly #clock: Clock;
  readonly #secret = randomBytes(32);
  /** Until when; the one that was put first is the first to go. */
  readonly #right = new Map<string, number>();
  readonly #waiting: (() => void)[] = [];
  #working = 0;
  #isClosed = false;
  /** What an unknown user's password is hashed with, so that it takes as long as that of others. */
  #latest = NOBODYS_HASH;

  constructor(limits: PasswordCheckLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /**
   * @param text the hash; `undefined`: there is no such user, which takes as long.
   * @throws Error when the text is no hash, or too many wait.
   */
  async isRight(text: string | undefined, password: Uint8Array, signal?: AbortSignal): Promise<boolean> {
    const expected = text === undefined ? undefined : parsePasswordHash(text);
    const key = createHmac('sha256', this.#secret)
      .update(`${text?.length ?? 0}:${text ?? ''}`)
      .update(password)
      .digest('base64');
    if (this.#isRemembered(key)) return true;
    const isRight = await this.#inTurn(() => isPassword(expected ?? this.#latest, password), signal);
    if (expected === undefined) return false;
    this.#latest = expected;
    if (isRight) this.#remember(key);
    return isRight;
  }

  /** Nothing begins any more. */
  close(): void {
    this.#isClosed = true;
    this.#right.clear();
    for (const start of this.#waiting.splice(0)) start();
  }

  async #inTurn<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const { maxChecks, maxWaitingChecks } = this.#limits;
    if (this.#working < maxChecks) this.#working++;
    else if (this.#waiting.length < maxWaitingChecks) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else throw new Error(`${maxWaitingChecks} passwords wait to be checked`);
    try {
      if (this.#isClosed) throw new Error('it is closed');
      if (signal?.aborted === true) throw new Error('nobody waits for the answer any more');
      return await work();
    } finally {
      // Its place goes to the next one, or is free.
      const next = this.#waiting.shift();
      if (next === undefined) this.#working--;
      else next();
    }
  }

  #isRemembered(key: string): boolean {
    return (this.#right.get(key) ?? 0) > this.#clock.nowMs();
  }

  #remember(key: string): void {
    const { rememberForMs } = this.#limits;
    if (rememberForMs === 0 || this.#isClosed) return;
    this.#right.delete(key);
    this.#right.set(key, this.#clock.nowMs() + rememberForMs);
    const [oldest] = this.#right.keys();
    if (this.#right.size > REMEMBERED_MAX && oldest !== undefined) this.#right.delete(oldest);
  }
}


// Says who is in a file of passwords. Whoever guesses learns nothing from the time it takes: for a name that nobody has a password is hashed like
// for the others. A client without a user name is no business of this file.
import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { RequestContext, AuthenticationRequest, Authenticator, AuthenticatorAnswer, Clock } from 'hexmq/ports';
import { WorkQueue } from '../passwords/work-queue.js';
import { isPassword } from '../passwords/password-hash.js';
import type { PasswordHash } from '../passwords/password-hash.js';
import { parsePasswordFile } from './password-lines.js';
import { VerifiedPasswords } from '../passwords/verified-passwords.js';

export interface PasswordFileSettings {
  readonly path: string;
  /** What is said of a user name that is not in the file. */
  readonly unknownUsers: 'deny' | 'abstain';
  /** Passwords that are hashed at once. */
  readonly maxChecks: number;
  readonly maxWaitingChecks: number;
  /** How long a password that was right is known to be right without being hashed; 0: not at all. */
  readonly rememberForMs: number;
}

const ABSTAIN: AuthenticatorAnswer = { decision: 'abstain' };
const ALLOW: AuthenticatorAnswer = { decision: 'allow' };
const UNKNOWN: AuthenticatorAnswer = {
  decision: 'deny',
  reason: 'bad-credentials',
  detail: 'password-file: unknown user',
};
const WRONG: AuthenticatorAnswer = {
  decision: 'deny',
  reason: 'bad-credentials',
  detail: 'password-file: wrong password',
};

export class PasswordFileAuthenticator implements Authenticator {
  readonly name = 'password-file';
  readonly #settings: PasswordFileSettings;
  readonly #line: WorkQueue;
  readonly #verified: VerifiedPasswords;
  readonly #key = randomBytes(16);
  #users: ReadonlyMap<string, PasswordHash>;
  /** The hashes of the users, to pick from. */
  #hashes: readonly PasswordHash[];

  /** @throws Error when the file cannot be read, or has something wrong in it. */
  constructor(settings: PasswordFileSettings, clock: Clock) {
    this.#settings = settings;
    this.#line = new WorkQueue(settings.maxChecks, settings.maxWaitingChecks);
    this.#verified = new VerifiedPasswords(clock, settings.rememberForMs);
    try {
      this.#users = parsePasswordFile(readFileSync(settings.path));
    } catch (error) {
      throw this.#problem(error);
    }
    this.#hashes = [...this.#users.values()];
  }

  authenticate(
    { userName, password }: AuthenticationRequest,
    context?: RequestContext,
  ): AuthenticatorAnswer | Promise<AuthenticatorAnswer> {
    if (userName === undefined) return ABSTAIN;
    const own = this.#users.get(userName);
    const unknown = this.#settings.unknownUsers === 'abstain' ? ABSTAIN : UNKNOWN;
    const expected = own ?? this.#hashOfNobody(userName);
    // Nobody is in the file, so there is nobody to find out.
    if (expected === undefined) return unknown;
    if (own !== undefined && password !== undefined && this.#verified.has(own, password)) return ALLOW;
    // Without a password the empty one is hashed, for the time that it takes.
    if (own === undefined || password === undefined) {
      return this.#line
        .run(() => isPassword(expected, password ?? new Uint8Array()), context?.signal)
        .then(() => (own === undefined ? unknown : WRONG));
    }
    return this.#line
      .run(() => this.#check(own, password), context?.signal)
      .then((isRight) => (isRight ? ALLOW : WRONG));
  }

  async reload(): Promise<void> {
    try {
      this.#users = parsePasswordFile(await readFile(this.#settings.path));
    } catch (error) {
      throw this.#problem(error);
    }
    this.#hashes = [...this.#users.values()];
  }

  stop(): Promise<void> {
    this.#line.close();
    this.#verified.clear();
    return Promise.resolve();
  }

  async #check(expected: PasswordHash, password: Uint8Array): Promise<boolean> {
    // While it waited, the same password may have been found to be right: that of a whole fleet, for one.
    if (this.#verified.has(expected, password)) return true;
    const isRight = await isPassword(expected, password);
    if (isRight) this.#verified.add(expected, password);
    return isRight;
  }

  /** Somebody's hash, always the same for a name, so that unknown names take as long as known ones whatever mixture of hashes the file has. */
  #hashOfNobody(userName: string): PasswordHash | undefined {
    const number = createHmac('sha256', this.#key).update(userName).digest().readUInt32BE(0);
    return this.#hashes[number % this.#hashes.length];
  }

  #problem(error: unknown): Error {
    const { code, message } = error as NodeJS.ErrnoException;
    const { path } = this.#settings;
    switch (code) {
      case undefined:
        return new Error(`${path}: ${message}`);
      case 'ENOENT':
        return new Error(`${path}: there is no such file, expected one made by hexmq passwd ${path} <user>`);
      default:
        return new Error(`${path}: it cannot be read: ${message}`);
    }
  }
}

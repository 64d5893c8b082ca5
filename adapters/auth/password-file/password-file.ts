// The authenticator for a password file. Response times do not reveal which users exist: for an unknown user name, the
// password is hashed as for a known one. Clients without a user name are left to other authenticators.
import { createHmac, randomBytes } from 'node:crypto';
import { readRegularFile, readRegularFileSync } from 'hexmq/ports';
import type { AuthenticationRequest, Authenticator, AuthenticatorAnswer, Clock, RequestContext } from 'hexmq/ports';
import type { PasswordHash } from '../passwords/password-hash.js';
import { PasswordVerifier } from '../passwords/password-verifier.js';
import type { VerifierLimits } from '../passwords/password-verifier.js';
import { userFileProblem } from '../passwords/user-file-problem.js';
import { parsePasswordFile } from './password-lines.js';

export interface PasswordFileSettings {
  readonly path: string;
  /** The answer for a user name that is not in the file. */
  readonly unknownUsers: 'deny' | 'abstain';
  readonly limits: VerifierLimits;
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
const NO_PASSWORD = new Uint8Array();

export class PasswordFileAuthenticator implements Authenticator {
  readonly name = 'password-file';
  readonly #path: string;
  readonly #unknown: AuthenticatorAnswer;
  readonly #verifier: PasswordVerifier;
  readonly #decoyKey = randomBytes(16);
  #users: ReadonlyMap<string, PasswordHash>;
  /** The hashes of `#users`, for indexed access. */
  #hashes: readonly PasswordHash[];

  /** @throws Error if the file cannot be read or is invalid. */
  constructor({ path, unknownUsers, limits }: PasswordFileSettings, clock: Clock) {
    this.#path = path;
    this.#unknown = unknownUsers === 'abstain' ? ABSTAIN : UNKNOWN;
    this.#verifier = new PasswordVerifier(limits, clock);
    try {
      this.#users = parsePasswordFile(readRegularFileSync(path));
    } catch (error) {
      throw userFileProblem(this.#path, error, 'passwd');
    }
    this.#hashes = [...this.#users.values()];
  }

  authenticate(
    { userName, password }: AuthenticationRequest,
    context?: RequestContext,
  ): AuthenticatorAnswer | Promise<AuthenticatorAnswer> {
    if (userName === undefined) return ABSTAIN;
    const own = this.#users.get(userName);
    if (own !== undefined && password !== undefined) {
      if (this.#verifier.isRemembered(own, password)) return ALLOW;
      return this.#verifier.verify(own, password, context?.signal).then((isRight) => (isRight ? ALLOW : WRONG));
    }
    const decoy = own ?? this.#decoyFor(userName);
    // An empty file has no users whose existence could be revealed.
    if (decoy === undefined) return this.#unknown;
    const answer = own === undefined ? this.#unknown : WRONG;
    return this.#verifier.verifyDecoy(decoy, password ?? NO_PASSWORD, context?.signal).then(() => answer);
  }

  remembers({ userName, password }: AuthenticationRequest): boolean | undefined {
    const own = userName === undefined ? undefined : this.#users.get(userName);
    return own === undefined || password === undefined ? undefined : this.#verifier.isRemembered(own, password);
  }

  async reload(): Promise<void> {
    try {
      this.#users = parsePasswordFile(await readRegularFile(this.#path));
    } catch (error) {
      throw userFileProblem(this.#path, error, 'passwd');
    }
    this.#hashes = [...this.#users.values()];
  }

  stop(): Promise<void> {
    this.#verifier.close();
    return Promise.resolve();
  }

  /**
   * The hash of some user, always the same one for a given name. Unknown names then take as long as known ones,
   * whatever mixture of hashes the file contains.
   */
  #decoyFor(userName: string): PasswordHash | undefined {
    const number = createHmac('sha256', this.#decoyKey).update(userName).digest().readUInt32BE(0);
    return this.#hashes[number % this.#hashes.length];
  }
}

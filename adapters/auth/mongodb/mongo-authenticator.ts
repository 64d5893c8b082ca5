// The authenticator for a collection of users: who is in it, with which password and from which clients. Response times
// do not reveal which users exist: for an unknown name, the password is hashed as for a known one.
import { readPermissions } from 'hexmq/ports';
import type { AuthenticationRequest, Authenticator, AuthenticatorAnswer, RequestContext } from 'hexmq/ports';
import type { Document } from 'mongodb';
import { parsePasswordHash } from '../passwords/password-hash.js';
import type { PasswordHash } from '../passwords/password-hash.js';
import type { PasswordVerifier } from '../passwords/password-verifier.js';
import type { Directory } from './directory.js';

export interface AuthenticatorSettings {
  readonly collection: string;
  readonly fields: {
    readonly userName: string;
    readonly passwordHash: string;
    readonly enabled: string;
    readonly clientIds: string;
    /** `undefined`: documents say nothing about permissions. */
    readonly permissions: string | undefined;
  };
  readonly unknownUsers: 'deny' | 'abstain';
}

type Denial = Extract<AuthenticatorAnswer, { decision: 'deny' }>;

const ABSTAIN: AuthenticatorAnswer = { decision: 'abstain' };
const NO_PASSWORD = new Uint8Array();

/** The cost of what `hexmq passwd` writes. */
const DEFAULT_DECOY: PasswordHash = {
  scheme: 'scrypt',
  ln: 14,
  r: 8,
  p: 5,
  salt: Buffer.alloc(16),
  hash: Buffer.alloc(32),
};

export class MongoAuthenticator implements Authenticator {
  readonly name = 'mongodb';
  readonly #settings: AuthenticatorSettings;
  readonly #directory: Directory;
  readonly #verifier: PasswordVerifier;
  /** The latest hash of a known user: an unknown user's password is hashed at the same cost. */
  #decoy = DEFAULT_DECOY;

  constructor(settings: AuthenticatorSettings, directory: Directory, verifier: PasswordVerifier) {
    this.#settings = settings;
    this.#directory = directory;
    this.#verifier = verifier;
  }

  async authenticate(request: AuthenticationRequest, context?: RequestContext): Promise<AuthenticatorAnswer> {
    const { userName, password } = request;
    if (userName === undefined) return ABSTAIN;
    const user = await this.#find(userName);
    let isRight: boolean;
    try {
      isRight = await this.#isRight(user?.[this.#settings.fields.passwordHash], password, context?.signal);
    } catch (error) {
      throw new Error(`the user ${JSON.stringify(userName)}: ${(error as Error).message}`, { cause: error });
    }
    if (user === undefined)
      return this.#settings.unknownUsers === 'abstain' ? ABSTAIN : badCredentials('there is no such user');
    return isRight ? this.#admit(user, request) : badCredentials('wrong password');
  }

  async stop(): Promise<void> {
    this.#verifier.close();
    await this.#directory.close();
  }

  /** Takes the same time whether or not the user, the hash and the password exist. */
  async #isRight(
    written: unknown,
    password: Uint8Array | undefined,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const hash = typeof written === 'string' ? parsePasswordHash(written) : undefined;
    if (hash === undefined || password === undefined) {
      await this.#verifier.verifyDecoy(hash ?? this.#decoy, password ?? NO_PASSWORD, signal);
      return false;
    }
    const isRight = await this.#verifier.verify(hash, password, signal);
    this.#decoy = hash;
    return isRight;
  }

  async #find(userName: string): Promise<Document | undefined> {
    const { collection, fields } = this.#settings;
    const { userName: field, ...others } = fields;
    const [user, duplicate] = await this.#directory.find(
      collection,
      field,
      [userName],
      Object.values(others).filter((each) => each !== undefined),
    );
    if (duplicate !== undefined)
      throw new Error(`${collection} has several users ${JSON.stringify(userName)}, expected one`);
    return user;
  }

  /** The password is right: whether the user is enabled and may use this Client Identifier. */
  #admit(user: Document, { userName, clientId }: AuthenticationRequest): AuthenticatorAnswer {
    const { enabled, clientIds, permissions } = this.#settings.fields;
    if (user[enabled] !== undefined && user[enabled] !== true) return notAuthorized('the user is not enabled');
    const allowed: unknown = user[clientIds];
    if (allowed !== undefined && !(Array.isArray(allowed) && allowed.includes(clientId)))
      return notAuthorized(`the Client Identifier is not in ${clientIds} of the user`);
    if (permissions === undefined) return { decision: 'allow' };
    try {
      // If permissions are configured, a document without any permits nothing.
      return {
        decision: 'allow',
        permissions: readPermissions(user[permissions] ?? {}, { clientId, userName }, `mongodb user ${userName ?? ''}`),
      };
    } catch (error) {
      return notAuthorized(`${permissions} of the user: ${(error as Error).message}`);
    }
  }
}

const badCredentials = (detail: string): Denial => ({
  decision: 'deny',
  reason: 'bad-credentials',
  detail: `mongodb: ${detail}`,
});
const notAuthorized = (detail: string): Denial => ({
  decision: 'deny',
  reason: 'not-authorized',
  detail: `mongodb: ${detail}`,
});

// Who is in a collection of users, with which password and from which clients. Whoever guesses learns nothing from the time it takes: for a name that
// nobody has a password is hashed as for the others.
import { readPermissions } from 'hexmq/ports';
import type { RequestContext, AuthenticationRequest, Authenticator, AuthenticatorAnswer } from 'hexmq/ports';
import type { Document } from 'mongodb';
import type { Directory } from './directory.js';
import type { PasswordChecks } from './password-checks.js';

export interface AuthenticatorSettings {
  readonly collection: string;
  readonly fields: {
    readonly userName: string;
    readonly passwordHash: string;
    readonly enabled: string;
    readonly clientIds: string;
    /** `undefined`: it is not looked at. */
    readonly permissions: string | undefined;
  };
  readonly unknownUsers: 'deny' | 'abstain';
}

type Denial = Extract<AuthenticatorAnswer, { decision: 'deny' }>;

const ABSTAIN: AuthenticatorAnswer = { decision: 'abstain' };
const NO_PASSWORD = new Uint8Array();

export class MongoAuthenticator implements Authenticator {
  readonly name = 'mongodb';
  readonly #settings: AuthenticatorSettings;
  readonly #directory: Directory;
  readonly #checks: PasswordChecks;

  constructor(settings: AuthenticatorSettings, directory: Directory, checks: PasswordChecks) {
    this.#settings = settings;
    this.#directory = directory;
    this.#checks = checks;
  }

  async authenticate(request: AuthenticationRequest, context?: RequestContext): Promise<AuthenticatorAnswer> {
    const { userName, password } = request;
    if (userName === undefined) return ABSTAIN;
    const user = await this.#find(userName);
    const written: unknown = user?.[this.#settings.fields.passwordHash];
    const hash = typeof written === 'string' ? written : undefined;
    // Without a hash, or a password, something is hashed all the same, for the time that it takes.
    const isRight = await this.#checks
      .isRight(hash, password ?? NO_PASSWORD, context?.signal)
      .catch((error: unknown) => {
        throw new Error(`the user ${JSON.stringify(userName)}: ${(error as Error).message}`, { cause: error });
      });
    if (user === undefined)
      return this.#settings.unknownUsers === 'abstain' ? ABSTAIN : badCredentials('there is no such user');
    return isRight && password !== undefined ? this.#admit(user, request) : badCredentials('wrong password');
  }

  async stop(): Promise<void> {
    this.#checks.close();
    await this.#directory.close();
  }

  async #find(userName: string): Promise<Document | undefined> {
    const { collection, fields } = this.#settings;
    const { userName: field, ...others } = fields;
    const [user, other] = await this.#directory.find(
      collection,
      field,
      [userName],
      Object.values(others).filter((each) => each !== undefined),
    );
    if (other !== undefined)
      throw new Error(`${collection} has several users ${JSON.stringify(userName)}, expected one`);
    return user;
  }

  /** The password is right; may this client have it now? */
  #admit(user: Document, { userName, clientId }: AuthenticationRequest): AuthenticatorAnswer {
    const { enabled, clientIds, permissions } = this.#settings.fields;
    if (user[enabled] !== undefined && user[enabled] !== true) return notAuthorized('the user is not enabled');
    const allowed: unknown = user[clientIds];
    if (allowed !== undefined && !(Array.isArray(allowed) && allowed.includes(clientId)))
      return notAuthorized(`the Client Identifier is not in ${clientIds} of the user`);
    if (permissions === undefined) return { decision: 'allow' };
    try {
      // Nothing written allows nothing, where permissions are looked for.
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

// The authenticator for SCRAM-SHA-256 and SCRAM-SHA-512: users with their salted keys in a file. Which users exist does
// not show: an unknown one gets a salt too, the same one each time, derived from its name and a secret of the server.
import { createHmac, randomBytes } from 'node:crypto';
import { readRegularFile, readRegularFileSync } from 'hexmq/ports';
import type { Authenticator, AuthenticatorAnswer, Exchange, ExchangeRequest } from 'hexmq/ports';
import { DEFAULT_ITERATIONS, MECHANISMS, METHODS, SALT_BYTES } from './credentials.js';
import type { Method, ScramCredentials } from './credentials.js';
import { parseCredentialsFile } from './credentials-file.js';
import type { CredentialsFile } from './credentials-file.js';
import { userFileProblem } from '../passwords/user-file-problem.js';
import { ScramExchange } from './scram-exchange.js';
import type { Found } from './scram-exchange.js';

const ABSTAIN: AuthenticatorAnswer = { decision: 'abstain' };
const NONCE_BYTES = 18;

/** How salts look in a file: what an unknown user gets has to look like one of them. */
interface SaltShape {
  readonly iterations: number;
  readonly saltBytes: number;
}

const DEFAULT_SHAPE: SaltShape = { iterations: DEFAULT_ITERATIONS, saltBytes: SALT_BYTES };

export class ScramAuthenticator implements Authenticator {
  readonly name = 'scram';
  readonly methods = METHODS;
  readonly #path: string;
  /** For a file without a secret: then the salts of unknown users change with each start. */
  readonly #ownSecret = randomBytes(32);
  #file: CredentialsFile;
  #shapes: Readonly<Record<Method, readonly SaltShape[]>>;

  /** @throws Error if the file cannot be read or is invalid. */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#file = parseCredentialsFile(readRegularFileSync(path));
    } catch (error) {
      throw userFileProblem(this.#path, error, 'passwd --scram');
    }
    this.#shapes = shapesOf(this.#file);
  }

  /** For a client without an Authentication Method, of which SCRAM can say nothing. */
  authenticate(): AuthenticatorAnswer {
    return ABSTAIN;
  }

  exchange({ authenticationMethod }: ExchangeRequest): Exchange {
    const method = authenticationMethod as Method;
    return new ScramExchange({
      method,
      find: (userName) => this.#find(method, userName),
      newNonce: () => randomBytes(NONCE_BYTES).toString('base64'),
    });
  }

  async reload(): Promise<void> {
    try {
      this.#file = parseCredentialsFile(await readRegularFile(this.#path));
    } catch (error) {
      throw userFileProblem(this.#path, error, 'passwd --scram');
    }
    this.#shapes = shapesOf(this.#file);
  }

  #find(method: Method, userName: string): Found {
    // Computed for known users as well, so that both take the same time.
    const decoy = this.#decoyOf(method, userName);
    const credentials = this.#file.users[method].get(userName);
    return credentials === undefined ? { isKnown: false, credentials: decoy } : { isKnown: true, credentials };
  }

  #decoyOf(method: Method, userName: string): ScramCredentials {
    const key = this.#file.decoySecret ?? this.#ownSecret;
    const bytes = createHmac('sha512', key).update(`${method}\0${userName}`).digest();
    const shapes = this.#shapes[method];
    // In proportion to how many users have each, and the same one for a name as long as that changes little.
    const share = bytes.readUInt32BE(bytes.length - 4) / 2 ** 32;
    const { iterations, saltBytes } = shapes[Math.floor(share * shapes.length)] ?? DEFAULT_SHAPE;
    const salt = bytes.subarray(0, saltBytes);
    const noKey = Buffer.alloc(MECHANISMS[method].bytes);
    return { method, iterations, salt, storedKey: noKey, serverKey: noKey };
  }
}

/** Of every user, in an order that does not depend on who is there. */
function shapesOf({ users }: CredentialsFile): Readonly<Record<Method, readonly SaltShape[]>> {
  const of = (method: Method): SaltShape[] =>
    [...users[method].values()]
      .map(({ iterations, salt }) => ({ iterations, saltBytes: salt.length }))
      .sort((a, b) => a.iterations - b.iterations || a.saltBytes - b.saltBytes);
  return Object.fromEntries(METHODS.map((method) => [method, of(method)])) as Record<Method, SaltShape[]>;
}

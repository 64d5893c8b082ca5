// Who a client is, and what it may do, by the JSON Web Token that it sends. It decides what is taken for a token, what a good one has to say, and what
// becomes of its claims; whether a signature is good is `jose`'s to say.
import { errors } from 'jose';
import type { JWTPayload, JWTVerifyOptions } from 'jose';
import { readPermissions } from 'hexmq/ports';
import type { AuthenticationRequest, Authenticator, AuthenticatorAnswer, Clock } from 'hexmq/ports';
import type { Keys } from './keys.js';

export interface JwtOptions {
  readonly keys: Keys;
  readonly algorithms: readonly string[];
  readonly tokenIn: 'password' | 'userName';
  readonly issuers: readonly string[] | undefined;
  readonly audiences: readonly string[] | undefined;
  readonly requireExpiry: boolean;
  readonly clockToleranceMs: number;
  readonly maxTokenBytes: number;
  /** A user name in CONNECT has to be the token's. */
  readonly matchUserName: boolean;
  readonly claims: {
    readonly userName: string;
    readonly clientId: string | undefined;
    readonly permissions: string | undefined;
  };
}

type Denial = Extract<AuthenticatorAnswer, { decision: 'deny' }>;

const ABSTAIN: AuthenticatorAnswer = { decision: 'abstain' };

export class JwtAuthenticator implements Authenticator {
  readonly name = 'jwt';
  readonly #options: JwtOptions;
  readonly #clock: Clock;
  readonly #verification: JWTVerifyOptions;

  constructor(options: JwtOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    const { algorithms, issuers, audiences, requireExpiry, clockToleranceMs, claims } = options;
    this.#verification = {
      algorithms: [...algorithms],
      clockTolerance: clockToleranceMs / 1000,
      requiredClaims: [claims.userName, ...(requireExpiry ? ['exp'] : [])],
      ...(issuers === undefined ? {} : { issuer: [...issuers] }),
      ...(audiences === undefined ? {} : { audience: [...audiences] }),
    };
  }

  async authenticate(request: AuthenticationRequest): Promise<AuthenticatorAnswer> {
    const token = this.#tokenOf(request);
    if (token === undefined || !looksLikeToken(token)) return ABSTAIN;
    if (token.length > this.#options.maxTokenBytes)
      return badCredentials(`the token has ${token.length} bytes, ${this.#options.maxTokenBytes} are allowed`);
    // The library reads past spaces and line breaks.
    if (!/^[\w-]+\.[\w-]+\.[\w-]*$/.test(token))
      return badCredentials('the token is refused: it has not three parts of base64url');
    let claims: JWTPayload;
    try {
      claims = await this.#options.keys.verify(token, {
        ...this.#verification,
        currentDate: new Date(this.#clock.nowMs()),
      });
    } catch (error) {
      if (error instanceof errors.JWTExpired) return badCredentials('the token has expired');
      if (error instanceof errors.JOSEError) return badCredentials(`the token is refused: ${error.message}`);
      throw error;
    }
    return this.#judge(claims, request);
  }

  async reload(): Promise<void> {
    await this.#options.keys.reload?.();
  }

  #tokenOf({ userName, password }: AuthenticationRequest): string | undefined {
    if (this.#options.tokenIn === 'userName') return userName;
    return password === undefined
      ? undefined
      : Buffer.from(password.buffer, password.byteOffset, password.byteLength).toString('latin1');
  }

  /** The token is genuine and of this time; whose is it, and what does it say? */
  #judge(claims: JWTPayload, request: AuthenticationRequest): AuthenticatorAnswer {
    const { claims: names, matchUserName, clockToleranceMs } = this.#options;
    const userName = claims[names.userName];
    if (typeof userName !== 'string' || userName === '')
      return badCredentials(`the claim ${names.userName} is no text`);
    if (matchUserName && request.userName !== undefined && request.userName !== userName)
      return badCredentials('the token is that of another user');
    if (names.clientId !== undefined && claims[names.clientId] !== request.clientId) {
      return {
        decision: 'deny',
        reason: 'not-authorized',
        detail: `the claim ${names.clientId} is not the Client Identifier`,
      };
    }
    const expiresAtMs = claims.exp === undefined ? undefined : Math.floor(claims.exp * 1000) + clockToleranceMs;
    if (expiresAtMs !== undefined && !Number.isSafeInteger(expiresAtMs))
      return badCredentials('the claim exp is no time');
    const allowed = { decision: 'allow', userName, expiresAtMs } as const;
    if (names.permissions === undefined) return allowed;
    try {
      // A token that says nothing allows nothing: who looks for permissions in tokens does not mean that those without may do everything.
      const permissions = readPermissions(
        claims[names.permissions] ?? {},
        { clientId: request.clientId, userName },
        `claim ${names.permissions} of the token`,
      );
      return { ...allowed, permissions };
    } catch (error) {
      return {
        decision: 'deny',
        reason: 'not-authorized',
        detail: `the claim ${names.permissions}: ${(error as Error).message}`,
      };
    }
  }
}

const badCredentials = (detail: string): Denial => ({ decision: 'deny', reason: 'bad-credentials', detail });

/** It begins with the header of one: nobody's password does by chance. What was added around it in copying makes it a bad token, not a password. */
function looksLikeToken(text: string): boolean {
  const end = text.indexOf('.');
  const header = text.slice(0, Math.max(end, 0)).replace(/^[^\w-]+/, '');
  if (header === '' || !/^[\w-]+$/.test(header)) return false;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
    return typeof parsed === 'object' && parsed !== null && 'alg' in parsed;
  } catch {
    return false;
  }
}

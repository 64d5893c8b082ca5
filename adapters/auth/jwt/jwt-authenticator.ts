// The authenticator for JSON Web Tokens (RFC 7519). It decides what counts as a token, which claims are required and
// what they mean; `jose` verifies signatures and standard claims.
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
  /** Whether a User Name in CONNECT has to equal that of the token. */
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
    // `jose` ignores spaces and line breaks inside a token.
    if (!/^[\w-]+\.[\w-]+\.[\w-]*$/.test(token))
      return badCredentials('the token is refused: it does not have three base64url parts');
    let claims: JWTPayload;
    try {
      claims = await this.#options.keys.verify(token, {
        ...this.#verification,
        currentDate: new Date(this.#clock.wallMs()),
      });
    } catch (error) {
      if (error instanceof errors.JWTExpired) return badCredentials('the token has expired');
      if (error instanceof errors.JOSEError) return badCredentials(`the token is refused: ${error.message}`);
      throw error;
    }
    return this.#evaluate(claims, request);
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

  /** Turns the claims of a verified token into an answer. */
  #evaluate(claims: JWTPayload, request: AuthenticationRequest): AuthenticatorAnswer {
    const { claims: names, matchUserName, clockToleranceMs } = this.#options;
    const userName = claims[names.userName];
    if (typeof userName !== 'string' || userName === '')
      return badCredentials(`the claim ${names.userName} is not a string`);
    if (matchUserName && request.userName !== undefined && request.userName !== userName)
      return badCredentials('the token belongs to another user');
    if (names.clientId !== undefined && claims[names.clientId] !== request.clientId) {
      return {
        decision: 'deny',
        reason: 'not-authorized',
        detail: `the claim ${names.clientId} is not the Client Identifier`,
      };
    }
    const expiresAtMs = claims.exp === undefined ? undefined : Math.floor(claims.exp * 1000) + clockToleranceMs;
    if (expiresAtMs !== undefined && !Number.isSafeInteger(expiresAtMs))
      return badCredentials('the claim exp is not a valid time');
    const allowed = { decision: 'allow', userName, expiresAtMs } as const;
    if (names.permissions === undefined) return allowed;
    try {
      // If a permissions claim is configured, a token without it permits nothing.
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

/**
 * Whether the text begins with the header of a token, which no password does by chance. Characters that were added in
 * copying make it a bad token, not a password.
 */
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

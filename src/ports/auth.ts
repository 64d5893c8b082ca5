// The ports of authentication (who is this client?) and authorization (what may it do?). Authenticators are called in
// order and the first one that does not abstain decides. Permissions are then assembled once, as data, so that
// publishing and delivering never wait for an adapter.
import type { Permissions } from '../domain/access/permissions.js';
import type { PeerInfo } from '../domain/peer.js';
import type { AuthenticationRequest } from '../domain/effects.js';
import type { ClientId } from '../domain/identifiers.js';
import type { ProtocolVersion } from '../protocol/packets.js';
import type { Reloadable } from './reloadable.js';
import type { Startable } from './startable.js';
import { port } from './token.js';

/** What an authenticator decides about one CONNECT. */
export type AuthenticatorAnswer =
  | {
      readonly decision: 'allow';
      /**
       * What the credentials themselves permit, for example the claims of a token. Authorizers receive it in their
       * request. Without authorizers it is what the client may do; left out, the client may do everything.
       */
      readonly permissions?: Permissions | undefined;
      /** The name of the authenticated user. Default: the User Name of CONNECT. */
      readonly userName?: string | undefined;
      /**
       * When the credentials expire, by the wall clock (`Clock.wallMs`). The broker closes the connection at that time.
       * Default: they do not expire.
       */
      readonly expiresAtMs?: number | undefined;
    }
  /** `detail` goes to the log and never to the client. */
  | { readonly decision: 'deny'; readonly reason: 'bad-credentials' | 'not-authorized'; readonly detail: string }
  /** This authenticator does not know the client: the next one is called. */
  | { readonly decision: 'abstain' };

type Allowed = Extract<AuthenticatorAnswer, { readonly decision: 'allow' }>;
type Denied = Extract<AuthenticatorAnswer, { readonly decision: 'deny' }>;

/** A client of MQTT 5 whose CONNECT names an Authentication Method (MQTT 5 section 4.12). */
export interface ExchangeRequest extends AuthenticationRequest {
  readonly authenticationMethod: string;
  /**
   * Whether the client is connected and authenticates again. There is no password then, and `userName` is the name that
   * the client was authenticated with.
   */
  readonly isRenewal: boolean;
}

/** What an authenticator answers to the data of a client: go on, yes, or no. */
export type ExchangeAnswer =
  | {
      readonly decision: 'continue';
      /** Goes to the client in AUTH, which has to answer it. At most 65,535 bytes. */
      readonly data?: Uint8Array | undefined;
      /** The user that the client claims to be, as soon as it is known: failed attempts are counted by it. */
      readonly claimedUserName?: string | undefined;
    }
  /** `data` goes to the client with the acceptance: in CONNACK, or in AUTH at a renewal. */
  | (Allowed & { readonly data?: Uint8Array | undefined })
  | (Denied & { readonly claimedUserName?: string | undefined });

/** One exchange of enhanced authentication, with what the authenticator has to remember of it. */
export interface Exchange {
  /**
   * Answers the data of CONNECT, or of the AUTH that begins a renewal, and then the data of each further AUTH.
   * The next call comes after the answer to this one. The data is valid until the answer is given.
   *
   * A rejection, a thrown error and a timeout refuse the client (reason `authentication-unavailable`), whatever
   * `onFailure` says: no other authenticator could go on with the exchange.
   */
  next(data: Uint8Array | undefined, context?: RequestContext): ExchangeAnswer | Promise<ExchangeAnswer>;
  /**
   * The exchange is over: after `allow` or `deny`, or because the client has gone, has taken too long, or sends too
   * much. Called once; there is no call of `next` after it, but one may be under way.
   */
  end?(): void;
}

/** The cancellation context of one request. */
export interface RequestContext {
  /**
   * Aborted when the answer is no longer needed, because the client has disconnected or the timeout has passed.
   * The signal is created on first access, so an authenticator that answers synchronously should not read it.
   */
  readonly signal: AbortSignal;
}

/** Identifies clients by what they send in CONNECT and by their connection. */
export interface Authenticator extends Reloadable, Startable {
  /** As it appears in log lines; usually the name of the adapter. */
  readonly name: string;
  /**
   * Answers synchronously or with a promise. Requests are independent of each other and may overlap. The password is
   * valid until the answer is given; copy what has to outlive it.
   *
   * A rejection, a thrown error and a timeout refuse the client (reason `authentication-unavailable`), unless the
   * configuration says `onFailure: abstain` for this authenticator.
   * @param context tells when the answer is no longer needed. Do not start work for an aborted request; the broker
   * ignores its answer.
   */
  authenticate(
    request: AuthenticationRequest,
    context?: RequestContext,
  ): AuthenticatorAnswer | Promise<AuthenticatorAnswer>;
  /**
   * Whether this password was found right for this user lately: then others who fail to log in do not delay this login.
   * Synchronous and cheap, because it is called for attempts that are to be delayed. Leave it out if nothing is
   * remembered.
   * @returns false if the password was compared and is not remembered, `undefined` if there was nothing to compare.
   */
  remembers?(request: AuthenticationRequest): boolean | undefined;
  /**
   * The Authentication Methods of MQTT 5 that this authenticator has, such as `SCRAM-SHA-256`. They do not change. Of
   * several authenticators with a method the first is called. `authenticate` is not called for a client that names a
   * method, whatever other authenticators there are.
   */
  readonly methods?: readonly string[];
  /** Begins an exchange with one of `methods`. Required with them. Synchronous, and makes no promise to answer. */
  exchange?(request: ExchangeRequest): Exchange;
}

/** Injection token. Bind one implementation for each authenticator, in the order in which they are to be called. */
export const Authenticator = port<Authenticator>('Authenticator');

/** A client that has been authenticated and waits to be admitted. */
export interface AuthorizationRequest {
  readonly clientId: ClientId;
  /** The authenticated user, or `undefined` if the client has none. */
  readonly userName: string | undefined;
  readonly protocolVersion: ProtocolVersion;
  /** The name of the listener that accepted the connection. */
  readonly listener: string;
  readonly peer: PeerInfo;
  /** What the credentials permit, or `undefined` if they say nothing. */
  readonly permissions: Permissions | undefined;
}

/** Says what an authenticated client may do. */
export interface Authorizer extends Reloadable, Startable {
  /** As it appears in log lines; usually the name of the adapter. */
  readonly name: string;
  /**
   * Returns the rules for this client, synchronously or with a promise. They take precedence over the rules of the
   * authorizers after it; what no rule of any authorizer covers is denied. `allow-all`, or rules with a
   * `defaultEffect`, end the list: later authorizers are not called.
   *
   * A rejection, a thrown error and a timeout refuse the client (reason `authorization-unavailable`); a client that is
   * already connected keeps the permissions it has.
   * @param context tells when the answer is no longer needed, because the client has gone.
   */
  authorize(request: AuthorizationRequest, context?: RequestContext): Permissions | Promise<Permissions>;
  /**
   * Registers a listener for changes of the rules. When `changed` is called, the broker requests the permissions of
   * every connected client again.
   *
   * Leave this method out if the rules live elsewhere and the authorizer cannot tell when they change: the broker then
   * requests permissions again after every reload.
   */
  watch?(changed: () => void): void;
}

/**
 * Injection token. Bind one implementation for each authorizer, in the order in which they are to be called. With none,
 * an authenticated client may do what its credentials permit, and everything if they say nothing.
 */
export const Authorizer = port<Authorizer>('Authorizer');

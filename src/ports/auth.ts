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
   */
  authorize(request: AuthorizationRequest): Permissions | Promise<Permissions>;
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

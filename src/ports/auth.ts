// The ports of authentication and authorization: who is this, and what may it do. Authenticators are asked in order and the first that does not
// abstain decides. What the client may do is then put together as data, once, so that publishing and delivering never wait for anyone.
import type { Permissions } from '../domain/access/permissions.js';
import type { PeerInfo } from '../domain/connect/peer.js';
import type { AuthenticationRequest } from '../domain/effects.js';
import type { ClientId } from '../domain/identifiers.js';
import type { ProtocolVersion } from '../protocol/packets.js';
import type { Reloadable } from './reloadable.js';
import { port } from './token.js';

export type AuthenticatorAnswer =
  | {
      readonly decision: 'allow';
      /** What its credentials say that it may do. Without authorizers, that is what it may do, and everything where this is missing. */
      readonly permissions?: Permissions | undefined;
      /** Who it is; by default the User Name of CONNECT. */
      readonly userName?: string | undefined;
      /** When its credentials end, and the connection with them; in milliseconds since 1970. */
      readonly expiresAtMs?: number | undefined;
    }
  | { readonly decision: 'deny'; readonly reason: 'bad-credentials' | 'not-authorized'; readonly detail: string }
  | { readonly decision: 'abstain' };

/** That somebody waits for an answer. */
export interface Asking {
  /**
   * Aborted when nobody waits any more: the client has gone, or its time is up. It is made when it is first looked at, so whoever answers at once
   * should not.
   */
  readonly signal: AbortSignal;
}

export interface Authenticator extends Reloadable {
  readonly name: string;
  /**
   * Answers at once or later, each question for itself; the password is the caller's again then. A rejection counts as a refusal,
   * `authentication-unavailable`, unless the configuration says that it counts as an abstention.
   * @param asking says when nobody waits for the answer any more. Work that has not begun is better left then; what is answered all the same is not
   * looked at.
   */
  authenticate(request: AuthenticationRequest, asking?: Asking): AuthenticatorAnswer | Promise<AuthenticatorAnswer>;
  /** Lets go of what it holds (connections, timers), after the last question. */
  close?(): Promise<void>;
}

/** All authenticators of the broker in the order of asking; bind each. */
export const Authenticator = port<Authenticator>('Authenticator');

/** A client that has been authenticated. */
export interface AuthorizationRequest {
  readonly clientId: ClientId;
  readonly userName: string | undefined;
  readonly protocolVersion: ProtocolVersion;
  readonly listener: string;
  readonly peer: PeerInfo;
  /** What its credentials say that it may do; `undefined`: nothing. */
  readonly permissions: Permissions | undefined;
}

export interface Authorizer extends Reloadable {
  readonly name: string;
  /**
   * The rules for this client. They are asked before those of the authorizers after it; a client that none of them has a rule for is denied.
   * `everything`: nobody after it is asked. Answers at once or later; a rejection counts as a refusal: `authorization-unavailable`.
   */
  authorize(request: AuthorizationRequest): Permissions | Promise<Permissions>;
  /**
   * Left out by an authorizer that looks elsewhere each time and cannot tell: those who are connected are asked about anew after every reload then.
   * @param changed is called when what it would say may have changed: those who are connected are asked about anew.
   */
  watch?(changed: () => void): void;
  close?(): Promise<void>;
}

/** All authorizers of the broker in the order of asking; bind each. None: whoever was authenticated may do everything. */
export const Authorizer = port<Authorizer>('Authorizer');

// The authentication port: who is this, and what may it do. Authenticators are asked in order and the first that does not abstain decides.
import type { Permissions } from '../domain/access/permissions.js';
import type { AuthenticationRequest } from '../domain/effects.js';
import { port } from './token.js';

export type AuthenticatorAnswer =
  | { readonly decision: 'allow'; readonly permissions: Permissions }
  | { readonly decision: 'deny'; readonly reason: 'bad-credentials' | 'not-authorized'; readonly detail: string }
  | { readonly decision: 'abstain' };

export interface Authenticator {
  readonly name: string;
  /** Answers at once or later. A rejection counts as a refusal: `authentication-unavailable`. */
  authenticate(request: AuthenticationRequest): AuthenticatorAnswer | Promise<AuthenticatorAnswer>;
}

/** All authenticators of the broker in the order of asking; bind each. */
export const Authenticator = port<Authenticator>('Authenticator');

// What a CONNECT has to pass before the core hears of its answer: authentication says who it is, authorization what it may do.
import type { AuthenticationRequest } from '../domain/effects.js';
import type { AuthenticationResult } from '../domain/events.js';
import type { AuthorizationRequest } from '../ports/auth.js';
import type { Authentication } from './authentication.js';
import type { Authorization } from './authorization.js';

export class Admission {
  constructor(
    readonly authentication: Authentication,
    readonly authorization: Authorization,
  ) {}

  /** Answers at once where all that are asked do. `asked`: of a client that is let in, what authorization was asked. */
  admit(request: AuthenticationRequest, answer: (result: AuthenticationResult, asked?: AuthorizationRequest) => void): void {
    this.authentication.authenticate(request, (authenticated) => {
      if (authenticated.decision === 'deny') {
        answer(authenticated);
        return;
      }
      const { userName = request.userName, expiresAtMs, permissions } = authenticated;
      const { clientId, protocolVersion, listener, peer } = request;
      const asked = { clientId, userName, protocolVersion, listener, peer, permissions };
      this.authorization.authorize(asked, (authorized) => {
        if (authorized.decision === 'deny') answer(authorized);
        else answer({ ...authorized, userName, expiresAtMs }, asked);
      });
    });
  }
}

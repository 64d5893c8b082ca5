// What a CONNECT has to pass before the core hears of its answer: whoever has failed too often waits, then authentication says who it is, and
// authorization what it may do.
import type { AuthenticationRequest } from '../domain/effects.js';
import type { AuthenticationResult } from '../domain/inputs.js';
import type { AuthorizationRequest } from '../ports/auth.js';
import type { Authentication } from './authentication.js';
import type { Authorization } from './authorization.js';
import type { LoginThrottle } from './login-throttle.js';
import type { PendingRequest } from './pending-request.js';

/** `asked`: of a client that is let in, what authorization was asked. */
type Answer = (result: AuthenticationResult, asked?: AuthorizationRequest) => void;

export class Admission {
  constructor(
    readonly authentication: Authentication,
    readonly authorization: Authorization,
    /** Default: nobody is slowed. */
    readonly throttle?: LoginThrottle,
  ) {}

  /** Answers at once where all that are asked do. A client that has gone, which `pending` says, is not answered and costs nothing more. */
  admit(request: AuthenticationRequest, answer: Answer, pending?: PendingRequest): void {
    if (this.throttle === undefined) {
      this.#ask(request, answer, pending);
      return;
    }
    this.throttle.delay(
      request,
      (refusal) => {
        if (refusal === undefined) this.#ask(request, answer, pending);
        else answer({ decision: 'deny', reason: 'authentication-unavailable', detail: refusal });
      },
      pending,
    );
  }

  #ask(request: AuthenticationRequest, answer: Answer, pending: PendingRequest | undefined): void {
    this.authentication.authenticate(
      request,
      (authenticated) => {
        this.throttle?.recordResult(request, authenticated);
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
      },
      pending,
    );
  }
}

// The way of a CONNECT through login throttling, authentication and authorization. The core receives one result.
import type { AuthenticationRequest } from '../domain/effects.js';
import type { ExchangeRequest } from '../ports/auth.js';
import { AuthenticationExchange } from './authentication-exchange.js';
import type { AdmissionCallback } from './authentication-exchange.js';
import type { Authentication, AuthenticationOutcome } from './authentication.js';
import type { Authorization } from './authorization.js';
import type { LoginThrottle } from './login-throttle.js';
import type { PendingRequest } from './pending-request.js';

type Accepted = Extract<AuthenticationOutcome, { readonly decision: 'allow' }>;

export class Admission {
  constructor(
    readonly authentication: Authentication,
    readonly authorization: Authorization,
    /** Default: logins are not throttled. */
    readonly throttle?: LoginThrottle,
  ) {}

  /**
   * Calls back synchronously if every adapter answers synchronously.
   * @param pending cancel it when the client disconnects: then there is no callback and no further work.
   */
  admit(request: AuthenticationRequest, callback: AdmissionCallback, pending?: PendingRequest): void {
    if (this.throttle === undefined) {
      this.#authenticate(request, callback, pending);
      return;
    }
    this.throttle.delay(
      request,
      (refusal) => {
        if (refusal === undefined) this.#authenticate(request, callback, pending);
        else callback({ decision: 'deny', reason: 'authentication-unavailable', detail: refusal });
      },
      pending,
    );
  }

  #authenticate(
    request: AuthenticationRequest,
    callback: AdmissionCallback,
    pending: PendingRequest | undefined,
  ): void {
    this.authentication.authenticate(
      request,
      (outcome) => {
        this.throttle?.recordResult(request, outcome);
        if (outcome.decision === 'deny') {
          callback(outcome);
          return;
        }
        this.#authorize(request, outcome, callback, pending);
      },
      pending,
    );
  }

  /** The exchange of a client that names an Authentication Method. */
  exchange(request: ExchangeRequest): AuthenticationExchange {
    const { authentication, throttle } = this;
    return new AuthenticationExchange(
      {
        authenticator: authentication.withMethod(request),
        throttle,
        authorize: (accepted, callback, pending) => {
          this.#authorize(request, accepted, callback, pending);
        },
      },
      request,
    );
  }

  #authorize(
    request: AuthenticationRequest,
    accepted: Accepted,
    callback: AdmissionCallback,
    pending: PendingRequest | undefined,
  ): void {
    const { userName = request.userName, expiresAtMs, permissions } = accepted;
    const { clientId, protocolVersion, listener, peer } = request;
    const authorizationRequest = { clientId, userName, protocolVersion, listener, peer, permissions };
    this.authorization.authorize(
      authorizationRequest,
      (authorized) => {
        if (authorized.decision === 'deny') callback(authorized);
        else callback({ ...authorized, userName, expiresAtMs }, authorizationRequest);
      },
      pending,
    );
  }
}

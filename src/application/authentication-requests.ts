// The CONNECTs whose answer is awaited from authenticators and authorizers, and the exchanges of enhanced
// authentication. Nothing is read from a connection while its CONNECT is being decided, except the answers to
// challenges; a client that authenticates again goes on as before. What is under way is cancelled when its connection
// ends.
import type { AuthenticationRequest } from '../domain/effects.js';
import type { ConnectionId } from '../domain/identifiers.js';
import type { AuthenticationResult } from '../domain/inputs.js';
import type { AuthorizationRequest, ExchangeRequest } from '../ports/auth.js';
import type { Admission } from './admission.js';
import type { AuthenticationExchange } from './authentication-exchange.js';
import type { EventLoop } from './event-loop.js';
import type { Link } from './link.js';
import { Histogram, SECONDS } from './histogram.js';
import { PendingRequest } from './pending-request.js';
import type { Reauthorization } from './reauthorization.js';

export interface AuthenticationRequestsParts {
  readonly admission: Admission;
  readonly reauthorization: Reauthorization;
  readonly loop: EventLoop;
}

export class AuthenticationRequests {
  /** From the request, or the client's answer to a challenge, until it was decided. */
  readonly seconds = new Histogram(SECONDS);
  /** Decisions: `accepted`, or why not. */
  readonly results = new Map<string, number>();
  readonly #parts: AuthenticationRequestsParts;
  readonly #pending = new Map<ConnectionId, PendingRequest>();
  /** Exchanges that wait for the authenticator or for the client. */
  readonly #exchanges = new Map<ConnectionId, AuthenticationExchange>();
  /** How clients with an Authentication Method begin to authenticate again. */
  readonly #renewals = new Map<ConnectionId, ExchangeRequest>();

  constructor(parts: AuthenticationRequestsParts) {
    this.#parts = parts;
  }

  /** Answers with an `authenticated` or a `challenged` input, unless the request is cancelled before. */
  authenticate(link: Link, request: AuthenticationRequest, data: Uint8Array | undefined): void {
    const { authenticationMethod } = request;
    if (authenticationMethod !== undefined) {
      this.#begin(link, { ...request, authenticationMethod, isRenewal: false }, data);
      return;
    }
    const { admission, reauthorization, loop } = this.#parts;
    const { id, input } = link;
    const { revision } = reauthorization;
    const pending = new PendingRequest();
    this.#pending.set(id, pending);
    const startMs = loop.exactMs();
    input.park('authentication');
    admission.admit(
      request,
      (result, asked) => {
        this.#decided(result, startMs);
        loop.submit(() => {
          if (pending.isCancelled) return;
          this.#pending.delete(id);
          if (asked !== undefined) reauthorization.track(id, asked, revision);
          loop.step({ kind: 'authenticated', connection: id, result });
          input.unpark('authentication');
        });
      },
      pending,
    );
  }

  /** The client has answered a challenge. */
  continue(link: Link, data: Uint8Array | undefined): void {
    const exchange = this.#exchanges.get(link.id);
    if (exchange !== undefined) this.#ask(link, exchange, data);
  }

  /** A connected client begins to authenticate again. */
  renew(link: Link, data: Uint8Array | undefined): void {
    const request = this.#renewals.get(link.id);
    if (request !== undefined) this.#begin(link, request, data);
  }

  cancel(id: ConnectionId): void {
    this.#pending.get(id)?.cancel();
    this.#pending.delete(id);
    this.#exchanges.get(id)?.cancel();
    this.#exchanges.delete(id);
    this.#renewals.delete(id);
  }

  #decided(result: AuthenticationResult, startMs: number): void {
    this.seconds.observe((this.#parts.loop.exactMs() - startMs) / 1000);
    const word = result.decision === 'allow' ? 'accepted' : result.reason;
    this.results.set(word, (this.results.get(word) ?? 0) + 1);
  }

  #begin(link: Link, request: ExchangeRequest, data: Uint8Array | undefined): void {
    const exchange = this.#parts.admission.exchange(request);
    this.#exchanges.set(link.id, exchange);
    this.#ask(link, exchange, data);
  }

  #ask({ id, input }: Link, exchange: AuthenticationExchange, data: Uint8Array | undefined): void {
    const { reauthorization, loop } = this.#parts;
    const { revision } = reauthorization;
    const { isRenewal } = exchange.request;
    const startMs = loop.exactMs();
    const then = (step: () => void): void => {
      loop.submit(() => {
        if (exchange.isCancelled) return;
        step();
        if (!isRenewal) input.unpark('authentication');
      });
    };
    if (!isRenewal) input.park('authentication');
    exchange.next(data, {
      challenge: (challenge) => {
        then(() => {
          if (!isRenewal) input.challenged();
          loop.step({ kind: 'challenged', connection: id, data: challenge });
        });
      },
      finish: (result, asked) => {
        this.#decided(result, startMs);
        then(() => {
          this.#exchanges.delete(id);
          if (asked !== undefined) {
            reauthorization.track(id, asked, revision);
            this.#renewals.set(id, renewalOf(exchange.request, asked));
          }
          loop.step({ kind: 'authenticated', connection: id, result });
        });
      },
    });
  }
}

/** What stays of the CONNECT: not its password. */
const renewalOf = (
  { clientId, protocolVersion, listener, peer, authenticationMethod }: ExchangeRequest,
  { userName }: AuthorizationRequest,
): ExchangeRequest => ({
  clientId,
  protocolVersion,
  userName,
  password: undefined,
  listener,
  peer,
  authenticationMethod,
  isRenewal: true,
});

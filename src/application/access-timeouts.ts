// Timeouts for authenticators and authorizers: a decorator answers for an adapter that fails or is late. Which adapters
// are called, and in which order, is decided in `authentication.ts` and `authorization.ts`.
import type { Authenticator, AuthenticatorAnswer, Authorizer, Exchange, ExchangeRequest } from '../ports/auth.js';
import type { Clock } from '../ports/clock.js';
import type { LifecycleEvent } from '../ports/telemetry.js';
import { AdapterRequests, heldBy } from './adapter-requests.js';
import { isPromiseLike, messageOf } from './timeout.js';

export interface AuthenticatorTimeout {
  readonly timeoutMs: number;
  /** What a rejection, a thrown error or a timeout counts as. */
  readonly onFailure: 'deny' | 'abstain';
}

export interface TimeoutParts {
  readonly clock: Clock;
  readonly emit: (event: LifecycleEvent) => void;
}

const ABSTAIN: AuthenticatorAnswer = { decision: 'abstain' };

/** The same authenticator with a timeout. Synchronous answers pass through unchanged. */
export function authenticatorWithTimeout(
  inner: Authenticator,
  { timeoutMs, onFailure }: AuthenticatorTimeout,
  { clock, emit }: TimeoutParts,
): Authenticator {
  const fail = (error: unknown): AuthenticatorAnswer => {
    if (onFailure === 'deny') throw error;
    emit({ kind: 'authenticator-passed-over', authenticator: inner.name, error: messageOf(error) });
    return ABSTAIN;
  };
  const requests = new AdapterRequests(timeoutMs, clock);
  return {
    name: inner.name,
    authenticate: (request, context) => {
      let answer: AuthenticatorAnswer | Promise<AuthenticatorAnswer>;
      try {
        answer = requests.ask((pending) => inner.authenticate(request, pending), heldBy(request), context);
      } catch (error) {
        return fail(error);
      }
      if (!isPromiseLike(answer)) return answer;
      return answer.catch((error: unknown) => {
        // The client has gone. That is not a failure of the adapter, and the answer is ignored.
        if (context?.signal.aborted === true) return ABSTAIN;
        return fail(error);
      });
    },
    ...(inner.remembers === undefined ? {} : { remembers: inner.remembers.bind(inner) }),
    ...(inner.methods === undefined ? {} : { methods: inner.methods }),
    ...(inner.exchange === undefined
      ? {}
      : { exchange: (request: ExchangeRequest) => withTimeouts(exchangeOf(inner, request), request, requests) }),
    ...optionalMethods(inner),
  };
}

function exchangeOf(inner: Authenticator, request: ExchangeRequest): Exchange {
  const exchange = inner.exchange?.(request);
  if (typeof exchange?.next !== 'function') throw new Error('exchange() returned no exchange with a function next');
  return exchange;
}

/** The time for one answer. How long the client may take for its own is a limit of the broker. */
function withTimeouts(inner: Exchange, request: ExchangeRequest, requests: AdapterRequests): Exchange {
  return {
    next: (data, context) => requests.ask((pending) => inner.next(data, pending), heldBy(request, data), context),
    end: () => inner.end?.(),
  };
}

/** The same authorizer with a timeout. Synchronous answers pass through unchanged. */
export function authorizerWithTimeout(
  inner: Authorizer,
  { timeoutMs }: Pick<AuthenticatorTimeout, 'timeoutMs'>,
  { clock }: Pick<TimeoutParts, 'clock'>,
): Authorizer {
  const requests = new AdapterRequests(timeoutMs, clock);
  return {
    name: inner.name,
    authorize: (request, context) =>
      requests.ask((pending) => inner.authorize(request, pending), heldBy(request), context),
    ...(inner.watch === undefined ? {} : { watch: inner.watch.bind(inner) }),
    ...optionalMethods(inner),
  };
}

/** The decorator has exactly the optional methods of the adapter: callers check whether they exist. */
function optionalMethods(inner: Authenticator | Authorizer): Pick<Authenticator, 'reload' | 'start' | 'stop'> {
  return {
    ...(inner.reload === undefined ? {} : { reload: inner.reload.bind(inner) }),
    ...(inner.start === undefined ? {} : { start: inner.start.bind(inner) }),
    ...(inner.stop === undefined ? {} : { stop: inner.stop.bind(inner) }),
  };
}

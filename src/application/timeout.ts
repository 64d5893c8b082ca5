// Timeouts for authenticators and authorizers: a decorator answers for an adapter that fails or is late. Which adapters
// are called, and in which order, is decided in `authentication.ts` and `authorization.ts`.
import type {
  Authenticator,
  AuthenticatorAnswer,
  Authorizer,
  Exchange,
  ExchangeRequest,
  RequestContext,
} from '../ports/auth.js';
import type { Clock } from '../ports/clock.js';
import type { LifecycleEvent } from '../ports/telemetry.js';
import { PendingRequest } from './pending-request.js';

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
  return {
    name: inner.name,
    authenticate: (request, context) => {
      const pending = new PendingRequest();
      let answer: AuthenticatorAnswer | Promise<AuthenticatorAnswer>;
      try {
        answer = inner.authenticate(request, pending);
      } catch (error) {
        return fail(error);
      }
      if (!isPromiseLike(answer)) return answer;
      return withTimeout(answer, timeoutMs, clock, pending, context).catch((error: unknown) => {
        // The client has gone. That is not a failure of the adapter, and the answer is ignored.
        if (context?.signal.aborted === true) return ABSTAIN;
        return fail(error);
      });
    },
    ...(inner.remembers === undefined ? {} : { remembers: inner.remembers.bind(inner) }),
    ...(inner.methods === undefined ? {} : { methods: inner.methods }),
    ...(inner.exchange === undefined
      ? {}
      : { exchange: (request: ExchangeRequest) => withTimeouts(exchangeOf(inner, request), timeoutMs, clock) }),
    ...optionalMethods(inner),
  };
}

function exchangeOf(inner: Authenticator, request: ExchangeRequest): Exchange {
  const exchange = inner.exchange?.(request);
  if (typeof exchange?.next !== 'function') throw new Error('exchange() returned no exchange with a function next');
  return exchange;
}

/** The time for one answer. How long the client may take for its own is a limit of the broker. */
function withTimeouts(inner: Exchange, timeoutMs: number, clock: Clock): Exchange {
  return {
    next: (data, context) => {
      const pending = new PendingRequest();
      const answer = inner.next(data, pending);
      return isPromiseLike(answer) ? withTimeout(answer, timeoutMs, clock, pending, context) : answer;
    },
    end: () => inner.end?.(),
  };
}

/** The same authorizer with a timeout. Synchronous answers pass through unchanged. */
export function authorizerWithTimeout(
  inner: Authorizer,
  { timeoutMs }: Pick<AuthenticatorTimeout, 'timeoutMs'>,
  { clock }: Pick<TimeoutParts, 'clock'>,
): Authorizer {
  return {
    name: inner.name,
    authorize: (request) => {
      const answer = inner.authorize(request);
      return isPromiseLike(answer) ? withTimeout(answer, timeoutMs, clock) : answer;
    },
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

/**
 * Settles as the promise does, or rejects when the timeout passes or the context is cancelled. What the promise does
 * after that is ignored.
 * @param pending the request behind the promise, cancelled when this function stops waiting for it.
 * @param context the request that this one is part of.
 */
export function withTimeout<T>(
  promise: PromiseLike<T>,
  timeoutMs: number,
  clock: Clock,
  pending?: PendingRequest,
  context?: RequestContext,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (reason: string): void => {
      release();
      pending?.cancel();
      reject(new Error(reason));
    };
    const onAbort = (): void => {
      giveUp('the request was cancelled');
    };
    const timer = clock.at(clock.nowMs() + timeoutMs, () => {
      giveUp(`no answer within ${timeoutMs} ms`);
    });
    const release = (): void => {
      timer.cancel();
      context?.signal.removeEventListener('abort', onAbort);
    };
    context?.signal.addEventListener('abort', onAbort);
    promise.then(
      (value) => {
        release();
        resolve(value);
      },
      (error: unknown) => {
        release();
        reject(asError(error));
      },
    );
  });
}

/** Whether the value is a promise of any library. */
export function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as { then?: unknown } | undefined)?.then === 'function';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** For what was thrown without being an error. */
export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

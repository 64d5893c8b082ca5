// Adapters that are asked about a client, each with a time of its own: one that fails or is late is answered for. It decides what a failure
// counts as; who is asked, and in which order, is `authentication.ts`'s and `authorization.ts`'s.
import type { RequestContext, Authenticator, AuthenticatorAnswer, Authorizer } from '../ports/auth.js';
import type { Clock } from '../ports/clock.js';
import type { LifecycleEvent } from '../ports/telemetry.js';
import { PendingRequest } from './pending-request.js';

export interface AuthenticatorTimeout {
  readonly timeoutMs: number;
  /** What a rejection or no answer in time counts as. */
  readonly onFailure: 'deny' | 'abstain';
}

export interface TimeoutParts {
  readonly clock: Clock;
  readonly emit: (event: LifecycleEvent) => void;
}

const ABSTAIN: AuthenticatorAnswer = { decision: 'abstain' };

/** The same authenticator, which answers in time. */
export function authenticatorWithTimeout(
  inner: Authenticator,
  { timeoutMs, onFailure }: AuthenticatorTimeout,
  { clock, emit }: TimeoutParts,
): Authenticator {
  const failed = (error: unknown): AuthenticatorAnswer => {
    if (onFailure === 'deny') throw error;
    emit({ kind: 'authenticator-passed-over', authenticator: inner.name, error: messageOf(error) });
    return ABSTAIN;
  };
  return {
    name: inner.name,
    authenticate: (request, context) => {
      const pending = new PendingRequest();
      let given: AuthenticatorAnswer | Promise<AuthenticatorAnswer>;
      try {
        given = inner.authenticate(request, pending);
      } catch (error) {
        return failed(error);
      }
      if (!isPromiseLike(given)) return given;
      return withTimeout(given, timeoutMs, clock, pending, context).catch((error: unknown) => {
        // Nobody waits: neither is it a failure, nor does it matter what it would count as.
        if (context?.signal.aborted === true) return ABSTAIN;
        return failed(error);
      });
    },
    ...optionalMethods(inner),
  };
}

/** The same authorizer, which answers in time. */
export function authorizerWithTimeout(
  inner: Authorizer,
  { timeoutMs }: Pick<AuthenticatorTimeout, 'timeoutMs'>,
  { clock }: Pick<TimeoutParts, 'clock'>,
): Authorizer {
  return {
    name: inner.name,
    authorize: (request) => {
      const given = inner.authorize(request);
      return isPromiseLike(given) ? withTimeout(given, timeoutMs, clock) : given;
    },
    ...(inner.watch === undefined ? {} : { watch: inner.watch.bind(inner) }),
    ...optionalMethods(inner),
  };
}

/** What it does not have, the limited one has not either. */
function optionalMethods(inner: Authenticator | Authorizer): Pick<Authenticator, 'reload' | 'start' | 'stop'> {
  return {
    ...(inner.reload === undefined ? {} : { reload: inner.reload.bind(inner) }),
    ...(inner.start === undefined ? {} : { start: inner.start.bind(inner) }),
    ...(inner.stop === undefined ? {} : { stop: inner.stop.bind(inner) }),
  };
}

/**
 * Settles as the promise does, or rejects when the time is up; what comes after that is ignored.
 * @param pending abandoned when nobody waits for the promise any more: the time is up, or nobody waits for what it is a part of.
 */
export function withTimeout<T>(
  promise: PromiseLike<T>,
  timeoutMs: number,
  clock: Clock,
  pending?: PendingRequest,
  context?: RequestContext,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (why: string): void => {
      end();
      pending?.cancel();
      reject(new Error(why));
    };
    const gone = (): void => {
      giveUp('nobody waits for the answer any more');
    };
    const timer = clock.at(clock.nowMs() + timeoutMs, () => {
      giveUp(`no answer within ${timeoutMs} ms`);
    });
    const end = (): void => {
      timer.cancel();
      context?.signal.removeEventListener('abort', gone);
    };
    context?.signal.addEventListener('abort', gone);
    promise.then(
      (value) => {
        end();
        resolve(value);
      },
      (error: unknown) => {
        end();
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}

/** Also one of a library's own. */
export function isPromiseLike<T>(given: T | PromiseLike<T>): given is PromiseLike<T> {
  return typeof (given as { then?: unknown } | undefined)?.then === 'function';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

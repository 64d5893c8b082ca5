// Adapters that are asked about a client, each with a time of its own: one that fails or is late is answered for. It decides what a failure
// counts as; who is asked, and in which order, is `authentication.ts`'s and `authorization.ts`'s.
import type { Asking, Authenticator, AuthenticatorAnswer, Authorizer } from '../ports/auth.js';
import type { Clock } from '../ports/clock.js';
import type { LifecycleEvent } from '../ports/telemetry.js';
import { Question } from './question.js';

export interface AuthenticatorLimits {
  readonly timeoutMs: number;
  /** What a rejection or no answer in time counts as. */
  readonly onFailure: 'deny' | 'abstain';
}

export interface LimitParts {
  readonly clock: Clock;
  readonly emit: (event: LifecycleEvent) => void;
}

const ABSTAIN: AuthenticatorAnswer = { decision: 'abstain' };

/** The same authenticator, which answers in time. */
export function limitedAuthenticator(
  inner: Authenticator,
  { timeoutMs, onFailure }: AuthenticatorLimits,
  { clock, emit }: LimitParts,
): Authenticator {
  const failed = (error: unknown): AuthenticatorAnswer => {
    if (onFailure === 'deny') throw error;
    emit({ kind: 'authenticator-passed-over', authenticator: inner.name, error: messageOf(error) });
    return ABSTAIN;
  };
  return {
    name: inner.name,
    authenticate: (request, asking) => {
      const question = new Question();
      let given: AuthenticatorAnswer | Promise<AuthenticatorAnswer>;
      try {
        given = inner.authenticate(request, question);
      } catch (error) {
        return failed(error);
      }
      if (!isPromiseLike(given)) return given;
      return withinTime(given, timeoutMs, clock, question, asking).catch((error: unknown) => {
        // Nobody waits: neither is it a failure, nor does it matter what it would count as.
        if (asking?.signal.aborted === true) return ABSTAIN;
        return failed(error);
      });
    },
    ...passedOn(inner),
  };
}

/** The same authorizer, which answers in time. */
export function limitedAuthorizer(
  inner: Authorizer,
  { timeoutMs }: Pick<AuthenticatorLimits, 'timeoutMs'>,
  { clock }: Pick<LimitParts, 'clock'>,
): Authorizer {
  return {
    name: inner.name,
    authorize: (request) => {
      const given = inner.authorize(request);
      return isPromiseLike(given) ? withinTime(given, timeoutMs, clock) : given;
    },
    ...(inner.watch === undefined ? {} : { watch: inner.watch.bind(inner) }),
    ...passedOn(inner),
  };
}

/** What it does not have, the limited one has not either. */
function passedOn(inner: Authenticator | Authorizer): Pick<Authenticator, 'reload' | 'close'> {
  return {
    ...(inner.reload === undefined ? {} : { reload: inner.reload.bind(inner) }),
    ...(inner.close === undefined ? {} : { close: inner.close.bind(inner) }),
  };
}

/**
 * Settles as the promise does, or rejects when the time is up; what comes after that is ignored.
 * @param question abandoned when nobody waits for the promise any more: the time is up, or nobody waits for what it is a part of.
 */
export function withinTime<T>(
  promise: PromiseLike<T>,
  timeoutMs: number,
  clock: Clock,
  question?: Question,
  asking?: Asking,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (why: string): void => {
      end();
      question?.abandon();
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
      asking?.signal.removeEventListener('abort', gone);
    };
    asking?.signal.addEventListener('abort', gone);
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

// Waiting for a promise for a limited time.
import type { RequestContext } from '../ports/auth.js';
import type { Clock } from '../ports/clock.js';

interface Waiting {
  /** The request that this one is part of. */
  readonly context?: RequestContext | undefined;
  /** The function has stopped waiting for the promise. */
  readonly givenUp?: () => void;
}

/**
 * Settles as the promise does, or rejects when the timeout passes or the context is cancelled. What the promise does
 * after that is ignored.
 */
export function withTimeout<T>(
  promise: PromiseLike<T>,
  timeoutMs: number,
  clock: Clock,
  { context, givenUp }: Waiting = {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (reason: string): void => {
      release();
      givenUp?.();
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

// Interceptors whose answers a test gives when it likes.
import type { ClientView, Interceptor, VerdictOf } from '../../../src/ports/index.js';

export const PASS = { decision: 'pass' } as const;

type Stage = 'connect' | 'publish' | 'subscribe' | 'unsubscribe';
type RequestTo<S extends Stage> = Parameters<NonNullable<Interceptor[S]>>[0];

export interface Late<S extends Stage> {
  readonly method: (
    request: RequestTo<S>,
    client: ClientView,
    context: { readonly signal: AbortSignal },
  ) => Promise<VerdictOf<S>>;
  /** What has no answer yet. */
  readonly waiting: readonly RequestTo<S>[];
  readonly signals: readonly AbortSignal[];
  /** Answers the oldest request. */
  next(verdict: VerdictOf<S>): void;
}

export function late<S extends Stage>(): Late<S> {
  const waiting: RequestTo<S>[] = [];
  const signals: AbortSignal[] = [];
  const answers: ((verdict: VerdictOf<S>) => void)[] = [];
  return {
    waiting,
    signals,
    method: (request, _client, { signal }) => {
      waiting.push(request);
      signals.push(signal);
      return new Promise((resolve) => answers.push(resolve));
    },
    next: (verdict) => {
      waiting.shift();
      const answer = answers.shift();
      if (answer === undefined) throw new Error('no request waits for an answer');
      answer(verdict);
    },
  };
}

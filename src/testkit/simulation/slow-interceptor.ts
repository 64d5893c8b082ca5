// An interceptor that answers some packets at once, some with a promise that is there already and others after a while,
// by what they contain, and drops some messages: whatever it does, order and promises stay.
import type { Clock, Interceptor } from '../../ports/index.js';
import { tagOf } from './payload.js';

/** What a plan says of its interceptor. */
export interface InterceptorPlan {
  /** How long an answer takes, in milliseconds; 0: it comes at once. One of them is taken for each packet. */
  readonly delaysMs: readonly number[];
  /** One message in so many is dropped. */
  readonly dropsOneIn: number;
}

/** Of text, the same in every run. */
const hashOf = (text: string): number => {
  let hash = 7;
  for (let i = 0; i < text.length; i++) hash = (hash * 31 + text.charCodeAt(i)) >>> 0;
  return hash >>> 3;
};

/** Whether the interceptor drops the message with this tag. Those without one clear what is retained. */
export const isDropped = ({ dropsOneIn }: InterceptorPlan, tag: string): boolean =>
  tag !== '' && hashOf(tag) % dropsOneIn === 0;

export function slowInterceptor(plan: InterceptorPlan, clock: Clock): Interceptor {
  const answer = <T>(about: string, verdict: T): T | Promise<T> => {
    const delayMs = plan.delaysMs[hashOf(`${about}!`) % plan.delaysMs.length] ?? 0;
    if (delayMs === 0) return hashOf(`${about}?`) % 2 === 0 ? verdict : Promise.resolve(verdict);
    return new Promise((resolve) => {
      clock.at(clock.nowMs() + delayMs, () => {
        resolve(verdict);
      });
    });
  };
  const pass = { decision: 'pass' } as const;
  return {
    name: 'slow',
    timeoutMs: 600_000,
    publish: ({ payload, isWill }) => {
      // A client that leaves while its CONNECT waits was never there; the model counts it from CONNECT on.
      if (isWill) return pass;
      const tag = tagOf(payload);
      return answer(tag, isDropped(plan, tag) ? { decision: 'drop', reason: 'by its tag' } : pass);
    },
    subscribe: ({ subscriptions }) => answer(subscriptions.map(({ topicFilter }) => topicFilter).join(), pass),
    unsubscribe: ({ topicFilters }) => answer(topicFilters.join(), pass),
    connect: () => pass,
  };
}

// An interceptor under test, and how the laws ask it: as the broker does, and with the broker's own checks of what it
// answers.
import { requireDeliveryVerdict, requireVerdict } from '../../application/verdict-checks.js';
import { isPromiseLike, messageOf, withTimeout } from '../../application/timeout.js';
import { DEFAULT_LIMITS } from '../../domain/limits.js';
import type { DeliveredMessage, DeliveryVerdict, Interceptor, RequestContext, VerdictOf } from '../../ports/index.js';
import { ContractViolation, differences } from '../compare.js';
import type { VirtualClock } from '../virtual-clock.js';
import type { Samples, Shown } from './samples.js';

/** What the interceptor's author provides, newly created for each test. */
export interface InterceptorUnderTest {
  readonly interceptor: Interceptor;
  /** The clock that the interceptor waits by, if it waits by that alone. The kit advances it. Default: real time. */
  readonly clock?: VirtualClock;
  /** Removes what `create` made. The interceptor has been stopped. Default: there is nothing to remove. */
  dispose?(): Promise<void>;
}

/** The packets that may be awaited. */
export type Stage = Exclude<keyof Samples, 'deliver'>;

export const STAGES: readonly Stage[] = ['connect', 'publish', 'subscribe', 'unsubscribe'];

export const DEFAULT_TIMEOUT_MS = 5000;

type Method = (request: unknown, client: unknown, context?: RequestContext) => unknown;

/** Calls a method of the interceptor. @throws ContractViolation if that throws. */
export function called(
  interceptor: Interceptor,
  method: keyof Samples,
  shown: Shown<unknown>,
  signal?: AbortSignal,
): unknown {
  const context = { signal: signal ?? new AbortController().signal };
  const call = (interceptor as unknown as Readonly<Record<string, Method>>)[method] as Method;
  try {
    return call.call(interceptor, shown.request, shown.client, method === 'deliver' ? undefined : context);
  } catch (error) {
    throw new ContractViolation(`${shown.what}: expected an answer, it threw ${messageOf(error)}`);
  }
}

/** @returns the verdict, as the broker takes it. @throws ContractViolation */
export async function verdictOf<S extends Stage>(
  under: InterceptorUnderTest,
  stage: S,
  shown: Shown<unknown>,
): Promise<VerdictOf<S>> {
  const answer = called(under.interceptor, stage, shown);
  let value = answer;
  try {
    if (isPromiseLike(answer)) value = await settled(under, answer);
    return requireVerdict(stage, value, shown.request as never, DEFAULT_LIMITS);
  } catch (error) {
    throw new ContractViolation(`${shown.what}: ${messageOf(error)}`);
  }
}

/** @throws what the promise rejects with, or Error if it does not settle in time. */
async function settled({ interceptor, clock }: InterceptorUnderTest, answer: PromiseLike<unknown>): Promise<unknown> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = interceptor;
  if (clock !== undefined) {
    const waiting = withTimeout(answer, timeoutMs, clock);
    waiting.catch(() => undefined);
    await clock.advanceAsync(timeoutMs);
    return waiting;
  }
  return within(answer, timeoutMs, `no answer within ${timeoutMs} ms`);
}

/** Waits in real time. */
export function within<T>(promise: PromiseLike<T>, ms: number, problem: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new ContractViolation(problem));
    }, ms);
  });
  return Promise.race([promise, late]).finally(() => {
    clearTimeout(timer);
  });
}

/** @returns the verdict of a delivery, as the broker takes it. @throws ContractViolation */
export function deliveryOf({ interceptor }: InterceptorUnderTest, shown: Shown<DeliveredMessage>): DeliveryVerdict {
  const answer = called(interceptor, 'deliver', shown);
  if (isPromiseLike(answer)) {
    answer.then(undefined, () => undefined);
    throw new ContractViolation(`${shown.what}: expected an answer at once, got a promise`);
  }
  try {
    return requireDeliveryVerdict(answer, DEFAULT_LIMITS);
  } catch (error) {
    throw new ContractViolation(`${shown.what}: ${messageOf(error)}`);
  }
}

/** What was changed in what the interceptor was shown. */
export const changesIn = (before: Shown<unknown>, shown: Shown<unknown>): string[] =>
  [
    ...differences(before.request, shown.request, 'the request'),
    ...differences(before.client, shown.client, 'the client'),
  ].map((difference) => `${shown.what}: ${difference}`);

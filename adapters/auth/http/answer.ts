// What an answer of the service means, by its status and, with 200, by its JSON. Whatever it cannot mean is a failure of the service: a page of
// somebody's proxy lets nobody in.
import { unexpectedStatus } from '../fetching/bounded-fetch.js';
import { ServiceFailure } from './circuit-breaker.js';

export type Answer =
  | {
      readonly result: 'allow';
      readonly userName: string | undefined;
      readonly permissions: unknown;
      readonly expiresAtMs: number | undefined;
    }
  | { readonly result: 'deny'; readonly reason: 'bad-credentials' | 'not-authorized' }
  | { readonly result: 'ignore' };

const ALLOWED: Answer = { result: 'allow', userName: undefined, permissions: undefined, expiresAtMs: undefined };
/** Later than this in seconds, it was meant in milliseconds. */
const EXPIRY_MAX_S = 1e11;

/** @throws ServiceFailure, or an Error if the question was not to the service's liking, which is no failure of it. */
export function answerOf(status: number, body: string): Answer {
  switch (status) {
    case 200:
      return body.trim() === '' ? ALLOWED : answerIn(body);
    case 204:
      return ALLOWED;
    case 401:
      return { result: 'deny', reason: 'bad-credentials' };
    case 403:
      return { result: 'deny', reason: 'not-authorized' };
    case 404:
      return { result: 'ignore' };
  }
  const problem = unexpectedStatus(status, '200, 204, 401, 403 or 404');
  if (status >= 400 && status < 500 && status !== 429) throw new Error(problem);
  throw new ServiceFailure(problem);
}

function answerIn(body: string): Answer {
  const { result, userName, permissions, expiresAt } = jsonOf(body);
  switch (result) {
    case 'deny':
      return { result, reason: 'bad-credentials' };
    case 'ignore':
      return { result };
    case 'allow':
      if (userName !== undefined && (typeof userName !== 'string' || userName === ''))
        throw new ServiceFailure('userName in its answer is no text');
      if (expiresAt !== undefined && !(typeof expiresAt === 'number' && expiresAt > 0 && expiresAt < EXPIRY_MAX_S)) {
        throw new ServiceFailure('expiresAt in its answer is not valid, expected seconds since 1970');
      }
      return {
        result,
        userName,
        permissions,
        expiresAtMs: expiresAt === undefined ? undefined : Math.floor(expiresAt * 1000),
      };
  }
  throw new ServiceFailure('result in its answer is not valid, expected allow, deny or ignore');
}

/** A key with null is as if it was not there. */
function jsonOf(body: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    throw new ServiceFailure('it answered 200 with something else than JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new ServiceFailure('it answered 200 with JSON that is no mapping');
  return Object.fromEntries(Object.entries(parsed).filter(([, value]) => value !== null));
}

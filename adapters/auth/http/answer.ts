// The meaning of the service's response: its status and, for 200, its JSON. Anything else is a failure of the service,
// so that the error page of a proxy admits no client.
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
/** A greater number of seconds is a mistake: the service sent milliseconds. */
const EXPIRY_MAX_S = 1e11;

/**
 * @throws ServiceFailure; or Error for a 4xx status, which rejects this request and is not a failure of the service.
 */
export function answerOf(status: number, body: string): Answer {
  switch (status) {
    case 200:
      return body.trim() === '' ? ALLOWED : parseAnswer(body);
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

function parseAnswer(body: string): Answer {
  const { result, userName, permissions, expiresAt } = parseJson(body);
  switch (result) {
    case 'deny':
      return { result, reason: 'bad-credentials' };
    case 'ignore':
      return { result };
    case 'allow':
      if (userName !== undefined && (typeof userName !== 'string' || userName === ''))
        throw new ServiceFailure('userName in its answer is not a string');
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

/** A key whose value is `null` counts as absent. */
function parseJson(body: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    throw new ServiceFailure('it answered 200 with a body that is not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new ServiceFailure('it answered 200 with JSON that is not an object');
  return Object.fromEntries(Object.entries(parsed).filter(([, value]) => value !== null));
}

// Exchanges of enhanced authentication: failed attempts, time limits, answers that are wrong, and their end.
import { describe, expect, test } from '@jest/globals';
import { Admission } from '../../../src/application/admission.js';
import { requireExchangeAnswer } from '../../../src/application/answer-checks.js';
import { Authentication } from '../../../src/application/authentication.js';
import type { AuthenticationExchange } from '../../../src/application/authentication-exchange.js';
import { Authorization } from '../../../src/application/authorization.js';
import { DEFAULT_LOGIN_THROTTLE, LoginThrottle } from '../../../src/application/login-throttle.js';
import { authenticatorWithTimeout } from '../../../src/application/access-timeouts.js';
import { shapeProblem } from '../../../src/composition/plugins/shapes.js';
import type { ClientId } from '../../../src/domain/identifiers.js';
import { Authenticator } from '../../../src/ports/auth.js';
import type { ExchangeAnswer, ExchangeRequest, RequestContext } from '../../../src/ports/auth.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';
import { noticed } from '../../support/hand-storage.js';

const REQUEST: ExchangeRequest = {
  clientId: 'a' as ClientId,
  protocolVersion: 5,
  userName: undefined,
  password: undefined,
  listener: 'test',
  peer: { remoteAddress: '192.0.2.1:5000', ipAddress: '192.0.2.1' },
  authenticationMethod: 'TEST',
  isRenewal: false,
};
const DENY = { decision: 'deny', reason: 'bad-credentials', detail: 'wrong' } as const;
const bytes = (text: string): Uint8Array => Buffer.from(text);

type Next = (data: string, context?: RequestContext) => unknown;

class Login {
  readonly clock = new VirtualClock();
  ended = 0;
  readonly #admission: Admission;

  constructor(next: Next, name = 'test') {
    const inner: Authenticator = {
      name,
      methods: ['TEST'],
      authenticate: () => ({ decision: 'abstain' }),
      exchange: () => ({
        next: (data, context) => next(Buffer.from(data ?? []).toString(), context) as ExchangeAnswer,
        end: () => {
          this.ended++;
          throw new Error('no failure of the exchange');
        },
      }),
    };
    const parts = { clock: this.clock, emit: () => undefined };
    const authenticator = authenticatorWithTimeout(inner, { timeoutMs: 1000, onFailure: 'abstain' }, parts);
    const throttle = new LoginThrottle({ ...DEFAULT_LOGIN_THROTTLE, allowed: 2 }, parts);
    this.#admission = new Admission(new Authentication([authenticator]), new Authorization([]), throttle);
  }

  begin(request: Partial<ExchangeRequest> = {}): AuthenticationExchange {
    return this.#admission.exchange({ ...REQUEST, ...request });
  }
}

/** What came of it so far: a challenge, or the decision with its detail. */
function send(exchange: AuthenticationExchange, data: string): { value: string } {
  const heard = { value: 'waiting' };
  exchange.next(bytes(data), {
    challenge: (challenge) => {
      heard.value = `? ${Buffer.from(challenge ?? []).toString()}`;
    },
    finish: (result) => {
      heard.value = result.decision === 'allow' ? 'allow' : `${result.reason}: ${result.detail}`;
    },
  });
  return heard;
}

/** As SCRAM does: the first message names the user, the second one proves it. */
const named: Next = (data) =>
  data.startsWith('user ')
    ? { decision: 'continue', data: bytes('prove it'), claimedUserName: data.slice(5) }
    : data === 'right'
      ? { decision: 'allow' }
      : DENY;

describe('failed attempts', () => {
  const attempt = (login: Login, user: string, proof: string): { value: string } => {
    const exchange = login.begin();
    const first = send(exchange, `user ${user}`);
    return first.value === '? prove it' ? send(exchange, proof) : first;
  };

  test('are counted by the user that the data names, and delay the challenge of that user only', () => {
    const login = new Login(named);
    expect(attempt(login, 'ann', 'wrong').value).toBe('bad-credentials: wrong');
    expect(attempt(login, 'ann', 'wrong').value).toBe('bad-credentials: wrong');
    const slowed = attempt(login, 'ann', 'right');
    expect(slowed.value).toBe('waiting');
    expect(attempt(login, 'bob', 'right').value).toBe('allow');
    login.clock.advance(250);
    expect(slowed.value).toBe('? prove it');
  });

  test('a client that goes while it is delayed is forgotten', () => {
    const login = new Login(named);
    for (let i = 0; i < 2; i++) attempt(login, 'ann', 'wrong');
    const exchange = login.begin();
    const heard = send(exchange, 'user ann');
    exchange.cancel();
    login.clock.advance(10_000);
    expect(heard.value).toBe('waiting');
    expect(login.ended).toBe(3);
  });

  test('an exchange of one message is delayed before its answer leaves', () => {
    const login = new Login((data) => (data === 'right' ? { decision: 'allow' } : DENY));
    for (let i = 0; i < 2; i++) expect(send(login.begin(), 'wrong').value).toBe('bad-credentials: wrong');
    const delayed = send(login.begin(), 'wrong');
    expect(delayed.value).toBe('waiting');
    login.clock.advance(250);
    expect(delayed.value).toBe('bad-credentials: wrong');
  });
});

describe('an answer of an authenticator', () => {
  test('that is late, thrown, rejected or wrong refuses the client, whatever a failure counts as, and ends the exchange', async () => {
    for (const [next, detail] of [
      [() => new Promise(() => undefined), 'test: no answer within 1000 ms'],
      [() => Promise.reject(new Error('down')), 'test: down'],
      [
        () => {
          throw new Error('broken');
        },
        'test: broken',
      ],
      [() => ({ decision: 'abstain' }), 'test: decision is "abstain", expected "continue", "allow" or "deny"'],
    ] as const) {
      const login = new Login(next);
      const heard = send(login.begin(), 'x');
      await noticed();
      login.clock.advance(1000);
      await noticed();
      expect(heard.value).toBe(`authentication-unavailable: ${detail}`);
      expect(login.ended).toBe(1);
    }
  });

  test('after the client has gone is ignored, and the exchange has ended once', async () => {
    let answer: (given: ExchangeAnswer) => void = () => undefined;
    let signal: AbortSignal | undefined;
    const login = new Login((_data, context) => {
      signal = context?.signal;
      return new Promise<ExchangeAnswer>((resolve) => (answer = resolve));
    });
    const exchange = login.begin();
    const heard = send(exchange, 'x');
    exchange.cancel();
    exchange.cancel();
    answer({ decision: 'allow' });
    await noticed();
    expect({ heard: heard.value, aborted: signal?.aborted, ended: login.ended }).toEqual({
      heard: 'waiting',
      aborted: true,
      ended: 1,
    });
  });

  test('is taken if it is one that the port knows, with a copy of its data', () => {
    const data = bytes('x');
    const checked = requireExchangeAnswer({ decision: 'continue', data, claimedUserName: 'a' });
    data.fill(0);
    expect(checked).toEqual({ decision: 'continue', data: new Uint8Array(bytes('x')), claimedUserName: 'a' });
    expect(requireExchangeAnswer({ ...DENY, claimedUserName: 'a' })).toEqual({ ...DENY, claimedUserName: 'a' });
    expect(requireExchangeAnswer({ decision: 'allow', userName: 'a' })).toEqual({ decision: 'allow', userName: 'a' });
  });

  test.each([
    [undefined, 'its answer is undefined, expected { decision: "continue" }, "allow" or "deny"'],
    [{ decision: 'continue', data: 'x' }, 'data is "x", expected a Uint8Array of at most 65535 bytes, or none'],
    [{ decision: 'continue', userName: 'a' }, 'userName is "a", expected only data, claimedUserName'],
    [{ decision: 'continue', claimedUserName: 7 }, 'claimedUserName is 7, expected a string, or none'],
    [{ decision: 'allow', claimedUserName: 'a' }, 'claimedUserName is "a", expected none: the answer has userName'],
    [{ ...DENY, data: 'x' }, 'data is "x", expected none: a refusal carries no data'],
    [{ decision: 'allow', userName: 7 }, 'userName is 7, expected a string, or none'],
  ])('%j is refused with its field, what it is, and what was expected', (answer, problem) => {
    expect(() => requireExchangeAnswer(answer)).toThrow(problem);
  });
});

test('an authenticator has methods and exchange, or neither', () => {
  const base = { name: 'a', authenticate: () => undefined };
  const exchange = (): undefined => undefined;
  const problem = (more: object): string | undefined =>
    shapeProblem(Authenticator, { ...base, ...more }, 'createAuthenticator returned');
  expect(problem({})).toBeUndefined();
  expect(problem({ methods: ['A'], exchange })).toBeUndefined();
  expect(problem({ methods: ['A'] })).toMatch(/without exchange\(\), expected both or none$/);
  for (const methods of [undefined, [], [''], 'A', [7]])
    expect(problem({ methods, exchange })).toMatch(/methods are no list of names/);
});

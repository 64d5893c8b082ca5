// Login throttling: repeated failures delay a login, an address or a user name, and no other client.
import { describe, expect, test } from '@jest/globals';
import { Admission } from '../../../src/application/admission.js';
import { Authentication } from '../../../src/application/authentication.js';
import { Authorization } from '../../../src/application/authorization.js';
import { DEFAULT_LOGIN_THROTTLE, LoginThrottle } from '../../../src/application/login-throttle.js';
import type { LoginThrottleSettings } from '../../../src/application/login-throttle.js';
import { PendingRequest } from '../../../src/application/pending-request.js';
import type { AuthenticationRequest } from '../../../src/domain/effects.js';
import type { AuthenticationResult } from '../../../src/domain/inputs.js';
import type { ClientId } from '../../../src/domain/identifiers.js';
import type { LifecycleEvent } from '../../../src/ports/telemetry.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';

const START_MS = 1_700_000_000_000;
const TOO_MANY: AuthenticationResult = {
  decision: 'deny',
  reason: 'authentication-unavailable',
  detail: 'too many failed attempts',
};

interface Attempt {
  readonly results: AuthenticationResult[];
  /** Since the start of the test; `undefined` until then. */
  answeredAtMs: number | undefined;
  leave(): void;
}

/** The admission of a broker that accepts the password `right` for every user. */
class Login {
  readonly clock = new VirtualClock(START_MS);
  readonly events: LifecycleEvent[] = [];
  readonly attempts: LoginThrottle;
  readonly #admission: Admission;
  asked = 0;

  /** @param remembered users of which the authenticator remembers that the password is `right`. */
  constructor(settings: Partial<LoginThrottleSettings> = {}, remembered: readonly string[] = []) {
    const authenticator = {
      name: 'passwords',
      remembers: ({ userName, password }: AuthenticationRequest) => {
        if (userName === undefined || !remembered.includes(userName)) return undefined;
        return Buffer.from(password ?? []).toString() === 'right';
      },
      authenticate: ({ password }: { readonly password: Uint8Array | undefined }) => {
        this.asked++;
        if (Buffer.from(password ?? []).toString() === 'right') return { decision: 'allow' } as const;
        if (Buffer.from(password ?? []).toString() === 'down') throw new Error('down');
        return { decision: 'deny', reason: 'bad-credentials', detail: 'wrong' } as const;
      },
    };
    const authentication = new Authentication([authenticator]);
    this.attempts = new LoginThrottle(
      { ...DEFAULT_LOGIN_THROTTLE, ...settings },
      {
        clock: this.clock,
        emit: (event) => this.events.push(event),
        remembers: (request) => authentication.remembers(request),
      },
    );
    this.#admission = new Admission(authentication, new Authorization([]), this.attempts);
  }

  attempt(ipAddress: string | undefined, userName: string | undefined, password = 'wrong', listener = 'l'): Attempt {
    const pending = new PendingRequest();
    const attempt: Attempt = {
      results: [],
      answeredAtMs: undefined,
      leave: () => {
        pending.cancel();
      },
    };
    this.#admission.admit(
      {
        clientId: 'c' as ClientId,
        protocolVersion: 4,
        userName,
        password: Buffer.from(password),
        listener,
        peer: { remoteAddress: 'x', ipAddress },
      },
      (result) => {
        attempt.results.push(result);
        attempt.answeredAtMs = this.clock.nowMs() - START_MS;
      },
      pending,
    );
    return attempt;
  }

  /** Fails a number of times in sequence. @returns how long each answer took, in milliseconds. */
  fail(times: number, ipAddress: string | undefined, userName: string | undefined): number[] {
    return Array.from({ length: times }, () => this.took(this.attempt(ipAddress, userName)));
  }

  /** Waits for the answer. @returns how long it took, in milliseconds. */
  took(attempt: Attempt): number {
    const beginMs = this.clock.nowMs() - START_MS;
    while (attempt.answeredAtMs === undefined) this.clock.advanceTo(this.clock.nextDueMs ?? Infinity);
    return attempt.answeredAtMs - beginMs;
  }
}

describe('failures of a login', () => {
  test('from the fourth failure on each attempt is delayed twice as long, up to the maximum', () => {
    expect(new Login().fail(11, '192.0.2.1', 'alice')).toEqual([
      0, 0, 0, 250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000,
    ]);
  });

  test('a successful login resets the delay', () => {
    const login = new Login();
    login.fail(5, '192.0.2.1', 'alice');
    const good = login.attempt('192.0.2.1', 'alice', 'right');
    expect(good.results).toEqual([]);
    expect(login.took(good)).toBe(1000);
    expect(good.results).toMatchObject([{ decision: 'allow' }]);
    expect(login.fail(4, '192.0.2.1', 'alice')).toEqual([0, 0, 0, 250]);
  });

  test('failures of a login are forgotten some time after the last one', () => {
    const login = new Login();
    login.fail(8, '192.0.2.1', 'alice');
    login.clock.advance(DEFAULT_LOGIN_THROTTLE.forgetAfterMs - 1);
    expect(login.fail(1, '192.0.2.1', 'alice')).toEqual([8000]);
    login.clock.advance(DEFAULT_LOGIN_THROTTLE.forgetAfterMs);
    expect(login.fail(4, '192.0.2.1', 'alice')).toEqual([0, 0, 0, 250]);
  });

  test('a failing login delays neither other users at its address nor its user name elsewhere', () => {
    const login = new Login();
    login.fail(20, '192.0.2.1', 'alice');
    expect(login.fail(1, '192.0.2.1', 'bob')).toEqual([0]);
    expect(login.fail(1, '192.0.2.2', 'alice')).toEqual([0]);
  });

  test('an unavailable authenticator does not count as a failed login', () => {
    const login = new Login();
    for (let i = 0; i < 20; i++) expect(login.took(login.attempt('192.0.2.1', 'alice', 'down'))).toBe(0);
  });

  test('with a maximum delay of 0 no login is delayed', () => {
    const login = new Login({ maxDelayMs: 0 });
    expect(login.fail(50, '192.0.2.1', 'alice')).toEqual(Array(50).fill(0));
    expect(login.events).toEqual([]);
  });
});

describe('failures from an address', () => {
  test('an address from which many user names fail is delayed for every name', () => {
    const login = new Login();
    for (let i = 0; i < 30; i++) expect(login.fail(1, '192.0.2.1', `user ${i}`)).toEqual([0]);
    expect(login.fail(2, '192.0.2.1', 'someone else')).toEqual([250, 500]);
    expect(login.fail(1, '192.0.2.2', 'someone else')).toEqual([0]);
  });

  test('one misconfigured device does not delay others at its address, however often it fails', () => {
    const login = new Login();
    login.fail(500, '192.0.2.1', 'broken');
    expect(login.took(login.attempt('192.0.2.1', 'sound', 'right'))).toBe(0);
  });

  test('IPv6 addresses are counted by their /64 network', () => {
    const login = new Login();
    login.fail(3, '2001:db8:1:2::1', 'alice');
    expect(login.fail(1, '2001:db8:1:2::2', 'alice')).toEqual([250]);
    expect(login.fail(1, '2001:db8:1:3::2', 'alice')).toEqual([0]);
    expect(login.events).toEqual([
      { kind: 'attempts-slowed', scope: 'login', ipAddress: '2001:db8:1:2::/64', userName: 'alice', failures: 3 },
    ]);
  });

  test('clients without an address are not counted by address', () => {
    const login = new Login();
    expect(login.fail(29, undefined, 'alice')).toEqual(Array(29).fill(0));
    expect(login.fail(50, undefined, undefined)).toEqual(Array(50).fill(0));
  });
});

describe('failures of a user name', () => {
  /** Fails with it once from each of many addresses. */
  const attack = (login: Login, times: number, userName = 'alice'): void => {
    for (let i = 0; i < times; i++) login.took(login.attempt(`198.51.100.${i % 250}`, userName));
  };

  test('a user name that fails from many addresses is delayed for its owner and still admitted', () => {
    const login = new Login();
    attack(login, 40);
    const good = login.attempt('192.0.2.1', 'alice', 'right');
    expect(login.took(good)).toBe(10_000);
    expect(good.results).toMatchObject([{ decision: 'allow' }]);
  });

  test('the owner of an abused user name is admitted at once when no more attempts may be delayed', () => {
    const login = new Login({ maxWaiting: 3 });
    attack(login, 40);
    const held = ['1', '2', '3'].map((last) => login.attempt(`203.0.113.${last}`, 'alice'));
    const good = login.attempt('192.0.2.1', 'alice', 'right');
    expect(good.results).toMatchObject([{ decision: 'allow' }]);
    expect(held.map(({ results }) => results)).toEqual([[], [], []]);
  });

  test('user names of any length are counted by their first 128 characters', () => {
    const login = new Login();
    const long = 'n'.repeat(60_000);
    login.fail(4, '192.0.2.1', `${long}a`);
    expect(login.events).toEqual([
      { kind: 'attempts-slowed', scope: 'login', ipAddress: '192.0.2.1', userName: 'n'.repeat(128), failures: 3 },
    ]);
  });

  test('a missing user name is counted apart from the empty one', () => {
    const login = new Login();
    login.fail(10, '192.0.2.1', undefined);
    expect(login.fail(1, '192.0.2.1', '')).toEqual([0]);
  });
});

describe('a right login beside others that fail', () => {
  const ADDRESS = '192.0.2.1';
  /** Fails from the address with ever new names, until it is slowed as much as it can be. */
  const flood = (login: Login, names = 60): void => {
    for (let i = 0; i < names; i++) login.took(login.attempt(ADDRESS, `invented ${String(i)}`));
  };

  test('a login that succeeded lately from an address passes at once, however many others fail there', () => {
    const login = new Login();
    login.attempt(ADDRESS, 'op', 'right');
    flood(login);
    const another = login.attempt(ADDRESS, 'another', 'right');
    const waiting = Array.from({ length: 200 }, (_, i) => login.attempt(ADDRESS, `waiting ${String(i)}`));
    expect(waiting.filter(({ results }) => results.length === 0)).toHaveLength(99);
    expect(login.took(login.attempt(ADDRESS, 'op', 'right'))).toBe(0);
    expect(login.took(another)).toBeGreaterThan(0);
    expect(another.results).toMatchObject([{ decision: 'allow' }]);
  });

  test('a login that succeeded lately is not delayed by failures of its user name elsewhere', () => {
    const login = new Login();
    login.attempt(ADDRESS, 'op', 'right');
    for (let i = 0; i < 60; i++) login.took(login.attempt(`198.51.100.${String(i)}`, 'op'));
    expect(login.took(login.attempt(ADDRESS, 'op', 'right'))).toBe(0);
    expect(login.took(login.attempt('203.0.113.1', 'op', 'right'))).toBeGreaterThan(0);
  });

  test('a success is forgotten some time later, and means nothing at another listener', () => {
    const login = new Login();
    login.attempt(ADDRESS, 'op', 'right');
    flood(login);
    expect(login.took(login.attempt(ADDRESS, 'op', 'right', 'another listener'))).toBeGreaterThan(0);
    const late = new Login({ forgetAfterMs: 1_000_000_000 });
    late.attempt(ADDRESS, 'op', 'right');
    late.clock.advance(1_000_000_000);
    flood(late);
    expect(late.took(late.attempt(ADDRESS, 'op', 'right'))).toBeGreaterThan(0);
  });

  test('a login that succeeded is delayed once it has failed too often itself', () => {
    const login = new Login();
    login.attempt(ADDRESS, 'op', 'right');
    expect(login.fail(5, ADDRESS, 'op')).toEqual([0, 0, 0, 250, 500]);
  });

  test('successes are remembered in bounded memory, the latest ones', () => {
    const login = new Login({ maxTracked: 10 });
    for (let i = 0; i < 50; i++) login.attempt(ADDRESS, `user ${String(i)}`, 'right');
    flood(login);
    expect(login.took(login.attempt(ADDRESS, 'user 49', 'right'))).toBe(0);
    expect(login.took(login.attempt(ADDRESS, 'user 39', 'right'))).toBeGreaterThan(0);
  });

  test('a login whose password is remembered passes at once where it has never been', () => {
    const login = new Login({}, ['op']);
    flood(login);
    expect(login.took(login.attempt(ADDRESS, 'op', 'right'))).toBe(0);
  });

  test('passwords cannot be tried against those that are remembered by leaving before an answer', () => {
    const login = new Login({}, ['op']);
    flood(login);
    for (let i = 0; i < 3; i++) login.attempt(ADDRESS, 'op', `guess ${String(i)}`).leave();
    expect(login.took(login.attempt(ADDRESS, 'op', 'right'))).toBeGreaterThan(0);
  });

  test('passwords cannot be tried against those that are remembered by attempts that find no room', () => {
    const login = new Login({ maxWaitingPerAddress: 0 }, ['op']);
    flood(login);
    for (let i = 0; i < 3; i++) expect(login.attempt(ADDRESS, 'op', `guess ${String(i)}`).results).toEqual([TOO_MANY]);
    expect(login.attempt(ADDRESS, 'op', 'right').results).toEqual([TOO_MANY]);
  });

  test('where there is no more room, the user name with the most attempts makes room for another', () => {
    const login = new Login({ maxWaitingPerAddress: 4 });
    flood(login);
    const many = Array.from({ length: 4 }, () => login.attempt(ADDRESS, 'greedy'));
    const [one, two] = [login.attempt(ADDRESS, 'one', 'right'), login.attempt(ADDRESS, 'two', 'right')];
    expect(many.map(({ results }) => results.length)).toEqual([0, 0, 1, 1]);
    expect(login.attempt(ADDRESS, 'greedy').results).toEqual([TOO_MANY]);
    for (const waiting of [one, two]) login.took(waiting);
    expect([one.results, two.results]).toMatchObject([[{ decision: 'allow' }], [{ decision: 'allow' }]]);
    expect(login.attempts.waiting).toBe(0);
  });

  test('where there is no more room, a user name that comes back goes before invented ones', () => {
    const login = new Login({ maxWaitingPerAddress: 3 });
    flood(login);
    const invented = ['x', 'y', 'z'].map((name) => login.attempt(ADDRESS, name));
    expect(login.attempt(ADDRESS, 'op', 'right').results).toEqual([TOO_MANY]);
    const back = login.attempt(ADDRESS, 'op', 'right');
    expect([back, ...invented].map(({ results }) => results.length)).toEqual([0, 0, 0, 1]);
    login.took(back);
    expect(back.results).toMatchObject([{ decision: 'allow' }]);
  });

  test('the address with the most attempts makes room for an attempt from another', () => {
    const login = new Login({ maxWaiting: 4 });
    flood(login);
    const many = ['a', 'b', 'c', 'd'].map((name) => login.attempt(ADDRESS, name));
    login.fail(3, '203.0.113.1', 'op');
    const good = login.attempt('203.0.113.1', 'op', 'right');
    expect(many.map(({ results }) => results.length)).toEqual([0, 0, 0, 1]);
    login.took(good);
    expect(good.results).toMatchObject([{ decision: 'allow' }]);
  });
});

describe('delayed attempts', () => {
  test('delayed attempts are limited per address, and further ones are refused without authentication', () => {
    const login = new Login({ maxWaitingPerAddress: 2 });
    login.fail(3, '192.0.2.1', 'alice');
    const waiting = [login.attempt('192.0.2.1', 'alice'), login.attempt('192.0.2.1', 'alice')];
    const { asked } = login;
    expect(login.attempt('192.0.2.1', 'alice', 'right').results).toEqual([TOO_MANY]);
    expect(login.asked).toBe(asked);
    expect(login.attempts.waiting).toBe(2);
    for (const one of waiting) login.took(one);
    expect(login.attempts.waiting).toBe(0);
    expect(login.took(login.attempt('192.0.2.1', 'alice', 'right'))).toBeGreaterThan(0);
  });

  test('delayed attempts are limited in total', () => {
    const login = new Login({ maxWaiting: 3 });
    for (const last of ['1', '2', '3', '4']) login.fail(3, `192.0.2.${last}`, 'alice');
    for (const last of ['1', '2', '3']) expect(login.attempt(`192.0.2.${last}`, 'alice').results).toEqual([]);
    expect(login.attempt('192.0.2.4', 'alice').results).toEqual([TOO_MANY]);
  });

  test('a delayed attempt ends when the client disconnects, without authentication', () => {
    const login = new Login({ maxWaitingPerAddress: 1 });
    login.fail(3, '192.0.2.1', 'alice');
    const { asked } = login;
    const gone = login.attempt('192.0.2.1', 'alice');
    gone.leave();
    expect({ waiting: login.attempts.waiting, timers: login.clock.pending }).toEqual({ waiting: 0, timers: 0 });
    login.clock.advance(60_000);
    expect({ asked: login.asked, results: gone.results }).toEqual({ asked, results: [] });
    expect(login.attempt('192.0.2.1', 'alice').results).toEqual([]);
  });
});

describe('events', () => {
  test('each login, address and user name that is slowed is reported once until it is forgotten', () => {
    const login = new Login();
    login.fail(9, '192.0.2.1', 'alice');
    expect(login.events).toEqual([
      { kind: 'attempts-slowed', scope: 'login', ipAddress: '192.0.2.1', userName: 'alice', failures: 3 },
    ]);
    login.clock.advance(DEFAULT_LOGIN_THROTTLE.forgetAfterMs);
    login.fail(3, '192.0.2.1', 'alice');
    expect(login.events).toHaveLength(2);
    for (let i = 0; i < 40; i++) login.fail(1, '192.0.2.9', `user ${i}`);
    for (let i = 0; i < 40; i++) login.fail(1, `198.51.100.${i}`, 'bob');
    expect(login.events.slice(2)).toEqual([
      { kind: 'attempts-slowed', scope: 'address', ipAddress: '192.0.2.9', userName: undefined, failures: 30 },
      { kind: 'attempts-slowed', scope: 'user-name', ipAddress: undefined, userName: 'bob', failures: 30 },
    ]);
  });
});

describe('a flood of random names', () => {
  test('a flood of random names uses bounded memory and does not evict logins that are slowed', () => {
    const login = new Login({ maxTracked: 100 });
    login.fail(6, '192.0.2.1', 'alice');
    for (let i = 0; i < 5000; i++) login.took(login.attempt(`10.${i >> 8}.${i & 255}.1`, `random ${i}`));
    expect(login.attempts.tracked).toBeLessThanOrEqual(600);
    expect(login.fail(1, '192.0.2.1', 'alice')).toEqual([2000]);
  });
});

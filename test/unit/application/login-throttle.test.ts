// Login throttling: repeated failures delay a login, an address or a user name, and no other client.
import { describe, expect, test } from '@jest/globals';
import { Admission } from '../../../src/application/admission.js';
import { Authentication } from '../../../src/application/authentication.js';
import { Authorization } from '../../../src/application/authorization.js';
import { DEFAULT_LOGIN_THROTTLE, LoginThrottle } from '../../../src/application/login-throttle.js';
import type { LoginThrottleSettings } from '../../../src/application/login-throttle.js';
import { PendingRequest } from '../../../src/application/pending-request.js';
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

  constructor(settings: Partial<LoginThrottleSettings> = {}) {
    this.attempts = new LoginThrottle(
      { ...DEFAULT_LOGIN_THROTTLE, ...settings },
      { clock: this.clock, emit: (event) => this.events.push(event) },
    );
    const authenticator = {
      name: 'passwords',
      authenticate: ({ password }: { readonly password: Uint8Array | undefined }) => {
        this.asked++;
        if (Buffer.from(password ?? []).toString() === 'right') return { decision: 'allow' } as const;
        if (Buffer.from(password ?? []).toString() === 'down') throw new Error('down');
        return { decision: 'deny', reason: 'bad-credentials', detail: 'wrong' } as const;
      },
    };
    this.#admission = new Admission(new Authentication([authenticator]), new Authorization([]), this.attempts);
  }

  attempt(ipAddress: string | undefined, userName: string | undefined, password = 'wrong'): Attempt {
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
        listener: 'l',
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

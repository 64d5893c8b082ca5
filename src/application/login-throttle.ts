// Throttling of logins that fail repeatedly. Failures are counted per login (a user name from an address), per address
// and per user name. Beyond an allowance an attempt is delayed, twice as long after each further failure, before any
// authenticator is called. The number of delayed attempts is bounded; one that finds no room is refused, but never
// because of its user name alone: an attacker who abuses a name can slow its owner down, not lock him out.
//
// Failures of others, at the same address or with the same user name, do not delay a login that succeeded from there
// lately, nor one whose password an authenticator remembers. Both end where the login itself has failed too often:
// otherwise passwords could be tried as fast as they can be sent.
import type { AuthenticationRequest } from '../domain/effects.js';
import { shortUserName } from '../domain/user-name.js';
import type { RequestContext } from '../ports/auth.js';
import type { Clock } from '../ports/clock.js';
import type { LifecycleEvent } from '../ports/telemetry.js';
import type { AuthenticationOutcome } from './authentication.js';
import { networkPrefix } from './connection-limiter.js';
import { FailureCounter } from './failure-counter.js';
import { WaitingAttempts } from './waiting-attempts.js';
import type { WaitingAttempt } from './waiting-attempts.js';

export interface LoginThrottleSettings {
  /** Failures of one login that have no consequence. */
  readonly allowed: number;
  /** The first delay; each further failure doubles it. */
  readonly delayMs: number;
  /** 0: logins are not throttled. */
  readonly maxDelayMs: number;
  /** Time without a failure after which a login, address or user name is forgotten. */
  readonly forgetAfterMs: number;
  /** Delayed attempts of all clients together. */
  readonly maxWaiting: number;
  readonly maxWaitingPerAddress: number;
  /** Entries of each scope: logins, addresses, user names; and logins that succeeded. */
  readonly maxTracked: number;
}

export const DEFAULT_LOGIN_THROTTLE: LoginThrottleSettings = {
  allowed: 3,
  delayMs: 250,
  maxDelayMs: 10_000,
  forgetAfterMs: 900_000,
  maxWaiting: 1000,
  maxWaitingPerAddress: 100,
  maxTracked: 10_000,
};

/** A whole plant may share an address, and all its meters a user name: their allowance is this many times higher. */
const SHARED_ALLOWANCE = 10;

/** @param refusal why the attempt is refused, or `undefined` if it may proceed. */
type Proceed = (refusal: string | undefined) => void;

type Scope = 'login' | 'address' | 'user-name';
/** `undefined` where the client has none, such as the address of a client in the same process. */
type Keys = Readonly<Record<Scope, string | undefined>>;

export interface LoginThrottleParts {
  readonly clock: Clock;
  readonly emit: (event: LifecycleEvent) => void;
  /** Whether an authenticator remembers the password, compared without hashing it. Default: none remembers any. */
  readonly remembers?: (request: AuthenticationRequest) => boolean | undefined;
}

export class LoginThrottle {
  readonly #counters: Readonly<Record<Scope, FailureCounter>>;
  readonly #waiting: WaitingAttempts;
  /** Logins that succeeded, by listener, in the order of expiry. */
  readonly #succeeded = new Map<string, number>();

  constructor(
    readonly settings: LoginThrottleSettings,
    readonly parts: LoginThrottleParts,
  ) {
    const { allowed, maxTracked, forgetAfterMs, maxWaiting, maxWaitingPerAddress } = settings;
    this.#waiting = new WaitingAttempts(maxWaiting, maxWaitingPerAddress, maxTracked);
    const counter = (allowance: number): FailureCounter => new FailureCounter(allowance, maxTracked, forgetAfterMs);
    this.#counters = {
      login: counter(allowed),
      address: counter(allowed * SHARED_ALLOWANCE),
      'user-name': counter(allowed * SHARED_ALLOWANCE),
    };
  }

  /** The number of delayed attempts. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** The number of logins, addresses and user names with recent failures. */
  get tracked(): number {
    return Object.values(this.#counters).reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Calls `proceed` when authentication may begin: at once, after a delay, or at once with a refusal. There is no call
   * if the context is cancelled meanwhile.
   */
  delay(request: AuthenticationRequest, proceed: Proceed, context?: RequestContext): void {
    const keys = keysOf(request);
    const loginDelayMs = this.#delayMs('login', keys);
    const ownDelayMs = Math.max(loginDelayMs, this.#delayMs('address', keys));
    const delayMs = Math.max(ownDelayMs, this.#delayMs('user-name', keys));
    if (delayMs === 0 || (loginDelayMs === 0 && this.#hasSucceeded(request, keys))) {
      proceed(undefined);
      return;
    }
    const remembered = loginDelayMs === 0 ? this.parts.remembers?.(request) : undefined;
    if (remembered === true) {
      proceed(undefined);
      return;
    }
    this.#wait({
      keys,
      untilMs: this.parts.clock.nowMs() + delayMs,
      hasFailed: loginDelayMs > 0,
      wasCompared: remembered === false,
      proceed,
      refuse: () => {
        proceed(ownDelayMs > 0 ? 'too many failed attempts' : undefined);
      },
      context,
    });
  }

  /** Counts the outcome of an attempt. That an authenticator was unavailable is no failure of the client. */
  recordResult(request: AuthenticationRequest, result: AuthenticationOutcome): void {
    const keys = keysOf(request);
    if (result.decision === 'allow') {
      if (keys.login === undefined || this.settings.maxDelayMs === 0) return;
      this.#counters.login.forget(keys.login);
      this.#recordSuccess(successKey(request, keys.login));
    } else if (
      this.settings.maxDelayMs > 0 &&
      (result.reason === 'bad-credentials' || result.reason === 'not-authorized')
    ) {
      this.#recordFailure('user-name', keys);
      // Beyond its allowance, a misconfigured device slows itself and not the others at the address that they share.
      if (this.#recordFailure('login', keys) <= this.settings.allowed) this.#recordFailure('address', keys);
    }
  }

  #delayMs(scope: Scope, { [scope]: key }: Keys): number {
    const counter = this.#counters[scope];
    const failures = key === undefined ? 0 : counter.failuresOf(key, this.parts.clock.nowMs());
    if (failures < counter.allowance) return 0;
    return Math.min(this.settings.delayMs * 2 ** (failures - counter.allowance), this.settings.maxDelayMs);
  }

  /** @returns the number of failures in this scope, including this one. */
  #recordFailure(scope: Scope, keys: Keys): number {
    const key = keys[scope];
    if (key === undefined) return 0;
    const counter = this.#counters[scope];
    const failures = counter.recordFailure(key, this.parts.clock.nowMs());
    if (failures === counter.allowance) {
      const ipAddress = scope === 'user-name' ? undefined : displayed(keys.address);
      const userName = scope === 'address' ? undefined : keys['user-name'];
      this.parts.emit({ kind: 'attempts-slowed', scope, ipAddress, userName, failures });
    }
    return failures;
  }

  #hasSucceeded(request: AuthenticationRequest, { login }: Keys): boolean {
    if (login === undefined) return false;
    return (this.#succeeded.get(successKey(request, login)) ?? 0) > this.parts.clock.nowMs();
  }

  #recordSuccess(key: string): void {
    const nowMs = this.parts.clock.nowMs();
    this.#succeeded.delete(key);
    for (const [oldest, expiresAtMs] of this.#succeeded) {
      if (expiresAtMs > nowMs && this.#succeeded.size < this.settings.maxTracked) break;
      this.#succeeded.delete(oldest);
    }
    this.#succeeded.set(key, nowMs + this.settings.forgetAfterMs);
  }

  #wait({ keys, untilMs, hasFailed, wasCompared, proceed, refuse, context }: Delayed): void {
    const end = (): void => {
      timer.cancel();
      context?.signal.removeEventListener('abort', leave);
      this.#waiting.remove(attempt);
    };
    // A client that leaves has still learned that the password is not the one that is remembered.
    const leave = (): void => {
      end();
      if (wasCompared) this.#recordFailure('login', keys);
    };
    const attempt: WaitingAttempt = {
      address: keys.address,
      userName: keys['user-name'],
      hasFailed,
      displace: () => {
        leave();
        refuse();
      },
    };
    const timer = this.parts.clock.at(untilMs, () => {
      end();
      proceed(undefined);
    });
    context?.signal.addEventListener('abort', leave);
    if (!this.#waiting.add(attempt)) attempt.displace();
  }
}

interface Delayed {
  readonly keys: Keys;
  readonly untilMs: number;
  readonly hasFailed: boolean;
  /** Whether its password was compared with those that are remembered. */
  readonly wasCompared: boolean;
  readonly proceed: Proceed;
  readonly refuse: () => void;
  readonly context: RequestContext | undefined;
}

/** What succeeded at a listener with authenticators of its own says nothing about another one. */
const successKey = ({ listener }: AuthenticationRequest, login: string): string => `${listener}\0${login}`;

function keysOf({ userName, peer: { ipAddress } }: AuthenticationRequest): Keys {
  const name = userName === undefined ? undefined : shortUserName(userName);
  const address = ipAddress === undefined ? undefined : networkPrefix(ipAddress);
  // A User Name cannot contain U+0000 [MQTT-1.5.3-2], so the login is unambiguous.
  const login = address === undefined ? undefined : `${address}${name === undefined ? '' : `\0${name}`}`;
  return { login, address, 'user-name': name };
}

/** An IPv6 prefix in the usual notation. */
const displayed = (address: string | undefined): string | undefined =>
  address?.includes(':') === true ? `${address}::/64` : address;

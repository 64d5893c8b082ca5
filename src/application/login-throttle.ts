// Throttling of logins that fail repeatedly. Failures are counted per login (a user name from an address), per address
// and per user name. Beyond an allowance an attempt is delayed, twice as long after each further failure, before any
// authenticator is called. The number of delayed attempts is bounded; one beyond that is refused, but never
// because of its user name alone: an attacker who abuses a name can slow its owner down, not lock him out.
import type { AuthenticationRequest } from '../domain/effects.js';
import type { RequestContext } from '../ports/auth.js';
import type { Clock } from '../ports/clock.js';
import type { LifecycleEvent } from '../ports/telemetry.js';
import type { AuthenticationOutcome } from './authentication.js';
import { networkPrefix } from './connection-limiter.js';
import { FailureCounter } from './failure-counter.js';

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
  /** Entries of each scope: logins, addresses, user names. */
  readonly maxTracked: number;
}

export const DEFAULT_LOGIN_THROTTLE: LoginThrottleSettings = {
  allowed: 3,
  delayMs: 250,
  maxDelayMs: 10_000,
  forgetAfterMs: 900_000,
  maxWaiting: 1000,
  maxWaitingPerAddress: 10,
  maxTracked: 10_000,
};

/** A whole plant may share an address, and all its meters a user name: their allowance is this many times higher. */
const SHARED_ALLOWANCE = 10;
/** In UTF-16 code units. User names that agree in this prefix are counted together. */
const NAME_LENGTH_MAX = 128;

/** @param refusal why the attempt is refused, or `undefined` if it may proceed. */
type Proceed = (refusal: string | undefined) => void;

type Scope = 'login' | 'address' | 'user-name';
/** `undefined` where the client has none, such as the address of a client in the same process. */
type Keys = Readonly<Record<Scope, string | undefined>>;

export interface LoginThrottleParts {
  readonly clock: Clock;
  readonly emit: (event: LifecycleEvent) => void;
}

export class LoginThrottle {
  readonly #counters: Readonly<Record<Scope, FailureCounter>>;
  readonly #waitingPerAddress = new Map<string, number>();
  #waiting = 0;

  constructor(
    readonly settings: LoginThrottleSettings,
    readonly parts: LoginThrottleParts,
  ) {
    const { allowed, maxTracked, forgetAfterMs } = settings;
    const counter = (allowance: number): FailureCounter => new FailureCounter(allowance, maxTracked, forgetAfterMs);
    this.#counters = {
      login: counter(allowed),
      address: counter(allowed * SHARED_ALLOWANCE),
      'user-name': counter(allowed * SHARED_ALLOWANCE),
    };
  }

  /** The number of delayed attempts. */
  get waiting(): number {
    return this.#waiting;
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
    const { clock } = this.parts;
    const ownDelayMs = Math.max(this.#delayMs('login', keys), this.#delayMs('address', keys));
    const delayMs = Math.max(ownDelayMs, this.#delayMs('user-name', keys));
    if (delayMs === 0) proceed(undefined);
    else if (this.#hasRoom(keys.address)) this.#wait(keys.address, clock.nowMs() + delayMs, proceed, context);
    else proceed(ownDelayMs > 0 ? 'too many failed attempts' : undefined);
  }

  /** Counts the outcome of an attempt. That an authenticator was unavailable is no failure of the client. */
  recordResult(request: AuthenticationRequest, result: AuthenticationOutcome): void {
    const keys = keysOf(request);
    if (result.decision === 'allow') {
      if (keys.login !== undefined) this.#counters.login.forget(keys.login);
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

  #hasRoom(address: string | undefined): boolean {
    if (this.#waiting >= this.settings.maxWaiting) return false;
    return address === undefined || (this.#waitingPerAddress.get(address) ?? 0) < this.settings.maxWaitingPerAddress;
  }

  #wait(address: string | undefined, untilMs: number, proceed: Proceed, context: RequestContext | undefined): void {
    this.#count(address, 1);
    const end = (): void => {
      timer.cancel();
      context?.signal.removeEventListener('abort', end);
      this.#count(address, -1);
    };
    const timer = this.parts.clock.at(untilMs, () => {
      end();
      proceed(undefined);
    });
    context?.signal.addEventListener('abort', end);
  }

  #count(address: string | undefined, change: 1 | -1): void {
    this.#waiting += change;
    if (address === undefined) return;
    const count = (this.#waitingPerAddress.get(address) ?? 0) + change;
    if (count > 0) this.#waitingPerAddress.set(address, count);
    else this.#waitingPerAddress.delete(address);
  }
}

function keysOf({ userName, peer: { ipAddress } }: AuthenticationRequest): Keys {
  const name = userName === undefined ? undefined : shortName(userName);
  const address = ipAddress === undefined ? undefined : networkPrefix(ipAddress);
  // A User Name cannot contain U+0000 [MQTT-1.5.3-2], so the login is unambiguous.
  const login = address === undefined ? undefined : `${address}${name === undefined ? '' : `\0${name}`}`;
  return { login, address, 'user-name': name };
}

/** An IPv6 prefix in the usual notation. */
const displayed = (address: string | undefined): string | undefined =>
  address?.includes(':') === true ? `${address}::/64` : address;

/** A copy, because a substring would keep the whole string in memory. */
function shortName(userName: string): string {
  return userName.length <= NAME_LENGTH_MAX ? userName : Buffer.from(userName.slice(0, NAME_LENGTH_MAX)).toString();
}

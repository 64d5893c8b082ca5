// Slows whoever fails to log in again and again. Failures are counted for a login (a user name from an address), for an address and for a user
// name; from a number of them on an attempt waits, each time longer, before anyone is asked about it. Only so many attempts wait at once. One
// that would have to wait and has no place is refused, but never because of its user name alone: whoever misuses a name elsewhere can slow its
// owner and not lock him out.
import type { AuthenticationRequest } from '../domain/effects.js';
import type { RequestContext } from '../ports/auth.js';
import type { Clock } from '../ports/clock.js';
import type { LifecycleEvent } from '../ports/telemetry.js';
import type { AuthenticationOutcome } from './authentication.js';
import { networkPrefix } from './connection-limiter.js';
import { FailureCounter } from './failure-counter.js';

export interface LoginThrottleSettings {
  /** Failures of one login that cost nothing. */
  readonly allowed: number;
  /** The first delay; each further failure doubles it. */
  readonly delayMs: number;
  /** 0: nobody is slowed. */
  readonly maxDelayMs: number;
  /** After the last one. */
  readonly forgetAfterMs: number;
  /** Attempts that wait at once. */
  readonly maxWaiting: number;
  readonly maxWaitingPerAddress: number;
  /** Of each kind: logins, addresses, user names. */
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

/** An address may be that of a whole plant, and a user name that of all its meters: each fails this much more often before it is slowed. */
const SHARED_ALLOWANCE = 10;
/** Of a user name; names that begin with the same so many characters are one here. */
const NAME_LENGTH_MAX = 128;

type Scope = 'login' | 'address' | 'user-name';
/** `undefined`: there is no such thing, as the address of a client in the same process. */
type Keys = Readonly<Record<Scope, string | undefined>>;

export interface LoginThrottleParts {
  readonly clock: Clock;
  readonly emit: (event: LifecycleEvent) => void;
}

export class LoginThrottle {
  readonly #tables: Readonly<Record<Scope, FailureCounter>>;
  readonly #waitingAt = new Map<string, number>();
  #waiting = 0;

  constructor(
    readonly settings: LoginThrottleSettings,
    readonly parts: LoginThrottleParts,
  ) {
    const { allowed, maxTracked, forgetAfterMs } = settings;
    const table = (allowance: number): FailureCounter => new FailureCounter(allowance, maxTracked, forgetAfterMs);
    this.#tables = {
      login: table(allowed),
      address: table(allowed * SHARED_ALLOWANCE),
      'user-name': table(allowed * SHARED_ALLOWANCE),
    };
  }

  /** Attempts that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Logins, addresses and user names that have failed and are not forgotten. */
  get tracked(): number {
    return Object.values(this.#tables).reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Goes on when this client may be asked about, at once or after its delay; or at once with the reason why it may not. Not at all if `context`
   * is abandoned meanwhile.
   */
  delay(
    request: AuthenticationRequest,
    proceed: (refusal: string | undefined) => void,
    context?: RequestContext,
  ): void {
    const keys = keysOf(request);
    const { clock } = this.parts;
    const ownDelayMs = Math.max(this.#delayMs('login', keys), this.#delayMs('address', keys));
    const delayMs = Math.max(ownDelayMs, this.#delayMs('user-name', keys));
    if (delayMs === 0) proceed(undefined);
    else if (this.#hasRoom(keys.address)) this.#wait(keys.address, clock.nowMs() + delayMs, proceed, context);
    else proceed(ownDelayMs > 0 ? 'too many failed attempts' : undefined);
  }

  /** What became of an attempt. That nobody could be asked is nobody's failure. */
  recordResult(request: AuthenticationRequest, result: AuthenticationOutcome): void {
    const keys = keysOf(request);
    if (result.decision === 'allow') {
      if (keys.login !== undefined) this.#tables.login.forget(keys.login);
    } else if (
      this.settings.maxDelayMs > 0 &&
      (result.reason === 'bad-credentials' || result.reason === 'not-authorized')
    ) {
      this.#failed('user-name', keys);
      // A broken device at an address that it shares goes on to slow itself, and not the others.
      if (this.#failed('login', keys) <= this.settings.allowed) this.#failed('address', keys);
    }
  }

  #delayMs(scope: Scope, { [scope]: key }: Keys): number {
    const table = this.#tables[scope];
    const failures = key === undefined ? 0 : table.failuresOf(key, this.parts.clock.nowMs());
    if (failures < table.allowance) return 0;
    return Math.min(this.settings.delayMs * 2 ** (failures - table.allowance), this.settings.maxDelayMs);
  }

  /** @returns the failures of this scope, with this one. */
  #failed(scope: Scope, keys: Keys): number {
    const key = keys[scope];
    if (key === undefined) return 0;
    const table = this.#tables[scope];
    const failures = table.recordFailure(key, this.parts.clock.nowMs());
    if (failures === table.allowance) {
      const ipAddress = scope === 'user-name' ? undefined : shown(keys.address);
      const userName = scope === 'address' ? undefined : keys['user-name'];
      this.parts.emit({ kind: 'attempts-slowed', scope, ipAddress, userName, failures });
    }
    return failures;
  }

  #hasRoom(address: string | undefined): boolean {
    if (this.#waiting >= this.settings.maxWaiting) return false;
    return address === undefined || (this.#waitingAt.get(address) ?? 0) < this.settings.maxWaitingPerAddress;
  }

  #wait(
    address: string | undefined,
    untilMs: number,
    proceed: (refusal: string | undefined) => void,
    context: RequestContext | undefined,
  ): void {
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
    const there = (this.#waitingAt.get(address) ?? 0) + change;
    if (there > 0) this.#waitingAt.set(address, there);
    else this.#waitingAt.delete(address);
  }
}

function keysOf({ userName, peer: { ipAddress } }: AuthenticationRequest): Keys {
  const name = userName === undefined ? undefined : shortName(userName);
  const address = ipAddress === undefined ? undefined : networkPrefix(ipAddress);
  // No User Name has U+0000 in it [MQTT-1.5.3-2].
  const login = address === undefined ? undefined : `${address}${name === undefined ? '' : `\0${name}`}`;
  return { login, address, 'user-name': name };
}

/** An IPv6 network as it is written. */
const shown = (address: string | undefined): string | undefined =>
  address?.includes(':') === true ? `${address}::/64` : address;

/** A copy: a part of a string keeps the whole of it in memory. */
function shortName(userName: string): string {
  return userName.length <= NAME_LENGTH_MAX ? userName : Buffer.from(userName.slice(0, NAME_LENGTH_MAX)).toString();
}

// A broker assembled by hand from existing parts, for the simulation and for tests: without a configuration, without
// loading adapters, and with a clock and an end of turn that the caller controls.
import { AccessAdapters } from '../application/access-adapters.js';
import { AdapterLife } from '../application/adapter-life.js';
import { Admission } from '../application/admission.js';
import { Authentication } from '../application/authentication.js';
import { Authorization } from '../application/authorization.js';
import { emitToAll } from '../application/emit-to-all.js';
import { EngineRun } from '../application/engine-run.js';
import { FailureSignal } from '../application/failure-signal.js';
import { Listening } from '../application/listening.js';
import { LoginThrottle } from '../application/login-throttle.js';
import type { LoginThrottleSettings } from '../application/login-throttle.js';
import { BrokerService } from '../application/service.js';
import { Reloading } from '../application/reloading.js';
import { LiveSettings } from '../application/settings.js';
import type { LimitSettings } from '../domain/settings.js';
import { assembleEngine } from './assemble-engine.js';
import type { TurnLimits } from '../application/turn-budget.js';
import type {
  AckLevel,
  Authenticator,
  Authorizer,
  BrokerEvent,
  Clock,
  Interceptor,
  LifecycleEvent,
  Listener,
  Random,
  Storage,
  Telemetry,
} from '../ports/index.js';

export interface BrokerParts {
  readonly storage: Storage;
  readonly listeners: readonly Listener[];
  readonly authenticators: readonly Authenticator[];
  /** Replace the authenticators above, by the name of the listener. */
  readonly listenerAuthenticators?: ReadonlyMap<string, readonly Authenticator[]>;
  readonly authorizers?: readonly Authorizer[];
  /** In the order of calling; default: none. */
  readonly interceptors?: readonly Interceptor[] | undefined;
  readonly telemetry: readonly Telemetry[];
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: LimitSettings['limits'];
  readonly perListener?: LimitSettings['perListener'];
  /** Default: failed logins are not delayed. */
  readonly loginThrottle?: LoginThrottleSettings;
  /** Default `flushed`. */
  readonly ackLevel?: AckLevel;
  /** How many recipients, filters or topics one step handles. Default: the core's own choice. */
  readonly sliceSize?: number | undefined;
  /** Calls back when all present input has been handled. Default: Node's `setImmediate`. */
  readonly atEndOfTurn?: (callback: () => void) => void;
  /** The work that is done before the network is polled again. */
  readonly turnLimits?: Partial<TurnLimits>;
}

export function assembleBroker(parts: BrokerParts): BrokerService {
  const { storage, listeners, telemetry, clock, random, limits, perListener = new Map(), ackLevel, sliceSize } = parts;
  const emit = (event: BrokerEvent | LifecycleEvent): void => {
    emitToAll(telemetry, event);
  };
  const settings = new LiveSettings({ limits, perListener });
  const failure = new FailureSignal();
  const authentication = new Authentication(parts.authenticators, parts.listenerAuthenticators);
  const authorization = new Authorization(parts.authorizers ?? []);
  const throttle =
    parts.loginThrottle === undefined ? undefined : new LoginThrottle(parts.loginThrottle, { clock, emit });
  const engine = assembleEngine({
    storage,
    admission: new Admission(authentication, authorization, throttle),
    interceptors: parts.interceptors,
    emit,
    clock,
    random,
    settings,
    ackLevel,
    sliceSize,
    atEndOfTurn: parts.atEndOfTurn ?? ((callback) => void setImmediate(callback)),
    fatal: failure.raise,
    turnLimits: parts.turnLimits,
  });
  const interceptors = new AdapterLife('interceptors', parts.interceptors ?? [], { clock, emit });
  const access = new AccessAdapters({ authentication, authorization, clock, emit });
  const engineRun = new EngineRun({ engine, storage, authorizers: authorization.authorizers, clock, emit });
  const listening = new Listening({
    listeners,
    handler: (name) => (peer) => engine.handleConnection(name, peer),
    emit,
  });
  const opened = { name: 'storage', start: () => storage.open(), stop: () => storage.close() };
  return new BrokerService({
    parts: [access, interceptors, opened, engineRun, listening],
    storage,
    engine,
    engineRun,
    reloading: new Reloading({
      engine,
      access,
      listeners,
      interceptors: parts.interceptors ?? [],
      settings,
      others: [],
      emit,
    }),
    listening,
    failure,
    clock,
    emit,
  });
}

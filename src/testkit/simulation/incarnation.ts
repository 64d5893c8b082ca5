// One incarnation of the broker: from a start to a stop or a crash. It has a clock and turns of its own, so that
// nothing of it moves once it is dead.
import type { BrokerService } from '../../application/service.js';
import { assembleBroker } from '../assemble-broker.js';
import { DEFAULT_LIMITS } from '../../domain/limits.js';
import type { Limits } from '../../domain/limits.js';
import type {
  AckLevel,
  Authenticator,
  Authorizer,
  Clock,
  Listener,
  Random,
  Storage,
  Telemetry,
  Timer,
} from '../../ports/index.js';
import { slowInterceptor } from './slow-interceptor.js';
import type { InterceptorPlan } from './slow-interceptor.js';

export interface IncarnationParts {
  readonly storage: Storage;
  readonly network: Listener;
  readonly authenticate: Authenticator['authenticate'];
  readonly authorizers: readonly Authorizer[];
  readonly interceptor: InterceptorPlan | undefined;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Partial<Limits>;
  readonly ackLevel: AckLevel;
  readonly sliceSize: number | undefined;
  readonly maxTurnSteps: number;
}

export class BrokerIncarnation implements Clock {
  readonly service: BrokerService;
  #isDead = false;
  #turns: (() => void)[] = [];
  readonly #clock: Clock;

  constructor({
    storage,
    network,
    authenticate,
    authorizers,
    interceptor,
    telemetry,
    clock,
    random,
    limits,
    ackLevel,
    sliceSize,
    maxTurnSteps,
  }: IncarnationParts) {
    this.#clock = clock;
    this.service = assembleBroker({
      storage,
      listeners: [network],
      authenticators: [{ name: 'everyone', authenticate }],
      authorizers,
      interceptors: interceptor === undefined ? [] : [slowInterceptor(interceptor, this)],
      telemetry: [telemetry],
      clock: this,
      random,
      limits: { ...DEFAULT_LIMITS, ...limits },
      ackLevel,
      sliceSize,
      atEndOfTurn: (callback) => this.#turns.push(callback),
      turnLimits: { maxSteps: maxTurnSteps },
    });
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  wallMs(): number {
    return this.#clock.wallMs();
  }

  watch(corrected: () => void): Timer {
    const noTimer = { cancel: () => undefined };
    return (
      this.#clock.watch?.(() => {
        if (!this.#isDead) corrected();
      }) ?? noTimer
    );
  }

  at(atMs: number, callback: () => void): Timer {
    return this.#clock.at(atMs, () => {
      if (!this.#isDead) callback();
    });
  }

  /** Deliveries that were started and have not ended, by the broker's own counters. */
  get pendingDeliveries(): number {
    return this.service.engine.broker.counters.waiting;
  }

  /** See `Broker.accountingBalance`. */
  get accountingBalance(): number {
    return this.service.engine.broker.accountingBalance;
  }

  /** Ends the present turn. @returns whether there was one. */
  endTurn(): boolean {
    if (this.#turns.length === 0) return false;
    const turns = this.#turns;
    this.#turns = [];
    for (const turn of turns) turn();
    return true;
  }

  die(): void {
    this.#isDead = true;
    this.#turns = [];
  }
}

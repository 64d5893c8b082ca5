// One life of the broker, from its start to its stop or its crash. Its clock and its turns are its own: when it is dead nothing of it moves.
import { BrokerService } from '../../application/service.js';
import { LiveSettings } from '../../application/settings.js';
import { DEFAULT_LIMITS } from '../../domain/connect/limits.js';
import type { Limits } from '../../domain/connect/limits.js';
import type { AckLevel, Authorizer, Clock, Listener, Random, Storage, Telemetry, Timer } from '../../ports/index.js';

export interface LifeParts {
  readonly storage: Storage;
  readonly network: Listener;
  readonly authorizers: readonly Authorizer[];
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Partial<Limits>;
  readonly ackLevel: AckLevel;
}

export class BrokerLife implements Clock {
  readonly service: BrokerService;
  #isDead = false;
  #turns: (() => void)[] = [];
  readonly #clock: Clock;

  constructor({ storage, network, authorizers, telemetry, clock, random, limits, ackLevel }: LifeParts) {
    this.#clock = clock;
    this.service = new BrokerService({
      storage,
      listeners: [network],
      authenticators: [
        { name: 'everyone', authenticate: () => ({ decision: 'allow', permissions: { kind: 'allow-all' } }) },
      ],
      authorizers,
      telemetry: [telemetry],
      clock: this,
      random,
      settings: new LiveSettings({ limits: { ...DEFAULT_LIMITS, ...limits }, perListener: new Map() }),
      ackLevel,
      atEndOfTurn: (callback) => this.#turns.push(callback),
    });
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  at(atMs: number, callback: () => void): Timer {
    return this.#clock.at(atMs, () => {
      if (!this.#isDead) callback();
    });
  }

  /** Deliveries begun and not yet ended, by the broker's own books. */
  get waiting(): number {
    const { started, restored, delivered, dropped, expired } = this.service.engine.broker.counters;
    return started + restored - delivered - expired - Object.values(dropped).reduce((sum, count) => sum + count, 0);
  }

  /** Ends the turn, if one is under way. */
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

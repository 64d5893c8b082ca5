// The core of a broker that runs: with the limits in force, and with Client Identifiers for clients that send none.
import { Broker } from '../domain/broker.js';
import type { Changes } from '../domain/changes.js';
import type { Intercepted } from '../domain/interception/verdict.js';
import type { Effects } from '../domain/effects.js';
import type { Random } from '../ports/random.js';
import type { Settings } from '../domain/settings.js';

export interface CoreParts {
  readonly changes: Changes;
  readonly effects: Effects;
  readonly settings: Settings;
  readonly random: Random;
  /** See `BrokerParts.intercepted`. */
  readonly intercepted?: Intercepted | undefined;
  /** See `BrokerParts.sliceSize`. */
  readonly sliceSize?: number | undefined;
}

export function createCore({ changes, effects, settings, random, intercepted, sliceSize }: CoreParts): Broker {
  return new Broker({
    changes,
    effects,
    settings,
    newClientId: () => `auto-${Buffer.from(random.bytes(16)).toString('hex')}`,
    intercepted,
    sliceSize,
  });
}

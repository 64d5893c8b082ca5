// Clients of MQTT 5, in half of the runs: some of the clients speak it always, some on a part of their connections, so
// that a session goes on with another version than it began with. They say what they take, and use what the version
// adds. The broker's own limits for them are low.
import { SeededRandom } from '../seeded-random.js';
import type { Connect5, Operation, Options5 } from './operations.js';
import type { PlanDraft } from './plan-draft.js';
import { NEVER_EXPIRES_S } from '../../domain/limits.js';

const VERSION_5_SEED = 10_000_000_019;

export function withVersion5(seed: number, draft: PlanDraft): void {
  const random = new SeededRandom(seed + VERSION_5_SEED);
  if (!random.chance(0.5)) return;
  const { limits, clients, durationMs, add } = draft;
  const receiveMaximum = random.pick([undefined, 1, 3]);
  const topicAliasMax = random.pick([undefined, 0, 1, 3]);
  if (receiveMaximum !== undefined) limits.receiveMaximum = receiveMaximum;
  if (topicAliasMax !== undefined) limits.topicAliasMax = topicAliasMax;
  /** By client name: the share of its connections that are of MQTT 5. */
  const shares = new Map<string, number>();
  for (const { name, version } of clients)
    if (version !== 3 && random.chance(0.7)) shares.set(name, random.pick([1, 1, 0.5]));
  draft.replace((one) => {
    const share = 'client' in one ? shares.get(one.client) : undefined;
    return share === undefined ? undefined : inVersion5(random, share, one);
  });
  for (const client of shares.keys())
    for (let i = random.int(0, 2); i > 0; i--)
      add(random.int(0, durationMs), { kind: 'disconnect', client, five: disconnect(random) });
}

function inVersion5(random: SeededRandom, share: number, one: Operation): Operation | undefined {
  switch (one.kind) {
    case 'connect':
      // What the broker takes is known with CONNACK.
      return random.chance(share) ? { ...one, eager: false, five: connect(random, one.clean) } : undefined;
    case 'disconnect':
      return { ...one, five: disconnect(random) };
    case 'subscribe': {
      const identifier = random.pick([undefined, random.int(1, 3), random.int(1, 300)]);
      const filters = one.filters.map((wanted) => ({ ...wanted, options: options(random, wanted.filter) }));
      return { ...one, filters, ...(identifier !== undefined && { identifier }) };
    }
    case 'publish':
      return random.chance(0.25) ? { ...one, expiryS: random.pick([1, 1, 2, 5]) } : one;
    case 'acknowledge':
      return random.chance(0.4) ? { ...one, how: { kind: 'refuses' } } : one;
    case 'vanish':
    case 'unsubscribe':
    case 'stall':
    case 'mute':
    case 'permissions':
    case 'operator':
    case 'announce':
    case 'backup':
    case 'date':
    case 'disk pace':
    case 'disk refuses':
    case 'disk denies':
    case 'crash':
    case 'stop':
      return undefined;
  }
}

function connect(random: SeededRandom, clean: boolean): Connect5 {
  return {
    expiryS: random.pick(clean ? [0, 0, 1, 30] : [0, 1, 2, 30, 30, NEVER_EXPIRES_S]),
    willDelayS: random.pick([0, 0, 1, 2]),
    receiveMaximum: random.pick([undefined, undefined, 1, 2, 5]),
    maximumPacketSize: random.pick([undefined, undefined, undefined, 120, 350]),
    topicAliasMaximum: random.pick([undefined, 1, 3]),
  };
}

const disconnect = (random: SeededRandom): { reasonCode: 0 | 4; expiryS: number | undefined } => ({
  reasonCode: random.pick([0, 0, 4] as const),
  expiryS: random.pick([undefined, undefined, 0, 1, 30]),
});

function options(random: SeededRandom, filter: string): Options5 {
  return {
    // Not for shared subscriptions (MQTT 5 section 3.8.3.1).
    noLocal: random.chance(0.25) && !filter.startsWith('$share/'),
    retainAsPublished: random.chance(0.2),
    retainHandling: random.pick([0, 0, 1, 2] as const),
  };
}

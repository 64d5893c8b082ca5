// The plan of a seed, made before anything runs. Each operation stands for itself, so that leaving one out leaves the
// others as they are: that is how a failure is reduced. Nothing in a run is decided by chance after this.
import type { Limits } from '../../domain/limits.js';
import { SeededRandom } from '../seeded-random.js';
import { Everyday } from './everyday.js';
import type { ClientTraits, Plan } from './operations.js';
import { PlanDraft } from './plan-draft.js';
import { withVersion5 } from './version-5.js';
import {
  interceptorOf,
  withAdmissionStorms,
  withBackups,
  withDates,
  withDenials,
  withExpiry,
  withFewNames,
  withFewPlaces,
  withLevels,
  withOperators,
  withOverload,
  withRules,
  withShares,
  withSlices,
  withSys,
} from './themes.js';

/** Virtual time of the grace that wills get after a restart; short, so that a run need not be long. */
export const WILL_GRACE_MS = 1500;

export function planOf(seed: number): Plan {
  const random = new SeededRandom(seed);
  const isBulky = random.chance(0.1);
  const limits = limitsOf(random);
  const durationMs = random.pick([300, 1500, 6000]);
  const draft = new PlanDraft(limits, clientsOf(random), durationMs);
  new Everyday(random, draft, isBulky).addAll();
  const highWaterMark = random.pick([64, 2000, 65_536]);
  const rules = withRules(seed, draft);
  withAdmissionStorms(seed, draft);
  const { sliceSize, maxTurnSteps } = withSlices(seed, draft);
  withShares(seed, draft);
  withExpiry(seed, draft);
  withOperators(seed, draft);
  const ackLevels = withLevels(seed, draft);
  const tokenMs = withDates(seed, draft);
  const denials = withDenials(seed, draft);
  withOverload(seed, draft);
  withFewNames(seed, draft);
  withFewPlaces(seed, draft);
  const rulesOfSys = withSys(seed, draft, rules);
  withBackups(seed, draft);
  const interceptor = interceptorOf(seed);
  withVersion5(seed, draft);
  const { clients, operations } = draft;
  // In the order of time, and of one time in the order of making.
  operations.sort((one, other) => one.atMs - other.atMs || one.id - other.id);
  const slices = { sliceSize, maxTurnSteps };
  const access = { rules: rulesOfSys, denials, tokenMs };
  return { seed, limits, ackLevels, ...slices, highWaterMark, clients, ...access, interceptor, operations, durationMs };
}

/** Fixed windows, and windows that open. */
const WINDOWS = [
  { maxInflight: 1 },
  { maxInflight: 2, initialInflight: 1 },
  { maxInflight: 3, initialInflight: 1 },
  { maxInflight: 10, initialInflight: 2 },
  { maxInflight: 50, initialInflight: 50 },
] as const;

function limitsOf(random: SeededRandom): { -readonly [Key in keyof Limits]?: Limits[Key] } {
  return {
    ...random.pick(WINDOWS),
    willGraceAfterRestartMs: WILL_GRACE_MS,
    fullQueueTimeoutMs: 700,
    drainTimeoutMs: random.pick([500, 4000]),
    storageTimeoutMs: random.pick([300, 20_000]),
    maxBufferedQos0Messages: random.pick([2, 50]),
    ...(random.chance(0.25)
      ? {
          maxQueueSize: random.pick([1, 3, 8]),
          queueFullPolicy: random.pick(['discard', 'discard-oldest', 'refuse'] as const),
        }
      : {}),
    ...(random.chance(0.1) ? { maxQueueBytes: 600 } : {}),
    ...(random.seed % 10 === 3 ? { maxWaitingBytes: random.seed % 20 === 3 ? 60_000 : 120_000 } : {}),
  };
}

function clientsOf(random: SeededRandom): ClientTraits[] {
  const clients: ClientTraits[] = [];
  for (let i = random.int(2, 5); i > 0; i--) {
    clients.push({
      name: `c${clients.length}`,
      version: random.chance(0.15) ? 3 : 4,
      latencyMs: random.pick([0, 1, 5, 30]),
      cutBytes: random.pick([0, 0, 0, 3, 50]),
      redialMs: random.pick([0, 20, 200]),
    });
  }
  return clients;
}

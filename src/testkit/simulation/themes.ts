// The themes of a run: each has a chance of its own, from a seed of its own, so that the rest of the plan is what it
// would be without it.
import type { AckLevel } from '../../ports/index.js';
import type { QoS } from '../../protocol/packets.js';
import { SeededRandom } from '../seeded-random.js';
import { addAdmissionStorms } from './admission-storms.js';
import { acknowledging } from './everyday.js';
import { addCrashesBetweenSlices, addCrowd, addLargeWork } from './large-work.js';
import { addOperatorActions } from './operator-actions.js';
import type { Action, Denial, Plan, ReceiveRule } from './operations.js';
import { FILTERS, OWN_FILTERS, OWN_TOPICS, SHARED_FILTERS, TOPICS } from './plan-draft.js';
import type { PlanDraft } from './plan-draft.js';
import type { InterceptorPlan } from './slow-interceptor.js';

const RULES_SEED = 1_000_000_007;
const LEVELS_SEED = 2_000_000_011;
const EXPIRY_SEED = 3_000_000_019;
const SHARES_SEED = 4_000_000_007;
const ADMISSION_SEED = 5_000_000_029;
const SLICES_SEED = 6_000_000_001;
const OPERATORS_SEED = 7_000_000_009;
const CRASHES_SEED = 8_000_000_011;
const DATES_SEED = 9_000_000_011;
const DENIALS_SEED = 10_000_000_019;
const OVERLOAD_SEED = 11_000_000_003;
const FULL_SEED = 12_000_000_017;
const SYS_SEED = 13_000_000_003;
const PLACES_SEED = 15_000_000_019;
const BACKUPS_SEED = 16_000_000_001;
const INTERCEPTOR_SEED = 17_000_000_011;

type Connect = Extract<Action, { kind: 'connect' }>;

const YEAR_MS = 365 * 86_400_000;
const CORRECTIONS_MS = [600, 5000, 3_600_000, YEAR_MS];

/** Half of the runs are those of the default. */
const ACK_LEVELS: readonly (readonly AckLevel[])[] = [
  ['flushed'],
  ['flushed'],
  ['flushed'],
  ['flushed'],
  ['stored'],
  ['stored'],
  ['received'],
  ['received', 'stored', 'flushed'],
];

/** The rules of the beginning; those that change are added to the plan. */
export function withRules(seed: number, { clients, durationMs, add }: PlanDraft): Plan['rules'] {
  if (!new SeededRandom(seed + RULES_SEED).chance(0.3)) return undefined;
  const random = new SeededRandom(seed + RULES_SEED + 1);
  const some = (): ReceiveRule[] => {
    const first: ReceiveRule[] = [];
    for (let i = random.int(0, 2); i > 0; i--)
      first.push({ effect: random.pick(['allow', 'deny', 'deny'] as const), filter: random.pick(FILTERS) });
    return random.chance(0.6)
      ? [...first, { effect: 'allow', filter: '#' }, { effect: 'allow', filter: '$x/#' }]
      : first;
  };
  const limited = clients.filter(() => random.chance(0.6));
  for (const { name } of limited) {
    for (let i = random.int(0, 4); i > 0; i--)
      add(random.int(0, durationMs), { kind: 'permissions', client: name, rules: some() });
  }
  return Object.fromEntries(limited.map(({ name }) => [name, some()]));
}

/** Many clients ask for stored sessions while storage is slow. */
export function withAdmissionStorms(seed: number, { limits, clients, durationMs, add }: PlanDraft): void {
  const random = new SeededRandom(seed + ADMISSION_SEED);
  if (!random.chance(0.2)) return;
  limits.storageTimeoutMs = random.pick([100, 300]);
  addAdmissionStorms(random, clients, durationMs, add);
}

/** Slices so small that a few clients are enough for several of them, and short turns. */
export function withSlices(
  seed: number,
  { clients, durationMs, add }: PlanDraft,
): Pick<Plan, 'sliceSize' | 'maxTurnSteps'> {
  const random = new SeededRandom(seed + SLICES_SEED);
  const sliceSize = random.chance(0.3) ? random.pick([1, 1, 2, 3, 7]) : undefined;
  if (sliceSize === undefined) return { sliceSize, maxTurnSteps: 8 };
  if (random.chance(0.5)) addLargeWork(random, clients, durationMs, add);
  if (random.chance(0.1)) clients.push(...addCrowd(random, durationMs, add));
  const maxTurnSteps = random.pick([1, 1, 2, 8]);
  const ofCrashes = new SeededRandom(seed + CRASHES_SEED);
  if (durationMs <= 1000 || !ofCrashes.chance(0.6)) return { sliceSize, maxTurnSteps };
  clients.push(...addCrashesBetweenSlices(ofCrashes, durationMs, add));
  // Of these few clients, larger slices or longer turns would often leave no moment between two slices.
  return { sliceSize: 1, maxTurnSteps: 1 };
}

/** Groups of which nearly every client is a member, and members that come and go. */
export function withShares(seed: number, draft: PlanDraft): void {
  const random = new SeededRandom(seed + SHARES_SEED);
  if (!random.chance(0.25)) return;
  const { clients, durationMs, add } = draft;
  const granted = (): QoS => random.pick([1, 1, 2, 2] as const);
  const shared = (): { filter: string; qos: QoS } => ({ filter: random.pick(SHARED_FILTERS), qos: granted() });
  draft.replace((one) =>
    one.kind === 'subscribe'
      ? { ...one, filters: one.filters.map((wanted) => (random.chance(0.8) ? shared() : wanted)) }
      : undefined,
  );
  for (const { name } of clients) {
    if (random.chance(0.8)) add(random.int(20, 80), { kind: 'subscribe', client: name, filters: [shared()] });
    for (let i = random.int(0, 2); i > 0; i--)
      add(
        random.int(60, durationMs),
        random.chance(0.6)
          ? { kind: 'vanish', client: name, lossy: random.chance(0.5) }
          : { kind: 'disconnect', client: name },
      );
    if (random.chance(0.5))
      add(random.int(0, durationMs), { kind: 'acknowledge', client: name, how: acknowledging(random) });
  }
}

/** Sessions that expire, while the broker runs and while it is down. */
export function withExpiry(seed: number, draft: PlanDraft): void {
  const random = new SeededRandom(seed + EXPIRY_SEED);
  if (draft.durationMs <= 1000 || !random.chance(hasDates(seed) ? 0.8 : 0.35)) return;
  draft.limits.sessionExpiryMax = random.pick([1, 1, 2, 8]);
  // CONNACK does not tell a client of 3.1 that its session is no more.
  for (const [i, one] of draft.clients.entries())
    draft.clients[i] = { ...one, version: 4, redialMs: random.pick([one.redialMs, 950, 1500]) };
  draft.replace((one) =>
    (one.kind === 'crash' || one.kind === 'stop') && random.chance(0.5)
      ? { ...one, downMs: random.pick([900, 1100, 2500]) }
      : undefined,
  );
}

/** Commands of operators. */
export function withOperators(seed: number, { clients, durationMs, add }: PlanDraft): void {
  const random = new SeededRandom(seed + OPERATORS_SEED);
  if (random.chance(0.25)) addOperatorActions(random, clients, TOPICS, durationMs, add);
}

/** The levels of acknowledgement, and losses of power, at which they differ. */
export function withLevels(seed: number, draft: PlanDraft): Plan['ackLevels'] {
  const random = new SeededRandom(seed + LEVELS_SEED);
  const ackLevels = random.pick(ACK_LEVELS);
  draft.replace((one) =>
    one.kind === 'crash' && random.chance(0.5) ? { ...one, power: random.pick([0, 0.3, 0.7, 1]) } : undefined,
  );
  return ackLevels;
}

const hasDates = (seed: number): boolean => new SeededRandom(seed + DATES_SEED).chance(0.25);

/** A date that is corrected by up to a year, and tokens that end at a date. @returns the lifetime of the tokens. */
export function withDates(seed: number, { durationMs, add }: PlanDraft): Plan['tokenMs'] {
  if (!hasDates(seed)) return undefined;
  const random = new SeededRandom(seed + DATES_SEED + 1);
  for (let i = random.int(1, 5); i > 0; i--) {
    const byMs = random.pick(CORRECTIONS_MS) * random.pick([-1, 1]);
    const atMs = random.int(0, durationMs);
    add(atMs, { kind: 'date', byMs });
    if (random.chance(0.4))
      add(atMs + random.int(0, 1500), {
        kind: 'crash',
        keeps: random.chance(0.5),
        power: undefined,
        delivers: random.chance(0.5),
        downMs: random.pick([0, 10, 300]),
      });
  }
  return random.pick([undefined, undefined, 200, 1500, YEAR_MS / 2]);
}

/** Clients that may not publish or subscribe to everything, and a broker that goes on with them nevertheless. */
export function withDenials(seed: number, { limits, clients }: PlanDraft): Plan['denials'] {
  const random = new SeededRandom(seed + DENIALS_SEED);
  if (!random.chance(0.15)) return undefined;
  limits.deniedPublish = 'ignore';
  limits.deniedSubscription = 'grant';
  const denial = (): Denial => ({ publish: TOPICS.filter(() => random.chance(0.4)), subscribe: random.chance(0.5) });
  return Object.fromEntries(clients.filter(() => random.chance(0.7)).map(({ name }) => [name, denial()]));
}

/** Little memory for what waits, where nothing may be dropped, and clients that have to acknowledge in time. */
export function withOverload(seed: number, { limits, clients, durationMs, add }: PlanDraft): void {
  const random = new SeededRandom(seed + OVERLOAD_SEED);
  if (!random.chance(0.15)) return;
  limits.queueFullPolicy = 'refuse';
  limits.maxWaitingBytes = random.pick([30_000, 60_000]);
  if (random.chance(0.5)) limits.ackDelayMax = random.pick([1, 2]);
  if (!random.chance(0.8)) return;
  // More than fits, for a client without a stored session that acknowledges little.
  const [{ name: client = '' } = {}, other = random.pick(clients)] = clients;
  const connect = { kind: 'connect', client, clean: true, keepAliveS: 0, will: undefined, eager: false } as const;
  add(25, connect);
  add(80, { kind: 'subscribe', client, filters: [{ filter: 'a/#', qos: 1 }] });
  add(90, { kind: 'acknowledge', client, how: random.pick([{ kind: 'never' }, { kind: 'late', delayMs: 50 }]) });
  for (let i = random.int(1, 3); i > 0; i--)
    add(random.int(100, durationMs), {
      kind: 'publish',
      client: other.name,
      topic: random.pick(['a/b', 'a/c']),
      qos: random.pick([1, 2] as const),
      retain: false,
      bytes: 300,
      count: random.pick([150, 300]),
    });
}

/** So few subscriptions and retained messages that clients are refused some. The auditor needs two subscriptions. */
export function withFewNames(seed: number, { limits }: PlanDraft): void {
  const random = new SeededRandom(seed + FULL_SEED);
  if (!random.chance(0.2)) return;
  if (random.chance(0.5)) limits.maxSubscriptionsPerClient = random.pick([2, 3]);
  else if (random.chance(0.5)) limits.maxSubscriptions = random.pick([2, 4]);
  if (random.chance(0.6)) limits.maxRetainedMessages = random.pick([1, 2]);
}

/**
 * So few places that clients are refused: connections, sessions or memory of sessions. Clients come again and again,
 * and some leave for others to get in.
 */
export function withFewPlaces(seed: number, { limits, clients, durationMs, add }: PlanDraft): void {
  const random = new SeededRandom(seed + PLACES_SEED);
  if (!random.chance(0.2)) return;
  const which = random.pick(['connections', 'sessions', 'bytes', 'both'] as const);
  if (which === 'connections' || which === 'both') limits.maxConnections = random.pick([1, 1, 2, 3]);
  if (which === 'sessions' || which === 'both') limits.maxSessions = random.pick([1, 2, 3]);
  // A session takes 900 bytes and its name, a will 650 and more.
  if (which === 'bytes') limits.maxSessionBytes = random.pick([1000, 2000, 3500]);
  if (random.chance(0.2)) limits.maxPendingConnections = 1;
  for (const { name } of clients)
    for (let i = random.int(1, 6); i > 0; i--) {
      const atMs = random.int(0, durationMs);
      if (random.chance(0.25)) add(atMs, { kind: 'vanish', client: name, lossy: random.chance(0.5) });
      else add(atMs, connectAgain(random, name, random.chance(0.5)));
    }
  if (random.chance(0.5)) addLostPlace(random, { clients, durationMs, add });
}

/** A client with a will loses its connection, or the broker dies, and others take its place before it returns. */
function addLostPlace(
  random: SeededRandom,
  { clients, durationMs, add }: Pick<PlanDraft, 'clients' | 'durationMs' | 'add'>,
): void {
  const atMs = random.int(50, durationMs);
  const { name: client } = random.pick(clients);
  const others = clients.filter(({ name }) => name !== client);
  for (const { name } of others) add(atMs, { kind: 'vanish', client: name, lossy: false });
  add(atMs + 40, { ...connectAgain(random, client, true), eager: false });
  if (random.chance(0.5))
    add(atMs + 200, { kind: 'crash', keeps: true, power: undefined, delivers: true, downMs: random.pick([0, 10]) });
  add(atMs + 201, { kind: 'vanish', client, lossy: true });
  for (const { name } of others) add(atMs + 215, connectAgain(random, name, false));
  for (const waitMs of [320, 700]) add(atMs + waitMs, connectAgain(random, client, false));
}

const connectAgain = (random: SeededRandom, client: string, hasWill: boolean): Connect => ({
  kind: 'connect',
  client,
  clean: random.chance(0.35),
  keepAliveS: 0,
  will: hasWill
    ? { topic: random.pick(TOPICS), qos: random.pick([0, 1, 2] as const), retain: random.chance(0.3) }
    : undefined,
  eager: random.chance(0.2),
});

/** Clients that subscribe to what the broker says of itself, and may receive some of it. @returns their rules. */
export function withSys(seed: number, { clients, durationMs, add }: PlanDraft, rules: Plan['rules']): Plan['rules'] {
  const random = new SeededRandom(seed + SYS_SEED);
  if (!random.chance(0.2)) return rules;
  for (const { name } of clients)
    for (let i = random.int(0, 3); i > 0; i--)
      add(random.int(20, durationMs), {
        kind: 'subscribe',
        client: name,
        filters: [{ filter: random.pick(OWN_FILTERS), qos: random.pick([0, 1, 2] as const) }],
      });
  for (let i = random.int(2, 12); i > 0; i--)
    add(random.int(10, durationMs), { kind: 'announce', topic: random.pick(OWN_TOPICS), retain: random.chance(0.8) });
  if (rules === undefined) return undefined;
  const withOwn = (some: readonly ReceiveRule[]): readonly ReceiveRule[] =>
    random.chance(0.5) ? [...some, { effect: 'allow', filter: random.pick(OWN_FILTERS) }] : some;
  return Object.fromEntries(Object.entries(rules).map(([name, some]) => [name, withOwn(some)]));
}

/** Backups of the broker, which is read and written to while they are read. */
export function withBackups(seed: number, { durationMs, add }: PlanDraft): void {
  const random = new SeededRandom(seed + BACKUPS_SEED);
  if (!random.chance(0.2)) return;
  for (let i = random.int(1, 4); i > 0; i--)
    add(random.int(20, durationMs), { kind: 'backup', readMs: random.pick([0, 1, 20, 300]) });
}

/** An interceptor that answers late, and drops some messages. */
export function interceptorOf(seed: number): InterceptorPlan | undefined {
  const random = new SeededRandom(seed + INTERCEPTOR_SEED);
  if (!random.chance(0.2)) return undefined;
  const delaysMs = random.pick([[0], [0, 3], [0, 0, 0, 40], [1, 15], [0, 120]] as const);
  return { delaysMs, dropsOneIn: random.pick([5, 20, 1_000_000]) };
}

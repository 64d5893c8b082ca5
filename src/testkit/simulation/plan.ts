// The plan of a seed, made before anything runs. Each operation stands for itself, so that leaving one out leaves the
// others as they are: that is how a failure is reduced. Nothing in a run is decided by chance after this.
import type { Limits } from '../../domain/limits.js';
import type { AckLevel } from '../../ports/index.js';
import type { QoS } from '../../protocol/packets.js';
import { SeededRandom } from '../seeded-random.js';
import { addAdmissionStorms } from './admission-storms.js';
import { addCrowd, addLargeWork } from './large-work.js';
import { addOperatorActions } from './operator-actions.js';
import type { Acknowledging, Action, Add, ClientTraits, Operation, Plan, ReceiveRule, WillPlan } from './operations.js';

const TOPICS = ['a', 'a/b', 'a/c', 'd/e/f', '$x/y'];
const FILTERS = ['a', 'a/b', 'a/c', 'a/#', '#', '+/b', 'a/+', 'd/e/+', 'd/#', '$x/#'];
const SHARED_FILTERS = ['$share/g/a/b', '$share/g/a/#', '$share/h/#'];

/** Virtual time of the grace that wills get after a restart; short, so that a run need not be long. */
export const WILL_GRACE_MS = 1500;

export const LARGEST_PAYLOAD_BYTES = 24_000;

export function planOf(seed: number): Plan {
  const random = new SeededRandom(seed);
  /** Every tenth run has a backlog that has to be paged. */
  const isBulky = random.chance(0.1);
  const limits: { -readonly [Key in keyof Limits]?: Limits[Key] } = {
    maxInflight: random.pick([1, 2, 3, 10, 50]),
    willGraceAfterRestartMs: WILL_GRACE_MS,
    drainTimeoutMs: random.pick([500, 4000]),
    storageTimeoutMs: random.pick([300, 20_000]),
    maxBufferedQos0Messages: random.pick([2, 50]),
    ...(random.chance(0.25)
      ? { maxQueueSize: random.pick([1, 3, 8]), queueFullPolicy: random.pick(['discard', 'discard-oldest'] as const) }
      : {}),
    ...(random.chance(0.1) ? { maxQueueBytes: 600 } : {}),
  };
  const durationMs = random.pick([300, 1500, 6000]);
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
  const operations: Operation[] = [];
  const habits = clients.map(({ name, version }) => ({
    name,
    // 3.1 does not say whether it has the session: a client that takes it now and leaves it then could not know what to
    // repeat.
    cleanChance: version === 3 ? random.pick([0, 1]) : random.pick([0, 0, 0.2, 1]),
    hasWill: random.chance(0.4),
    shares: random.chance(0.4),
  }));
  const add = (atMs: number, action: Action): void => void operations.push({ ...action, id: operations.length, atMs });
  const will = (): WillPlan => ({
    topic: random.pick(TOPICS),
    qos: random.int(0, 2) as QoS,
    retain: random.chance(0.3),
  });
  const connect = (habit: (typeof habits)[number]): Action => ({
    kind: 'connect',
    client: habit.name,
    clean: random.chance(habit.cleanChance),
    keepAliveS: random.pick([0, 0, 1]),
    will: habit.hasWill ? will() : undefined,
    eager: random.chance(0.3),
  });
  const subscribe = (habit: (typeof habits)[number]): Action => {
    const filters = [];
    for (let i = random.int(1, 2); i > 0; i--) {
      filters.push({
        filter: random.pick(habit.shares && random.chance(0.5) ? SHARED_FILTERS : FILTERS),
        qos: random.pick([0, 1, 1, 2, 2] as const),
      });
    }
    return { kind: 'subscribe', client: habit.name, filters };
  };
  for (const habit of habits) {
    add(random.int(0, 20), connect(habit));
    if (random.chance(0.8)) add(random.int(0, 60), subscribe(habit));
  }
  for (let i = random.int(20, isBulky ? 60 : 100); i > 0; i--) {
    const atMs = random.int(0, durationMs);
    const habit = random.pick(habits);
    const client = habit.name;
    const roll = random.fraction();
    if (roll < 0.46) {
      const bulk = isBulky && random.chance(0.15);
      // Many small ones cross the limits of count, few large ones those of bytes.
      const count = bulk ? random.pick([30, 450]) : random.chance(0.3) ? random.int(2, 8) : 1;
      const bytes = bulk && count < 100 ? LARGEST_PAYLOAD_BYTES : random.pick([12, 12, 40, 300]);
      const retain = random.chance(bulk ? 0.02 : 0.25);
      const qos = random.pick([0, 1, 1, 2, 2] as const);
      add(atMs, {
        kind: 'publish',
        client,
        topic: random.pick(TOPICS),
        qos,
        retain,
        bytes: retain && random.chance(0.15) ? 0 : bytes,
        count,
      });
    } else if (roll < 0.58) add(atMs, connect(habit));
    else if (roll < 0.66) add(atMs, subscribe(habit));
    else if (roll < 0.69)
      add(atMs, {
        kind: 'unsubscribe',
        client,
        filters: [random.pick(FILTERS), random.pick([...FILTERS, ...SHARED_FILTERS])],
      });
    else if (roll < 0.73) add(atMs, { kind: 'vanish', client, lossy: random.chance(0.5) });
    else if (roll < 0.76) add(atMs, { kind: 'disconnect', client });
    else if (roll < 0.81) add(atMs, { kind: 'acknowledge', client, how: acknowledging(random) });
    else if (roll < 0.84) add(atMs, { kind: 'stall', client, forMs: random.pick([20, 300, 2000]) });
    else if (roll < 0.86) add(atMs, { kind: 'mute', client, forMs: random.pick([500, 4000]) });
    else if (roll < 0.92)
      add(atMs, {
        kind: 'disk pace',
        callMs: random.pick([0, 0, 1, 10, 80]),
        answerMs: random.pick([0, 0, 1, 10, 80]),
      });
    else if (roll < 0.94) add(atMs, { kind: 'disk refuses', commits: random.int(0, 2), reads: random.int(0, 2) });
    else if (roll < 0.96) add(atMs, { kind: 'disk denies', commits: 1 });
    else if (roll < 0.99)
      add(atMs, {
        kind: 'crash',
        keeps: random.chance(0.5),
        power: undefined,
        delivers: random.chance(0.5),
        downMs: random.pick([0, 10, 300]),
      });
    else add(atMs, { kind: 'stop', downMs: random.pick([0, 100]) });
  }
  // What hardly ever comes by chance alone: an answer is lost, another client publishes meanwhile, and the client comes
  // back and repeats.
  for (let i = random.int(0, 3); i > 0; i--) {
    const [one, other] = [random.pick(habits), random.pick(habits)];
    const latencyMs = clients.find(({ name }) => name === one.name)?.latencyMs ?? 0;
    const atMs = random.int(0, durationMs);
    const message = {
      kind: 'publish',
      topic: random.pick(TOPICS),
      qos: random.pick([1, 2, 2] as const),
      retain: random.chance(0.7),
      bytes: random.pick([12, 12, 0]),
      count: 1,
    } as const;
    if (random.chance(0.3)) add(atMs, { kind: 'disk pace', callMs: 80, answerMs: 1 });
    add(atMs, { ...message, client: one.name });
    add(atMs + latencyMs + random.int(0, latencyMs), { kind: 'vanish', client: one.name, lossy: true });
    add(atMs + 2 * latencyMs + random.int(1, 40), { ...message, client: other.name });
    add(atMs + 2 * latencyMs + random.int(20, 120), connect(one));
  }
  // Chance of its own, so that the rest of the plan is what it would be without rules.
  const rules = new SeededRandom(seed + RULES_SEED).chance(0.3)
    ? addRules(new SeededRandom(seed + RULES_SEED + 1), clients, durationMs, add)
    : undefined;
  const ofAdmission = new SeededRandom(seed + ADMISSION_SEED);
  if (ofAdmission.chance(0.2)) {
    limits.storageTimeoutMs = ofAdmission.pick([100, 300]);
    addAdmissionStorms(ofAdmission, clients, durationMs, add);
  }
  const ofSlices = new SeededRandom(seed + SLICES_SEED);
  const sliceSize = ofSlices.chance(0.3) ? ofSlices.pick([1, 1, 2, 3, 7]) : undefined;
  if (sliceSize !== undefined) {
    if (ofSlices.chance(0.5)) addLargeWork(ofSlices, clients, durationMs, add);
    if (ofSlices.chance(0.1)) clients.push(...addCrowd(ofSlices, durationMs, add));
  }
  const maxTurnSteps = sliceSize === undefined ? 8 : ofSlices.pick([1, 1, 2, 8]);
  const ofShares = new SeededRandom(seed + SHARES_SEED);
  if (ofShares.chance(0.25)) shareMore(ofShares, clients, durationMs, operations, add);
  const ofExpiry = new SeededRandom(seed + EXPIRY_SEED);
  const expires = durationMs > 1000 && ofExpiry.chance(0.35);
  if (expires) {
    limits.sessionExpiryMax = ofExpiry.pick([1, 1, 2, 8]);
    for (const [i, one] of clients.entries()) {
      // One of 3.1 is not told that its session is no more.
      clients[i] = { ...one, version: 4, redialMs: ofExpiry.pick([one.redialMs, 950, 1500]) };
    }
    for (const [i, one] of operations.entries()) {
      if ((one.kind === 'crash' || one.kind === 'stop') && ofExpiry.chance(0.5))
        operations[i] = { ...one, downMs: ofExpiry.pick([900, 1100, 2500]) };
    }
  }
  const ofOperators = new SeededRandom(seed + OPERATORS_SEED);
  if (ofOperators.chance(0.25)) addOperatorActions(ofOperators, clients, TOPICS, durationMs, add);
  const ofLevels = new SeededRandom(seed + LEVELS_SEED);
  const ackLevels = ofLevels.pick(ACK_LEVELS);
  for (const [i, one] of operations.entries())
    if (one.kind === 'crash' && ofLevels.chance(0.5))
      operations[i] = { ...one, power: ofLevels.pick([0, 0.3, 0.7, 1]) };
  // In the order of time, and of one time in the order of making.
  operations.sort((one, other) => one.atMs - other.atMs || one.id - other.id);
  return {
    seed,
    limits,
    ackLevels,
    sliceSize,
    maxTurnSteps,
    highWaterMark: random.pick([64, 2000, 65_536]),
    clients,
    rules,
    operations,
    durationMs,
  };
}

const RULES_SEED = 1_000_000_007;
const LEVELS_SEED = 2_000_000_011;
const EXPIRY_SEED = 3_000_000_019;
const SHARES_SEED = 4_000_000_007;
const ADMISSION_SEED = 5_000_000_029;
const SLICES_SEED = 6_000_000_001;
const OPERATORS_SEED = 7_000_000_003;

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

/** Those of the beginning; what changes is added to the plan. */
function addRules(random: SeededRandom, clients: readonly ClientTraits[], durationMs: number, add: Add): Plan['rules'] {
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

/** Groups of which nearly everyone is a member, and members that come and go. */
function shareMore(
  random: SeededRandom,
  clients: readonly ClientTraits[],
  durationMs: number,
  operations: Operation[],
  add: Add,
): void {
  const granted = (): QoS => random.pick([1, 1, 2, 2] as const);
  for (const [i, one] of operations.entries()) {
    if (one.kind !== 'subscribe') continue;
    operations[i] = {
      ...one,
      filters: one.filters.map((asked) =>
        random.chance(0.8) ? { filter: random.pick(SHARED_FILTERS), qos: granted() } : asked,
      ),
    };
  }
  for (const { name } of clients) {
    if (random.chance(0.8))
      add(random.int(20, 80), {
        kind: 'subscribe',
        client: name,
        filters: [{ filter: random.pick(SHARED_FILTERS), qos: granted() }],
      });
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

function acknowledging(random: SeededRandom): Acknowledging {
  const roll = random.fraction();
  if (roll < 0.4) return { kind: 'at once' };
  return roll < 0.8 ? { kind: 'late', delayMs: random.pick([5, 50, 400]) } : { kind: 'never' };
}

// What happens in every run: clients come, subscribe, publish and go, the disk changes its pace and refuses calls, and
// the broker crashes or stops.
import type { QoS } from '../../protocol/packets.js';
import type { SeededRandom } from '../seeded-random.js';
import type { Acknowledging, Action, ClientTraits, WillPlan } from './operations.js';
import { FILTERS, SHARED_FILTERS, TOPICS } from './plan-draft.js';
import type { PlanDraft } from './plan-draft.js';

export const LARGEST_PAYLOAD_BYTES = 24_000;

/** How one client behaves throughout a run. */
interface Habit {
  readonly name: string;
  readonly cleanChance: number;
  readonly hasWill: boolean;
  readonly shares: boolean;
}

export class Everyday {
  readonly #habits: readonly Habit[];
  /** By the share of each in all actions, summed up: the first whose bound is above a random number is taken. */
  readonly #actions: readonly (readonly [below: number, make: (habit: Habit) => Action])[] = [
    [0.46, ({ name }) => this.#publish(name)],
    [0.58, (habit) => this.#connect(habit)],
    [0.66, (habit) => this.#subscribe(habit)],
    [0.69, ({ name }) => this.#unsubscribe(name)],
    [0.73, ({ name }) => ({ kind: 'vanish', client: name, lossy: this.random.chance(0.5) })],
    [0.76, ({ name }) => ({ kind: 'disconnect', client: name })],
    [0.81, ({ name }) => ({ kind: 'acknowledge', client: name, how: acknowledging(this.random) })],
    [0.84, ({ name }) => ({ kind: 'stall', client: name, forMs: this.random.pick([20, 300, 2000]) })],
    [0.86, ({ name }) => ({ kind: 'mute', client: name, forMs: this.random.pick([500, 4000]) })],
    [0.92, () => this.#diskPace()],
    [0.94, () => ({ kind: 'disk refuses', commits: this.random.int(0, 2), reads: this.random.int(0, 2) })],
    [0.96, () => ({ kind: 'disk denies', commits: 1 })],
    [0.99, () => this.#crash()],
    [1, () => ({ kind: 'stop', downMs: this.random.pick([0, 100]) })],
  ];

  constructor(
    readonly random: SeededRandom,
    readonly draft: PlanDraft,
    /** Whether the run has a backlog that has to be paged. */
    readonly isBulky: boolean,
  ) {
    this.#habits = draft.clients.map((client) => habitOf(random, client));
  }

  addAll(): void {
    const { random, draft, isBulky } = this;
    for (const habit of this.#habits) {
      draft.add(random.int(0, 20), this.#connect(habit));
      if (random.chance(0.8)) draft.add(random.int(0, 60), this.#subscribe(habit));
    }
    for (let i = random.int(20, isBulky ? 60 : 100); i > 0; i--) {
      const atMs = random.int(0, draft.durationMs);
      const habit = random.pick(this.#habits);
      const roll = random.fraction();
      const [, make] = this.#actions.find(([below]) => roll < below) ?? [];
      if (make !== undefined) draft.add(atMs, make(habit));
    }
    for (let i = random.int(0, 3); i > 0; i--) this.#addLostAnswer();
  }

  /**
   * What hardly ever comes by chance alone: an answer is lost, another client publishes meanwhile, and the client comes
   * back and repeats.
   */
  #addLostAnswer(): void {
    const { random, draft } = this;
    const [one, other] = [random.pick(this.#habits), random.pick(this.#habits)];
    const latencyMs = draft.clients.find(({ name }) => name === one.name)?.latencyMs ?? 0;
    const atMs = random.int(0, draft.durationMs);
    const message = {
      kind: 'publish',
      topic: random.pick(TOPICS),
      qos: random.pick([1, 2, 2] as const),
      retain: random.chance(0.7),
      bytes: random.pick([12, 12, 0]),
      count: 1,
    } as const;
    if (random.chance(0.3)) draft.add(atMs, { kind: 'disk pace', callMs: 80, answerMs: 1 });
    draft.add(atMs, { ...message, client: one.name });
    draft.add(atMs + latencyMs + random.int(0, latencyMs), { kind: 'vanish', client: one.name, lossy: true });
    draft.add(atMs + 2 * latencyMs + random.int(1, 40), { ...message, client: other.name });
    draft.add(atMs + 2 * latencyMs + random.int(20, 120), this.#connect(one));
  }

  #publish(client: string): Action {
    const { random } = this;
    const isBulk = this.isBulky && random.chance(0.15);
    // Many small ones cross the limits of count, few large ones those of bytes.
    const count = isBulk ? random.pick([30, 450]) : random.chance(0.3) ? random.int(2, 8) : 1;
    const bytes = isBulk && count < 100 ? LARGEST_PAYLOAD_BYTES : random.pick([12, 12, 40, 300]);
    const retain = random.chance(isBulk ? 0.02 : 0.25);
    const qos = random.pick([0, 1, 1, 2, 2] as const);
    const topic = random.pick(TOPICS);
    return { kind: 'publish', client, topic, qos, retain, bytes: retain && random.chance(0.15) ? 0 : bytes, count };
  }

  #connect({ name, cleanChance, hasWill }: Habit): Action {
    const { random } = this;
    return {
      kind: 'connect',
      client: name,
      clean: random.chance(cleanChance),
      keepAliveS: random.pick([0, 0, 1]),
      will: hasWill ? this.#will() : undefined,
      eager: random.chance(0.3),
    };
  }

  #will(): WillPlan {
    const { random } = this;
    return { topic: random.pick(TOPICS), qos: random.int(0, 2) as QoS, retain: random.chance(0.3) };
  }

  #subscribe({ name, shares }: Habit): Action {
    const { random } = this;
    const filters = [];
    for (let i = random.int(1, 2); i > 0; i--)
      filters.push({
        filter: random.pick(shares && random.chance(0.5) ? SHARED_FILTERS : FILTERS),
        qos: random.pick([0, 1, 1, 2, 2] as const),
      });
    return { kind: 'subscribe', client: name, filters };
  }

  #unsubscribe(client: string): Action {
    const { random } = this;
    const filters = [random.pick(FILTERS), random.pick([...FILTERS, ...SHARED_FILTERS])];
    return { kind: 'unsubscribe', client, filters };
  }

  #diskPace(): Action {
    const pace = [0, 0, 1, 10, 80];
    return { kind: 'disk pace', callMs: this.random.pick(pace), answerMs: this.random.pick(pace) };
  }

  #crash(): Action {
    const { random } = this;
    return {
      kind: 'crash',
      keeps: random.chance(0.5),
      power: undefined,
      delivers: random.chance(0.5),
      downMs: random.pick([0, 10, 300]),
    };
  }
}

function habitOf(random: SeededRandom, { name, version }: ClientTraits): Habit {
  return {
    name,
    // 3.1 does not say whether it has the session: a client that takes it now and leaves it then could not know what to
    // repeat.
    cleanChance: version === 3 ? random.pick([0, 1]) : random.pick([0, 0, 0.2, 1]),
    hasWill: random.chance(0.4),
    shares: random.chance(0.4),
  };
}

export function acknowledging(random: SeededRandom): Acknowledging {
  const roll = random.fraction();
  if (roll < 0.4) return { kind: 'at once' };
  return roll < 0.8 ? { kind: 'late', delayMs: random.pick([5, 50, 400]) } : { kind: 'never' };
}

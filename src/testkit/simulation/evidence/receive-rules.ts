// What the evidence says about what each client may receive, and from when on. A change may be in force from the moment
// it is made, and certainly is once the broker's turn has ended.
import type { ReceiveRule } from '../operations.js';
import type { LogicalClock } from './logical-clock.js';
import { matches } from './topic-match.js';

interface Period {
  readonly rules: readonly ReceiveRule[];
  certainFrom: number | undefined;
  possibleUntil: number;
}

export class ReceiveRules {
  /** By client; a client without an entry may receive everything. */
  readonly #periods = new Map<string, Period[]>();

  constructor(readonly clock: LogicalClock) {}

  /** The first rule that matches decides; what none matches is refused. */
  set(client: string, rules: readonly ReceiveRule[]): void {
    const periods = this.#periods.get(client) ?? [];
    periods.push({ rules, certainFrom: undefined, possibleUntil: Infinity });
    this.#periods.set(client, periods);
  }

  /** The turn has ended: what was set is in force, and nothing from before is. */
  turnEnded(): void {
    for (const periods of this.#periods.values()) {
      const last = periods.at(-1);
      if (last === undefined || last.certainFrom !== undefined) continue;
      last.certainFrom = this.clock.tick();
      for (const one of periods) if (one !== last) one.possibleUntil = Math.min(one.possibleUntil, last.certainFrom);
    }
  }

  rulesOf(client: string): readonly ReceiveRule[] | undefined {
    return this.#periods.get(client)?.at(-1)?.rules;
  }

  /** Whether there was no moment from `from` on at which the client could receive the topic. */
  isRefusedSince(client: string, topic: string, from: number): boolean {
    const periods = this.#periods.get(client);
    return (
      periods !== undefined &&
      periods.filter(({ possibleUntil }) => possibleUntil > from).every(({ rules }) => !isAllowed(rules, topic))
    );
  }

  /** Whether there may have been a moment from `from` on at which the client could not receive the topic. */
  mayBeRefusedSince(client: string, topic: string, from: number): boolean {
    return (
      this.#periods.get(client)?.some(({ rules, possibleUntil }) => possibleUntil > from && !isAllowed(rules, topic)) ??
      false
    );
  }

  /**
   * When the present rules certainly came into force; `undefined` when there are none, or when they may not be in force
   * yet.
   */
  inForceSince(client: string): number | undefined {
    return this.#periods.get(client)?.at(-1)?.certainFrom;
  }
}

function isAllowed(rules: readonly ReceiveRule[], topic: string): boolean {
  return rules.find(({ filter }) => matches(filter, topic))?.effect === 'allow';
}

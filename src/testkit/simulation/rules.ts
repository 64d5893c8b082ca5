// What is known from outside about what each client may receive, and since when. A change may be in force from the moment when it is made on, and
// surely is when the broker's turn has ended.
import type { Moments } from './publications.js';
import type { ReceiveRule } from './plan.js';
import { matches } from './subscribers.js';

interface Period {
  readonly rules: readonly ReceiveRule[];
  surelyFrom: number | undefined;
  perhapsUntil: number;
}

export class Rules {
  /** By client; who is not in it may receive everything. */
  readonly #periods = new Map<string, Period[]>();

  constructor(readonly moments: Moments) {}

  /** The client may receive what the rules say, the first that matches, and nothing else. */
  set(client: string, rules: readonly ReceiveRule[]): void {
    const periods = this.#periods.get(client) ?? [];
    periods.push({ rules, surelyFrom: undefined, perhapsUntil: Infinity });
    this.#periods.set(client, periods);
  }

  /** The turn has ended: what was set is in force, and nothing from before is. */
  inForce(): void {
    for (const periods of this.#periods.values()) {
      const last = periods.at(-1);
      if (last === undefined || last.surelyFrom !== undefined) continue;
      last.surelyFrom = this.moments.next();
      for (const one of periods) if (one !== last) one.perhapsUntil = Math.min(one.perhapsUntil, last.surelyFrom);
    }
  }

  /** The rules that a broker starts with are those of the moment. */
  rulesOf(client: string): readonly ReceiveRule[] | undefined {
    return this.#periods.get(client)?.at(-1)?.rules;
  }

  /** Whether it may not have been received at any moment from `from` on. */
  isRefusedSince(client: string, topic: string, from: number): boolean {
    const periods = this.#periods.get(client);
    return (
      periods !== undefined &&
      periods.filter(({ perhapsUntil }) => perhapsUntil > from).every(({ rules }) => !isAllowed(rules, topic))
    );
  }

  /** Whether there may have been a moment from `from` on at which it could not be received. */
  mayBeRefusedSince(client: string, topic: string, from: number): boolean {
    return (
      this.#periods.get(client)?.some(({ rules, perhapsUntil }) => perhapsUntil > from && !isAllowed(rules, topic)) ??
      false
    );
  }

  /** Since when the rules of now are surely in force; `undefined`: there are none, or they may not be yet. */
  surelySince(client: string): number | undefined {
    return this.#periods.get(client)?.at(-1)?.surelyFrom;
  }
}

function isAllowed(rules: readonly ReceiveRule[], topic: string): boolean {
  return rules.find(({ filter }) => matches(filter, topic))?.effect === 'allow';
}

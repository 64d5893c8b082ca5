// The wills of the clients, each on a separate topic, and whether each must be published.
import type { History } from './history.js';
import type { Will } from '../../clients/mqtt-client.js';
import type { RetainedMessages } from './retained-reader.js';

/** `owed` until the client sends DISCONNECT or is back in time; `open` while the answer that decides is missing. */
export type WillFate = 'owed' | 'never' | 'open';

export class ExpectedWill {
  fate: WillFate = 'open';
  received = 0;

  constructor(
    readonly clientId: string,
    readonly will: Will,
    readonly round: number,
  ) {}

  /** For failure messages. */
  get name(): string {
    const { qos, retain } = this.will;
    return `will of ${this.clientId} (QoS ${qos}${retain ? ', retained' : ''}, connected in round ${this.round})`;
  }
}

export class ExpectedWills {
  readonly #wills = new Map<string, ExpectedWill>();
  #watchers: (() => void)[] = [];

  constructor(readonly history: History) {}

  add(clientId: string, qos: 1 | 2, retain: boolean): ExpectedWill {
    const topic = `will/${clientId}`;
    const entry = new ExpectedWill(
      clientId,
      { topic, payload: Buffer.from(`${clientId} has died`), qos, retain },
      this.history.round,
    );
    this.#wills.set(topic, entry);
    return entry;
  }

  receive(topic: string, payload: string | Buffer, qos: number): void {
    const entry = this.#wills.get(topic);
    if (entry === undefined || payload.toString() !== entry.will.payload.toString() || qos !== entry.will.qos) {
      this.history.addViolation(
        `the watcher received on ${topic} what is no client's will: "${payload.toString().slice(0, 60)}" at QoS ${qos}`,
      );
      return;
    }
    entry.received++;
    if (entry.fate === 'never')
      this.history.addViolation(
        `the ${entry.name} was published although its client said DISCONNECT or was back in time`,
      );
    if (entry.received > 1 && entry.will.qos === 2)
      this.history.addViolation(`the ${entry.name} came ${entry.received} times`);
    for (const watcher of this.#watchers.splice(0)) watcher();
  }

  /** From now on it is a violation if the will is published, or has been. */
  expectNever(entry: ExpectedWill): void {
    entry.fate = 'never';
    if (entry.received > 0) this.history.addViolation(`the ${entry.name} was published before its time`);
  }

  get missing(): ExpectedWill[] {
    return [...this.#wills.values()].filter(({ fate, received }) => fate === 'owed' && received === 0);
  }

  /** Resolves when the next will is received. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#watchers.push(resolve));
  }

  reportMissing(): void {
    for (const { name } of this.missing) this.history.addViolation(`the ${name} was not published`);
  }

  /** Compares the retained wills: a published will with Will Retain stays on its topic. */
  compare(found: RetainedMessages): void {
    for (const [topic, { will, received, fate, name }] of this.#wills) {
      if (fate === 'open' && received === 0) continue; // Its publication may be in progress.
      const expected = will.retain && received > 0;
      if (found.has(topic) !== expected)
        this.history.addViolation(`the ${name} is ${expected ? 'not ' : ''}retained, and came ${received} times`);
    }
  }

  /** The number of wills with this fate, to check that there were any. */
  count(fate: WillFate): number {
    return [...this.#wills.values()].filter((entry) => entry.fate === fate).length;
  }
}

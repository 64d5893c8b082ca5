// The wills, and what must become of them. Each has a topic of its own.
import type { Chronicle } from './chronicle.js';
import type { Will } from './faithful-client.js';
import type { RetainedMessages } from './retained-reader.js';

/**
 * `owed` until the client says DISCONNECT or is back in time; `open` where the answer that would settle it has not
 * come.
 */
export type WillFate = 'owed' | 'never' | 'open';

export class TestamentedWill {
  fate: WillFate = 'open';
  received = 0;

  constructor(
    readonly clientId: string,
    readonly will: Will,
    readonly round: number,
  ) {}

  /** For a failure. */
  get name(): string {
    const { qos, retain } = this.will;
    return `will of ${this.clientId} (QoS ${qos}${retain ? ', retained' : ''}, connected in round ${this.round})`;
  }
}

export class WillBook {
  readonly #wills = new Map<string, TestamentedWill>();
  #watchers: (() => void)[] = [];

  constructor(readonly chronicle: Chronicle) {}

  add(clientId: string, qos: 1 | 2, retain: boolean): TestamentedWill {
    const topic = `will/${clientId}`;
    const entry = new TestamentedWill(
      clientId,
      { topic, payload: Buffer.from(`${clientId} is no more`), qos, retain },
      this.chronicle.round,
    );
    this.#wills.set(topic, entry);
    return entry;
  }

  receive(topic: string, payload: string | Buffer, qos: number): void {
    const entry = this.#wills.get(topic);
    if (entry === undefined || payload.toString() !== entry.will.payload.toString() || qos !== entry.will.qos) {
      this.chronicle.fault(
        `the watcher got on ${topic} what is nobody's will: "${payload.toString().slice(0, 60)}" at QoS ${qos}`,
      );
      return;
    }
    entry.received++;
    if (entry.fate === 'never')
      this.chronicle.fault(`the ${entry.name} was published although its client said DISCONNECT or was back in time`);
    if (entry.received > 1 && entry.will.qos === 2)
      this.chronicle.fault(`the ${entry.name} came ${entry.received} times`);
    for (const watcher of this.#watchers.splice(0)) watcher();
  }

  /** From now on it is an error if it comes, or has come. */
  renounce(entry: TestamentedWill): void {
    entry.fate = 'never';
    if (entry.received > 0) this.chronicle.fault(`the ${entry.name} was published before its time`);
  }

  get missing(): TestamentedWill[] {
    return [...this.#wills.values()].filter(({ fate, received }) => fate === 'owed' && received === 0);
  }

  /** Resolves when another one has come. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#watchers.push(resolve));
  }

  tellMissing(): void {
    for (const { name } of this.missing) this.chronicle.fault(`the ${name} was not published`);
  }

  /** Those that ask for it stay on their topics, once they are published. */
  compare(found: RetainedMessages): void {
    for (const [topic, { will, received, fate, name }] of this.#wills) {
      if (fate === 'open' && received === 0) continue; // It may be on its way.
      const expected = will.retain && received > 0;
      if (found.has(topic) !== expected)
        this.chronicle.fault(`the ${name} is ${expected ? 'not ' : ''}retained, and came ${received} times`);
    }
  }

  /** How many there are of each fate, for those who want to know that there were any. */
  count(fate: WillFate): number {
    return [...this.#wills.values()].filter((entry) => entry.fate === fate).length;
  }
}

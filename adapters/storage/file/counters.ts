// The counters of a store: the highest message id, the next number of a queue or client, the next body, and how often
// the store was opened. They stand in one record, which is rewritten with each batch that changes one of them.
import type { Message } from 'hexmq/ports';
import { Space, spaceKey } from './keys.js';
import type { Database, Writes } from './engine.js';
import * as records from './records/index.js';

const NEW_STORE: records.CounterRecord = { lastMessageId: -1, nextNumber: 1, nextBody: 1, opening: 0 };

export class Counters {
  readonly #db: Database;
  #lastMessageId = -1;
  #nextNumber = 1;
  #nextBody = 1;
  /** The number of this opening, and of the last one that the store knows. */
  #opening = 0;
  #lastOpening = 0;
  #isChanged = false;

  constructor(db: Database) {
    this.#db = db;
  }

  get lastMessageId(): number {
    return this.#lastMessageId;
  }

  /** Whether the store has not been opened by another process since `claim`. */
  get isLastOpening(): boolean {
    return this.#opening === this.#lastOpening;
  }

  async load(): Promise<void> {
    this.#isChanged = false;
    const record = await this.#db.get(spaceKey(Space.counters));
    const found = record === undefined ? NEW_STORE : records.decodeCounters(record);
    this.#lastMessageId = found.lastMessageId;
    this.#nextNumber = found.nextNumber;
    this.#nextBody = found.nextBody;
    this.#lastOpening = found.opening;
  }

  /**
   * Numbers this opening. Another process that opens the store later takes the next number, which is how this one
   * notices.
   */
  async claim(): Promise<void> {
    this.#opening = this.#lastOpening + 1;
    await this.#db.put(spaceKey(Space.counters), Buffer.from(this.#encoded()), { sync: true });
    this.#lastOpening = this.#opening;
  }

  noteMessageId({ id }: Message): void {
    if (id <= this.#lastMessageId) return;
    this.#lastMessageId = id;
    this.#isChanged = true;
  }

  /** A number for a queue or a client; never given twice. */
  takeNumber(): number {
    this.#isChanged = true;
    return this.#nextNumber++;
  }

  takeBody(): number {
    this.#isChanged = true;
    return this.#nextBody++;
  }

  finish(writes: Writes): void {
    if (this.#isChanged) writes.put(spaceKey(Space.counters), this.#encoded());
  }

  endBatch(): void {
    this.#isChanged = false;
  }

  #encoded(): Buffer {
    return records.encodeCounters({
      lastMessageId: this.#lastMessageId,
      nextNumber: this.#nextNumber,
      nextBody: this.#nextBody,
      opening: this.#opening,
    });
  }
}

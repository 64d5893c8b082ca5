// A store as it would be had its times been taken from a wall clock that was always right: what people and other stores
// get to see. The mark that says how far its times are off is left out, since nothing is off.
import type { Change, RestoredFact } from '../../domain/changes.js';
import { CLOCK_QUEUE } from '../../domain/clock-mark.js';
import type { PageLimit } from '../../domain/effects.js';
import type { QueueId, Seq, TopicName } from '../../domain/identifiers.js';
import type { StoredEntry } from '../../domain/inputs.js';
import type { Message } from '../../domain/messages/message.js';
import type { Durability, Storage, StorageReader, StorageTraits } from '../../ports/storage.js';
import { readClockMark } from '../read-clock-mark.js';

/** Reads of a store, or of a snapshot of one. */
export class WallTimeReader<Inner extends StorageReader = StorageReader> implements StorageReader {
  constructor(
    readonly inner: Inner,
    /** What is added to every time. */
    readonly aheadMs: number,
  ) {}

  /** @param reader not loaded yet. */
  static async over(reader: StorageReader): Promise<WallTimeReader> {
    return new WallTimeReader(reader, await aheadOf(reader));
  }

  async *load(): AsyncGenerator<RestoredFact> {
    for await (const fact of this.inner.load())
      if (fact.kind !== 'queue' || fact.queue !== CLOCK_QUEUE) yield this.aheadMs === 0 ? fact : this.#fact(fact);
  }

  async readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
    const page = await this.inner.readQueue(queue, from, limit);
    return this.aheadMs === 0 ? page : page.map((entry) => ({ ...entry, message: this.#message(entry.message) }));
  }

  async readRetained(topics: readonly TopicName[]): Promise<readonly Message[]> {
    const messages = await this.inner.readRetained(topics);
    return this.aheadMs === 0 ? messages : messages.map((message) => this.#message(message));
  }

  #fact(fact: RestoredFact): RestoredFact {
    switch (fact.kind) {
      case 'session': {
        const { session } = fact;
        return { ...fact, session: { ...session, disconnectedAtMs: this.#time(session.disconnectedAtMs) } };
      }
      case 'will': {
        const { will } = fact;
        return { ...fact, will: { ...will, dueAtMs: this.#time(will.dueAtMs) } };
      }
      case 'retained':
        return { ...fact, expiresAtMs: this.#time(fact.expiresAtMs) };
      case 'subscription':
      case 'inbound':
      case 'queue':
      case 'last-message-id':
        return fact;
    }
  }

  #message(message: Message): Message {
    const acceptedAtMs = message.acceptedAtMs + this.aheadMs;
    return { ...message, acceptedAtMs, expiresAtMs: this.#time(message.expiresAtMs) };
  }

  #time(atMs: number | undefined): number | undefined {
    return atMs === undefined ? undefined : atMs + this.aheadMs;
  }
}

export class WallTimeStorage extends WallTimeReader<Storage> implements Storage {
  /** @param storage open, and not loaded yet. */
  static async of(storage: Storage): Promise<WallTimeStorage> {
    return new WallTimeStorage(storage, await aheadOf(storage));
  }

  get traits(): StorageTraits {
    return this.inner.traits;
  }

  open(): Promise<void> {
    return this.inner.open();
  }

  openReadOnly(): Promise<boolean> {
    return this.inner.openReadOnly();
  }

  commit(batch: readonly Change[], durability?: Durability): Promise<void> {
    return this.inner.commit(batch, durability);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}

const aheadOf = async (reader: StorageReader): Promise<number> => (await readClockMark(reader))?.wallAheadMs ?? 0;

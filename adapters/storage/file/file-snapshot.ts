// The store at one moment, read while it is written to. The engine keeps what is overwritten or removed until the
// snapshot is closed, on the disk; in memory it takes no more than a page.
import { StorageError } from 'hexmq/ports';
import type {
  Message,
  PageLimit,
  QueueId,
  RestoredFact,
  Seq,
  StorageSnapshot,
  StoredEntry,
  TopicName,
} from 'hexmq/ports';
import type { Database } from './engine.js';
import { storageError } from './errors.js';
import { facts } from './facts.js';
import { Space, numberOf, rangeOf } from './keys.js';
import { readPageOf, readRetainedOf } from './pages.js';
import type { EngineSnapshot } from './pages.js';

export class FileSnapshot implements StorageSnapshot {
  readonly #db: Database;
  readonly #snapshot: EngineSnapshot;
  readonly #lastMessageId: number;
  readonly #directory: string;
  /** Why it cannot be read any more. */
  #ended: StorageError | undefined;

  /** @param lastMessageId the highest one in the store at this moment. */
  constructor(db: Database, lastMessageId: number, directory: string) {
    this.#db = db;
    this.#snapshot = db.snapshot();
    this.#lastMessageId = lastMessageId;
    this.#directory = directory;
  }

  async *load(): AsyncGenerator<RestoredFact> {
    try {
      const dropped = new Map<number, unknown>();
      const inThisMoment = { snapshot: this.#open };
      for await (const [key] of this.#db.iterator({ ...rangeOf(Space.dropped), ...inThisMoment }))
        dropped.set(numberOf(key), undefined);
      for await (const chunk of facts(this.#db, dropped, this.#lastMessageId, this.#open)) {
        for (const fact of chunk) yield fact;
        this.#requireOpen();
      }
    } catch (error) {
      throw this.#errorOf(error);
    }
  }

  readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
    return this.#read((snapshot) => readPageOf(this.#db, snapshot, queue, from, limit));
  }

  readRetained(topics: readonly TopicName[]): Promise<readonly Message[]> {
    return this.#read((snapshot) => readRetainedOf(this.#db, snapshot, topics));
  }

  /** The engine is about to be closed, which closes its snapshots. */
  end(why: StorageError): void {
    this.#ended ??= why;
  }

  async close(): Promise<void> {
    this.end(new StorageError('fenced', `the snapshot of the data directory ${this.#directory} was closed`));
    await this.#snapshot.close();
  }

  async #read<Result>(read: (snapshot: EngineSnapshot) => Promise<Result>): Promise<Result> {
    try {
      return await read(this.#open);
    } catch (error) {
      throw this.#errorOf(error);
    }
  }

  get #open(): EngineSnapshot {
    this.#requireOpen();
    return this.#snapshot;
  }

  #requireOpen(): void {
    if (this.#ended !== undefined) throw this.#ended;
  }

  /** What follows from the end of the snapshot is reported as its end. */
  #errorOf(error: unknown): unknown {
    return this.#ended ?? storageError(error, this.#directory);
  }
}

export const reopenedMeanwhile = (directory: string): StorageError =>
  new StorageError(
    'unavailable',
    `a write to the data directory ${directory} failed while a snapshot of it was read: try again`,
  );

// A store at one moment: a transaction that reads what was committed before it began, and nothing of what follows, for
// as long as its connection lives. It blocks no commit.
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
import { Connection } from './connection.js';
import type { Server } from './connection.js';
import { Reader } from './reader.js';
import type { Schema } from './schema.js';

export class Moment implements StorageSnapshot {
  readonly #reader: Reader;
  readonly #place: string;
  #isClosed = false;

  private constructor(reader: Reader, place: string) {
    this.#reader = reader;
    this.#place = place;
  }

  /** @returns `undefined` if there is no store. @throws StorageError */
  static async of(server: Server, schema: Schema): Promise<Moment | undefined> {
    const connection = await Connection.open(server, 'hexmq reader');
    try {
      await connection.run('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
      // The first read fixes the moment.
      const format = await schema.format(connection);
      if (format !== undefined) {
        schema.requireReadable(format, server.place);
        return new Moment(new Reader(connection, schema.id, server.timeoutMs), server.place);
      }
    } catch (error) {
      connection.destroy();
      throw error;
    }
    await connection.end();
    return undefined;
  }

  get isOver(): boolean {
    return this.#reader.connection.isOver;
  }

  async *load(): AsyncGenerator<RestoredFact> {
    this.#requireOpen();
    for await (const fact of this.#reader.facts()) {
      this.#requireOpen();
      yield fact;
    }
  }

  async readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
    this.#requireOpen();
    return this.#reader.page(queue, from, limit);
  }

  async readRetained(topics: readonly TopicName[]): Promise<readonly Message[]> {
    this.#requireOpen();
    return this.#reader.retained(topics);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#reader.connection.end();
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new StorageError('fenced', `the snapshot of ${this.#place} is not open: it was closed`);
    if (this.isOver)
      throw new StorageError('unavailable', `the connection to ${this.#place} was lost, and the snapshot with it`);
  }
}

// Storage in PostgreSQL: who may call what, and on which connection.
import { StorageError } from 'hexmq/ports';
import type {
  Change,
  Message,
  PageLimit,
  QueueId,
  RestoredFact,
  Seq,
  Storage,
  StorageSnapshot,
  StorageTraits,
  StoredEntry,
  TopicName,
} from 'hexmq/ports';
import { Connection } from './connection.js';
import type { Server } from './connection.js';
import { Effect } from './effect.js';
import { Moment } from './moment.js';
import { Reader } from './reader.js';
import { Schema } from './schema.js';
import { Writer } from './writer.js';

/** A plan is kept: one that was made while a table was small must not read all of it later. */
const BY_KEY = 'SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off';

export class PostgresqlStorage implements Storage {
  readonly traits: StorageTraits = { durable: true, fencing: true, preferredBatchChanges: 1000 };
  readonly #server: Server;
  readonly #schema: Schema;
  #writer: Writer | undefined;
  /** Set if the store was opened for reading only. */
  #readOnly: Moment | undefined;
  #reader: Promise<Reader> | undefined;
  readonly #moments = new Set<Moment>();
  /** Why every call is refused; `undefined` while the store is open. */
  #refusal: StorageError | undefined;

  constructor(server: Server, schema: string) {
    this.#server = server;
    this.#schema = new Schema(schema);
    this.#refusal = this.#notOpen('open it first');
  }

  async open(): Promise<void> {
    const writer = new Writer(this.#server, this.#schema);
    await writer.open();
    this.#writer = writer;
    this.#refusal = undefined;
  }

  async openReadOnly(): Promise<boolean> {
    this.#readOnly = await Moment.of(this.#server, this.#schema);
    if (this.#readOnly !== undefined) this.#refusal = undefined;
    return this.#readOnly !== undefined;
  }

  async *load(): AsyncGenerator<RestoredFact> {
    this.#requireOpen();
    if (this.#readOnly !== undefined) {
      yield* this.#readOnly.load();
      return;
    }
    const moment = await this.#moment();
    try {
      yield* moment.load();
    } finally {
      await this.#end(moment);
    }
  }

  async commit(batch: readonly Change[]): Promise<void> {
    this.#requireOpen();
    const writer = this.#writer;
    if (writer === undefined)
      throw new StorageError(
        'fenced',
        `${this.#server.place} was opened for reading only: nothing can be stored in it`,
      );
    const effect = await Effect.of(batch);
    // It may have been closed meanwhile.
    this.#requireOpen();
    try {
      await writer.commit(effect);
    } catch (error) {
      if (error instanceof StorageError && error.kind === 'fenced') this.#refusal ??= error;
      throw error;
    }
  }

  async readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
    this.#requireOpen();
    return this.#readOnly?.readQueue(queue, from, limit) ?? (await this.#read()).page(queue, from, limit);
  }

  async readRetained(topics: readonly TopicName[]): Promise<readonly Message[]> {
    this.#requireOpen();
    return this.#readOnly?.readRetained(topics) ?? (await this.#read()).retained(topics);
  }

  async snapshot(): Promise<StorageSnapshot> {
    this.#requireOpen();
    for (const moment of this.#moments) if (moment.isOver) this.#moments.delete(moment);
    return this.#moment();
  }

  async close(): Promise<void> {
    this.#refusal = this.#notOpen('it was closed');
    const { connection } = (await this.#reader?.catch(() => undefined)) ?? {};
    await Promise.all([
      this.#writer?.close(),
      this.#readOnly?.close(),
      connection?.end(),
      ...[...this.#moments].map((moment) => this.#end(moment)),
    ]);
    this.#writer = this.#readOnly = this.#reader = undefined;
  }

  /** The connection for reads, made again after it was lost. */
  async #read(): Promise<Reader> {
    const current = this.#reader;
    const known = await current?.catch(() => undefined);
    if (known?.connection.isOver === false) return known;
    // Unless another read has begun to make it.
    if (this.#reader === current || this.#reader === undefined) this.#reader = this.#newReader();
    return this.#reader;
  }

  async #newReader(): Promise<Reader> {
    const connection = await Connection.open(this.#server, 'hexmq reader');
    await connection.run(BY_KEY);
    if (this.#refusal !== undefined) {
      connection.destroy();
      throw this.#refusal;
    }
    return new Reader(connection, this.#schema.id, this.#server.timeoutMs);
  }

  async #moment(): Promise<Moment> {
    const moment = await Moment.of(this.#server, this.#schema);
    if (moment === undefined)
      throw new StorageError('corrupt', `the tables in ${this.#server.place} are gone: restore a backup`);
    this.#moments.add(moment);
    return moment;
  }

  async #end(moment: Moment): Promise<void> {
    this.#moments.delete(moment);
    await moment.close();
  }

  #requireOpen(): void {
    if (this.#refusal !== undefined) throw this.#refusal;
  }

  #notOpen(why: string): StorageError {
    return new StorageError('fenced', `${this.#server.place} is not open: ${why}`);
  }
}

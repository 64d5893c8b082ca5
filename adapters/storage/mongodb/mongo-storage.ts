// Storage in MongoDB, or in a server that speaks its protocol: for a broker whose data has to outlive its machine. This
// file decides in which order things happen and what follows a failure; `journal.ts` has the commit and the fence,
// `checkpointer.ts` how the journal is applied to the collections, `collections.ts` what those hold.
//
// - A commit is one inserted document (for a larger batch the last of several). Nothing needs a transaction, so every
//   topology will do.
// - Reads look at the collections only, so they first wait until every change to their queue or topic has been applied.
// - After a commit that failed, whether it was carried out is unknown. It keeps its numbers, and before anything else
//   is committed it is sent again under them: if it was carried out it is recognised, otherwise it is carried out now.
import type { MongoClient } from 'mongodb';
import type {
  Change,
  Durability,
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
import { StorageLifecycle } from '../lifecycle/storage-lifecycle.js';
import { encodeBatch } from './batch-bytes.js';
import { ChangedNames, namesChangedBy, queueName, topicName } from './changed-names.js';
import { Checkpointer } from './checkpointer.js';
import { LOAD_REQUEST_MS_MAX, clientFor } from './client.js';
import { FORMAT_VERSION, collectionsOf, createIndexes } from './collections.js';
import { Documents } from './documents.js';
import { storageError } from './errors.js';
import { facts } from './facts.js';
import { formatOf, writeFormat } from './format.js';
import { Journal } from './journal.js';
import { LiveSnapshot, dropCopies } from './live-snapshot.js';
import type { JournalBatch } from './journal.js';
import { readPage, readRetained } from './pages.js';
import { ReadWriteLock } from './read-write-lock.js';
import { Snapshot } from './snapshot.js';
import { Writer } from './writer.js';

/**
 * Enough that one round trip serves many clients; a batch of that many small messages is well below the size limit of a
 * document.
 */
const PREFERRED_BATCH_CHANGES = 4096;

export interface MongoStorageOptions {
  readonly url: string;
  readonly database: string;
}

/** Limits that tests lower, to reach what otherwise happens only in large stores. */
export interface MongoStorageLimits {
  readonly partBytesMax?: number;
  readonly waitingBytesMax?: number;
  readonly waitingBatchesMax?: number;
  readonly heldBytesMax?: number;
}

/** What a store that is open for writing needs. */
interface Opened {
  readonly documents: Documents;
  readonly journal: Journal;
  readonly checkpointer: Checkpointer;
}

export class MongoStorage implements Storage {
  readonly traits: StorageTraits = { durable: true, fencing: true, preferredBatchChanges: PREFERRED_BATCH_CHANGES };
  readonly #client: MongoClient;
  readonly #makeLoader: () => MongoClient;
  readonly #database: string;
  readonly #limits: MongoStorageLimits;
  /** The server and the database, without credentials. */
  readonly #place: string;
  readonly #lifecycle: StorageLifecycle;
  readonly #lock = new ReadWriteLock();
  readonly #changedNames = new ChangedNames();
  #opened: Opened | undefined;
  /** The last one that was made, or is being made; it may be closed. */
  #liveSnapshot: Promise<LiveSnapshot> | undefined;
  /** Set while the store is open read-only, with the client that it reads through. */
  #readOnly: { readonly snapshot: Snapshot; readonly client: MongoClient } | undefined;
  /** A batch whose commit failed: it may or may not have been carried out. */
  #inDoubt: { readonly batch: JournalBatch; readonly names: ReadonlySet<string> } | undefined;

  /**
   * @param makeClient for tests in which a server fails.
   * @throws Error if the URL is not a connection string.
   */
  constructor({ url, database }: MongoStorageOptions, makeClient = clientFor, limits: MongoStorageLimits = {}) {
    this.#client = makeClient(url);
    this.#makeLoader = () => makeClient(url, LOAD_REQUEST_MS_MAX);
    this.#database = database;
    this.#limits = limits;
    this.#place = `${this.#client.options.srvHost ?? this.#client.options.hosts.map(String).join(',')}/${database}`;
    this.#lifecycle = new StorageLifecycle(`the database ${this.#place}`);
  }

  async open(): Promise<void> {
    const place = this.#place;
    const { subject } = this.#lifecycle;
    try {
      await this.#client.connect();
      const db = this.#client.db(this.#database);
      const collections = collectionsOf(db);
      if ((await formatOf(db, collections, place)) !== FORMAT_VERSION) await writeFormat(collections);
      await createIndexes(collections);
      const writer = await Writer.begin(collections);
      await dropCopies(db);
      const journal = new Journal(collections.journal, writer.epoch, subject, this.#limits.partBytesMax);
      await journal.claim(writer.before.checkpoint);
      const parts = { collections, journal, writer, lock: this.#lock, place, subject };
      const checkpointer = new Checkpointer({ ...parts, ...this.#limits });
      this.#opened = { documents: new Documents(collections), journal, checkpointer };
      await checkpointer.recover();
    } catch (error) {
      await this.#client.close().catch(() => undefined);
      throw storageError(error, place);
    }
    this.#lifecycle.opened();
  }

  /** Reads through a client that leaves time for the large requests of reading a whole store. */
  async openReadOnly(): Promise<boolean> {
    const client = this.#makeLoader();
    try {
      await client.connect();
      const db = client.db(this.#database);
      const collections = collectionsOf(db);
      if ((await formatOf(db, collections, this.#place)) === undefined) {
        await client.close();
        return false;
      }
      this.#readOnly = { snapshot: await Snapshot.take(collections, this.#lifecycle.subject), client };
    } catch (error) {
      await client.close().catch(() => undefined);
      throw storageError(error, this.#place);
    }
    this.#lifecycle.openedReadOnly();
    return true;
  }

  async *load(): AsyncGenerator<RestoredFact> {
    this.#lifecycle.requireOpen();
    const loader = this.#lifecycle.isOpenReadOnly ? undefined : this.#makeLoader();
    try {
      if (loader === undefined) yield* this.#snapshot.facts();
      else {
        const documents = new Documents(collectionsOf(loader.db(this.#database)));
        yield* facts(documents, this.#writable.checkpointer.lastMessageId);
      }
    } catch (error) {
      throw storageError(error, this.#place);
    } finally {
      await loader?.close();
    }
  }

  async commit(batch: readonly Change[], durability: Durability = 'flushed'): Promise<void> {
    this.#lifecycle.requireWritable();
    const { journal, checkpointer } = this.#writable;
    try {
      const bytes = await encodeBatch(batch);
      await checkpointer.waitForRoom();
      const before = this.#inDoubt;
      if (before !== undefined) {
        await journal.append(before.batch);
        this.#committed(before.batch, before.names);
        if (Buffer.compare(before.batch.bytes, bytes) === 0) return;
      }
      const next = { batch: journal.batchOf(bytes), names: namesChangedBy(batch) };
      this.#inDoubt = next;
      await journal.append(next.batch, durability);
      this.#committed(next.batch, next.names);
    } catch (error) {
      throw storageError(error, this.#place);
    }
  }

  readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
    return this.#read([queueName(queue)], (documents) => readPage(documents, queue, from, limit));
  }

  readRetained(topics: readonly TopicName[]): Promise<readonly Message[]> {
    return this.#read(topics.map(topicName), (documents) => readRetained(documents, topics));
  }

  async snapshot(): Promise<StorageSnapshot> {
    this.#lifecycle.requireWritable();
    const { checkpointer, journal } = this.#writable;
    this.#liveSnapshot = LiveSnapshot.take({
      client: this.#makeLoader(),
      database: this.#database,
      checkpointer,
      epoch: journal.epoch,
      committed: () => journal.next - 1,
      refusal: () => this.#lifecycle.writeRefusal(),
      place: this.#place,
      subject: this.#lifecycle.subject,
    });
    return this.#liveSnapshot;
  }

  async close(): Promise<void> {
    this.#lifecycle.closed();
    await this.#liveSnapshot?.then((snapshot) => snapshot.close()).catch(() => undefined);
    await this.#opened?.checkpointer.stop();
    try {
      await this.#client.close();
      await this.#readOnly?.client.close();
    } catch (error) {
      throw storageError(error, this.#place);
    }
  }

  async #read<Result>(names: readonly string[], read: (documents: Documents) => Promise<Result>): Promise<Result> {
    this.#lifecycle.requireOpen();
    try {
      if (this.#lifecycle.isOpenReadOnly) return await this.#snapshot.read(read);
      const { documents, checkpointer } = this.#writable;
      await this.#settleInDoubt();
      await checkpointer.waitFor(this.#changedNames.lastChange(names));
      return await this.#lock.read(() => read(documents));
    } catch (error) {
      throw storageError(error, this.#place);
    }
  }

  /** A commit that failed and was carried out all the same has to be read. */
  async #settleInDoubt(): Promise<void> {
    const inDoubt = this.#inDoubt;
    if (inDoubt === undefined) return;
    if (await this.#writable.journal.has(inDoubt.batch)) this.#committed(inDoubt.batch, inDoubt.names);
  }

  #committed(batch: JournalBatch, names: ReadonlySet<string>): void {
    // A read has settled it already.
    if (this.#inDoubt?.batch !== batch) return;
    this.#inDoubt = undefined;
    const { checkpointer } = this.#writable;
    this.#changedNames.add(names, batch.last, checkpointer.checkpoint);
    checkpointer.add(batch);
  }

  get #snapshot(): Snapshot {
    if (this.#readOnly === undefined) throw new Error('the store was never opened for reading only');
    return this.#readOnly.snapshot;
  }

  get #writable(): Opened {
    if (this.#opened === undefined) throw new Error('the store was never opened for writing');
    return this.#opened;
  }
}

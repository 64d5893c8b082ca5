// Storage in MongoDB, or what speaks its protocol: for a broker whose data has to outlive its machine. It decides in which order things happen, and what
// becomes of a failure; `journal.ts` has the commit and the fence, `folder.ts` how the journal gets into the collections, `collections.ts` what those hold.
//
// - A commit is one inserted document (a larger batch: the last of several). Nothing needs a transaction, so any topology will do.
// - Reads look at the collections only, so they first wait until what was committed about their queue or topic is there.
// - After a commit that failed nobody knows whether it was carried out. It keeps its numbers, and before anything else is committed it is sent again under
//   them: what was carried out is recognised, and what was not is now.
import { MongoClient } from 'mongodb';
import type { MongoClientOptions } from 'mongodb';
import { StorageError } from 'hexmq/ports';
import type {
  Change,
  Durability,
  Message,
  PageLimit,
  QueueId,
  RestoredFact,
  Seq,
  Storage,
  StorageTraits,
  StoredEntry,
  TopicName,
} from 'hexmq/ports';
import { encodeBatch } from './batch-bytes.js';
import { FORMAT_VERSION, collectionsOf, makeIndexes } from './collections.js';
import type { Collections, FormatDocument } from './collections.js';
import { Documents } from './documents.js';
import { isDuplicateKey, storageError } from './errors.js';
import { Folder } from './folder.js';
import { FLUSHED, Journal } from './journal.js';
import type { JournalBatch } from './journal.js';
import { facts, page, retainedMessages } from './reading.js';
import { Snapshot } from './snapshot.js';
import { Turnstile } from './turnstile.js';
import { Writer } from './writer.js';

/** Enough that a round trip serves many clients; a batch of that many small messages is well below what a document may hold. */
const PREFERRED_BATCH_CHANGES = 4096;
/** Queues and topics of which it is remembered when they were last changed, before those that are folded are forgotten. */
const TOUCHED_MAX = 50_000;

/** A server that greets and does not answer: whoever waits for it is told at last. Longer than what a write concern waits. */
const REQUEST_MS_MAX = 15_000;
/** The bounds of all queues are one request, which takes its time where much waits. */
const LOAD_REQUEST_MS_MAX = 10 * 60_000;

const CLIENT_OPTIONS: MongoClientOptions = {
  appName: 'hexmq',
  /** How long to look for a server that can be written to. */
  serverSelectionTimeoutMS: 5_000,
  connectTimeoutMS: 5_000,
  /** A server that is not heard for the time of a connect has its requests given up: so a partition is noticed in seconds, not by the next line. */
  heartbeatFrequencyMS: 2_000,
  maxPoolSize: 16,
  waitQueueTimeoutMS: 10_000,
  writeConcern: FLUSHED,
  readPreference: 'primary',
  /** What is sent again, and how what has been carried out is recognised, is this adapter's affair: not every server can do it. */
  retryWrites: false,
  retryReads: false,
  promoteBuffers: true,
  ignoreUndefined: true,
};

export interface MongoStorageOptions {
  readonly url: string;
  readonly database: string;
}

/** For tests of what happens where much is kept. */
export interface MongoStorageLimits {
  readonly partBytesMax?: number;
  readonly waitingBytesMax?: number;
  readonly waitingBatchesMax?: number;
}

export const clientFor = (url: string, requestMsMax = REQUEST_MS_MAX): MongoClient =>
  new MongoClient(url, { ...CLIENT_OPTIONS, socketTimeoutMS: requestMsMax });

/** To be written. */
interface Opened {
  readonly documents: Documents;
  readonly journal: Journal;
  readonly folder: Folder;
}

export class MongoStorage implements Storage {
  readonly traits: StorageTraits = { durable: true, fencing: true, preferredBatchChanges: PREFERRED_BATCH_CHANGES };
  readonly #client: MongoClient;
  readonly #makeLoader: () => MongoClient;
  readonly #database: string;
  readonly #limits: MongoStorageLimits;
  /** The server and the database, as they may be shown. */
  readonly #place: string;
  readonly #turnstile = new Turnstile();
  #opened: Opened | undefined;
  /** Opened to be read and nothing else. */
  #snapshot: Snapshot | undefined;
  /** Where the snapshot is read from. */
  #reader: MongoClient | undefined;
  #state: 'new' | 'open' | 'closed' = 'new';
  /** A batch of which nobody knows whether it was committed. */
  #uncertain: { readonly batch: JournalBatch; readonly touched: ReadonlySet<string> } | undefined;
  /** When a queue or topic was last changed, as a number of the journal. */
  readonly #touched = new Map<string, number>();

  /** @param makeClient for tests in which a server fails. @throws when the URL is none. */
  constructor({ url, database }: MongoStorageOptions, makeClient = clientFor, limits: MongoStorageLimits = {}) {
    this.#client = makeClient(url);
    this.#makeLoader = () => makeClient(url, LOAD_REQUEST_MS_MAX);
    this.#database = database;
    this.#limits = limits;
    this.#place = `${this.#client.options.srvHost ?? this.#client.options.hosts.map(String).join(',')}/${database}`;
  }

  async open(): Promise<void> {
    try {
      await this.#client.connect();
      const collections = collectionsOf(this.#client.db(this.#database));
      if (!(await this.#isOurFormat(this.#client, collections))) await makeFormat(collections);
      await makeIndexes(collections);
      const writer = await Writer.begin(collections);
      const journal = new Journal(collections.journal, writer.epoch, this.#limits.partBytesMax);
      await journal.claim(writer.before.checkpoint);
      const folder = new Folder({
        collections,
        journal,
        writer,
        turnstile: this.#turnstile,
        place: this.#place,
        ...this.#limits,
      });
      this.#opened = { documents: new Documents(collections), journal, folder };
      await folder.recover();
    } catch (error) {
      await this.#client.close().catch(() => undefined);
      throw storageError(error, this.#place);
    }
    this.#state = 'open';
  }

  /** With time for the large requests that looking at a whole store makes. */
  async openReadOnly(): Promise<boolean> {
    const reader = this.#makeLoader();
    try {
      await reader.connect();
      const collections = collectionsOf(reader.db(this.#database));
      if (!(await this.#isOurFormat(reader, collections))) {
        await reader.close();
        return false;
      }
      this.#snapshot = await Snapshot.take(collections);
    } catch (error) {
      await reader.close().catch(() => undefined);
      throw storageError(error, this.#place);
    }
    this.#reader = reader;
    this.#state = 'open';
    return true;
  }

  async *load(): AsyncGenerator<RestoredFact> {
    const snapshot = this.#openSnapshot();
    const opened = snapshot === undefined ? this.#open() : undefined;
    const loader = opened === undefined ? undefined : this.#makeLoader();
    try {
      if (snapshot !== undefined) yield* snapshot.facts();
      if (opened !== undefined && loader !== undefined)
        yield* facts(new Documents(collectionsOf(loader.db(this.#database))), opened.folder.lastMessageId);
    } catch (error) {
      throw storageError(error, this.#place);
    } finally {
      await loader?.close();
    }
  }

  async commit(batch: readonly Change[], durability: Durability = 'flushed'): Promise<void> {
    const { journal, folder } = this.#open();
    try {
      const bytes = await encodeBatch(batch);
      await folder.room();
      const before = this.#uncertain;
      if (before !== undefined) {
        await journal.append(before.batch);
        this.#committed(before.batch, before.touched);
        if (Buffer.compare(before.batch.bytes, bytes) === 0) return;
      }
      const next = { batch: journal.batchOf(bytes), touched: touchedBy(batch) };
      this.#uncertain = next;
      await journal.append(next.batch, durability);
      this.#committed(next.batch, next.touched);
    } catch (error) {
      throw storageError(error, this.#place);
    }
  }

  readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
    return this.#read([queueName(queue)], (documents) => page(documents, queue, from, limit));
  }

  readRetained(topics: readonly TopicName[]): Promise<readonly Message[]> {
    return this.#read(topics.map(topicName), (documents) => retainedMessages(documents, topics));
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    await this.#opened?.folder.stop();
    try {
      await this.#client.close();
      await this.#reader?.close();
    } catch (error) {
      throw storageError(error, this.#place);
    }
  }

  async #read<Result>(names: readonly string[], read: (documents: Documents) => Promise<Result>): Promise<Result> {
    const snapshot = this.#openSnapshot();
    try {
      if (snapshot !== undefined) return await snapshot.read(read);
      const opened = this.#open();
      await this.#resolveUncertain(opened);
      const number = names.reduce((latest, name) => Math.max(latest, this.#touched.get(name) ?? 0), 0);
      await opened.folder.folded(number);
      return await this.#turnstile.read(() => read(opened.documents));
    } catch (error) {
      throw storageError(error, this.#place);
    }
  }

  /** A batch that failed and was carried out all the same can be read. */
  async #resolveUncertain({ journal }: Opened): Promise<void> {
    const uncertain = this.#uncertain;
    if (uncertain === undefined) return;
    if (await journal.has(uncertain.batch)) this.#committed(uncertain.batch, uncertain.touched);
  }

  #committed(batch: JournalBatch, touched: ReadonlySet<string>): void {
    // Found out already, by a read.
    if (this.#uncertain?.batch !== batch) return;
    this.#uncertain = undefined;
    const { folder } = this.#open();
    if (this.#touched.size > TOUCHED_MAX)
      for (const [name, number] of this.#touched) if (number <= folder.checkpoint) this.#touched.delete(name);
    for (const name of touched) this.#touched.set(name, batch.last);
    folder.add(batch);
  }

  /**
   * What others have stored is left alone: their collections may well have the names of ours. The format is what a first start writes first.
   * @returns false when there is nothing in the database. @throws StorageError when there is, and it is not what this version knows how to read.
   */
  async #isOurFormat(client: MongoClient, { meta }: Collections): Promise<boolean> {
    const format = async (): Promise<FormatDocument | null> =>
      (await meta.findOne({ _id: 'format' })) as FormatDocument | null;
    let found = await format();
    if (found === null) {
      const names = await client.db(this.#database).listCollections({}, { nameOnly: true }).toArray();
      const isOthers =
        names.some(({ name }) => name !== 'meta' && !name.startsWith('system.')) || (await meta.findOne({})) !== null;
      // Another first start may have been faster.
      found = await format();
      if (found === null && isOthers) throw this.#foreign();
      if (found === null) return false;
    }
    if (typeof found.version !== 'number') throw this.#foreign();
    if (found.version > FORMAT_VERSION) {
      throw new StorageError(
        'corrupt',
        `the data in MongoDB at ${this.#place} was written by a newer hexmq (format ${String(found.version)}, this one knows up to ${String(FORMAT_VERSION)}): use that version or a later one`,
      );
    }
    return true;
  }

  #foreign(): StorageError {
    return new StorageError(
      'corrupt',
      `the database ${this.#place} has something in it that is not of hexmq: choose another one`,
    );
  }

  #openSnapshot(): Snapshot | undefined {
    return this.#state === 'open' ? this.#snapshot : undefined;
  }

  #open(): Opened {
    if (this.#openSnapshot() !== undefined)
      throw new StorageError('fenced', `the database ${this.#place} was opened to be read, not to be written`);
    if (this.#opened === undefined || this.#state !== 'open') {
      throw new StorageError(
        'fenced',
        `the database ${this.#place} is not open: ${this.#state === 'closed' ? 'it was closed' : 'open it first'}`,
      );
    }
    return this.#opened;
  }
}

async function makeFormat({ meta }: Collections): Promise<void> {
  try {
    await meta.insertOne({ _id: 'format', version: FORMAT_VERSION });
  } catch (error) {
    // Another start was faster.
    if (!isDuplicateKey(error)) throw error;
  }
}

const queueName = (queue: QueueId): string => `q${queue}`;
const topicName = (topic: TopicName): string => `t${topic}`;

/** The queues and topics that a batch changes. */
function touchedBy(batch: readonly Change[]): ReadonlySet<string> {
  const touched = new Set<string>();
  for (const change of batch) {
    if ('queue' in change) touched.add(queueName(change.queue));
    else if (change.kind === 'retained.put') touched.add(topicName(change.message.topic));
    else if (change.kind === 'retained.drop') touched.add(topicName(change.topic));
  }
  return touched;
}

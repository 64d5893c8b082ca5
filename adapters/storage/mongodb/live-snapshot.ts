// A store at one moment while it is written to. No feature of the server gives that on every topology, so the moment is
// made: every collection is copied, page by page, while the checkpointer goes on and the journal is kept; then what the
// journal has since the beginning is applied to the copy, up to its last number when the copying ended. That is right
// for the same reason as a checkpoint that a crash cut off: applying a run of batches to documents that have part of it
// already, or all of it, has the same result.
//
// - A copy takes space on the server, and of this process a request and a round of the journal.
// - Another broker that opens the store removes copies that it finds. So after each read the copy is checked to be
//   still this broker's, and while it was made, that no other broker had begun to write.
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
import type { Db, Document, MongoClient, OptionalUnlessRequiredId } from 'mongodb';
import { openedByAnother } from '../lifecycle/storage-lifecycle.js';
import { decodeBatch } from './batch-bytes.js';
import { CheckpointPlan } from './checkpoint-plan.js';
import { CheckpointWrites } from './checkpoint-writes.js';
import type { Checkpointer } from './checkpointer.js';
import { collectionsOf, createIndexes } from './collections.js';
import type { Collections, DataCollection, WriterDocument } from './collections.js';
import { Documents, PRESENT } from './documents.js';
import { storageError } from './errors.js';
import { facts } from './facts.js';
import { Journal } from './journal.js';
import type { JournalBatch } from './journal.js';
import { readPage, readRetained } from './pages.js';

/** Copies are collections whose names begin with this, the epoch, and the number of the snapshot. */
const PREFIX = 'snapshot_';
/** Limits of a page of the copy, and of a round of the journal. */
const PAGE_DOCUMENTS = 1000;
const PAGE_BYTES = 4 * 1024 * 1024;
const ROUND_BATCHES = 64;
/** The size of a document without its payload, roughly. */
const DOCUMENT_BYTES = 512;

const COPIED: readonly DataCollection[] = [
  'sessions',
  'subscriptions',
  'inbound',
  'wills',
  'retained',
  'queues',
  'messages',
];

export interface LiveSnapshotParts {
  /** Of this snapshot alone. It is closed with it. */
  readonly client: MongoClient;
  readonly database: string;
  readonly checkpointer: Checkpointer;
  readonly epoch: number;
  /** The last number of the journal that was committed. */
  readonly committed: () => number;
  /** Why the storage cannot be read any more, if it cannot. */
  readonly refusal: () => StorageError | undefined;
  /** The server and the database, and the store, for error messages. */
  readonly place: string;
  readonly subject: string;
}

let lastNumber = 0;

export class LiveSnapshot implements StorageSnapshot {
  readonly #parts: LiveSnapshotParts;
  readonly #db: Db;
  readonly #store: Collections;
  readonly #copy: Collections;
  readonly #documents: Documents;
  #lastMessageId = -1;
  #closed: Promise<void> | undefined;

  private constructor(parts: LiveSnapshotParts) {
    this.#parts = parts;
    this.#db = parts.client.db(parts.database);
    this.#store = collectionsOf(this.#db);
    this.#copy = collectionsOf(this.#db, `${PREFIX}${String(parts.epoch)}_${String(++lastNumber)}_`);
    this.#documents = new Documents(this.#copy);
  }

  /** @throws StorageError */
  static async take(parts: LiveSnapshotParts): Promise<LiveSnapshot> {
    const snapshot = new LiveSnapshot(parts);
    try {
      await parts.client.connect();
      await snapshot.#make();
      return snapshot;
    } catch (error) {
      await snapshot.close().catch(() => undefined);
      throw parts.refusal() ?? storageError(error, parts.place);
    }
  }

  async *load(): AsyncGenerator<RestoredFact> {
    try {
      this.#requireOpen();
      for await (const fact of facts(this.#documents, this.#lastMessageId)) {
        yield fact;
        this.#requireOpen();
      }
      await this.#requireOwn();
    } catch (error) {
      throw this.#errorOf(error);
    }
  }

  readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
    return this.#read(() => readPage(this.#documents, queue, from, limit));
  }

  readRetained(topics: readonly TopicName[]): Promise<readonly Message[]> {
    return this.#read(() => readRetained(this.#documents, topics));
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    const { checkpointer, client } = this.#parts;
    try {
      // A failure leaves documents behind that the next round or the next opening removes.
      await checkpointer.letGo().catch(() => undefined);
      for (const name of COPIED) await this.#db.dropCollection(this.#copy[name].collectionName).catch(() => undefined);
    } finally {
      await client.close();
    }
  }

  async #make(): Promise<void> {
    const { checkpointer, committed } = this.#parts;
    await dropCopies(this.#db);
    await createIndexes(this.#copy);
    // What is copied is then not far behind the journal.
    await checkpointer.waitFor(committed());
    const from = checkpointer.hold();
    for (const name of COPIED) await this.#copyAll(name);
    const last = committed();
    this.#lastMessageId = checkpointer.lastMessageId;
    await this.#requireOwn();
    await this.#apply(from, last);
    await checkpointer.letGo();
  }

  /** In the order of `_id`, which no write changes, so that no document is passed over. */
  async #copyAll(name: DataCollection): Promise<void> {
    const store = this.#store[name] as unknown as Collections['messages'];
    const copy = this.#copy[name] as unknown as Collections['messages'];
    for (let after: string | undefined = undefined; ;) {
      const range: Document = after === undefined ? PRESENT : { ...PRESENT, _id: { $gt: after } };
      const page: OptionalUnlessRequiredId<Document & { _id: string }>[] = [];
      let bytes = 0;
      for await (const document of store.find(range, { sort: { _id: 1 }, limit: PAGE_DOCUMENTS, batchSize: 100 })) {
        page.push(document);
        bytes += DOCUMENT_BYTES + payloadBytesOf(document);
        if (bytes >= PAGE_BYTES) break;
      }
      const last = page.at(-1);
      if (last === undefined) return;
      after = last._id;
      await copy.insertMany(page as unknown as Parameters<typeof copy.insertMany>[0], { ordered: false });
      this.#requireHeld();
    }
  }

  async #apply(from: number, last: number): Promise<void> {
    const { subject, epoch } = this.#parts;
    let round: JournalBatch[] = [];
    let bytes = 0;
    for await (const batch of new Journal(this.#store.journal, epoch, subject).batches(from)) {
      if (batch.last > last) break;
      round.push(batch);
      bytes += batch.bytes.byteLength;
      if (round.length < ROUND_BATCHES && bytes < PAGE_BYTES) continue;
      await this.#applyRound(round);
      round = [];
      bytes = 0;
    }
    if (round.length > 0) await this.#applyRound(round);
    // Otherwise the end of the journal may have been removed before it was read.
    this.#requireHeld();
  }

  async #applyRound(round: readonly JournalBatch[]): Promise<void> {
    const plan = new CheckpointPlan();
    for (const { last, bytes } of round) plan.add(last, await decodeBatch(bytes));
    await new CheckpointWrites(this.#copy, round.at(-1)?.last ?? 0, false).carryOut(plan);
    this.#lastMessageId = Math.max(this.#lastMessageId, plan.lastMessageId);
    this.#requireHeld();
  }

  async #read<Result>(read: () => Promise<Result>): Promise<Result> {
    try {
      this.#requireOpen();
      const result = await read();
      await this.#requireOwn();
      return result;
    } catch (error) {
      throw this.#errorOf(error);
    }
  }

  /** @throws StorageError `fenced` if another broker has opened the store, which removes copies. */
  async #requireOwn(): Promise<void> {
    const writer = (await this.#store.meta.findOne({ _id: 'writer' })) as WriterDocument | null;
    if (writer?.epoch !== this.#parts.epoch) throw openedByAnother(this.#parts.subject);
    this.#requireOpen();
  }

  #requireOpen(): void {
    const refused = this.#refusal();
    if (refused !== undefined) throw refused;
  }

  #requireHeld(): void {
    this.#requireOpen();
    if (this.#parts.checkpointer.isHolding) return;
    throw new StorageError(
      'unavailable',
      `${this.#parts.subject} changes faster than a snapshot of it can be made: try again when less is published`,
    );
  }

  #refusal(): StorageError | undefined {
    const { refusal, subject } = this.#parts;
    return (
      refusal() ??
      (this.#closed === undefined ? undefined : new StorageError('fenced', `the snapshot of ${subject} was closed`))
    );
  }

  /** What follows from the end of the snapshot is reported as its end. */
  #errorOf(error: unknown): unknown {
    return this.#refusal() ?? storageError(error, this.#parts.place);
  }
}

/** Removes what snapshots of a broker that was killed have left. */
export async function dropCopies(db: Db): Promise<void> {
  for (const { name } of await db.listCollections({}, { nameOnly: true }).toArray())
    if (name.startsWith(PREFIX)) await db.dropCollection(name);
}

function payloadBytesOf(document: Document): number {
  const { payload, message } = document as { payload?: Uint8Array; message?: { payload?: Uint8Array } };
  return (payload?.byteLength ?? 0) + (message?.payload?.byteLength ?? 0);
}

// Carries out a plan on the collections. Every write says up to which journal number it knows (`through`) and leaves
// alone what is newer. Each of them may be sent twice, and so may all of them together.
//
// While a write that was given up on may still arrive (`checkpointer.ts`), documents are marked as gone instead of
// being removed, so that a late insert or replacement finds something newer. Names that the run itself put and removed
// are marked too: nothing else shows that they ever existed.
import type { AnyBulkWriteOperation, Collection, Filter, UpdateFilter } from 'mongodb';
import type { CheckpointPlan } from './checkpoint-plan.js';
import type { Collections, DataCollection, EntryDocument } from './collections.js';
import { duplicatesIn } from './errors.js';

/** Documents in one request, and their bytes: a request may have 48 MB. */
const REQUEST_DOCUMENTS_MAX = 1000;
const REQUEST_BYTES_MAX = 8 * 1024 * 1024;
/** The size of a document without its payload, roughly. */
const DOCUMENT_BYTES = 512;

/** What the documents of all data collections have in common, as far as it matters here. */
interface DataDocument {
  readonly _id: string;
  readonly n: number;
  readonly gone?: true;
  readonly queue?: string;
  readonly client?: string;
  readonly seq?: number;
  readonly released?: boolean;
}

type AnyDataCollection = Collection<DataDocument>;

const ORDER: readonly DataCollection[] = [
  'messages',
  'sessions',
  'subscriptions',
  'inbound',
  'wills',
  'retained',
  'queues',
];

export class CheckpointWrites {
  /**
   * @param through the last journal number of the run.
   * @param marksRemovals whether to mark documents as gone instead of removing them.
   */
  constructor(
    readonly collections: Collections,
    readonly through: number,
    readonly marksRemovals: boolean,
  ) {}

  async carryOut(plan: CheckpointPlan): Promise<void> {
    await this.#removeRanges(plan);
    await this.#release(plan.releases);
    for (const name of ORDER) {
      const documents: DataDocument[] = [];
      const absent: string[] = [];
      for (const [id, document] of plan.puts[name]) {
        if (document === undefined) absent.push(id);
        else documents.push(document);
      }
      const collection = this.#collection(name);
      for (const ids of requestsOf(absent, () => 1)) await this.#removeByName(collection, ids);
      for (const part of requestsOf(documents, bytesOf)) await this.#put(collection, part);
    }
  }

  async #removeRanges({ droppedQueues, trims, droppedClients }: CheckpointPlan): Promise<void> {
    const ofQueues: Filter<DataDocument>[] = [];
    for (const queue of requestsOf([...droppedQueues], () => 1)) ofQueues.push({ queue: { $in: queue } });
    for (const [queue, through] of trims) ofQueues.push({ queue, seq: { $lte: through } });
    await this.#removeMatching(this.#collection('queues'), ofQueues);
    const ofClients: Filter<DataDocument>[] = requestsOf([...droppedClients], () => 1).map((client) => ({
      client: { $in: client },
    }));
    await this.#removeMatching(this.#collection('subscriptions'), ofClients);
    await this.#removeMatching(this.#collection('inbound'), ofClients);
  }

  async #removeMatching(collection: AnyDataCollection, filters: readonly Filter<DataDocument>[]): Promise<void> {
    for (const part of requestsOf(filters, () => 1)) {
      const writes = part.map((filter): AnyBulkWriteOperation<DataDocument> => {
        const older = { ...filter, n: { $lte: this.through } };
        return this.marksRemovals
          ? { updateMany: { filter: { ...older, gone: { $ne: true } }, update: this.#mark() } }
          : { deleteMany: { filter: older } };
      });
      await collection.bulkWrite(writes, { ordered: false });
    }
  }

  async #release(releases: ReadonlyMap<string, number>): Promise<void> {
    const queues = this.collections.queues;
    for (const part of requestsOf([...releases], () => 1)) {
      await queues.bulkWrite(
        part.map(([_id, n]): AnyBulkWriteOperation<EntryDocument> => ({
          updateOne: {
            filter: { _id, n: { $lte: this.through }, gone: { $ne: true } },
            update: { $set: { n, released: true, bytes: 0 }, $unset: { 'message.payload': '' } },
          },
        })),
        { ordered: false },
      );
    }
  }

  async #removeByName(collection: AnyDataCollection, ids: readonly string[]): Promise<void> {
    const older = { n: { $lte: this.through } };
    if (!this.marksRemovals) {
      await collection.deleteMany({ _id: { $in: [...ids] }, ...older });
      return;
    }
    // In two steps: an upsert with a condition is answered differently by different servers.
    await collection.updateMany({ _id: { $in: [...ids] }, ...older }, this.#mark());
    try {
      await collection.insertMany(
        ids.map((_id) => ({ _id, n: this.through, gone: true })),
        { ordered: false },
      );
    } catch (error) {
      // Those that are there are marked already, or newer.
      duplicatesIn(error);
    }
  }

  /** Inserts, because most documents are new, and then looks at those that are there. */
  async #put(collection: AnyDataCollection, documents: readonly DataDocument[]): Promise<void> {
    let present: DataDocument[];
    try {
      await collection.insertMany(documents, { ordered: false });
      return;
    } catch (error) {
      present = duplicatesIn(error).map((index) => documents[index] as DataDocument);
    }
    const ids = present.map(({ _id }) => _id);
    const found = await collection.find({ _id: { $in: ids } }, { projection: { n: 1, gone: 1 } }).toArray();
    const versions = new Map(found.map(({ _id, n, gone }) => [_id, gone === true ? -1 : n]));
    const older = present.filter(({ _id, n }) => versions.get(_id) !== n);
    if (older.length === 0) return;
    await collection.bulkWrite(
      older.map((document): AnyBulkWriteOperation<DataDocument> => ({
        replaceOne: { filter: { _id: document._id, n: { $lte: this.through } }, replacement: document },
      })),
      { ordered: false },
    );
  }

  /** Keeps the name and the fields that a document is found by, and removes the content. */
  #mark(): UpdateFilter<DataDocument> {
    return { $set: { n: this.through, gone: true }, $unset: { message: '', shared: '', identifiers: '', payload: '' } };
  }

  #collection(name: DataCollection): AnyDataCollection {
    return this.collections[name] as unknown as AnyDataCollection;
  }
}

/** Cuts a list into parts that each fit into one request. */
function requestsOf<Item>(items: readonly Item[], weight: (item: Item) => number): Item[][] {
  const parts: Item[][] = [];
  let part: Item[] = [];
  let bytes = 0;
  for (const item of items) {
    bytes += weight(item);
    if (part.length >= REQUEST_DOCUMENTS_MAX || (bytes > REQUEST_BYTES_MAX && part.length > 0)) {
      parts.push(part);
      part = [];
      bytes = weight(item);
    }
    part.push(item);
  }
  if (part.length > 0) parts.push(part);
  return parts;
}

function bytesOf(document: DataDocument): number {
  const { payload, message } = document as { payload?: Uint8Array; message?: { payload?: Uint8Array } };
  return DOCUMENT_BYTES + (payload?.byteLength ?? 0) + (message?.payload?.byteLength ?? 0);
}

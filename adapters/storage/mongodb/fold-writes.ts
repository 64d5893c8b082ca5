// Carries out a plan on the collections. Every write says what it knows (`through`: the last journal number of the run) and leaves alone what is newer.
// Each may come twice, and all of them together may.
//
// Careful: while a write that was given up on may still arrive (see `folder.ts`), what is removed is not taken away but marked as gone, so that a late
// "put this" finds that there is something newer. Names that the run itself put and took back are marked too: nothing shows that they ever were.
import type { AnyBulkWriteOperation, Collection, Filter, UpdateFilter } from 'mongodb';
import type { Collections, EntryDocument, FoldedName } from './collections.js';
import { duplicatesIn } from './errors.js';
import type { FoldPlan } from './fold-plan.js';

/** Documents in one request, and their bytes: a request may have 48 MB. */
const LOT = 1000;
const LOT_BYTES = 8 * 1024 * 1024;
/** Of a document besides a payload. */
const DOCUMENT_BYTES = 512;

/** What all folded documents have, as far as it matters here. */
interface Folded {
  readonly _id: string;
  readonly n: number;
  readonly gone?: true;
  readonly queue?: string;
  readonly client?: string;
  readonly seq?: number;
  readonly released?: boolean;
}

type FoldedCollection = Collection<Folded>;

const ORDER: readonly FoldedName[] = [
  'messages',
  'sessions',
  'subscriptions',
  'inbound',
  'wills',
  'retained',
  'queues',
];

export class FoldWrites {
  constructor(
    readonly collections: Collections,
    readonly through: number,
    readonly isCareful: boolean,
  ) {}

  async carryOut(plan: FoldPlan): Promise<void> {
    await this.#removeRanges(plan);
    await this.#release(plan.releases);
    for (const name of ORDER) {
      const documents: Folded[] = [];
      const absent: string[] = [];
      for (const [id, document] of plan.puts[name]) {
        if (document === undefined) absent.push(id);
        else documents.push(document);
      }
      const collection = this.#folded(name);
      for (const ids of lotsOf(absent, () => 1)) await this.#removeByName(collection, ids);
      for (const lot of lotsOf(documents, bytesOf)) await this.#put(collection, lot);
    }
  }

  async #removeRanges({ droppedQueues, trims, droppedClients }: FoldPlan): Promise<void> {
    const ofQueues: Filter<Folded>[] = [];
    for (const queue of lotsOf([...droppedQueues], () => 1)) ofQueues.push({ queue: { $in: queue } });
    for (const [queue, through] of trims) ofQueues.push({ queue, seq: { $lte: through } });
    await this.#removeMatching(this.#folded('queues'), ofQueues);
    const ofClients: Filter<Folded>[] = lotsOf([...droppedClients], () => 1).map((client) => ({
      client: { $in: client },
    }));
    await this.#removeMatching(this.#folded('subscriptions'), ofClients);
    await this.#removeMatching(this.#folded('inbound'), ofClients);
  }

  async #removeMatching(collection: FoldedCollection, filters: readonly Filter<Folded>[]): Promise<void> {
    for (const lot of lotsOf(filters, () => 1)) {
      const writes = lot.map((filter): AnyBulkWriteOperation<Folded> => {
        const older = { ...filter, n: { $lte: this.through } };
        return this.isCareful
          ? { updateMany: { filter: { ...older, gone: { $ne: true } }, update: this.#mark() } }
          : { deleteMany: { filter: older } };
      });
      await collection.bulkWrite(writes, { ordered: false });
    }
  }

  async #release(releases: ReadonlyMap<string, number>): Promise<void> {
    const queues = this.collections.queues;
    for (const lot of lotsOf([...releases], () => 1)) {
      await queues.bulkWrite(
        lot.map(([_id, n]): AnyBulkWriteOperation<EntryDocument> => ({
          updateOne: {
            filter: { _id, n: { $lte: this.through }, gone: { $ne: true } },
            update: { $set: { n, released: true, bytes: 0 }, $unset: { 'message.payload': '' } },
          },
        })),
        { ordered: false },
      );
    }
  }

  async #removeByName(collection: FoldedCollection, ids: readonly string[]): Promise<void> {
    const older = { n: { $lte: this.through } };
    if (!this.isCareful) {
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
      // The others are marked, or newer.
      duplicatesIn(error);
    }
  }

  /** Most are new, so they are inserted; what is there already is looked at then. */
  async #put(collection: FoldedCollection, documents: readonly Folded[]): Promise<void> {
    let present: Folded[];
    try {
      await collection.insertMany(documents, { ordered: false });
      return;
    } catch (error) {
      present = duplicatesIn(error).map((index) => documents[index] as Folded);
    }
    const ids = present.map(({ _id }) => _id);
    const found = await collection.find({ _id: { $in: ids } }, { projection: { n: 1, gone: 1 } }).toArray();
    const versions = new Map(found.map(({ _id, n, gone }) => [_id, gone === true ? -1 : n]));
    const older = present.filter(({ _id, n }) => versions.get(_id) !== n);
    if (older.length === 0) return;
    await collection.bulkWrite(
      older.map((document): AnyBulkWriteOperation<Folded> => ({
        replaceOne: { filter: { _id: document._id, n: { $lte: this.through } }, replacement: document },
      })),
      { ordered: false },
    );
  }

  /** Keeps the name and what it is found by, and nothing of what it held. */
  #mark(): UpdateFilter<Folded> {
    return { $set: { n: this.through, gone: true }, $unset: { message: '', shared: '', identifiers: '', payload: '' } };
  }

  #folded(name: FoldedName): FoldedCollection {
    return this.collections[name] as unknown as FoldedCollection;
  }
}

/** Cuts a list so that no part is too large for one request. */
function lotsOf<Item>(items: readonly Item[], weight: (item: Item) => number): Item[][] {
  const lots: Item[][] = [];
  let lot: Item[] = [];
  let bytes = 0;
  for (const item of items) {
    bytes += weight(item);
    if (lot.length >= LOT || (bytes > LOT_BYTES && lot.length > 0)) {
      lots.push(lot);
      lot = [];
      bytes = weight(item);
    }
    lot.push(item);
  }
  if (lot.length > 0) lots.push(lot);
  return lots;
}

function bytesOf(document: Folded): number {
  const { payload, message } = document as { payload?: Uint8Array; message?: { payload?: Uint8Array } };
  return DOCUMENT_BYTES + (payload?.byteLength ?? 0) + (message?.payload?.byteLength ?? 0);
}

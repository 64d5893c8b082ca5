// The documents that count, as they stand in the collections: what reading asks for, and no more of MongoDB than that.
import type { Collection, Document, Sort } from 'mongodb';
import type {
  Collections,
  EntryDocument,
  FoldedName,
  InboundDocument,
  MessageDocument,
  RetainedDocument,
  SessionDocument,
  SubscriptionDocument,
  WillDocument,
} from './collections.js';

export const PRESENT = { gone: { $ne: true } } as const;
/** Entries that are fetched at once. */
const ENTRIES = 200;

/** What can be read whole, one after the other. */
export interface Listed {
  readonly sessions: SessionDocument;
  readonly subscriptions: SubscriptionDocument;
  readonly inbound: InboundDocument;
  readonly wills: WillDocument;
  readonly retained: RetainedDocument;
}

/** Of a queue that has entries. */
export interface QueueSummary {
  /** Of the name. */
  readonly _id: string;
  readonly queueId: string;
  readonly first: number;
  readonly last: number;
  readonly count: number;
  readonly bytes: number;
}

const SUMMARY = [
  { $match: PRESENT },
  {
    $group: {
      _id: '$queue',
      queueId: { $first: '$queueId' },
      first: { $min: '$seq' },
      last: { $max: '$seq' },
      count: { $sum: 1 },
      bytes: { $sum: '$bytes' },
    },
  },
];

export class Documents {
  constructor(readonly collections: Collections) {}

  all<Name extends keyof Listed>(name: Name, projection: Document = {}): AsyncIterable<Listed[Name]> {
    return this.find<Listed[Name]>(name, {}, projection);
  }

  summaries(): AsyncIterable<QueueSummary> {
    return this.collections.queues.aggregate<QueueSummary>(SUMMARY, { allowDiskUse: true });
  }

  /** In their order, as many as the caller may want; it may stop before. */
  entries(queue: string, from: number, count: number): AsyncIterable<EntryDocument> {
    return this.collections.queues.find(
      { queue, seq: { $gte: from }, ...PRESENT },
      { sort: { seq: 1 }, limit: count, batchSize: Math.min(count, ENTRIES) },
    );
  }

  async retained(keys: readonly string[]): Promise<ReadonlyMap<string, RetainedDocument>> {
    const found = await this.collections.retained.find({ _id: { $in: [...keys] }, ...PRESENT }).toArray();
    return new Map(found.map((document) => [document._id, document]));
  }

  messages(ids: readonly string[]): AsyncIterable<MessageDocument> {
    return this.collections.messages.find({ _id: { $in: [...ids] } });
  }

  async message(id: string): Promise<MessageDocument | undefined> {
    for await (const document of this.messages([id])) return document;
    return undefined;
  }

  protected find<Found>(
    name: FoldedName,
    filter: Document,
    projection: Document = {},
    sort: Sort = {},
  ): AsyncIterable<Found> {
    const collection = this.collections[name] as unknown as Collection;
    return collection.find({ ...filter, ...PRESENT }, { projection, sort }) as unknown as AsyncIterable<Found>;
  }
}

// The documents of the collections, as far as reading needs them. Documents marked as gone are left out.
import type { Collection, Document, Sort } from 'mongodb';
import type {
  Collections,
  EntryDocument,
  DataCollection,
  InboundDocument,
  MessageDocument,
  RetainedDocument,
  SessionDocument,
  SubscriptionDocument,
  WillDocument,
} from './collections.js';

export const PRESENT = { gone: { $ne: true } } as const;
/** Entries in one reply of the server. */
const REPLY_ENTRIES = 200;

/** The collections that are read as a whole. */
export interface Listed {
  readonly sessions: SessionDocument;
  readonly subscriptions: SubscriptionDocument;
  readonly inbound: InboundDocument;
  readonly wills: WillDocument;
  readonly retained: RetainedDocument;
}

/** The bounds of a queue that has entries. */
export interface QueueSummary {
  /** The key of the queue's name. */
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

  /** Up to `count` entries from a seq on, ascending. The caller may stop earlier. */
  entries(queue: string, from: number, count: number): AsyncIterable<EntryDocument> {
    return this.collections.queues.find(
      { queue, seq: { $gte: from }, ...PRESENT },
      { sort: { seq: 1 }, limit: count, batchSize: Math.min(count, REPLY_ENTRIES) },
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
    name: DataCollection,
    filter: Document,
    projection: Document = {},
    sort: Sort = {},
  ): AsyncIterable<Found> {
    const collection = this.collections[name] as unknown as Collection;
    return collection.find({ ...filter, ...PRESENT }, { projection, sort }) as unknown as AsyncIterable<Found>;
  }
}

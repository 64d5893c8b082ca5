// The documents as they will be when the tail of the journal has been applied, for a reader that may not apply it:
// those of the collections, without what a plan removes and with what it puts. The plan may have been carried out
// already, partly or fully: the result is the same.
import type { Document } from 'mongodb';
import type { CheckpointPlan } from './checkpoint-plan.js';
import type { Collections, DataCollection, EntryDocument, MessageDocument, RetainedDocument } from './collections.js';
import { Documents } from './documents.js';
import type { Listed, QueueSummary } from './documents.js';

/** Queues in one request. */
const REQUEST_QUEUES_MAX = 1000;

interface Stored {
  readonly _id: string;
  readonly queue?: string;
  readonly client?: string;
  readonly seq?: number;
}

export class DocumentsWithTail extends Documents {
  /** The queues that differ from what the collections have. */
  readonly #changed: ReadonlySet<string>;

  constructor(
    collections: Collections,
    readonly plan: CheckpointPlan,
  ) {
    super(collections);
    this.#changed = plan.changedQueues();
  }

  override async *all<Name extends keyof Listed>(name: Name, projection: Document = {}): AsyncGenerator<Listed[Name]> {
    for await (const document of super.all(name, projection)) if (this.#remains(name, document)) yield document;
    for (const document of this.plan.puts[name].values())
      if (document !== undefined) yield document as unknown as Listed[Name];
  }

  override async *summaries(): AsyncGenerator<QueueSummary> {
    for await (const summary of super.summaries()) if (!this.#changed.has(summary._id)) yield summary;
    const changed = [...this.#changed];
    for (let from = 0; from < changed.length; from += REQUEST_QUEUES_MAX)
      yield* await this.#summariesOf(changed.slice(from, from + REQUEST_QUEUES_MAX));
  }

  override async *entries(queue: string, from: number, count: number): AsyncGenerator<EntryDocument> {
    if (!this.#changed.has(queue)) {
      yield* super.entries(queue, from, count);
      return;
    }
    const stored = this.find<EntryDocument>('queues', { queue, seq: { $gte: from } }, {}, { seq: 1 });
    yield* merged(
      this.#remaining(stored),
      this.plan.entriesOf(queue).filter(({ seq }) => seq >= from),
    );
  }

  override async retained(keys: readonly string[]): Promise<ReadonlyMap<string, RetainedDocument>> {
    const found = new Map(await super.retained(keys));
    const puts = this.plan.puts.retained;
    for (const key of keys) {
      if (!puts.has(key)) continue;
      const document = puts.get(key);
      if (document === undefined) found.delete(key);
      else found.set(key, document);
    }
    return found;
  }

  override async *messages(ids: readonly string[]): AsyncGenerator<MessageDocument> {
    const elsewhere: string[] = [];
    for (const id of ids) {
      const document = this.plan.puts.messages.get(id);
      if (document === undefined) elsewhere.push(id);
      else yield document;
    }
    if (elsewhere.length > 0) yield* super.messages(elsewhere);
  }

  async #summariesOf(queues: readonly string[]): Promise<Iterable<QueueSummary>> {
    const summaries = new Map<string, QueueSummary>();
    const add = ({ queue, queueId, seq, bytes }: EntryDocument): void => {
      const before = summaries.get(queue) ?? { first: seq, last: seq, count: 0, bytes: 0 };
      summaries.set(queue, {
        _id: queue,
        queueId,
        first: Math.min(seq, before.first),
        last: Math.max(seq, before.last),
        count: before.count + 1,
        bytes: before.bytes + bytes,
      });
    };
    const stored = this.find<EntryDocument>('queues', { queue: { $in: [...queues] } }, { message: 0, identifiers: 0 });
    for await (const entry of this.#remaining(stored)) add(entry);
    for (const queue of queues) this.plan.entriesOf(queue).forEach(add);
    return summaries.values();
  }

  async *#remaining(stored: AsyncIterable<EntryDocument>): AsyncGenerator<EntryDocument> {
    for await (const entry of stored) {
      if (!this.#remains('queues', entry)) continue;
      yield this.plan.releases.has(entry._id) ? { ...entry, released: true, bytes: 0 } : entry;
    }
  }

  /** Whether the document is still there when the plan has been carried out, and not one that the plan puts. */
  #remains(name: DataCollection, { _id, queue, client, seq = 0 }: Stored): boolean {
    const { puts, droppedQueues, droppedClients, trims } = this.plan;
    if (puts[name].has(_id)) return false;
    if (queue !== undefined && (droppedQueues.has(queue) || seq <= (trims.get(queue) ?? -1))) return false;
    return client === undefined || !droppedClients.has(client);
  }
}

/** Merges two lists that ascend by seq and have no seq in common. */
async function* merged(
  stored: AsyncIterable<EntryDocument>,
  tail: readonly EntryDocument[],
): AsyncGenerator<EntryDocument> {
  let next = 0;
  for await (const entry of stored) {
    for (let other = tail[next]; other !== undefined && other.seq < entry.seq; other = tail[next]) {
      yield other;
      next++;
    }
    yield entry;
  }
  yield* tail.slice(next);
}

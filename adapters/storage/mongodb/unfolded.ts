// The documents as they will be when the rest of the journal has been folded, for somebody who may not fold it: those of the collections, with what a plan
// takes away left out and what it puts added. The plan may have been carried out already, half or whole: it comes to the same.
import type { Document } from 'mongodb';
import { queueOfEntry } from './collections.js';
import type { Collections, EntryDocument, FoldedName, MessageDocument, RetainedDocument } from './collections.js';
import { Documents } from './documents.js';
import type { Listed, QueueSummary } from './documents.js';
import type { FoldPlan } from './fold-plan.js';

/** Queues that are asked about at once. */
const LOT = 1000;

interface Stored {
  readonly _id: string;
  readonly queue?: string;
  readonly client?: string;
  readonly seq?: number;
}

export class UnfoldedDocuments extends Documents {
  /** The queues that are not as the collections have them. */
  readonly #touched: ReadonlySet<string>;

  constructor(
    collections: Collections,
    readonly plan: FoldPlan,
  ) {
    super(collections);
    const entries = [...plan.puts.queues.keys(), ...plan.releases.keys()];
    this.#touched = new Set([...plan.droppedQueues, ...plan.trims.keys(), ...entries.map(queueOfEntry)]);
  }

  override async *all<Name extends keyof Listed>(name: Name, projection: Document = {}): AsyncGenerator<Listed[Name]> {
    for await (const document of super.all(name, projection)) if (this.#stays(name, document)) yield document;
    for (const document of this.plan.puts[name].values())
      if (document !== undefined) yield document as unknown as Listed[Name];
  }

  override async *summaries(): AsyncGenerator<QueueSummary> {
    for await (const summary of super.summaries()) if (!this.#touched.has(summary._id)) yield summary;
    const touched = [...this.#touched];
    for (let from = 0; from < touched.length; from += LOT)
      yield* await this.#summariesOf(touched.slice(from, from + LOT));
  }

  override async *entries(queue: string, from: number, count: number): AsyncGenerator<EntryDocument> {
    if (!this.#touched.has(queue)) {
      yield* super.entries(queue, from, count);
      return;
    }
    const stored = this.find<EntryDocument>('queues', { queue, seq: { $gte: from } }, {}, { seq: 1 });
    yield* merged(
      this.#left(stored),
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

  async #summariesOf(lot: readonly string[]): Promise<Iterable<QueueSummary>> {
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
    const stored = this.find<EntryDocument>('queues', { queue: { $in: [...lot] } }, { message: 0, identifiers: 0 });
    for await (const entry of this.#left(stored)) add(entry);
    for (const queue of lot) this.plan.entriesOf(queue).forEach(add);
    return summaries.values();
  }

  async *#left(stored: AsyncIterable<EntryDocument>): AsyncGenerator<EntryDocument> {
    for await (const entry of stored) {
      if (!this.#stays('queues', entry)) continue;
      yield this.plan.releases.has(entry._id) ? { ...entry, released: true, bytes: 0 } : entry;
    }
  }

  /** Whether the document is still there at the end. One that the plan puts speaks for itself. */
  #stays(name: FoldedName, { _id, queue, client, seq = 0 }: Stored): boolean {
    const { puts, droppedQueues, droppedClients, trims } = this.plan;
    if (puts[name].has(_id)) return false;
    if (queue !== undefined && (droppedQueues.has(queue) || seq <= (trims.get(queue) ?? -1))) return false;
    return client === undefined || !droppedClients.has(client);
  }
}

/** Both in the order of their seqs, and none in both. */
async function* merged(
  stored: AsyncIterable<EntryDocument>,
  unfolded: readonly EntryDocument[],
): AsyncGenerator<EntryDocument> {
  let next = 0;
  for await (const entry of stored) {
    for (let other = unfolded[next]; other !== undefined && other.seq < entry.seq; other = unfolded[next]) {
      yield other;
      next++;
    }
    yield entry;
  }
  yield* unfolded.slice(next);
}

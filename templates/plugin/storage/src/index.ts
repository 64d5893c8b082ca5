// A storage that keeps everything in memory. Put your store in the place of the maps in `store.ts`; then set `durable`
// and `fencing` in the traits, if they are true of it, and the kit asks for what they promise.
import { ContainerModule, definePlugin } from 'hexmq/plugin';
import { Storage, StorageError } from 'hexmq/ports';
import type {
  Change,
  Message,
  PageLimit,
  QueueId,
  RestoredFact,
  Seq,
  StorageTraits,
  StoredEntry,
  TopicName,
} from 'hexmq/ports';
import { Store } from './store.js';

export class ExampleStorage implements Storage {
  readonly traits: StorageTraits = { durable: false, fencing: false, preferredBatchChanges: 10_000 };
  readonly #store = new Store();
  #state: 'new' | 'open' | 'read-only' | 'closed' = 'new';
  #exists = false;

  async open(): Promise<void> {
    this.#exists = true;
    this.#state = 'open';
  }

  /** Creates nothing. */
  async openReadOnly(): Promise<boolean> {
    if (this.#exists) this.#state = 'read-only';
    return this.#exists;
  }

  async *load(): AsyncGenerator<RestoredFact> {
    this.#requireOpen();
    yield* this.#store.facts();
  }

  /** All of it or nothing, and durable before it resolves. */
  async commit(batch: readonly Change[]): Promise<void> {
    this.#requireOpen();
    if (this.#state === 'read-only') throw new StorageError('fenced', 'the store was opened for reading only');
    this.#store.apply(batch);
  }

  async readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
    this.#requireOpen();
    return this.#store.page(queue, from, limit);
  }

  async readRetained(topics: readonly TopicName[]): Promise<readonly Message[]> {
    this.#requireOpen();
    return this.#store.retainedOf(topics);
  }

  async close(): Promise<void> {
    this.#state = 'closed';
  }

  #requireOpen(): void {
    if (this.#state === 'new' || this.#state === 'closed')
      throw new StorageError('fenced', 'the store is not open: open it first');
  }
}

export default definePlugin({
  name: 'example-plugin',
  version: '0.1.0',
  api: 1,
  provides: [Storage],
  module: () =>
    new ContainerModule(({ bind }) => {
      bind(Storage).toDynamicValue(() => new ExampleStorage());
    }),
});

// One moment of a memory store, read while the store changes. What changes meanwhile is kept twice: as it was at that
// moment, and as it is now; so a snapshot takes at most the memory that the store took when it was made, and no more
// than what has been added since, which has a limit: beyond it the snapshot ends.
import { getHeapStatistics } from 'node:v8';
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
import type { KeptMoment, MemoryStore } from './memory-store.js';

/** Of what is added while a snapshot is open. */
const ADDED_BYTES_MAX = Math.min(256 * 1024 * 1024, Math.floor(getHeapStatistics().heap_size_limit / 8));

/** What is merged before other work has a turn: a millisecond. */
const MERGE_MAX = 2000;

/** The snapshot of a store that is open, or not merged yet. */
const snapshots = new WeakMap<MemoryStore, MemorySnapshot>();

export class MemorySnapshot implements StorageSnapshot {
  readonly #store: MemoryStore;
  readonly #moment: KeptMoment;
  readonly #refusal: () => StorageError | undefined;
  #closed: Promise<void> | undefined;
  #isTooMuch = false;

  private constructor(store: MemoryStore, refusal: () => StorageError | undefined, addedBytesMax: number) {
    this.#store = store;
    this.#moment = store.keep(addedBytesMax, () => {
      this.#isTooMuch = true;
      void this.close();
    });
    this.#refusal = refusal;
  }

  /**
   * @param refusal why the store cannot be read any more, if it cannot.
   * @throws StorageError
   */
  static async take(
    store: MemoryStore,
    refusal: () => StorageError | undefined,
    addedBytesMax = ADDED_BYTES_MAX,
  ): Promise<MemorySnapshot> {
    // An earlier snapshot may have ended with its storage, unclosed.
    await snapshots.get(store)?.close();
    const refused = refusal();
    if (refused !== undefined) throw refused;
    const snapshot = new MemorySnapshot(store, refusal, addedBytesMax);
    snapshots.set(store, snapshot);
    return snapshot;
  }

  // Asynchronous because the port streams; this store has nothing to wait for.
  // eslint-disable-next-line @typescript-eslint/require-await
  async *load(): AsyncGenerator<RestoredFact> {
    for (const fact of this.#open.facts()) {
      yield fact;
      this.#requireOpen();
    }
  }

  readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
    return Promise.resolve().then(() => this.#open.page(queue, from, limit));
  }

  readRetained(topics: readonly TopicName[]): Promise<readonly Message[]> {
    return Promise.resolve().then(() => this.#open.retained(topics));
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#merge());
  }

  async #merge(): Promise<void> {
    this.#store.letGo();
    while (!this.#store.merge(MERGE_MAX)) await new Promise((resolve) => setImmediate(resolve));
    snapshots.delete(this.#store);
  }

  get #open(): KeptMoment {
    this.#requireOpen();
    return this.#moment;
  }

  #requireOpen(): void {
    if (this.#isTooMuch)
      throw new StorageError(
        'unavailable',
        'more was stored while the snapshot was read than memory has room for: try again when less is published',
      );
    const refused =
      this.#closed === undefined
        ? this.#refusal()
        : new StorageError('fenced', 'the snapshot of the memory store is not open: it was closed');
    if (refused !== undefined) throw refused;
  }
}

// Storage in memory: the reference for what the storage port means, and a broker's storage where nothing has to survive
// it. This file decides who may write and when; `memory-store.ts` has what a change does, `stored-queue.ts` how a queue
// is kept.
//
// There are two uses, with two honest answers about durability:
//
// - `new MemoryStorage()` is what a configuration gets. Its store is its own and ends with the process: not durable. No
//   other storage can reach the store, so there is no second writer to fence off, and it does not claim to.
// - `new MemoryStorage({ store })` is for tests that restart a broker within one process. The store is the disk: what
//   was committed is there for the next storage opened on it, whether this one was closed or not, and the last one
//   opened is the only writer. To the broker that is durable and fencing.
//
// In both cases closing gives up the lease and deletes nothing.
import { OptionReader } from 'hexmq/ports';
import type {
  Change,
  Message,
  PageLimit,
  QueueId,
  RestoredFact,
  Seq,
  Storage,
  StorageError,
  StorageSnapshot,
  StorageTraits,
  StoredEntry,
  TopicName,
} from 'hexmq/ports';
import { StorageLifecycle, changedWhileRead, openedByAnother } from '../lifecycle/storage-lifecycle.js';
import { MemorySnapshot } from './memory-snapshot.js';
import { MemoryStore } from './memory-store.js';

export { MemoryStore } from './memory-store.js';

const DONE = Promise.resolve();

export class MemoryStorage implements Storage {
  readonly traits: StorageTraits;
  readonly #store: MemoryStore;
  readonly #lifecycle = new StorageLifecycle('the memory store');
  /** The version of the store when it was opened for reading only. */
  #version = 0;

  constructor({ store }: { readonly store?: MemoryStore } = {}) {
    const shared = store !== undefined;
    this.#store = store ?? new MemoryStore();
    this.traits = { durable: shared, fencing: shared, preferredBatchChanges: Number.MAX_SAFE_INTEGER };
  }

  open(): Promise<void> {
    this.#store.writer = this;
    this.#store.exists = true;
    this.#lifecycle.opened();
    return DONE;
  }

  openReadOnly(): Promise<boolean> {
    if (this.#store.exists) this.#lifecycle.openedReadOnly();
    this.#version = this.#store.version;
    return Promise.resolve(this.#store.exists);
  }

  // Asynchronous because the port streams; this store has nothing to wait for.
  // eslint-disable-next-line @typescript-eslint/require-await
  async *load(): AsyncGenerator<RestoredFact> {
    const refusal = this.#refusal();
    if (refusal !== undefined) throw refusal;
    yield* this.#store.facts();
  }

  /** Applied when the call returns, and acknowledged when the promise resolves. */
  commit(batch: readonly Change[]): Promise<void> {
    const refusal = this.#lifecycle.writeRefusal() ?? this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#store.apply(batch);
    return DONE;
  }

  readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
    const refusal = this.#refusal();
    return refusal === undefined ? Promise.resolve(this.#store.page(queue, from, limit)) : Promise.reject(refusal);
  }

  readRetained(topics: readonly TopicName[]): Promise<readonly Message[]> {
    const refusal = this.#refusal();
    return refusal === undefined ? Promise.resolve(this.#store.retained(topics)) : Promise.reject(refusal);
  }

  async snapshot(): Promise<StorageSnapshot> {
    const refuse = (): StorageError | undefined => this.#lifecycle.writeRefusal() ?? this.#refusal();
    return MemorySnapshot.take(this.#store, refuse);
  }

  close(): Promise<void> {
    if (this.#store.writer === this) this.#store.writer = undefined;
    this.#lifecycle.closed();
    return DONE;
  }

  /** Why a call is refused. Only opening the storage again changes it. */
  #refusal(): StorageError | undefined {
    const { subject } = this.#lifecycle;
    if (this.#lifecycle.isOpenReadOnly)
      return this.#version === this.#store.version ? undefined : changedWhileRead(subject);
    return this.#lifecycle.refusal() ?? (this.#store.writer === this ? undefined : openedByAnother(subject));
  }
}

/**
 * The storage as a configuration asks for it.
 * @throws TypeError if there are options: there is nothing to choose.
 */
export function createStorage(given: unknown): Storage {
  new OptionReader(given).rejectUnknown();
  return new MemoryStorage();
}

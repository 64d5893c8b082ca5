// Storage in memory: the reference for what the storage port means, and a broker's storage where nothing has to survive it. It decides who may
// write and when; what a change does is in the store, how a queue is kept in the queue.
//
// Two uses, and two honest answers about durability:
//
// - `new MemoryStorage()`, which is what a configuration gets. Its store is its own and goes with the process: not durable. Nobody else can reach
//   the store, so there is no second writer to fence off, and it does not claim to.
// - `new MemoryStorage({ store })`, for tests that restart a broker within one process. The store is the disk: what was committed is there for
//   whoever opens it next, closed or not, and the last to open it is the only writer. As seen from the broker that is durable and fencing.
//
// In both the content stays until the store itself is unreachable: closing gives up the lease and deletes nothing.
import { StorageError } from 'hexmq/ports';
import type {
  Change,
  Message,
  PageLimit,
  QueueId,
  RestoredFact,
  Seq,
  Storage,
  StorageTraits,
  StoredEntry,
  TopicName,
} from 'hexmq/ports';
import { MemoryStore } from './memory-store.js';

export { MemoryStore } from './memory-store.js';

const DONE = Promise.resolve();

export class MemoryStorage implements Storage {
  readonly traits: StorageTraits;
  readonly #store: MemoryStore;
  #state: 'new' | 'open' | 'reading' | 'closed' = 'new';
  /** Of the store, when it was opened to be read. */
  #version = 0;

  constructor({ store }: { readonly store?: MemoryStore } = {}) {
    const shared = store !== undefined;
    this.#store = store ?? new MemoryStore();
    this.traits = { durable: shared, fencing: shared, preferredBatchChanges: Number.MAX_SAFE_INTEGER };
  }

  open(): Promise<void> {
    this.#store.writer = this;
    this.#store.isMade = true;
    this.#state = 'open';
    return DONE;
  }

  openReadOnly(): Promise<boolean> {
    if (this.#store.isMade) this.#state = 'reading';
    this.#version = this.#store.version;
    return Promise.resolve(this.#store.isMade);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the port streams, because other stores have to wait; this one has it all at hand
  async *load(): AsyncGenerator<RestoredFact> {
    const refusal = this.#refusal();
    if (refusal !== undefined) throw refusal;
    yield* this.#store.facts();
  }

  /** Applied when the call returns, told when the promise resolves. */
  commit(batch: readonly Change[]): Promise<void> {
    const refusal =
      this.#state === 'reading'
        ? new StorageError('fenced', 'the memory store was opened to be read, not to be written')
        : this.#refusal();
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

  close(): Promise<void> {
    if (this.#store.writer === this) this.#store.writer = undefined;
    this.#state = 'closed';
    return DONE;
  }

  /** Why nothing is done here. Not to be retried: only opening changes it. */
  #refusal(): StorageError | undefined {
    if (this.#state === 'reading') {
      return this.#version === this.#store.version
        ? undefined
        : new StorageError('unavailable', 'the memory store was changed while it was read: a broker uses it');
    }
    if (this.#state !== 'open') {
      return new StorageError(
        'fenced',
        `memory storage is not open: ${this.#state === 'new' ? 'open it first' : 'it was closed'}`,
      );
    }
    if (this.#store.writer !== this)
      return new StorageError('fenced', 'the memory store was opened by another storage');
    return undefined;
  }
}

/**
 * The storage as a configuration asks for it.
 * @throws TypeError when there are options: there is nothing to choose.
 */
export function createStorage(options: unknown): Storage {
  if (options !== undefined && options !== null) {
    if (typeof options !== 'object' || Array.isArray(options)) {
      throw new TypeError(
        `memory storage: options must be an object, got ${Array.isArray(options) ? 'a list' : typeof options}`,
      );
    }
    const [unknownKey] = Object.keys(options);
    if (unknownKey !== undefined) throw new TypeError(`memory storage: unknown option "${unknownKey}"; it takes none`);
  }
  return new MemoryStorage();
}

// The storage port: a journal of facts, not a table of rows. The core decides what must be stored (`Change`), the shell
// collects changes into batches and holds back acknowledgements until `commit` resolves, and an adapter does three
// simple things: apply a batch all or nothing, return the facts at start, and read pages of queues. The contract suite
// in `hexmq/testkit` tests whether it does them right.
import type { Change, RestoredFact } from '../domain/changes.js';
import type { PageLimit } from '../domain/effects.js';
import type { StoredEntry } from '../domain/inputs.js';
import type { Message } from '../domain/messages/message.js';
import type { QueueId, Seq, TopicName } from '../domain/identifiers.js';
import { brand } from './branded.js';
import type { Checkable } from './checkable.js';
import { port } from './token.js';

/**
 * What an adapter claims. The contract suite tests that the claims are true, and that nothing true is left unclaimed.
 */
export interface StorageTraits {
  /** Committed batches are there when the store is opened again after the process died. */
  readonly durable: boolean;
  /** There are never two writers: opening a store takes it from an earlier writer, or fails while that one lives. */
  readonly fencing: boolean;
  /**
   * The preferred number of changes in a batch, at least 1. A batch ends with the step of the core that reaches it. A
   * step is never split, so batches may have any size: one message for a hundred thousand sessions is one batch.
   */
  readonly preferredBatchChanges: number;
}

/**
 * What a resolved `commit` guarantees: `flushed` survives a failure of the machine, `stored` the end of the broker's
 * process. An adapter for which `stored` is not cheaper always flushes.
 */
export type Durability = 'stored' | 'flushed';

/** When an acknowledgement may be sent: at once (`received`), or when what it promises has the given durability. */
export type AckLevel = 'received' | Durability;

/**
 * - `unavailable`: the store did not take the call but may take it later, or the outcome is unknown. The shell sends
 *   the same batch again.
 * - `full`: as `unavailable`, because space is missing.
 * - `fenced`: another broker owns the store, or the storage is not open. Permanent.
 * - `corrupt`: the store holds data that is damaged or of another program. Permanent.
 */
export type StorageErrorKind = 'unavailable' | 'full' | 'fenced' | 'corrupt';

/**
 * The only error that a storage adapter may reject with. Any other is a fault of the adapter and ends the broker.
 *
 * The message is one sentence for the operator: what is wrong and what to do. Details that differ from attempt to
 * attempt stand in parentheses at its end, so that a repeated failure is recognised and logged once.
 */
export class StorageError extends Error {
  override readonly name = 'StorageError';

  static {
    brand(this, 'StorageError');
  }

  constructor(
    readonly kind: StorageErrorKind,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A store, opened for writing by one broker or for reading by a command. One commit runs at a time. */
export interface Storage extends Checkable {
  readonly traits: StorageTraits;

  /**
   * Opens the store for writing, creates it if there is none, and takes the writer's lease.
   * @throws StorageError `fenced` if another writer has it, `corrupt` if it cannot be read, `unavailable` if it cannot
   * be reached.
   */
  open(): Promise<void>;

  /**
   * Opens the store for reading only: `commit` is then refused as `fenced`. Creates and changes nothing, and leaves the
   * store to a writer that has it. Reads answer as after `open`, however the last writer ended. While a writer lives,
   * either this call is refused as `fenced`, or all reads show the same moment, and reads that no longer can are
   * refused as `unavailable`.
   * @returns whether there is a store. If not, nothing is open.
   * @throws StorageError as `open` does.
   */
  openReadOnly(): Promise<boolean>;

  /**
   * Streams what the core keeps in memory: sessions first, then subscriptions, inbound ids, wills, the bounds of each
   * queue that has entries, the index of retained messages, and the last message id if any message was ever stored.
   * Called once, after opening, before any `commit`.
   * @throws StorageError
   */
  load(): AsyncIterable<RestoredFact>;

  /**
   * Makes the batch durable, all of it or nothing, and resolves only then. Batches come one after the other: there is
   * never a second call before the first has settled. The same batch may come again after a rejection, even if it was
   * applied. The adapter may read the batch and its records until the call settles; payloads and Correlation Data that
   * it keeps longer must be copied if they are views of a larger buffer. A batch has at least one change.
   * @param durability what a resolved call guarantees. Default `flushed`.
   * @throws StorageError
   */
  commit(batch: readonly Change[], durability?: Durability): Promise<void>;

  /**
   * @returns committed entries with `seq >= from`, ascending, as many as fit the limit but at least one if there is
   * one; empty if there is none. How many bytes a released entry counts for is up to the adapter, because its payload
   * may be gone.
   * @throws StorageError
   */
  readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]>;

  /**
   * @returns the committed retained messages of these topics, in the order of the topics; topics that have none are
   * left out.
   * @throws StorageError
   */
  readRetained(topics: readonly TopicName[]): Promise<readonly Message[]>;

  /**
   * What an online backup needs; without it, the broker refuses backups. The store, open for writing, at one moment
   * between the call and its answer: every batch whose commit had resolved before the call is in it, and every other
   * one is in it as a whole or not at all. Commits and reads go on while a snapshot is made, read and closed, and do
   * not wait for it; what it takes in memory does not grow with the size of the store, unless the store itself is in
   * memory. There is one at a time: a second call comes only when the first snapshot was closed, or was refused.
   * @throws StorageError `unavailable` if none can be made now.
   */
  snapshot?(): Promise<StorageSnapshot>;

  /** Gives up the lease. A store that was not closed can be opened all the same. A snapshot ends. */
  close(): Promise<void>;
}

/** The reads of a store. */
export type StorageReader = Pick<Storage, 'load' | 'readQueue' | 'readRetained'>;

/**
 * A store at one moment, to be read while it is written to. A snapshot that can no longer be read, for example because
 * the storage was closed, refuses reads with a StorageError and does not show anything else.
 */
export interface StorageSnapshot extends StorageReader {
  /** Frees what the snapshot takes. May be called again, also when the storage was closed. */
  close(): Promise<void>;
}

export const Storage = port<Storage>('Storage');

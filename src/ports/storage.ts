// The storage port: a journal of facts, not a table of rows. The core decides what must be remembered (`Change`), the
// shell collects it into batches and holds back what was promised until `commit` resolves, and an adapter does three
// dumb things: apply a batch all or nothing, give the facts back at start, and read pages of queues. `hexmq/testkit`
// has the contract suite that says whether an adapter does them right.
import type { Change, RestoredFact } from '../domain/changes.js';
import type { PageLimit } from '../domain/effects.js';
import type { StoredEntry } from '../domain/inputs.js';
import type { Message } from '../domain/delivery/message.js';
import type { QueueId, Seq, TopicName } from '../domain/identifiers.js';
import { port } from './token.js';

/**
 * What an adapter says of itself. The contract suite tests what is claimed, and that no more is claimed than is true.
 */
export interface StorageTraits {
  /** What was committed is there again when the same store is opened after the process died. */
  readonly durable: boolean;
  /**
   * Opening a store takes it away from an earlier opener, or fails while that one lives: there are never two writers.
   */
  readonly fencing: boolean;
  /**
   * The number of changes in a batch that suits it best; at least 1. A batch ends with the step of the core that
   * reaches it. A step is never cut, so a batch of any size may come: a message for a hundred thousand sessions is one.
   */
  readonly preferredBatchChanges: number;
}

/**
 * What a resolved `commit` stands for: `flushed` survives the machine, `stored` the process of the broker. Where an
 * adapter has no cheaper way to do less, it always flushes.
 */
export type Durability = 'stored' | 'flushed';

/** When an acknowledgement may leave: at once, or when what it promises has that durability. */
export type AckLevel = 'received' | Durability;

/**
 * - `unavailable`: the store did not take the call and may take it later; or whether it did is unknown. The shell
 *   sends the same batch again.
 * - `full`: as `unavailable`, but it is space that is missing.
 * - `fenced`: another broker has the store. Final.
 * - `corrupt`: the store holds something that cannot be. Final.
 */
export type StorageErrorKind = 'unavailable' | 'full' | 'fenced' | 'corrupt';

/**
 * The message is for the operator: one sentence that says what is wrong and what to do. Details that differ from
 * attempt to attempt go in parentheses at its end, so that a repeated failure is recognised and reported once.
 *
 * The only error that a storage adapter rejects with; any other is taken for a fault of the adapter and ends the
 * broker.
 */
export class StorageError extends Error {
  override readonly name = 'StorageError';

  constructor(
    readonly kind: StorageErrorKind,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface Storage {
  readonly traits: StorageTraits;

  /**
   * Opens the store, makes it if there is none, and takes the writer's lease.
   * @throws StorageError `fenced` when another writer has it, `corrupt` when it cannot be read, `unavailable` when it
   * cannot be reached.
   */
  open(): Promise<void>;

  /**
   * Opens the store only to look into it: `commit` is then refused as `fenced`. Nothing is made or changed, and a
   * writer that has the store keeps it. What was committed is read as after an `open`, however its writer ended. Where
   * one lives, this is refused as `fenced`, or else all that is read is of one moment, and what cannot be any more is
   * refused as `unavailable`.
   * @returns whether there is a store; without one nothing has been opened.
   * @throws StorageError as `open`.
   */
  openReadOnly(): Promise<boolean>;

  /**
   * Streams what the core keeps in memory: sessions first, then subscriptions, inbound ids, wills, the bounds of each
   * queue that has entries, the index of retained messages, and the last message id if any message is stored. Called
   * once, after opening, before any `commit`.
   */
  load(): AsyncIterable<RestoredFact>;

  /**
   * Makes the batch durable: resolves only when it is, all of it or none. Batches come one after the other: never a
   * second call before the first has settled. The same batch may come again after a rejection, even if it had been
   * applied. The batch and its records are the adapter's to read until it settles. Payloads and Correlation Data that
   * it keeps longer it copies if they are views of a larger buffer. A batch has at least one change.
   * @param durability default `flushed`.
   * @throws StorageError
   */
  commit(batch: readonly Change[], durability?: Durability): Promise<void>;

  /**
   * Committed entries with `seq >= from`, ascending, as many as fit the limit but at least one if there is one. Empty:
   * there is none. What a released entry counts for is the adapter's affair: its payload may be gone.
   * @throws StorageError
   */
  readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]>;

  /**
   * The committed retained messages of these topics, in their order; topics that have none are left out.
   * @throws StorageError
   */
  readRetained(topics: readonly TopicName[]): Promise<readonly Message[]>;

  /** Gives the lease back. A store that was not closed opens all the same. */
  close(): Promise<void>;
}

export const Storage = port<Storage>('Storage');

// Applies the journal to the collections, off the path of acknowledgements: a round takes some batches, carries out
// what they amount to, moves the checkpoint, and removes the batches from the journal. A crash anywhere leaves batches
// behind the checkpoint, which are applied again with the same result.
//
// - Batches wait in memory as the bytes that the journal has. Their number and size are bounded: a commit waits for
//   room.
// - A round that fails is retried with growing delays, and at once when a call waits for it. Waiting calls are rejected
//   with the failure.
// - Without transactions, a write that was given up on (the connection broke, the process died) may still be carried
//   out, after later ones. `folding` in the document `writer` says that a round may be under way. An opening that finds
//   it set, and a round whose outcome is unknown, make the checkpointer mark documents instead of removing them
//   (`checkpoint-writes.ts`), for longer than any network holds a request back. Then the marks are removed.
import { StorageError } from 'hexmq/ports';
import { openedByAnother } from '../lifecycle/storage-lifecycle.js';
import { decodeBatch } from './batch-bytes.js';
import { CheckpointPlan } from './checkpoint-plan.js';
import { CheckpointWrites } from './checkpoint-writes.js';
import type { Collections, DataCollection } from './collections.js';
import { isUnknownOutcome, storageError } from './errors.js';
import { GarbageCollector } from './garbage-collector.js';
import type { Journal, JournalBatch } from './journal.js';
import type { ReadWriteLock } from './read-write-lock.js';
import { Superseded } from './writer.js';
import type { Writer } from './writer.js';

/** Limits of one round. */
const ROUND_BATCHES = 64;
const ROUND_BYTES = 4 * 1024 * 1024;
/** Limits of the batches that wait; a batch that is larger waits alone. */
const WAITING_BATCHES_MAX = 1024;
const WAITING_BYTES_MAX = 32 * 1024 * 1024;
/**
 * How long a request that was given up on may still arrive: longer than any system resends the data of a dead
 * connection.
 */
const IN_DOUBT_MS = 30 * 60_000;
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;

/** The collections that may have marked documents. */
const MARKED: readonly DataCollection[] = [
  'sessions',
  'subscriptions',
  'inbound',
  'queues',
  'retained',
  'wills',
  'messages',
];

/**
 * How much of the journal may be kept for a snapshot: far more than is committed while a store is copied, unless the
 * server is overloaded.
 */
const HELD_BYTES_MAX = 1024 * 1024 * 1024;

/** The journal behind a number, kept although it has been applied. */
interface Hold {
  readonly from: number;
  bytes: number;
}

interface Waiter {
  readonly isDone: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface CheckpointerParts {
  readonly collections: Collections;
  readonly journal: Journal;
  readonly writer: Writer;
  readonly lock: ReadWriteLock;
  /** The server and the database, for error messages. */
  readonly place: string;
  /** The store, for error messages. */
  readonly subject: string;
  readonly waitingBytesMax?: number;
  readonly waitingBatchesMax?: number;
  readonly heldBytesMax?: number;
}

const fromNow = (): number => performance.now() + IN_DOUBT_MS;

export class Checkpointer {
  readonly #parts: CheckpointerParts;
  readonly #garbage: GarbageCollector;
  #batches: JournalBatch[] = [];
  #bytes = 0;
  #checkpoint: number;
  #lastMessageId: number;
  /** By the monotonic clock: a date that is corrected must not end the doubt early. 0 if there is none. */
  #inDoubtUntilMs: number;
  /** `folding` as it stands in the document `writer`. */
  #isRoundAnnounced: boolean;
  #running: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #failures = 0;
  #waiters: Waiter[] = [];
  #isStopped = false;
  #hold: Hold | undefined;
  /** Permanent: this epoch has ended, or the program is at fault. */
  #fatal: Error | undefined;

  constructor(parts: CheckpointerParts) {
    this.#parts = parts;
    this.#garbage = new GarbageCollector(parts.collections);
    const { checkpoint, lastMessageId, doubtUntilMs, folding } = parts.writer.before;
    this.#checkpoint = checkpoint;
    this.#lastMessageId = lastMessageId;
    // The date that is stored is for people: this machine's may differ from the one that wrote it. So the whole time
    // begins again.
    this.#inDoubtUntilMs = doubtUntilMs > 0 ? fromNow() : 0;
    this.#isRoundAnnounced = folding;
  }

  /** The number of the last journal document that has been applied. */
  get checkpoint(): number {
    return this.#checkpoint;
  }

  get lastMessageId(): number {
    return this.#lastMessageId;
  }

  /** Applies what an earlier writer left, a round at a time. */
  async recover(): Promise<void> {
    const { journal, writer } = this.#parts;
    // The earlier writer may have left requests on their way.
    if (writer.before.folding) await this.#beginInDoubt();
    let round: JournalBatch[] = [];
    let bytes = 0;
    for await (const batch of journal.batches(this.#checkpoint)) {
      round.push(batch);
      bytes += batch.bytes.byteLength;
      if (round.length < ROUND_BATCHES && bytes < ROUND_BYTES) continue;
      await this.#round(round);
      round = [];
      bytes = 0;
    }
    if (round.length > 0) await this.#round(round);
    // The claim, and what a crash left of a batch, count as applied.
    await this.#moveCheckpoint(journal.next - 1, false);
    await journal.removeThrough(this.#checkpoint);
    await this.#removeMarked();
  }

  /** Takes a batch that has been committed. */
  add(batch: JournalBatch): void {
    this.#batches.push(batch);
    this.#bytes += batch.bytes.byteLength;
    if (this.#retry === undefined) this.#run();
  }

  /** Resolves when everything up to the number has been applied. @throws StorageError if the round under way fails. */
  async waitFor(number: number): Promise<void> {
    await this.#until(() => this.#checkpoint >= number);
  }

  /** Resolves when there is room for one more batch. @throws StorageError if the round under way fails. */
  async waitForRoom(): Promise<void> {
    const { waitingBytesMax = WAITING_BYTES_MAX, waitingBatchesMax = WAITING_BATCHES_MAX } = this.#parts;
    await this.#until(
      () => this.#batches.length === 0 || (this.#bytes < waitingBytesMax && this.#batches.length < waitingBatchesMax),
    );
  }

  /**
   * Keeps the journal from here on, until `letGo` or until that is too much.
   * @returns the number behind which it is kept.
   */
  hold(): number {
    this.#hold = { from: this.#checkpoint, bytes: 0 };
    return this.#checkpoint;
  }

  get isHolding(): boolean {
    return this.#hold !== undefined;
  }

  /** What was kept and has been applied is removed, at the latest with the next round. */
  async letGo(): Promise<void> {
    if (this.#hold === undefined) return;
    this.#hold = undefined;
    await this.#parts.journal.removeThrough(this.#checkpoint);
  }

  /** Ends after the round under way; the rest stays in the journal. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#retry);
    await this.#running;
    this.#rejectWaiters(new StorageError('fenced', `${this.#parts.subject} is not open: it was closed`));
  }

  async #until(isDone: () => boolean): Promise<void> {
    if (this.#fatal !== undefined) throw this.#fatal;
    if (isDone()) return;
    await new Promise<void>((resolve, reject) => {
      this.#waiters.push({ isDone, resolve, reject });
      this.#run();
    });
  }

  #run(): void {
    if (this.#running !== undefined || this.#isStopped || this.#fatal !== undefined) return;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#running = this.#rounds().finally(() => {
      this.#running = undefined;
      // For batches that were added while the last round ended.
      if (this.#retry === undefined && this.#batches.length > 0) this.#run();
    });
  }

  async #rounds(): Promise<void> {
    try {
      while (!this.#isStopped && this.#batches.length > 0) {
        const round = this.#nextRound();
        await this.#parts.lock.write(() => this.#round(round));
        this.#batches.splice(0, round.length);
        for (const { bytes } of round) this.#bytes -= bytes.byteLength;
        this.#failures = 0;
        this.#resolveWaiters();
        await this.#garbage.collect(this.#checkpoint);
      }
      if (this.#batches.length === 0) await this.#moveCheckpoint(this.#checkpoint, false);
      await this.#removeMarked();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (error instanceof Superseded) {
      this.#fatal = openedByAnother(this.#parts.subject);
      this.#rejectWaiters(this.#fatal);
      return;
    }
    const failure = storageError(error, this.#parts.place);
    if (!(failure instanceof StorageError) || failure.kind === 'corrupt' || failure.kind === 'fenced') {
      this.#fatal = failure instanceof Error ? failure : new Error(String(failure));
      this.#rejectWaiters(this.#fatal);
      return;
    }
    // Written with the next checkpoint move, before anything else, so that later openings know it.
    if (isUnknownOutcome(error)) this.#inDoubtUntilMs = fromNow();
    this.#failures++;
    this.#retry = setTimeout(
      () => {
        this.#retry = undefined;
        this.#run();
      },
      Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(this.#failures, 10)),
    ).unref();
    this.#rejectWaiters(failure);
  }

  #nextRound(): JournalBatch[] {
    let bytes = 0;
    const round: JournalBatch[] = [];
    for (const batch of this.#batches) {
      bytes += batch.bytes.byteLength;
      if (round.length > 0 && (round.length >= ROUND_BATCHES || bytes > ROUND_BYTES)) break;
      round.push(batch);
    }
    return round;
  }

  async #round(batches: readonly JournalBatch[]): Promise<void> {
    const { collections, journal } = this.#parts;
    const plan = new CheckpointPlan();
    for (const { last, bytes } of batches) plan.add(last, await decodeBatch(bytes));
    if (!this.#isRoundAnnounced) await this.#moveCheckpoint(this.#checkpoint, true);
    const through = batches.at(-1)?.last ?? this.#checkpoint;
    await new CheckpointWrites(collections, through, this.#isInDoubt).carryOut(plan);
    this.#lastMessageId = Math.max(this.#lastMessageId, plan.lastMessageId);
    await this.#moveCheckpoint(through, true);
    this.#countHeld(batches);
    await journal.removeThrough(Math.min(through, this.#hold?.from ?? through));
  }

  #countHeld(batches: readonly JournalBatch[]): void {
    const { heldBytesMax = HELD_BYTES_MAX } = this.#parts;
    if (this.#hold === undefined) return;
    for (const { bytes } of batches) this.#hold.bytes += bytes.byteLength;
    if (this.#hold.bytes > heldBytesMax) this.#hold = undefined;
  }

  async #moveCheckpoint(checkpoint: number, folding: boolean): Promise<void> {
    if (checkpoint === this.#checkpoint && folding === this.#isRoundAnnounced) return;
    const { writer } = this.#parts;
    await writer.set({ checkpoint, folding, lastMessageId: this.#lastMessageId, doubtUntilMs: this.#doubtUntilDate });
    this.#checkpoint = checkpoint;
    this.#isRoundAnnounced = folding;
  }

  async #beginInDoubt(): Promise<void> {
    this.#inDoubtUntilMs = fromNow();
    await this.#parts.writer.set({ doubtUntilMs: this.#doubtUntilDate });
  }

  get #doubtUntilDate(): number {
    return this.#isInDoubt ? Date.now() + Math.ceil(this.#inDoubtUntilMs - performance.now()) : 0;
  }

  get #isInDoubt(): boolean {
    return this.#inDoubtUntilMs > 0;
  }

  /** Removes marked documents once no late write can arrive any more. */
  async #removeMarked(): Promise<void> {
    if (this.#inDoubtUntilMs === 0 || performance.now() < this.#inDoubtUntilMs) return;
    for (const name of MARKED)
      await (this.#parts.collections[name] as Collections['sessions']).deleteMany({ gone: true });
    await this.#parts.writer.set({ doubtUntilMs: 0 });
    this.#inDoubtUntilMs = 0;
  }

  #resolveWaiters(): void {
    const waiting = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiting) {
      if (waiter.isDone()) waiter.resolve();
      else this.#waiters.push(waiter);
    }
  }

  #rejectWaiters(error: unknown): void {
    const waiting = this.#waiters;
    this.#waiters = [];
    for (const { reject } of waiting) reject(error);
  }
}

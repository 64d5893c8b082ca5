// Folds the journal into the collections, off the path of acknowledgements: a round takes some batches, carries out what they come to, moves the
// checkpoint, and removes the batches from the journal. A crash anywhere leaves batches behind the checkpoint that are folded again, which comes to the same.
//
// - Batches wait in memory as the bytes that the journal has. They are bounded: a commit waits for room.
// - A round that fails is tried again, later each time, and at once when somebody waits for it. Who waits is told of the failure.
// - Without transactions a write that was given up on (the connection broke, the process died) may still be carried out, after later ones. `folding` in
//   the document `writer` says that writes may be under way; an opening that finds it so, and a round whose outcome is unknown, make the folder careful for
//   a while (see `fold-writes.ts`): long enough that no network holds a request back for so long. Afterwards the marks are swept away.
import { StorageError } from 'hexmq/ports';
import { decodeBatch } from './batch-bytes.js';
import type { Collections, FoldedName } from './collections.js';
import { Collector } from './collector.js';
import { isUnknownOutcome, storageError } from './errors.js';
import { FoldPlan } from './fold-plan.js';
import { FoldWrites } from './fold-writes.js';
import type { Journal, JournalBatch } from './journal.js';
import type { Turnstile } from './turnstile.js';
import { Superseded } from './writer.js';
import type { Writer } from './writer.js';

/** Of a round. */
const ROUND_BATCHES = 64;
const ROUND_BYTES = 4 * 1024 * 1024;
/** Of the batches that wait; one that is larger may wait alone. */
const WAITING_BATCHES_MAX = 1024;
const WAITING_BYTES_MAX = 32 * 1024 * 1024;
/** How long a request that was given up on may still be on its way: longer than any system keeps sending what a dead connection left. */
const DOUBT_MS = 30 * 60_000;
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;

const MARKED: readonly FoldedName[] = [
  'sessions',
  'subscriptions',
  'inbound',
  'queues',
  'retained',
  'wills',
  'messages',
];

interface Waiter {
  readonly isDone: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface FolderParts {
  readonly collections: Collections;
  readonly journal: Journal;
  readonly writer: Writer;
  readonly turnstile: Turnstile;
  /** For messages. */
  readonly place: string;
  readonly waitingBytesMax?: number;
  readonly waitingBatchesMax?: number;
}

export class Folder {
  readonly #parts: FolderParts;
  readonly #collector: Collector;
  #batches: JournalBatch[] = [];
  #bytes = 0;
  #checkpoint: number;
  #lastMessageId: number;
  #doubtUntilMs: number;
  #isFolding: boolean;
  #running: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #failures = 0;
  #waiters: Waiter[] = [];
  #isStopped = false;
  /** Final: this epoch has ended, or the program is at fault. */
  #fatal: Error | undefined;

  constructor(parts: FolderParts) {
    this.#parts = parts;
    this.#collector = new Collector(parts.collections);
    const { checkpoint, lastMessageId, doubtUntilMs, folding } = parts.writer.before;
    this.#checkpoint = checkpoint;
    this.#lastMessageId = lastMessageId;
    this.#doubtUntilMs = doubtUntilMs;
    this.#isFolding = folding;
  }

  /** The number of the last journal document that has been folded. */
  get checkpoint(): number {
    return this.#checkpoint;
  }

  get lastMessageId(): number {
    return this.#lastMessageId;
  }

  /** Folds what an earlier writer left, a round at a time. */
  async recover(): Promise<void> {
    const { journal, writer } = this.#parts;
    // Who folded last may have left writes on their way.
    if (writer.before.folding) await this.#beginDoubt();
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
    // The claim, and what a crash left of a batch, count as folded.
    await this.#moveCheckpoint(journal.next - 1, false);
    await journal.removeThrough(this.#checkpoint);
    await this.#sweepMarks();
  }

  /** A batch has been committed. */
  add(batch: JournalBatch): void {
    this.#batches.push(batch);
    this.#bytes += batch.bytes.byteLength;
    if (this.#retry === undefined) this.#run();
  }

  /** Resolves when everything up to the number has been folded. @throws StorageError when the attempt that was under way fails. */
  async folded(number: number): Promise<void> {
    await this.#until(() => this.#checkpoint >= number);
  }

  /** Resolves when there is room for one more batch. @throws as `folded`. */
  async room(): Promise<void> {
    const { waitingBytesMax = WAITING_BYTES_MAX, waitingBatchesMax = WAITING_BATCHES_MAX } = this.#parts;
    await this.#until(
      () => this.#batches.length === 0 || (this.#bytes < waitingBytesMax && this.#batches.length < waitingBatchesMax),
    );
  }

  /** Ends after the round that is under way; what is not folded stays in the journal. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#retry);
    await this.#running;
    this.#tell(new StorageError('fenced', `the database ${this.#parts.place} was closed`));
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
      // What was added, or awaited, while the last round ended.
      if (this.#retry === undefined && this.#batches.length > 0) this.#run();
    });
  }

  async #rounds(): Promise<void> {
    try {
      while (!this.#isStopped && this.#batches.length > 0) {
        const round = this.#nextRound();
        await this.#parts.turnstile.alone(() => this.#round(round));
        this.#batches.splice(0, round.length);
        for (const { bytes } of round) this.#bytes -= bytes.byteLength;
        this.#failures = 0;
        this.#wake();
        await this.#collector.collect(this.#checkpoint);
      }
      if (this.#batches.length === 0) await this.#moveCheckpoint(this.#checkpoint, false);
      await this.#sweepMarks();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (error instanceof Superseded) {
      this.#fatal = new StorageError(
        'fenced',
        `the database ${this.#parts.place} was opened by another hexmq: only one may use it, stop one of them`,
      );
      this.#tell(this.#fatal);
      return;
    }
    const failure = storageError(error, this.#parts.place);
    if (!(failure instanceof StorageError) || failure.kind === 'corrupt' || failure.kind === 'fenced') {
      this.#fatal = failure instanceof Error ? failure : new Error(String(failure));
      this.#tell(this.#fatal);
      return;
    }
    // Until this is known to all later openings, nothing more is written.
    if (isUnknownOutcome(error)) this.#doubtUntilMs = Date.now() + DOUBT_MS;
    this.#failures++;
    this.#retry = setTimeout(
      () => {
        this.#retry = undefined;
        this.#run();
      },
      Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(this.#failures, 10)),
    ).unref();
    this.#tell(failure);
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
    const plan = new FoldPlan();
    for (const { last, bytes } of batches) plan.add(last, await decodeBatch(bytes));
    if (!this.#isFolding) await this.#moveCheckpoint(this.#checkpoint, true);
    const through = batches.at(-1)?.last ?? this.#checkpoint;
    await new FoldWrites(collections, through, this.#isCareful).carryOut(plan);
    this.#lastMessageId = Math.max(this.#lastMessageId, plan.lastMessageId);
    await this.#moveCheckpoint(through, true);
    await journal.removeThrough(through);
  }

  async #moveCheckpoint(checkpoint: number, folding: boolean): Promise<void> {
    if (checkpoint === this.#checkpoint && folding === this.#isFolding) return;
    const { writer } = this.#parts;
    await writer.set({ checkpoint, folding, lastMessageId: this.#lastMessageId, doubtUntilMs: this.#doubtUntilMs });
    this.#checkpoint = checkpoint;
    this.#isFolding = folding;
  }

  async #beginDoubt(): Promise<void> {
    this.#doubtUntilMs = Date.now() + DOUBT_MS;
    await this.#parts.writer.set({ doubtUntilMs: this.#doubtUntilMs });
  }

  get #isCareful(): boolean {
    return this.#doubtUntilMs > 0;
  }

  /** The doubt is over: marks have nothing to guard against any more. */
  async #sweepMarks(): Promise<void> {
    if (this.#doubtUntilMs === 0 || Date.now() < this.#doubtUntilMs) return;
    for (const name of MARKED)
      await (this.#parts.collections[name] as Collections['sessions']).deleteMany({ gone: true });
    await this.#parts.writer.set({ doubtUntilMs: 0 });
    this.#doubtUntilMs = 0;
  }

  #wake(): void {
    const waiting = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiting) {
      if (waiter.isDone()) waiter.resolve();
      else this.#waiters.push(waiter);
    }
  }

  #tell(error: unknown): void {
    const waiting = this.#waiters;
    this.#waiters = [];
    for (const { reject } of waiting) reject(error);
  }
}

// The disk of a run. It is slow, refuses calls, and applies calls that it then reports as failed. When the broker's
// process dies, the disk keeps every batch that it has answered, and the plan decides about a batch that was written
// and not answered. When the power fails, it keeps only the first unflushed batches. Each call waits twice: before the
// store has it, and before its answer. An answered batch is in `contents` from that moment on.
import type { Change, Storage, StorageSnapshot } from '../../ports/index.js';
import { FaultyStorage } from '../faulty-storage.js';
import type { VirtualClock } from '../virtual-clock.js';
import { isClockQueue, withoutMarks } from './evidence/clock-marks.js';
import { DiskContents } from './evidence/disk-contents.js';
import type { Script } from './script.js';

/** The time after which the operating system has written back its cache by itself. */
const WRITE_BACK_MS = 1000;

/** An answered batch. */
interface Answered {
  /** When the batch was handed over, by the logical clock. */
  readonly at: number;
  readonly answeredAtMs: number;
}

/** A snapshot of the store, and what it may show. */
export interface DiskMoment {
  readonly snapshot: StorageSnapshot;
  readonly expected: () => readonly DiskContents[];
}

function contentsOf(batches: readonly (readonly Change[])[]): DiskContents {
  const contents = new DiskContents();
  for (const batch of batches) contents.apply(batch, 0);
  return contents;
}

export class SimulatedDisk {
  readonly contents = new DiskContents();
  /** The store as the present incarnation of the broker sees it. */
  #storage: FaultyStorage;
  /** What holds the data of the store. */
  #inner: Storage | undefined;
  #writing: { readonly batch: readonly Change[]; readonly at: number; readonly isFlushed: boolean } = {
    batch: [],
    at: 0,
    isFlushed: true,
  };
  /** Whether a commit was called and has not succeeded yet; also between a failure and the retry. */
  #isCommitting = false;
  #answered: Answered[] = [];
  /** How many of the answered batches survive a loss of power. */
  #flushedCount = 0;
  #callMs = 0;
  #answerMs = 0;
  #commitsToRefuse = 0;
  #commitsToDeny = 0;
  #readsToRefuse = 0;
  /** Counts crashes: a timer that was set before one does nothing after it. */
  #crashes = 0;
  #isReleasing = false;

  constructor(
    createStorage: () => Storage,
    readonly clock: VirtualClock,
    readonly script: Script,
    /** Called after each batch that `contents` has. */
    readonly onKept: (batch: readonly Change[]) => void,
    /** The next number of the logical clock. */
    readonly tick: () => number,
  ) {
    const make = (): Storage => (this.#inner = createStorage());
    this.#storage = new FaultyStorage(make, { flush: 'manual' });
  }

  /** Gives the next incarnation of the broker its storage. */
  provideStorage(): Storage {
    const storage = this.#storage;
    return {
      traits: storage.traits,
      open: () => storage.open(),
      openReadOnly: () => storage.openReadOnly(),
      // A start takes no time; everything after it does.
      async *load() {
        yield* storage.load();
        storage.hold('call');
        storage.hold('answer');
      },
      commit: async (batch, durability) => {
        // A batch that is sent again after a failure was handed over the first time.
        const at = this.#writing.batch === batch ? this.#writing.at : this.tick();
        this.#writing = { batch, at, isFlushed: durability !== 'stored' };
        this.#isCommitting = true;
        if (this.#commitsToRefuse > 0) {
          this.#commitsToRefuse--;
          storage.failNext('commit', 'unavailable');
        } else if (this.#commitsToDeny > 0) {
          this.#commitsToDeny--;
          storage.applyThenFail();
        }
        await storage.commit(batch, durability);
        if (this.#storage === storage) this.#isCommitting = false;
      },
      readQueue: (queue, from, limit) => {
        // The mark of the clocks is read by a start, which needs a storage that works.
        if (!isClockQueue(queue)) this.#refuseRead('readQueue');
        return storage.readQueue(queue, from, limit);
      },
      readRetained: (topics) => {
        this.#refuseRead('readRetained');
        return storage.readRetained(topics);
      },
      close: () => storage.close(),
    };
  }

  /** @returns one moment of the store; `undefined` if the storage under test has no snapshots. */
  async snapshot(): Promise<DiskMoment | undefined> {
    const snapshot = await this.#inner?.snapshot?.();
    if (snapshot === undefined) return undefined;
    const { journal } = this.#storage;
    const batches = journal.length;
    // A batch that is being written is in the store before it is in the journal.
    return { snapshot, expected: () => [batches, batches + 1].map((count) => contentsOf(journal.slice(0, count))) };
  }

  setPace(callMs: number, answerMs: number): void {
    this.#callMs = callMs;
    this.#answerMs = answerMs;
  }

  /** Refuses the next commits and reads, which have no effect. */
  refuse(commits: number, reads: number): void {
    this.#commitsToRefuse += commits;
    this.#readsToRefuse += reads;
  }

  /** Applies the next commits, and reports each as failed. */
  deny(commits: number): void {
    this.#commitsToDeny += commits;
  }

  /** Ends all faults. */
  heal(): void {
    this.setPace(0, 0);
    this.#commitsToRefuse = this.#commitsToDeny = this.#readsToRefuse = 0;
  }

  /** Lets the call that has waited longest proceed when its time has come. @returns whether one proceeded now. */
  work(): boolean {
    const first = this.#storage.waiting[0];
    if (first === undefined || this.#isReleasing) return false;
    const waitMs = first.at === 'call' ? this.#callMs : this.#answerMs;
    if (waitMs === 0) {
      this.#release();
      return true;
    }
    this.#isReleasing = true;
    const crashes = this.#crashes;
    this.clock.at(this.clock.nowMs() + waitMs, () => {
      if (crashes !== this.#crashes) return;
      this.#isReleasing = false;
      this.#release();
    });
    return false;
  }

  /** Whether everything that the broker has handed over is on the disk. */
  get isSettled(): boolean {
    return !this.#isCommitting;
  }

  /** Whether a loss of power would lose no answered batch. */
  get isFlushed(): boolean {
    return this.#flushedCount === this.#answered.length;
  }

  /**
   * The process of the broker has died.
   *
   * @param keepsWritten whether a batch that was written and not answered is kept.
   * @param power set when the machine has lost its power too: the part of the unflushed batches that was written
   *   nevertheless, from 0 to 1.
   * @returns whether an answered batch is lost.
   */
  crash(keepsWritten: boolean, power?: number): boolean {
    const answered = this.#answered.length;
    const written = this.#storage.batches;
    const backMs = this.clock.nowMs() - WRITE_BACK_MS;
    while (power !== undefined && (this.#answered[this.#flushedCount]?.answeredAtMs ?? Infinity) < backMs)
      this.#flushedCount++;
    const kept =
      power === undefined
        ? keepsWritten
          ? written
          : answered
        : this.#flushedCount + Math.round(power * (written - this.#flushedCount));
    if (kept > answered) this.#keep();
    this.#storage.flush(kept);
    const isLossy = kept < answered;
    if (isLossy) this.#loseAfter(kept);
    if (power !== undefined) this.#flushedCount = this.#answered.length;
    this.#isCommitting = false;
    this.#storage = this.#storage.crash();
    this.#crashes++;
    this.#isReleasing = false;
    return isLossy;
  }

  #refuseRead(operation: 'readQueue' | 'readRetained'): void {
    if (this.#readsToRefuse === 0) return;
    this.#readsToRefuse--;
    this.#storage.failNext(operation, 'unavailable');
  }

  #release(): void {
    const first = this.#storage.waiting[0];
    if (first?.operation === 'commit' && first.at === 'answer') this.#keep();
    this.#storage.releaseOne();
  }

  /** Keeps the batch that was written last if the broker dies from now on. */
  #keep(): void {
    const { batch, at, isFlushed } = this.#writing;
    this.#answered.push({ at, answeredAtMs: this.clock.nowMs() });
    if (isFlushed) this.#flushedCount = this.#answered.length;
    this.contents.apply(batch, at);
    if (this.script.isKept)
      this.script.note('disk', `${isFlushed ? 'flushed' : 'stored'} ${batch.map(({ kind }) => kind).join(' ')}`);
    this.onKept(withoutMarks(batch));
  }

  /** Loses all batches but the first ones. */
  #loseAfter(keptBatches: number): void {
    this.script.note('disk', `loses ${this.#answered.length - keptBatches} batches`);
    this.#answered.length = keptBatches;
    this.contents.clear();
    for (const [i, { at }] of this.#answered.entries()) this.contents.apply(this.#storage.journal[i] ?? [], at);
  }
}

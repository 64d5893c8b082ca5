// The disk of a run: it takes its time, refuses, does and then denies. When the broker's process dies the disk keeps what it has answered, and of what
// was only written as much as the plan says; when the power fails, of what was not flushed only the beginning. A call waits twice: before the store
// has it, and before its answer. What is answered is in the ledger from that moment on.
import type { Change, Storage } from '../../ports/index.js';
import { FaultyStorage } from '../faulty-storage.js';
import type { VirtualClock } from '../virtual-clock.js';
import { Ledger } from './ledger.js';
import type { Script } from './script.js';

/** After so long the operating system has written back by itself what it was given. */
const WRITE_BACK_MS = 1000;

/** Of each batch that was answered, in their order. */
interface Answered {
  /** The moment at which it was handed over. */
  readonly at: number;
  readonly answeredAtMs: number;
}

export class SimulatedDisk {
  readonly ledger = new Ledger();
  #life: FaultyStorage;
  #writing: { readonly batch: readonly Change[]; readonly at: number; readonly isFlushed: boolean } = {
    batch: [],
    at: 0,
    isFlushed: true,
  };
  /** A commit was called and has not succeeded yet, also between its failure and its repeat. */
  #isCommitting = false;
  #answered: Answered[] = [];
  /** So many of them survive a loss of power. */
  #flushed = 0;
  #callMs = 0;
  #answerMs = 0;
  #refusedCommits = 0;
  #deniedCommits = 0;
  #refusedReads = 0;
  /** Counts lives: what was set going in an earlier one does nothing in this one. */
  #lives = 0;
  #isReleasing = false;

  constructor(
    make: () => Storage,
    readonly clock: VirtualClock,
    readonly script: Script,
    /** Told after each batch that the ledger has. */
    readonly kept: (batch: readonly Change[]) => void,
    /** The moment that it is. */
    readonly moment: () => number,
  ) {
    this.#life = new FaultyStorage(make, { flush: 'manual' });
    this.#life.hold('call');
    this.#life.hold('answer');
  }

  /** As the broker of this life gets it. */
  get storage(): Storage {
    const life = this.#life;
    return {
      traits: life.traits,
      open: () => life.open(),
      openReadOnly: () => life.openReadOnly(),
      load: () => life.load(),
      commit: async (batch, durability) => {
        // One that comes again after a failure was handed over at its first coming.
        const at = this.#writing.batch === batch ? this.#writing.at : this.moment();
        this.#writing = { batch, at, isFlushed: durability !== 'stored' };
        this.#isCommitting = true;
        if (this.#refusedCommits > 0) {
          this.#refusedCommits--;
          life.failNext('commit', 'unavailable');
        } else if (this.#deniedCommits > 0) {
          this.#deniedCommits--;
          life.applyThenFail();
        }
        await life.commit(batch, durability);
        if (this.#life === life) this.#isCommitting = false;
      },
      readQueue: (queue, from, limit) => {
        this.#refuseRead('readQueue');
        return life.readQueue(queue, from, limit);
      },
      readRetained: (topics) => {
        this.#refuseRead('readRetained');
        return life.readRetained(topics);
      },
      close: () => life.close(),
    };
  }

  pace(callMs: number, answerMs: number): void {
    this.#callMs = callMs;
    this.#answerMs = answerMs;
  }

  /** So many of the next commits and reads are refused, and do nothing. */
  refuse(commits: number, reads: number): void {
    this.#refusedCommits += commits;
    this.#refusedReads += reads;
  }

  /** So many of the next commits are done, and refused all the same. */
  deny(commits: number): void {
    this.#deniedCommits += commits;
  }

  /** No faults any more. */
  heal(): void {
    this.pace(0, 0);
    this.#refusedCommits = this.#deniedCommits = this.#refusedReads = 0;
  }

  /** Lets the call that has waited longest go on when its time has come. Whether one went on now. */
  work(): boolean {
    const first = this.#life.waiting[0];
    if (first === undefined || this.#isReleasing) return false;
    const waitMs = first.at === 'call' ? this.#callMs : this.#answerMs;
    if (waitMs === 0) {
      this.#release();
      return true;
    }
    this.#isReleasing = true;
    const life = this.#lives;
    this.clock.at(this.clock.nowMs() + waitMs, () => {
      if (life !== this.#lives) return;
      this.#isReleasing = false;
      this.#release();
    });
    return false;
  }

  /** Whether all that the broker has handed over is on the disk. */
  get isSettled(): boolean {
    return !this.#isCommitting;
  }

  /** Whether a loss of power would lose nothing that was answered. */
  get isFlushed(): boolean {
    return this.#flushed === this.#answered.length;
  }

  /**
   * The broker of this life is gone. `power`: that of the machine too, and so much of what was not flushed happened to be written, from 0 to 1.
   * @returns whether something that was answered is lost.
   */
  crash(keepsWritten: boolean, power?: number): boolean {
    const answered = this.#answered.length;
    const written = this.#life.batches;
    const backMs = this.clock.nowMs() - WRITE_BACK_MS;
    while (power !== undefined && (this.#answered[this.#flushed]?.answeredAtMs ?? Infinity) < backMs) this.#flushed++;
    const kept =
      power === undefined
        ? keepsWritten
          ? written
          : answered
        : this.#flushed + Math.round(power * (written - this.#flushed));
    if (kept > answered) this.#keep();
    this.#life.flush(kept);
    const isLossy = kept < answered;
    if (isLossy) this.#forget(kept);
    if (power !== undefined) this.#flushed = this.#answered.length;
    this.#isCommitting = false;
    this.#life = this.#life.crash();
    this.#life.hold('call');
    this.#life.hold('answer');
    this.#lives++;
    this.#isReleasing = false;
    return isLossy;
  }

  #refuseRead(operation: 'readQueue' | 'readRetained'): void {
    if (this.#refusedReads === 0) return;
    this.#refusedReads--;
    this.#life.failNext(operation, 'unavailable');
  }

  #release(): void {
    const first = this.#life.waiting[0];
    if (first?.operation === 'commit' && first.at === 'answer') this.#keep();
    this.#life.releaseOne();
  }

  /** What was written last is kept when the broker dies. */
  #keep(): void {
    const { batch, at, isFlushed } = this.#writing;
    this.#answered.push({ at, answeredAtMs: this.clock.nowMs() });
    if (isFlushed) this.#flushed = this.#answered.length;
    this.ledger.apply(batch, at);
    if (this.script.isKept)
      this.script.note('disk', `${isFlushed ? 'flushed' : 'stored'} ${batch.map(({ kind }) => kind).join(' ')}`);
    this.kept(batch);
  }

  /** All but so many batches. */
  #forget(kept: number): void {
    this.script.note('disk', `loses ${this.#answered.length - kept} batches`);
    this.#answered.length = kept;
    this.ledger.clear();
    for (const [i, { at }] of this.#answered.entries()) this.ledger.apply(this.#life.journal[i] ?? [], at);
  }
}

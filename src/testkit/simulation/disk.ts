// The disk of a run: it takes its time, refuses, does and then denies, and at a crash keeps what was flushed, and of what was only written as much
// as the plan says. A call waits twice: before the store has it, and before its answer. What is flushed is in the ledger from that moment on.
import type { Change, Storage } from '../../ports/index.js';
import { FaultyStorage } from '../faulty-storage.js';
import type { VirtualClock } from '../virtual-clock.js';
import { Ledger } from './ledger.js';
import type { Script } from './script.js';

export class SimulatedDisk {
  readonly ledger = new Ledger();
  #life: FaultyStorage;
  #writing: readonly Change[] = [];
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
    /** Told after each flush. */
    readonly flushed: (batch: readonly Change[]) => void,
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
      openToRead: () => life.openToRead(),
      load: () => life.load(),
      commit: (batch, durability) => {
        this.#writing = batch;
        if (this.#refusedCommits > 0) {
          this.#refusedCommits--;
          life.failNext('commit', 'unavailable');
        } else if (this.#deniedCommits > 0) {
          this.#deniedCommits--;
          life.applyThenFail();
        }
        return life.commit(batch, durability);
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

  /** The broker of this life is gone. */
  crash(keepsWritten: boolean): void {
    if (keepsWritten && this.#life.waiting.some(({ operation, at }) => operation === 'commit' && at === 'answer')) this.#flush();
    this.#life = this.#life.crash();
    this.#life.hold('call');
    this.#life.hold('answer');
    this.#lives++;
    this.#isReleasing = false;
  }

  #refuseRead(operation: 'readQueue' | 'readRetained'): void {
    if (this.#refusedReads === 0) return;
    this.#refusedReads--;
    this.#life.failNext(operation, 'unavailable');
  }

  #release(): void {
    const first = this.#life.waiting[0];
    if (first?.operation === 'commit' && first.at === 'answer') this.#flush();
    this.#life.releaseOne();
  }

  #flush(): void {
    if (this.#life.unflushed === 0) return;
    this.#life.flush();
    this.ledger.apply(this.#writing);
    if (this.script.isKept) this.script.note('disk', `flushed ${this.#writing.map(({ kind }) => kind).join(' ')}`);
    this.flushed(this.#writing);
  }
}

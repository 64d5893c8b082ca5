// The engine as a part of the broker's life: it begins with what storage has and ends when clients have gone and their
// changes are stored, or when the time for that is over.
import type { Authorizer } from '../ports/auth.js';
import type { Clock } from '../ports/clock.js';
import type { Storage } from '../ports/storage.js';
import type { LifecycleEvent } from '../ports/telemetry.js';
import type { Engine } from './engine.js';
import { StartInterrupted } from './lifecycle.js';
import type { Part } from './lifecycle.js';
import { readClockMark } from './read-clock-mark.js';
import { loadedFrom, requireOnce } from './storage-checks.js';
import { refuseUnfinished } from './transfer/unfinished.js';

/** How long clients have to take their last bytes, and storage to take the last changes. */
const SHUTDOWN_TIMEOUT_MS = 10_000;

export interface EngineRunParts {
  readonly engine: Engine;
  /** Open when this part starts. */
  readonly storage: Storage;
  readonly authorizers: readonly Authorizer[];
  readonly clock: Clock;
  readonly emit: (event: LifecycleEvent) => void;
}

export class EngineRun implements Part {
  readonly name = 'engine';
  readonly #parts: EngineRunParts;
  #isHalted = false;
  #isInterrupted = false;

  constructor(parts: EngineRunParts) {
    this.#parts = parts;
  }

  /** @throws StorageError when the store cannot be read, or has not been filled to the end; StartInterrupted. */
  async start(): Promise<void> {
    const { engine, storage, authorizers } = this.#parts;
    try {
      engine.beginTime(await readClockMark(storage));
      let sessions = 0;
      let retained = 0;
      for await (const fact of loadedFrom(storage)) {
        if (this.#isInterrupted) throw new StartInterrupted();
        refuseUnfinished(fact);
        engine.restore(fact);
        if (fact.kind === 'session') sessions++;
        else if (fact.kind === 'retained') retained++;
      }
      requireOnce('session', sessions, engine.broker.sessionCount);
      requireOnce('retained message', retained, engine.broker.retainedCount);
    } catch (error) {
      this.halt();
      throw error;
    }
    engine.start();
    for (const authorizer of authorizers) {
      authorizer.watch?.(() => {
        engine.reauthorize();
      });
    }
  }

  interruptStart(): void {
    this.#isInterrupted = true;
  }

  async stop(): Promise<void> {
    if (this.#isHalted) return;
    const { engine, clock, emit } = this.#parts;
    // Changes that storage does not take in time were not acknowledged to any client, so stopping without them breaks
    // no promise.
    const timer = clock.at(clock.nowMs() + SHUTDOWN_TIMEOUT_MS, () => {
      const changes = engine.committer.waitingChanges;
      if (changes > 0) emit({ kind: 'changes-abandoned', changes });
      engine.down();
    });
    await engine.shutdown();
    timer.cancel();
  }

  /** Ends at once, without a disconnect and without another commit. */
  halt(): void {
    this.#isHalted = true;
    this.#parts.engine.down();
  }
}

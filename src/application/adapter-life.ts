// Adapters of one kind as a part of the broker's life: they start one after the other and stop together, each within a
// time limit. One that hangs must not keep the broker from stopping.
import type { Clock } from '../ports/clock.js';
import type { Startable } from '../ports/startable.js';
import type { LifecycleEvent } from '../ports/telemetry.js';
import { StartInterrupted } from './lifecycle.js';
import type { Part } from './lifecycle.js';
import { messageOf, withTimeout } from './timeout.js';

const STOP_TIMEOUT_MS = 5000;

export interface AdapterLifeParts {
  readonly clock: Clock;
  readonly emit: (event: LifecycleEvent) => void;
}

export class AdapterLife implements Part {
  readonly #clock: Clock;
  readonly #emit: (event: LifecycleEvent) => void;
  #isInterrupted = false;

  /** @param name what they are, for people. @param all each adapter once. */
  constructor(
    readonly name: string,
    readonly all: readonly (Startable & { readonly name: string })[],
    { clock, emit }: AdapterLifeParts,
  ) {
    this.#clock = clock;
    this.#emit = emit;
  }

  async start(): Promise<void> {
    try {
      for (const adapter of this.all) {
        await adapter.start?.();
        if (this.#isInterrupted) throw new StartInterrupted();
      }
    } catch (error) {
      // All of them: an adapter may hold resources from its construction on.
      await this.stop();
      throw error;
    }
  }

  interruptStart(): void {
    this.#isInterrupted = true;
  }

  /** Never rejects: a failure is reported as an event. */
  async stop(): Promise<void> {
    await Promise.all(
      this.all.map(async (adapter) => {
        try {
          if (adapter.stop !== undefined) await withTimeout(adapter.stop(), STOP_TIMEOUT_MS, this.#clock);
        } catch (error) {
          this.#emit({ kind: 'close-failed', adapter: adapter.name, error: messageOf(error) });
        }
      }),
    );
  }
}

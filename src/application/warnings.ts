// What works and will surprise, reported while there is time: at the start, after a reload, and once a day.
import type { Clock, Timer } from '../ports/clock.js';
import type { LifecycleEvent } from '../ports/telemetry.js';
import type { Part } from './lifecycle.js';

const DAY_MS = 86_400_000;

/** A part of the broker that may have something to say, now or later. */
export interface WarningSource {
  /** The name of a listener, or `storage`. */
  readonly name: string;
  warnings(): readonly string[];
}

export interface WarningsParts {
  readonly sources: readonly WarningSource[];
  /** About the configuration, which stays as it is while the broker runs. */
  readonly ofConfiguration: readonly string[];
  readonly clock: Clock;
  readonly emit: (event: LifecycleEvent) => void;
}

export class Warnings implements Part {
  readonly name = 'warnings';
  readonly #parts: WarningsParts;
  #timer: Timer | undefined;

  constructor(parts: WarningsParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    for (const detail of this.#parts.ofConfiguration)
      this.#parts.emit({ kind: 'warning', what: 'configuration', detail });
    this.#daily();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    return Promise.resolve();
  }

  report(): void {
    for (const source of this.#parts.sources)
      for (const detail of source.warnings()) this.#parts.emit({ kind: 'warning', what: source.name, detail });
  }

  #daily(): void {
    this.report();
    const { clock } = this.#parts;
    this.#timer = clock.at(clock.nowMs() + DAY_MS, () => {
      this.#daily();
    });
  }
}

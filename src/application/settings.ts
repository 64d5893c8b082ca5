// The limits in force, held by reference. A part that reads `current` when it needs a value takes part in every reload;
// a part that copies a value at construction misses them, and a setter for each part is easily forgotten.
import type { Limits, PerListenerLimits } from '../domain/limits.js';

/** What a reload replaces. */
export interface LimitSettings {
  readonly limits: Limits;
  /** The limits of listeners that have their own, by the listener's name. */
  readonly perListener: PerListenerLimits;
}

/**
 * Read access for the parts of the broker. Objects are the same from call to call until a reload, so they can be
 * compared by identity.
 */
export interface Settings {
  /** The broker's limits. */
  readonly current: Limits;
  /** The limits of listeners that have their own, by the listener's name. */
  readonly perListener: PerListenerLimits;
  /** The limits for connections of one listener: its own where it has any, the broker's for the rest. */
  forListener(name: string): Limits;
}

export class LiveSettings implements Settings {
  #settings: LimitSettings;
  readonly #merged = new Map<string, Limits>();

  constructor(settings: LimitSettings) {
    this.#settings = settings;
  }

  get current(): Limits {
    return this.#settings.limits;
  }

  get perListener(): PerListenerLimits {
    return this.#settings.perListener;
  }

  forListener(name: string): Limits {
    const { limits, perListener } = this.#settings;
    const own = perListener.get(name);
    if (own === undefined) return limits;
    let merged = this.#merged.get(name);
    if (merged === undefined) this.#merged.set(name, (merged = { ...limits, ...own }));
    return merged;
  }

  /** Takes effect for everything that reads the settings from now on. */
  replace(settings: LimitSettings): void {
    this.#settings = settings;
    this.#merged.clear();
  }
}

// The limits in force, and their replacement by a reload.
import type { Limits, PerListenerLimits } from '../domain/limits.js';
import type { LimitSettings, Settings } from '../domain/settings.js';

const PUBLISH_RATES = [
  'maxPublishRate',
  'maxPublishByteRate',
  'maxTotalPublishRate',
  'maxTotalPublishByteRate',
] as const satisfies readonly (keyof Limits)[];

function limitsPublishing({ limits, perListener }: LimitSettings): boolean {
  const all: readonly Partial<Limits>[] = [limits, ...perListener.values()];
  return all.some((each) => PUBLISH_RATES.some((key) => each[key] !== undefined));
}

export class LiveSettings implements Settings {
  readonly current: Limits;
  perListener: PerListenerLimits;
  hasPublishRates: boolean;
  version = 0;
  readonly #merged = new Map<string, Limits>();

  constructor(settings: LimitSettings) {
    this.current = { ...settings.limits };
    this.perListener = settings.perListener;
    this.hasPublishRates = limitsPublishing(settings);
  }

  forListener(name: string): Limits {
    let merged = this.#merged.get(name);
    if (merged === undefined) this.#merged.set(name, (merged = { ...this.current, ...this.perListener.get(name) }));
    return merged;
  }

  /** Takes effect for everything that reads the settings from now on. */
  replace(settings: LimitSettings): void {
    const { limits, perListener } = settings;
    Object.assign(this.current, limits);
    for (const [name, merged] of this.#merged) Object.assign(merged, limits, perListener.get(name));
    this.perListener = perListener;
    this.hasPublishRates = limitsPublishing(settings);
    this.version++;
  }
}

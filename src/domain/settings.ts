// The limits in force, in one place. Every part reads them here when it needs a value, and a reload replaces all of
// them together, so no part waits to hear of it. What a part derives from a limit and keeps (a timer, a bucket, a
// window) follows a rule that docs/configuration.md states for that limit.
import type { Limits, PerListenerLimits } from './limits.js';

/** What a reload replaces. */
export interface LimitSettings {
  readonly limits: Limits;
  /** The limits of listeners that have their own, by the listener's name. */
  readonly perListener: PerListenerLimits;
}

/**
 * Read access for the parts of the broker. Objects with limits stay the same while the broker runs, and a reload
 * changes what is in them: a part may keep the object, so that reading a limit is one step, but no value out of it.
 */
export interface Settings {
  /** The broker's limits. */
  readonly current: Limits;
  /** The limits of listeners that have their own, by the listener's name; another map after a reload. */
  readonly perListener: PerListenerLimits;
  /** Whether any client's rate of publishing is limited, for a question that comes with every packet. */
  readonly hasPublishRates: boolean;
  /** Another number after each reload, for a part that waits for something that it has derived from a limit. */
  readonly version: number;
  /** The limits for connections of one listener: its own where it has any, the broker's for the rest. */
  forListener(name: string): Limits;
}

// What every room of the core needs at hand: where to tell changes and effects, the limits, the books, and the moment of the current step.
import type { Limits } from './connect/limits.js';
import type { DeliveryCounters } from './delivery/delivery-counters.js';
import type { Journal } from './journal.js';
import type { Effects } from './effects.js';

export interface Context {
  readonly changes: Journal;
  readonly effects: Effects;
  /** Of the whole broker; they can change between steps. */
  limits: Limits;
  readonly counters: DeliveryCounters;
  /** Milliseconds since 1970, the same during a whole step. */
  nowMs: number;
  /** Numbers the pages that were asked for, whoever asked. */
  lastRequest: number;
  /** What the runs of stored queues hold in memory, all together, in bytes, with what they have asked for. */
  bufferedBytes: number;
}

// The clock port: the current time and timers, for the shell. The core gets the time as an argument and never asks.
// A simulation replaces the clock to run hours in seconds.
import { port } from './token.js';

/** A pending callback of `Clock.at`. */
export interface Timer {
  /** Prevents the callback, if it has not run yet. May be called at any time, any number of times. */
  cancel(): void;
}

/** The time of the broker, in milliseconds, and its timers. */
export interface Clock {
  /** Whole milliseconds since 1970-01-01T00:00Z. Never decreases during the life of the process. */
  nowMs(): number;
  /**
   * Runs the callback once, when `nowMs()` is at least `atMs`; as soon as possible if that is already so, but never
   * before this call has returned.
   */
  at(atMs: number, callback: () => void): Timer;
}

/** Injection token of the clock. */
export const Clock = port<Clock>('Clock');

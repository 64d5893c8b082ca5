// The clock port: durations, the date and timers, for the shell and for adapters. The core gets the time as an argument
// and never asks.
// A simulation replaces the clock to run hours in seconds.
import { port } from './token.js';

/** A pending callback of `Clock.at`. */
export interface Timer {
  /** Prevents the callback, if it has not run yet. May be called at any time, any number of times. */
  cancel(): void;
}

/**
 * The two clocks of the machine, in milliseconds, and timers. They part when the date of the machine is corrected or
 * the machine stands still, so each question has one right clock.
 */
export interface Clock {
  /**
   * For durations: time-outs, pauses, rates, ages. Whole milliseconds that never decrease during the life of the
   * process and that no correction of the date changes. Only differences have a meaning.
   */
  nowMs(): number;
  /**
   * For instants of the world, such as the end of a token: whole milliseconds since 1970-01-01T00:00Z as the machine's
   * date has it now. A correction makes it jump, either way.
   */
  wallMs(): number;
  /**
   * For measurements: as `nowMs`, with fractions, and from another beginning. Omitted by a clock that has none.
   */
  exactMs?(): number;
  /**
   * Calls back within about a second after the date was corrected, until it is cancelled. Omitted by a clock that does
   * not notice: its date is looked at whenever something happens.
   */
  watch?(corrected: () => void): Timer;
  /**
   * Runs the callback once, when `nowMs()` is at least `atMs`; as soon as possible if that is already so, but never
   * before this call has returned.
   */
  at(atMs: number, callback: () => void): Timer;
}

/** Injection token of the clock. */
export const Clock = port<Clock>('Clock');

// The time, for the shell. The core gets it as an argument.
import { port } from './token.js';

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since 1970, never going back within a run. */
  nowMs(): number;
  /** Calls back once, at or after `atMs`; a time that has passed means as soon as possible, never before this call has returned. */
  at(atMs: number, callback: () => void): Timer;
}

export const Clock = port<Clock>('Clock');

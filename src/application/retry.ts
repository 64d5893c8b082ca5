// Exponential backoff for storage operations that are retried until they succeed: 50 ms, doubled each time, at most 5
// s.
import type { Clock } from '../ports/clock.js';

const FIRST_DELAY_MS = 50;
const MAX_DELAY_MS = 5000;

/** Resolves when the next attempt may be made. @param attempt the number of the one that failed, from 1. */
export function pauseAfter(attempt: number, clock: Clock): Promise<void> {
  const delayMs = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1));
  return new Promise((resolve) => {
    clock.at(clock.nowMs() + delayMs, resolve);
  });
}

// How long to wait before storage is asked again: longer each time, up to a bound.
import type { Clock } from '../ports/clock.js';

const FIRST_MS = 50;
const LONGEST_MS = 5000;

/** Resolves when the attempt after this one (1: the first) may be made. */
export function pauseAfter(attempt: number, clock: Clock): Promise<void> {
  const delayMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** (attempt - 1));
  return new Promise((resolve) => {
    clock.at(clock.nowMs() + delayMs, resolve);
  });
}

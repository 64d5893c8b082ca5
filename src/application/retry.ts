// Retries of storage operations: which failures are retried, and after how long. The delay is 50 ms, doubled after each
// attempt, and at most 5 s.
import type { Clock } from '../ports/clock.js';
import { StorageError } from '../ports/storage.js';

const FIRST_DELAY_MS = 50;
const MAX_DELAY_MS = 5000;

/**
 * Whether a retry can succeed. It cannot if another broker owns the store, if the store is damaged, or if the error is
 * not one of storage.
 */
export const isRetryable = (error: unknown): error is StorageError =>
  error instanceof StorageError && error.kind !== 'fenced' && error.kind !== 'corrupt';

/** Resolves when the next attempt may be made. @param attempt the number of the one that failed, from 1. */
export function pauseAfter(attempt: number, clock: Clock): Promise<void> {
  const delayMs = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1));
  return new Promise((resolve) => {
    clock.at(clock.nowMs() + delayMs, resolve);
  });
}

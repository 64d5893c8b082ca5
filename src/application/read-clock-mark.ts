// Reads what a store remembers of the clocks.
import { CLOCK_QUEUE, markIn } from '../domain/clock-mark.js';
import type { ClockMark } from '../domain/clock-mark.js';
import type { Seq } from '../domain/identifiers.js';
import type { Storage } from '../ports/storage.js';
import { requirePage } from './storage-checks.js';

/** There is one mark, and a second one where a commit was cut. */
const PAGE = { maxEntries: 16, maxBytes: 4096 };

/** Before anything is loaded. @throws StorageError */
export async function readClockMark(storage: Pick<Storage, 'readQueue'>): Promise<ClockMark | undefined> {
  const from = 0 as Seq;
  return markIn(requirePage(CLOCK_QUEUE, from, PAGE, await storage.readQueue(CLOCK_QUEUE, from, PAGE)));
}

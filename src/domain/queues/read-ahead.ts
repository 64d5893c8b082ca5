// How much of a stored queue is read into memory before it can be sent.
import type { Context } from '../context.js';

export interface ReadAhead {
  /** A page is requested when the buffer has fewer entries than this. */
  readonly refillBelow: number;
  readonly page: { readonly maxEntries: number; readonly maxBytes: number };
}

const READ_AHEAD_NORMAL: ReadAhead = { refillBelow: 200, page: { maxEntries: 400, maxBytes: 128 * 1024 } };
/** When many clients return at once, each reads little, and only what it can send. */
export const READ_AHEAD_CONSTRAINED: ReadAhead = { refillBelow: 1, page: { maxEntries: 32, maxBytes: 16 * 1024 } };
/** Above this total of all buffers, read-ahead is constrained. */
const READ_AHEAD_BYTES_MAX = 6 * 1024 * 1024;

export function readAheadNow({ bufferedBytes, memory }: Context): ReadAhead {
  return bufferedBytes < READ_AHEAD_BYTES_MAX && !memory.isFull ? READ_AHEAD_NORMAL : READ_AHEAD_CONSTRAINED;
}

// Room in a full queue under `discard-oldest`: its oldest waiting entries are dropped until a message fits. Usually
// that is one. After a limit has been lowered, or when a client leaves with a window full of messages, it can be very
// many: then the queue only becomes smaller with each message, so that no step takes long.
import type { DropReason } from '../reasons.js';

/** Entries dropped for one message that does not need more room than that. */
const DROPPED_PER_MESSAGE = 256;

interface DroppableQueue {
  readonly bytes: number;
  /** @returns false if nothing is left to drop. */
  dropOldest(reason: DropReason): boolean;
}

/** @returns whether the message may be added: it fits, or the queue is smaller than before even with it. */
export function makeRoom(queue: DroppableQueue, reason: DropReason, bytes: number, isFull: () => boolean): boolean {
  const most = queue.bytes - bytes;
  for (let left = DROPPED_PER_MESSAGE; left > 0 || queue.bytes > most; left--) {
    if (!isFull()) return true;
    if (!queue.dropOldest(reason)) return false;
  }
  return true;
}

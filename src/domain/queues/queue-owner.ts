// What only the owner knows about its queue: an outbound window or a shared group.
import type { BufferOwner } from './queue-buffer.js';

export interface QueueOwner extends BufferOwner {
  /** Entries sent and not yet acknowledged: they are in the queue but not waiting. */
  readonly inFlightCount: number;
  /** Every entry below this seq has been sent on some connection. */
  readonly sentBelow: number;
  /** Entries below this seq, and not below `sentBelow`, may have been sent before a crash. */
  readonly doubtBelow: number;
  /** An entry that was waiting was dropped to make room; unless it was in doubt, all below it are gone or were sent. */
  droppedWaiting(seq: number): void;
  /** Whether a client that takes messages from the queue keeps up. */
  readonly keepsUp: boolean;
  /** More than half of what may wait does. */
  fellBehind(): void;
}

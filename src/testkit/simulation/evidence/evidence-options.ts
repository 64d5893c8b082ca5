// What the evidence has to know about a run beforehand.
import type { DiskContents } from './disk-contents.js';

export interface EvidenceOptions {
  readonly nowMs: () => number;
  /** The date of the machine. */
  readonly wallMs: () => number;
  /** How long a session outlives its connection. */
  readonly sessionExpiryMs: number;
  readonly maxInflight: number;
  /** Whether there are queues so small that their publishers wait. */
  readonly publishersWait: boolean;
  /** Upper bound of the bytes that may wait for a client, beyond the high-water mark of its connection. */
  readonly maxBufferedAboveMark: number;
  readonly disk: DiskContents;
}

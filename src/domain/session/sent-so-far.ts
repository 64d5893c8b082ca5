// Which entries of a session's queue have been sent, as far as that is known: what was sent goes again with DUP
// [MQTT-3.3.1-1], does not expire, and is not dropped to make room. The session's record says it when the connection
// ends; after a crash some entries are in doubt (docs/decisions/0029).
import type { RestoredFact, SessionRecord } from '../changes.js';
import type { Seq } from '../identifiers.js';
import type { QueueEntry } from '../queues/queue-entry.js';

/** A message in flight has a Packet Identifier of its own, so no more than this many are. */
const PACKET_IDS = 65_535;

export const packetIdOf = (seq: number): number => (seq % PACKET_IDS) + 1;

/** The part of a session's record that says what was sent. */
export type SentMark = Pick<SessionRecord, 'sentBelow' | 'doubtBelow'>;

export const NOTHING_SENT: SentMark = { sentBelow: 0 as Seq, doubtBelow: 0 as Seq };

export type QueueBounds = Pick<Extract<RestoredFact, { kind: 'queue' }>, 'first' | 'next' | 'count' | 'bytes'>;

export class SentSoFar {
  #sentBelow = 0;
  #doubtBelow = 0;
  /** Entries below this seq were sent on an earlier connection, or may have been: they go with DUP [MQTT-3.3.1-1]. */
  #repeatBelow = 0;

  /** Entries below it were sent. */
  get below(): number {
    return this.#sentBelow;
  }

  /** Entries below it, and not below `below`, may have been sent before a crash. */
  get doubtBelow(): number {
    return this.#doubtBelow;
  }

  get mark(): SentMark {
    return { sentBelow: this.#sentBelow as Seq, doubtBelow: Math.max(this.#sentBelow, this.#doubtBelow) as Seq };
  }

  /** @param mark what the record said at the end of the last connection, or at its beginning if a crash ended it. */
  restore({ first, next }: QueueBounds, mark: SentMark | undefined): void {
    // The last entries that were sent may be gone, and their sequence numbers are given again.
    this.#sentBelow = Math.min(next, mark?.sentBelow ?? 0);
    this.#doubtBelow = Math.min(next, mark?.doubtBelow ?? first + PACKET_IDS);
    this.#repeatBelow = Math.max(this.#sentBelow, this.#doubtBelow);
  }

  /** Whether the record has to say something else than the mark from now on. */
  differsFrom(mark: SentMark | undefined): boolean {
    return mark?.doubtBelow === undefined || this.#repeatBelow !== Math.max(mark.sentBelow ?? 0, mark.doubtBelow);
  }

  /** The entry, and all before it, have been sent, or need not be. */
  passed({ seq }: Pick<QueueEntry, 'seq'>): void {
    if (seq >= this.#sentBelow) this.#sentBelow = seq + 1;
  }

  /** The same, with no entry before it that would be a repeat. */
  skipped(seq: number): void {
    this.#sentBelow = this.#repeatBelow = seq + 1;
  }

  /** The connection has ended: what was sent on it is repeated on the next one. */
  connectionEnded(): void {
    this.#repeatBelow = Math.max(this.#sentBelow, this.#doubtBelow);
  }

  isRepeat({ seq }: QueueEntry): boolean {
    return seq < this.#repeatBelow;
  }

  /**
   * Whether a message that is about to be sent may be left out because its time has passed: not if it was sent before,
   * nor if it may have been at QoS 2, because the client may hold its Packet Identifier.
   */
  mayExpire({ seq, qos, released }: QueueEntry): boolean {
    return !released && seq >= (qos === 1 ? this.#sentBelow : this.#repeatBelow);
  }
}

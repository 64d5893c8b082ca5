// How broker time relates to the wall clock, and how a store remembers it. All instants that are stored are in broker
// time, which no correction of the wall clock changes, so one mark corrects them all (docs/decisions/0028).
import type { QueueAppend } from './changes.js';
import type { StoredEntry } from './inputs.js';
import type { Message } from './messages/message.js';
import { UserProperties } from '../protocol/user-properties.js';
import type { MessageId, QueueId, Seq, TopicName } from './identifiers.js';

/** No client and no shared group can have a queue of this name. The mark is its only entry. */
export const CLOCK_QUEUE = 't:clock' as QueueId;

const WALL_AHEAD = 'wallAheadMs';

/** What was known of the clocks at an instant. */
export interface ClockMark {
  readonly seq: Seq;
  /** The instant, in broker time. */
  readonly atMs: number;
  /** The wall clock less broker time. */
  readonly wallAheadMs: number;
}

/** Readings that differ by less than this say the same. */
const SAME_MS = 500;

export const haveParted = (aheadMs: number, otherMs: number): boolean => Math.abs(aheadMs - otherMs) >= SAME_MS;

/**
 * Broker time at a start: what the wall clock says, corrected by the mark, and never earlier than the mark. Without a
 * mark it is what the wall clock says.
 */
export const timeAtStart = (mark: ClockMark | undefined, wallMs: number): number =>
  mark === undefined ? wallMs : Math.max(wallMs - mark.wallAheadMs, mark.atMs);

export function appendOf({ seq, atMs, wallAheadMs }: ClockMark, id: MessageId): QueueAppend {
  const message: Message = {
    id,
    topic: '$hexmq/clock' as TopicName,
    payload: new Uint8Array(0),
    qos: 1,
    retain: false,
    properties: { userProperties: UserProperties.of([[WALL_AHEAD, String(wallAheadMs)]]) },
    publisher: undefined,
    acceptedAtMs: atMs,
    expiresAtMs: undefined,
  };
  return { kind: 'queue.append', queue: CLOCK_QUEUE, seq, message, qos: 1, retain: false, identifiers: undefined };
}

/** The mark among the stored entries of its queue; `undefined` if there is none. */
export function markIn(entries: readonly Pick<StoredEntry, 'seq' | 'message'>[]): ClockMark | undefined {
  const entry = entries.at(-1);
  if (entry === undefined) return undefined;
  const named = [...(entry.message.properties?.userProperties ?? [])].find(([name]) => name === WALL_AHEAD);
  const wallAheadMs = Number(named?.[1] ?? 0);
  if (!Number.isSafeInteger(wallAheadMs)) return undefined;
  return { seq: entry.seq, atMs: entry.message.acceptedAtMs, wallAheadMs };
}

// What the index of retained messages consists of: an entry for each retained message, below one object a topic level.
import { Deadline } from '../deadlines.js';
import type { TimerKind } from '../deadlines.js';
import type { MessageId, TopicName } from '../identifiers.js';

export class RetainedEntry {
  /** Set by the owner of the message's expiry; `undefined` if the message does not expire. */
  readonly expiry: Deadline<RetainedEntry> | undefined;

  constructor(
    readonly topic: TopicName,
    readonly id: MessageId,
    /** Of the payload. */
    readonly bytes: number,
    readonly expiresAtMs: number | undefined,
    expiryTimer: TimerKind<RetainedEntry>,
  ) {
    this.expiry = expiresAtMs === undefined ? undefined : new Deadline<RetainedEntry>(expiryTimer, this);
  }
}

/** One topic level. */
export class RetainedLevel {
  children: Map<string, RetainedLevel> | undefined = undefined;
  entry: RetainedEntry | undefined = undefined;
}

// What one client was sent and what it received, as far as an observer of its connections can tell. Messages are
// identified by their tags.

export interface ReceivedLog {
  /** How often the application behind the client received each message. */
  readonly receptions: Map<string, number>;
  /** The same at QoS 2, since the message was last excused. */
  readonly qos2Receptions: Map<string, number>;
  /** Messages whose delivery the client has acknowledged to the end. */
  readonly completed: Set<string>;
  /** Messages that it has refused at least once, whether or not the broker has heard of it. */
  readonly declined: Set<string>;
  /** Messages that it has refused with a Reason Code of 0x80 or more. */
  readonly refused: Set<string>;
  /** Those of which the broker has not reported it yet. */
  readonly refusing: Set<string>;
  /** Messages that were sent to it at QoS 2, and the latest one by each Packet Identifier. */
  readonly sentAtQos2: Set<string>;
  readonly latestQos2ById: Map<number, string>;
  /** QoS 2 messages for which PUBREL was sent. */
  readonly released: Set<string>;
  /** What was in its queue when the broker last started: whether a shared group assigned it is no longer known. */
  readonly queuedAtStart: Set<string>;
  /**
   * QoS 2 messages that may come a second time from this incarnation of the broker on: the level allowed a crash to
   * lose that they came.
   */
  readonly excused: Map<string, number>;
  /**
   * Packet Identifier and message of QoS 2 deliveries that a crash may have undone while the client still holds the
   * identifier.
   */
  readonly inDoubt: Set<string>;
  /** Messages that the client took for a repeat of one in doubt. */
  readonly treatedAsDuplicate: Set<string>;
}

export const emptyReceivedLog = (): ReceivedLog => ({
  receptions: new Map(),
  qos2Receptions: new Map(),
  completed: new Set(),
  declined: new Set(),
  refused: new Set(),
  refusing: new Set(),
  sentAtQos2: new Set(),
  latestQos2ById: new Map(),
  released: new Set(),
  queuedAtStart: new Set(),
  excused: new Map(),
  inDoubt: new Set(),
  treatedAsDuplicate: new Set(),
});

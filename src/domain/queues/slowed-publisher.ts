// A publisher that waits, and the backlog that it waits for, as they see each other.

/** A queue to which messages come faster than its client, which keeps up, can get them. */
export interface Pressed {
  readonly level: number;
  /** The publisher waits until `goOn` is called. */
  slow(publisher: SlowedPublisher): void;
  /** The publisher waits no longer, for a reason of its own. */
  leave(publisher: SlowedPublisher): void;
}

export interface SlowedPublisher {
  /** Called once, when it may go on. */
  goOn(): void;
}

// A publisher that waits, and the backlog of the queue that it waits for, as they see each other.
import type { QueueId } from './identifiers.js';

export interface Pressed {
  readonly id: QueueId;
  readonly level: number;
  /** Messages come faster than a client that keeps up can get them: the publisher waits until that is over. */
  slow(publisher: SlowedPublisher): void;
  /** The queue has no room for the publisher's message, which is tried again now and then. */
  refuse(publisher: SlowedPublisher): void;
  /** The publisher waits no longer, for a reason of its own. */
  leave(publisher: SlowedPublisher): void;
}

export interface SlowedPublisher {
  /** Called once: it may go on, or try again. */
  goOn(): void;
}

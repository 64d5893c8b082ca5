// What the evidence has to know about a run beforehand.
import type { Limits } from '../../../domain/limits.js';
import type { SessionLifetimesOptions } from './session-lifetimes.js';

export interface EvidenceOptions extends SessionLifetimesOptions {
  /** The date of the machine. */
  readonly wallMs: () => number;
  readonly maxInflight: number;
  /** Whether publishers wait: there are small queues, or an interceptor. */
  readonly publishersWait: boolean;
  /** Whether what a client publishes to a topic may have an effect. */
  readonly mayPublish: (client: string, topic: string) => boolean;
  /** Whether an interceptor drops the message: it is acknowledged, and has no effect. */
  readonly isDropped: (tag: string) => boolean;
  /** Limits that are so low that clients reach them; `undefined` where no client does. A reload may lift them. */
  most: Pick<
    Partial<Limits>,
    | 'maxSubscriptionsPerClient'
    | 'maxSubscriptions'
    | 'maxRetainedMessages'
    | 'maxConnections'
    | 'maxSessions'
    | 'maxSessionBytes'
  >;
  /** Whether full queues refuse messages. */
  readonly isRefusing: boolean;
  /** Upper bound of the bytes that may wait for a client, beyond the high-water mark of its connection. */
  readonly maxBufferedAboveMark: number;
}

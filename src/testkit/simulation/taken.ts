// What is known from outside about what each client has taken, and what was sent to it.
import type { Publication } from './publications.js';

export interface Taken {
  readonly times: Map<string, number>;
  readonly qos2Times: Map<string, number>;
  /** Sent without DUP. */
  readonly fresh: Map<string, number>;
  /** Messages it has acknowledged to the end. */
  readonly done: Set<string>;
  /** What was sent to it at QoS 2, and the last one by each identifier. */
  readonly sentQos2: Set<string>;
  readonly lastQos2: Map<number, string>;
  /** What was in its queue when the broker started: whether a group had given it, is not known any more. */
  readonly own: Set<string>;
  /** Those of them for which PUBREL was sent. */
  readonly released: Set<string>;
  /** Those that may come anew since this life of the broker, which was to know of them and did not keep it. */
  readonly forgiven: Map<string, number>;
  /** Messages that the broker has forgotten, by identifier: the client may be keeping that, and take another message for a repeat. */
  readonly limbo: Set<string>;
  /** What it took for a repeat. */
  readonly swallowed: Set<string>;
  /** The latest message taken, by publisher, topic and QoS. */
  readonly latest: Map<string, Publication>;
}

export const nothingTaken = (): Taken => ({
  times: new Map(),
  qos2Times: new Map(),
  fresh: new Map(),
  done: new Set(),
  sentQos2: new Set(),
  lastQos2: new Map(),
  own: new Set(),
  released: new Set(),
  forgiven: new Map(),
  limbo: new Set(),
  swallowed: new Set(),
  latest: new Map(),
});

// The delivery counters. Every delivery that was started is delivered, dropped for a reason, or still in a queue, so
// they balance at every step. Counters never go down.
//   started + restored = delivered + dropped + transferred + waiting
import type { DropReason } from '../reasons.js';

export class DeliveryCounters {
  /** Messages accepted from clients and wills. */
  accepted = 0;
  /** Messages from clients, and wills, that were not allowed. */
  denied = 0;
  /** Deliveries that accepted messages were fanned out to. */
  started = 0;
  /** Deliveries found in the store at start. */
  restored = 0;
  /** Deliveries handed to the network at QoS 0, or acknowledged by the client at QoS 1 and 2. */
  delivered = 0;
  /**
   * Deliveries that ended because another one continues with the message: a shared group handed it to a member or back.
   */
  transferred = 0;
  readonly dropped: Record<DropReason, number> = {
    'no-subscriber': 0,
    'client-offline': 0,
    'slow-consumer': 0,
    'queue-full': 0,
    'queue-bytes-full': 0,
    'stored-queues-full': 0,
    expired: 0,
    'memory-full': 0,
    purged: 0,
    'session-ended': 0,
    'not-authorized': 0,
    'packet-too-large': 0,
    'dropped-by-interceptor': 0,
    'refused-by-client': 0,
    'retained-full': 0,
    'retained-bytes-full': 0,
    'retained-payloads-full': 0,
  };

  /** Deliveries in progress: in a queue, or sent and not acknowledged. */
  get waiting(): number {
    const { started, restored, delivered, transferred, dropped } = this;
    const ended = Object.values(dropped).reduce((sum, count) => sum + count, delivered + transferred);
    return started + restored - ended;
  }
}

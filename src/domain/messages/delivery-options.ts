// How one message goes to one subscriber. Options without Subscription Identifiers are shared objects, so that a
// fan-out allocates none.
import type { QoS } from '../../protocol/packets.js';

export interface DeliveryOptions {
  readonly qos: QoS;
  /** Whether the delivery carries RETAIN [MQTT-3.3.1-8], [MQTT-3.3.1-9]. */
  readonly retain: boolean;
  /** Subscription Identifiers of the subscriptions that matched (MQTT 5). */
  readonly identifiers: readonly number[] | undefined;
}

const SHARED: readonly DeliveryOptions[] = [0, 1, 2, 3, 4, 5].map((i) => ({
  qos: (i >> 1) as QoS,
  retain: (i & 1) === 1,
  identifiers: undefined,
}));

export function deliveryOptions(
  qos: QoS,
  retain: boolean,
  identifiers: readonly number[] | undefined,
): DeliveryOptions {
  if (identifiers !== undefined) return { qos, retain, identifiers };
  return SHARED[qos * 2 + (retain ? 1 : 0)] as DeliveryOptions;
}

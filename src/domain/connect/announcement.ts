// What CONNACK tells a client of MQTT 5 about the broker: only what differs from what the absence of a property means
// (section 3.2.2.3).
import { PACKET_SIZE_MAX } from '../../protocol/packet-size.js';
import type { ConnectPacket, Properties } from '../../protocol/packets.js';
import type { Limits } from '../limits.js';
import { responseInformation } from './response-information.js';

const RECEIVE_MAXIMUM_DEFAULT = 65_535;

/** What was decided for the client. */
export interface Accepted {
  readonly connect: ConnectPacket;
  readonly clientId: string;
  readonly userName: string | undefined;
  /** In seconds. */
  readonly sessionExpiryS: number;
  /** In seconds; 0: none. */
  readonly keepAliveS: number;
  /** In bytes, of the client's listener. */
  readonly maxPacketSize: number;
}

export function announcement(accepted: Accepted, limits: Limits): Properties | undefined {
  const { connect, clientId, userName, sessionExpiryS, keepAliveS, maxPacketSize } = accepted;
  const { receiveMaximum, topicAliasMax, maxQos } = limits;
  const information = responseInformation(limits.responseTopic, connect, clientId, userName);
  const properties: Properties = {
    ...(sessionExpiryS !== (connect.properties?.sessionExpiryInterval ?? 0) && {
      sessionExpiryInterval: sessionExpiryS,
    }),
    ...(receiveMaximum < RECEIVE_MAXIMUM_DEFAULT && { receiveMaximum }),
    ...(maxQos < 2 && { maximumQos: maxQos as 0 | 1 }), // [MQTT5-3.2.2-9]
    ...(!limits.retainedMessages && { retainAvailable: 0 }),
    ...(maxPacketSize < PACKET_SIZE_MAX && { maximumPacketSize: maxPacketSize }),
    ...(connect.clientId === '' && { assignedClientIdentifier: clientId }), // [MQTT5-3.2.2-16]
    ...(topicAliasMax > 0 && { topicAliasMaximum: topicAliasMax }),
    ...(!limits.wildcardSubscriptions && { wildcardSubscriptionAvailable: 0 }),
    ...(!limits.subscriptionIdentifiers && { subscriptionIdentifierAvailable: 0 }),
    ...(!limits.sharedSubscriptions && { sharedSubscriptionAvailable: 0 }),
    ...(information !== undefined && { responseInformation: information }), // [MQTT5-3.1.2-28]
    ...(keepAliveS !== connect.keepAlive && { serverKeepAlive: keepAliveS }), // [MQTT5-3.2.2-21]
  };
  return Object.keys(properties).length === 0 ? undefined : properties;
}

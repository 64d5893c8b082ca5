// What a client of MQTT 5 says in CONNECT about what it takes. All clients of earlier versions share one object.
import type { ConnectPacket } from '../../protocol/packets.js';
import { PACKET_SIZE_MAX } from '../../protocol/packet-size.js';

export interface ClientLimits {
  /** QoS 1 and 2 messages that may be unacknowledged at a time, 1 to 65,535 [MQTT5-3.3.4-9]. */
  readonly receiveMaximum: number;
  /** In bytes [MQTT5-3.1.2-24]. */
  readonly maximumPacketSize: number;
  /** 0 to 65,535 [MQTT5-3.1.2-26]. */
  readonly topicAliasMaximum: number;
  /** Whether Reason String may stand in packets other than CONNACK and DISCONNECT [MQTT5-3.1.2-29]. */
  readonly problemInformation: boolean;
}

/** Without properties, and before MQTT 5 (sections 3.1.2.11.3 to 3.1.2.11.7). */
export const DEFAULT_CLIENT_LIMITS: ClientLimits = {
  receiveMaximum: 65_535,
  maximumPacketSize: PACKET_SIZE_MAX,
  topicAliasMaximum: 0,
  problemInformation: true,
};

export function clientLimitsOf({ properties }: ConnectPacket): ClientLimits {
  if (properties === undefined) return DEFAULT_CLIENT_LIMITS;
  return {
    receiveMaximum: properties.receiveMaximum ?? DEFAULT_CLIENT_LIMITS.receiveMaximum,
    maximumPacketSize: properties.maximumPacketSize ?? DEFAULT_CLIENT_LIMITS.maximumPacketSize,
    topicAliasMaximum: properties.topicAliasMaximum ?? DEFAULT_CLIENT_LIMITS.topicAliasMaximum,
    problemInformation: properties.requestProblemInformation !== 0,
  };
}

// The MQTT Control Packets as readonly data, for all three versions. The domain decides what a packet means, the
// decoder and encoder how it looks on the wire. Absent fields are `undefined`, never missing, so that every packet of a
// type has the same shape.
import type { ProtocolVersion } from './protocol-version.js';
import type { UserProperties } from './user-properties.js';

export type { ProtocolVersion } from './protocol-version.js';

/** Quality of Service: 0 at most once, 1 at least once, 2 exactly once (MQTT 3.1.1 section 4.3). */
export type QoS = 0 | 1 | 2;

/** The upper four bits of a packet's first byte (MQTT 3.1.1 section 2.2.1, MQTT 5 section 2.1.2). */
export const PacketType = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  unsubscribe: 10,
  unsuback: 11,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
  auth: 15,
} as const;
export type PacketType = (typeof PacketType)[keyof typeof PacketType];

/**
 * MQTT 5 section 2.2.2.2. The table in `properties.ts` says which packet may carry which property. Times are in
 * seconds.
 */
export interface Properties {
  readonly payloadFormatIndicator?: 0 | 1;
  readonly messageExpiryInterval?: number;
  readonly contentType?: string;
  readonly responseTopic?: string;
  readonly correlationData?: Uint8Array;
  /** One in a SUBSCRIBE, any number in a PUBLISH from the server. 1 to 268,435,455 each. */
  readonly subscriptionIdentifiers?: readonly number[];
  readonly sessionExpiryInterval?: number;
  readonly assignedClientIdentifier?: string;
  readonly serverKeepAlive?: number;
  readonly authenticationMethod?: string;
  readonly authenticationData?: Uint8Array;
  readonly requestProblemInformation?: 0 | 1;
  readonly willDelayInterval?: number;
  readonly requestResponseInformation?: 0 | 1;
  readonly responseInformation?: string;
  readonly serverReference?: string;
  readonly reasonString?: string;
  readonly receiveMaximum?: number;
  readonly topicAliasMaximum?: number;
  readonly topicAlias?: number;
  readonly maximumQos?: 0 | 1;
  readonly retainAvailable?: 0 | 1;
  readonly userProperties?: UserProperties;
  readonly maximumPacketSize?: number;
  readonly wildcardSubscriptionAvailable?: 0 | 1;
  readonly subscriptionIdentifierAvailable?: 0 | 1;
  readonly sharedSubscriptionAvailable?: 0 | 1;
}

/** In place of properties of a PUBLISH that were not read, because they are longer than allowed. */
export const UNREAD_PROPERTIES: Properties = Object.freeze({});

export interface Will {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties: Properties | undefined;
}

export interface ConnectPacket {
  readonly type: typeof PacketType.connect;
  readonly protocolVersion: ProtocolVersion;
  /** Clean Session in 3.1 and 3.1.1, Clean Start in 5. */
  readonly clean: boolean;
  /** In seconds, 0 to 65,535; 0 disables keep-alive. */
  readonly keepAlive: number;
  readonly clientId: string;
  readonly will: Will | undefined;
  readonly userName: string | undefined;
  readonly password: Uint8Array | undefined;
  readonly properties: Properties | undefined;
}

export interface ConnackPacket {
  readonly type: typeof PacketType.connack;
  readonly sessionPresent: boolean;
  /** A return code in 3.1 and 3.1.1, a reason code in 5. */
  readonly reasonCode: number;
  readonly properties: Properties | undefined;
}

export interface PublishPacket {
  readonly type: typeof PacketType.publish;
  readonly dup: boolean;
  readonly qos: QoS;
  readonly retain: boolean;
  /** Empty only in MQTT 5 with a Topic Alias. */
  readonly topic: string;
  /** 1 to 65,535; 0 at QoS 0, where the wire has none. */
  readonly packetId: number;
  readonly properties: Properties | undefined;
  /** From the decoder: a view of the received chunk. Code that keeps it beyond the turn must copy it. */
  readonly payload: Uint8Array;
}

/** PUBACK, PUBREC, PUBREL and PUBCOMP have the same fields. */
export interface AcknowledgementPacket {
  readonly type:
    typeof PacketType.puback | typeof PacketType.pubrec | typeof PacketType.pubrel | typeof PacketType.pubcomp;
  readonly packetId: number;
  /** 0 in 3.1 and 3.1.1, where the wire has none. */
  readonly reasonCode: number;
  readonly properties: Properties | undefined;
}

export interface SubscriptionRequest {
  readonly topicFilter: string;
  readonly qos: QoS;
  /** MQTT 5 subscription options (section 3.8.3.1); false, false and 0 in 3.1 and 3.1.1. */
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
}

export interface SubscribePacket {
  readonly type: typeof PacketType.subscribe;
  readonly packetId: number;
  readonly subscriptions: readonly SubscriptionRequest[];
  readonly properties: Properties | undefined;
}

export interface SubackPacket {
  readonly type: typeof PacketType.suback;
  readonly packetId: number;
  readonly reasonCodes: readonly number[];
  readonly properties: Properties | undefined;
}

export interface UnsubscribePacket {
  readonly type: typeof PacketType.unsubscribe;
  readonly packetId: number;
  readonly topicFilters: readonly string[];
  readonly properties: Properties | undefined;
}

export interface UnsubackPacket {
  readonly type: typeof PacketType.unsuback;
  readonly packetId: number;
  /** One per Topic Filter; written in MQTT 5 only. */
  readonly reasonCodes: readonly number[];
  readonly properties: Properties | undefined;
}

export interface PingreqPacket {
  readonly type: typeof PacketType.pingreq;
}

export interface PingrespPacket {
  readonly type: typeof PacketType.pingresp;
}

export interface DisconnectPacket {
  readonly type: typeof PacketType.disconnect;
  /** 0 in 3.1 and 3.1.1, where the wire has none. */
  readonly reasonCode: number;
  readonly properties: Properties | undefined;
}

/** MQTT 5 only. */
export interface AuthPacket {
  readonly type: typeof PacketType.auth;
  readonly reasonCode: number;
  readonly properties: Properties | undefined;
}

export type Packet =
  | ConnectPacket
  | ConnackPacket
  | PublishPacket
  | AcknowledgementPacket
  | SubscribePacket
  | SubackPacket
  | UnsubscribePacket
  | UnsubackPacket
  | PingreqPacket
  | PingrespPacket
  | DisconnectPacket
  | AuthPacket;

// What the core wants done now: the second of its two ways to speak to the world. Effects are told to a sink, not returned in a list, so
// that a delivery allocates nothing. The rule that ties effects to changes: what a step promises to a peer (CONNACK of a stored session,
// SUBACK, UNSUBACK, PUBACK, PUBREC, PUBREL, PUBCOMP, a QoS 2 PUBLISH) leaves only once the changes that the step recorded before it are
// durable; the core records first and promises second, the shell holds the gate.
import type {
  ConnackPacket,
  DisconnectPacket,
  PacketType,
  PingrespPacket,
  ProtocolVersion,
  QoS,
  SubackPacket,
  UnsubackPacket,
} from '../protocol/packets.js';
import type { QueueAppend } from './changes.js';
import type { PeerInfo } from './connect/peer.js';
import type { Message } from './delivery/message.js';
import type { ClientId, ConnectionId, QueueId, Seq, TopicName } from './identifiers.js';
import type { BrokerEvent } from './events.js';
import type { EndReason } from './reasons.js';

export interface AuthenticationRequest {
  readonly clientId: ClientId;
  readonly protocolVersion: ProtocolVersion;
  readonly userName: string | undefined;
  readonly password: Uint8Array | undefined;
  readonly listener: string;
  readonly peer: PeerInfo;
}

export type AnswerPacket = ConnackPacket | SubackPacket | UnsubackPacket | PingrespPacket | DisconnectPacket;

export type AcknowledgementType =
  typeof PacketType.puback | typeof PacketType.pubrec | typeof PacketType.pubrel | typeof PacketType.pubcomp;

export interface PageLimit {
  readonly maxEntries: number;
  /** Of payloads; a page has at least one entry, however large. */
  readonly maxBytes: number;
}

export interface Effects {
  /** Ask who this is; answered by an `authenticated` event. Nothing more is read from the connection until then. */
  authenticate(connection: ConnectionId, request: AuthenticationRequest): void;
  /** CONNECT was accepted, CONNACK comes next: from here on the connection speaks this version and may send packets of this size. */
  established(connection: ConnectionId, version: ProtocolVersion, maxPacketSize: number): void;
  /** A CONNACK that refuses promises nothing: it leaves at once, and in place of whatever waits at the gate. */
  send(connection: ConnectionId, packet: AnswerPacket): void;
  acknowledge(connection: ConnectionId, type: AcknowledgementType, packetId: number, reasonCode: number): void;
  /** `append`: the record of the entry, when this run of the broker stored it; a QoS 2 delivery waits for it. */
  deliver(
    connection: ConnectionId,
    message: Message,
    qos: QoS,
    retain: boolean,
    dup: boolean,
    packetId: number,
    identifiers: readonly number[] | undefined,
    append: QueueAppend | undefined,
  ): void;
  /** What was sent before it still goes out, what waits at the gate does not. */
  close(connection: ConnectionId, reason: EndReason): void;
  /**
   * Answered by a `queue-page` event that bears the request's number. `ticket`: what has to be durable before the page is read; `undefined`: all
   * that has been recorded so far.
   */
  readQueue(queue: QueueId, from: Seq, limit: PageLimit, request: number, ticket: number | undefined): void;
  /** Answered by a `retained-page` event, read after all changes recorded so far are durable. */
  readRetained(connection: ConnectionId, topics: readonly TopicName[]): void;
  /** Send a `writable` event once what was sent to this connection has left for the network. */
  whenWritable(connection: ConnectionId): void;
  /** For whoever watches: the event log, metrics. */
  emit(event: BrokerEvent): void;
}

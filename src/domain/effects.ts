// What the core wants done now: the second of its two ways to speak to the world. Effects go to a sink instead of being
// returned in a list, so that a delivery allocates nothing. Each effect that promises something to a client bears the
// ticket that it leaves after; `durability.ts` says which. The sink holds it back until then and knows nothing else
// about it.
import type {
  AcknowledgementPacket,
  AuthPacket,
  ConnackPacket,
  DisconnectPacket,
  PacketType,
  PingrespPacket,
  ProtocolVersion,
  SubackPacket,
  UnsubackPacket,
} from '../protocol/packets.js';
import type { PeerInfo } from './peer.js';
import type { DeliveryOptions } from './messages/delivery-options.js';
import type { Message } from './messages/message.js';
import type { Ticket } from './durability.js';
import type { ClientId, ConnectionId, QueueId, Seq, TopicName } from './identifiers.js';
import type { EventSink } from './events.js';
import type { CommandOutcome } from './commands.js';
import type { EndReason } from './reasons.js';
import type { ClientView, RequestOf, Stage, VerdictOf } from './interception/verdict.js';
import type { TraceStep } from './trace-step.js';

/** The parts of a CONNECT that identify a client, and its connection. */
export interface AuthenticationRequest {
  readonly clientId: ClientId;
  readonly protocolVersion: ProtocolVersion;
  readonly userName: string | undefined;
  readonly password: Uint8Array | undefined;
  readonly listener: string;
  readonly peer: PeerInfo;
  /** The Authentication Method of CONNECT (MQTT 5 section 4.12); `undefined` for a login without one. */
  readonly authenticationMethod?: string | undefined;
}

/** `AcknowledgementPacket` only with properties; without them `acknowledge` is faster. */
export type AnswerPacket =
  | ConnackPacket
  | AcknowledgementPacket
  | SubackPacket
  | UnsubackPacket
  | PingrespPacket
  | DisconnectPacket
  | AuthPacket;

/** What the two sides of a connection have agreed on. */
export interface ConnectionTerms {
  readonly version: ProtocolVersion;
  /** Of a packet from the client, in bytes. */
  readonly maxPacketSize: number;
  /** Of a packet to the client, in bytes [MQTT5-3.1.2-24]. */
  readonly maximumPacketSize: number;
  /** Topic Aliases that the broker may use, 0 to 65,535 [MQTT5-3.1.2-26]. */
  readonly topicAliasMaximum: number;
}

export type AcknowledgementType =
  typeof PacketType.puback | typeof PacketType.pubrec | typeof PacketType.pubrel | typeof PacketType.pubcomp;

/** Why no more packets of a connection are handled. */
export type SuspendReason =
  /** Work that one of them started continues in later steps. It may record changes. */
  | 'work'
  /** The client publishes to queues that are behind, and much that it has sent waits already. */
  | 'backlog';

/** The most that one page of a queue may hold. */
export interface PageLimit {
  readonly maxEntries: number;
  /** Payload bytes; a page has at least one entry, however large. */
  readonly maxBytes: number;
}

export interface Effects extends EventSink {
  /** What waited for this ticket, or for an earlier one, has left. */
  readonly released: Ticket;
  /**
   * Authenticates the client; answered by an `authenticated` input. The shell reads nothing more from the connection
   * until then. If the request has an Authentication Method, the answer may also be a `challenged` input.
   * @param data the Authentication Data of CONNECT.
   */
  authenticate(connection: ConnectionId, request: AuthenticationRequest, data: Uint8Array | undefined): void;
  /** The client has answered a challenge; answered as `authenticate` is. */
  continueAuthentication(connection: ConnectionId, data: Uint8Array | undefined): void;
  /** A connected client authenticates again, with its method; answered as `authenticate` is, and read meanwhile. */
  reauthenticate(connection: ConnectionId, data: Uint8Array | undefined): void;
  /**
   * Asks the interceptors of a stage, which is one that `Intercepted` names.
   * @returns their verdict, or `undefined` if it comes as an `intercepted` input.
   */
  intercept<S extends Stage>(
    connection: ConnectionId,
    stage: S,
    request: RequestOf<S>,
    client: ClientView,
  ): VerdictOf<S> | undefined;
  /** The verdict that the connection waits for is no longer needed. */
  abandonIntercept(connection: ConnectionId): void;
  /**
   * Asks the interceptors of deliveries, synchronously; only if `Intercepted` names them. They decide in the same way
   * about a repeat.
   * @returns the message as the client is to get it, or why it is dropped.
   */
  interceptDelivery(message: Message, client: ClientView): Message | string;
  /** CONNECT was accepted and CONNACK comes next: from now on these terms apply to the connection. */
  established(connection: ConnectionId, terms: ConnectionTerms): void;
  send(connection: ConnectionId, packet: AnswerPacket, after: Ticket): void;
  acknowledge(
    connection: ConnectionId,
    type: AcknowledgementType,
    packetId: number,
    reasonCode: number,
    after: Ticket,
  ): void;
  /** `packetId` is 0 at QoS 0. */
  deliver(
    connection: ConnectionId,
    message: Message,
    options: DeliveryOptions,
    dup: boolean,
    packetId: number,
    after: Ticket,
  ): void;
  /** Output sent before still goes out; output waiting at the gate does not. */
  close(connection: ConnectionId, reason: EndReason): void;
  /** Answered by a `durable` input. Nothing more is read from the connection until then. */
  whenDurable(connection: ConnectionId, after: Ticket): void;
  /** The in-process subscription has begun, or `problem` says why it cannot. */
  answerInProcess(subscriber: number, problem: string | undefined): void;
  /**
   * Hands a message to an in-process subscription.
   * @param isRetained whether it was retained before the subscription began.
   */
  deliverInProcess(subscriber: number, message: Message, isRetained: boolean): void;
  /** Requests an `in-process-ready` input once the subscriber has taken what it was given. */
  whenInProcessReady(subscriber: number): void;
  /** Answered by an `in-process-page` input. */
  readRetainedInProcess(subscriber: number, topics: readonly TopicName[], after: Ticket): void;
  /** The outcome of the `command` input with this request number. */
  answerCommand(request: number, outcome: CommandOutcome, after: Ticket): void;
  /** A step of a message that this trace is about. */
  traced(trace: number, step: TraceStep): void;
  /** Answered by a `queue-page` input with the request's number. The page is read after `after`. */
  readQueue(queue: QueueId, from: Seq, limit: PageLimit, request: number, after: Ticket): void;
  /** Storage gives no entries from this one on, but there are some: it has lost them, or fails to find them. */
  lacks(queue: QueueId, from: Seq): void;
  /** Answered by a `retained-page` input. */
  readRetained(connection: ConnectionId, topics: readonly TopicName[], after: Ticket): void;
  /** Hands in no more packets of the connection until `resume` was called for this and every other reason. */
  suspend(connection: ConnectionId, why: SuspendReason): void;
  resume(connection: ConnectionId, why: SuspendReason): void;
  /** Requests a `writable` input once the output of this connection has left for the network. */
  whenWritable(connection: ConnectionId): void;
  /**
   * Answered by a `quiet` input once everything that has arrived from the peer has been handled, however long that
   * takes.
   */
  whenQuiet(connection: ConnectionId): void;
}

// A network connection as the core sees it: its state, who the client is and what it may do, and how well it reads.
import type { ConnectPacket, ProtocolVersion } from '../../protocol/packets.js';
import type { Access } from '../access/access.js';
import type { Context } from '../context.js';
import { Deadline } from '../deadlines.js';
import type { TimerKind } from '../deadlines.js';
import { drop } from '../messages/drops.js';
import type { DeliveryOptions } from '../messages/delivery-options.js';
import type { Message } from '../messages/message.js';
import type { DeliveryOutcome } from '../messages/publication.js';
import type { RetainedDelivery } from '../session/retained-delivery.js';
import { NOW } from '../durability.js';
import type { Ticket } from '../durability.js';
import type { AcknowledgementType } from '../effects.js';
import { sessionQueue } from '../identifiers.js';
import type { ClientId, ConnectionId } from '../identifiers.js';
import type { Attached, Session } from '../session/session.js';
import { checkTransition } from './lifecycle.js';
import type { ConnectionState } from './lifecycle.js';
import type { PeerInfo } from '../peer.js';

/** What an accepted CONNECT waits to announce. */
export interface PendingAdmission {
  readonly connect: ConnectPacket;
  readonly session: Session;
  /** Whether the session was there before this CONNECT: Session Present, where the version has it. */
  readonly present: boolean;
}

export class Connection implements Attached {
  #state: ConnectionState = 'awaiting-connect';
  version: ProtocolVersion = 4;
  /** In `connected`. */
  session: Session | undefined;
  /** `undefined` until CONNECT is received. */
  clientId: ClientId | undefined;
  /** What the client may do; from `admitting` on. */
  access: Access | undefined;
  /** In `authenticating`. */
  connect: ConnectPacket | undefined;
  /** In `admitting`. */
  admission: PendingAdmission | undefined;
  window = 0;
  /** In seconds; 0 disables keep-alive. */
  keepAliveMs = 0;
  lastPacketMs: number;
  /** When the present state was entered. */
  stateSinceMs: number;
  /** The timer of the current state. */
  readonly deadline: Deadline<Connection>;
  /** Made when the client first reads too slowly. */
  drain: Deadline<Connection> | undefined;
  /** Made if what the client authenticated with expires. */
  credentials: Deadline<Connection> | undefined;
  retained: RetainedDelivery | undefined;
  /** Topic Names by the Topic Aliases that the client assigned; made with the first one. */
  topicAliases: Map<number, string> | undefined;
  #lastPromise: Ticket = NOW;
  #congested = false;
  #bufferedMessages = 0;
  #bufferedBytes = 0;

  constructor(
    readonly id: ConnectionId,
    readonly listener: string,
    readonly peer: PeerInfo,
    readonly context: Context,
    stateTimer: TimerKind<Connection>,
  ) {
    this.lastPacketMs = this.stateSinceMs = context.nowMs;
    this.deadline = new Deadline<Connection>(stateTimer, this);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  moveTo(state: ConnectionState): void {
    checkTransition(this.#state, state);
    this.#state = state;
    this.stateSinceMs = this.context.nowMs;
  }

  capacityAvailable(): void {
    this.retained?.capacityAvailable();
  }

  get isCongested(): boolean {
    return this.#congested;
  }

  congested(): void {
    this.#congested = true;
  }

  writable(): void {
    this.#congested = false;
    this.#bufferedMessages = 0;
    this.#bufferedBytes = 0;
  }

  /**
   * The ticket that a promise to this client leaves after: `ticket`, or that of an earlier promise if it is later.
   * Promises never overtake each other [MQTT-4.6.0-2], [MQTT-4.6.0-3].
   */
  promise(ticket: Ticket): Ticket {
    if (ticket > this.#lastPromise) this.#lastPromise = ticket;
    return this.#lastPromise;
  }

  /** Answers a packet once all that this step has recorded is durable. */
  acknowledge(type: AcknowledgementType, packetId: number, reasonCode: number): void {
    this.acknowledgeAfter(type, packetId, reasonCode, this.context.changes.step);
  }

  acknowledgeAfter(type: AcknowledgementType, packetId: number, reasonCode: number, ticket: Ticket): void {
    this.context.effects.acknowledge(this.id, type, packetId, reasonCode, this.promise(ticket));
  }

  /**
   * A QoS 0 delivery. For a client that does not read, a limited number is buffered; the rest is dropped and counted.
   */
  deliverAtMostOnce(message: Message, options: DeliveryOptions): DeliveryOutcome {
    const { counters, effects, limits } = this.context;
    counters.started++;
    if (this.#congested) {
      const bytes = message.payload.byteLength + message.topic.length;
      if (
        this.#bufferedMessages >= limits.maxBufferedQos0Messages ||
        this.#bufferedBytes + bytes > limits.maxBufferedQos0Bytes
      ) {
        const queue = this.clientId === undefined ? undefined : sessionQueue(this.clientId);
        drop(this.context, 'slow-consumer', message, 0, queue);
        return 'slow-consumer';
      }
      this.#bufferedMessages++;
      this.#bufferedBytes += bytes;
    }
    counters.delivered++;
    effects.deliver(this.id, message, options, false, 0, NOW);
    return 'sent';
  }
}

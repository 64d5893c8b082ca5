// The output of one connection to its client: how much the client takes, the order of the promises made to it, and the
// QoS 0 messages that are buffered for a client that does not read.
import { PACKET_SIZE_MAX, publishFits } from '../../protocol/packet-size.js';
import type { QoS } from '../../protocol/packets.js';
import type { Context } from '../context.js';
import { NOW } from '../durability.js';
import type { Ticket } from '../durability.js';
import type { AcknowledgementType } from '../effects.js';
import type { ConnectionId, QueueId } from '../identifiers.js';
import { deliveryBytes } from '../messages/content-bytes.js';
import type { DeliveryOptions } from '../messages/delivery-options.js';
import type { ClientView } from '../interception/verdict.js';
import type { Message } from '../messages/message.js';
import type { MemoryShare } from '../waiting-memory.js';
import type { Task } from '../work-queue.js';
import { DeliveryWindow } from './delivery-window.js';
import type { Intake } from './intake.js';

export class ClientOutput {
  readonly window = new DeliveryWindow();
  /** Goes on when the client has acknowledged messages. */
  continuation: Task | undefined;
  /** What the client has sent and is not handled yet, because its publications wait for a queue. */
  intake: Intake | undefined;
  /** Of the client, in bytes; before MQTT 5 what a packet can have. */
  maximumPacketSize = PACKET_SIZE_MAX;
  /** For interceptors; set when the client is connected. */
  client: ClientView | undefined;
  /** Whether its network connection has ended: nothing that is sent arrives. */
  isUnreachable = false;
  #lastPromise: Ticket = NOW;
  #congested = false;
  #bufferedMessages = 0;
  #bufferedBytes = 0;
  /** What the network holds for a client that does not read, and where it counts. */
  #heldBytes = 0;
  #share: MemoryShare | undefined;

  constructor(
    readonly id: ConnectionId,
    readonly context: Context,
  ) {}

  /** Whether the client limits the size of packets. */
  get limitsPacketSize(): boolean {
    return this.maximumPacketSize < PACKET_SIZE_MAX;
  }

  /** Whether interceptors see messages to this client. */
  get isIntercepted(): boolean {
    return this.client !== undefined && this.context.intercepted.deliver;
  }

  /** @returns the message as interceptors leave it for this client, or why they drop it. */
  shown(message: Message): Message | string {
    if (this.client === undefined || !this.context.intercepted.deliver) return message;
    return this.context.effects.interceptDelivery(message, this.client);
  }

  /** Whether a PUBLISH with the message is not too large for the client [MQTT5-3.1.2-24]. */
  fits(message: Message, qos: QoS, identifiers: readonly number[] | undefined): boolean {
    if (!this.limitsPacketSize) return true;
    return publishFits(this.maximumPacketSize, message, qos, message.expiresAtMs !== undefined, identifiers);
  }

  /** Whether nothing should be sent that can be sent later, or to another client. */
  get isCongested(): boolean {
    return this.#congested || this.isUnreachable;
  }

  /** The client does not read. @param heldBytes what the network holds for it now. */
  congested(heldBytes: number, share: MemoryShare | undefined): void {
    this.#congested = true;
    if (share !== undefined) this.#shareOf(share);
    this.#hold(heldBytes - this.#heldBytes);
    this.context.memory.enforce();
  }

  #shareOf(share: MemoryShare): MemoryShare {
    if (this.#share === undefined) share.add(this.#heldBytes);
    return (this.#share = share);
  }

  #hold(bytes: number): void {
    this.#heldBytes += bytes;
    this.#share?.add(bytes);
  }

  writable(): void {
    this.#congested = false;
    this.#hold(-this.#heldBytes);
    this.#bufferedMessages = 0;
    this.#bufferedBytes = 0;
  }

  /** The client has acknowledged messages. */
  capacityAvailable(): void {
    const { continuation } = this;
    if (continuation !== undefined && !continuation.run()) this.context.work.add(continuation);
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

  /** @returns the ticket that it leaves after. */
  acknowledgeAfter(type: AcknowledgementType, packetId: number, reasonCode: number, ticket: Ticket): Ticket {
    const after = this.promise(ticket);
    this.context.effects.acknowledge(this.id, type, packetId, reasonCode, after);
    return after;
  }

  /**
   * A QoS 0 delivery. For a client that does not read, a limited number is buffered.
   * @returns why the message is not sent: it is too large, or the client does not read and the buffer or the memory is
   * full.
   */
  deliverAtMostOnce(
    message: Message,
    options: DeliveryOptions,
    holder: { readonly memoryShare: MemoryShare; readonly queueId: QueueId },
  ): 'slow-consumer' | 'memory-full' | 'packet-too-large' | 'dropped-by-interceptor' | undefined {
    const { effects, limits, memory, intercepted } = this.context;
    const shown = intercepted.deliver ? this.shown(message) : message;
    if (typeof shown === 'string') return 'dropped-by-interceptor';
    if (!this.fits(shown, 0, options.identifiers)) return 'packet-too-large';
    if (this.#congested) {
      const bytes = deliveryBytes(shown, options);
      if (
        this.#bufferedMessages >= limits.maxBufferedQos0Messages ||
        this.#bufferedBytes + bytes > limits.maxBufferedQos0Bytes
      )
        return 'slow-consumer';
      if (!memory.fits(this.#shareOf(holder.memoryShare), bytes)) return 'memory-full';
      this.#bufferedMessages++;
      this.#bufferedBytes += bytes;
      this.#hold(bytes);
    }
    effects.deliver(this.id, shown, options, false, 0, NOW);
    this.context.trace?.sent(holder.queueId, undefined, shown, options, this.id, false, 0);
    return undefined;
  }
}

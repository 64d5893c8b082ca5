// The output of one connection to its client: how much the client takes, the order of the promises made to it, and the
// QoS 0 messages that are buffered for a client that does not read.
import type { Context } from '../context.js';
import { NOW } from '../durability.js';
import type { Ticket } from '../durability.js';
import type { AcknowledgementType } from '../effects.js';
import type { ConnectionId } from '../identifiers.js';
import type { DeliveryOptions } from '../messages/delivery-options.js';
import type { Message } from '../messages/message.js';
import type { Task } from '../work-queue.js';
import { DeliveryWindow } from './delivery-window.js';
import type { Intake } from './intake.js';

export class ClientOutput {
  readonly window = new DeliveryWindow();
  /** Goes on when the client has acknowledged messages. */
  continuation: Task | undefined;
  /** What the client has sent and is not handled yet, because its publications wait for a queue. */
  intake: Intake | undefined;
  #lastPromise: Ticket = NOW;
  #congested = false;
  #bufferedMessages = 0;
  #bufferedBytes = 0;

  constructor(
    readonly id: ConnectionId,
    readonly context: Context,
  ) {}

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

  acknowledgeAfter(type: AcknowledgementType, packetId: number, reasonCode: number, ticket: Ticket): void {
    this.context.effects.acknowledge(this.id, type, packetId, reasonCode, this.promise(ticket));
  }

  /**
   * A QoS 0 delivery. For a client that does not read, a limited number is buffered.
   * @returns false if the message is not sent, because the client does not read and the buffer is full.
   */
  deliverAtMostOnce(message: Message, options: DeliveryOptions): boolean {
    const { effects, limits } = this.context;
    if (this.#congested) {
      const bytes = message.payload.byteLength + message.topic.length;
      if (
        this.#bufferedMessages >= limits.maxBufferedQos0Messages ||
        this.#bufferedBytes + bytes > limits.maxBufferedQos0Bytes
      )
        return false;
      this.#bufferedMessages++;
      this.#bufferedBytes += bytes;
    }
    effects.deliver(this.id, message, options, false, 0, NOW);
    return true;
  }
}

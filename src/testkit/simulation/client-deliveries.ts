// What a simulated client does with the messages that it is sent: it passes them to its application, a QoS 2 message
// once, and acknowledges them as the plan says. It keeps the identifiers of QoS 2 messages across its connections.
import { PacketType } from '../../protocol/packets.js';
import type { AcknowledgementPacket, PublishPacket } from '../../protocol/packets.js';
import { ReasonCode } from '../../protocol/reason-codes.js';
import type { VirtualClock } from '../virtual-clock.js';
import type { Acknowledging } from './operations.js';
import { tagOf } from './payload.js';

export interface Confusion {
  readonly packetId: number;
  /** The message that arrived. */
  readonly tag: string;
  /** The message that has the identifier until PUBREL, of which the client takes the new one for a repetition. */
  readonly heldTag: string | undefined;
  /** Whether the message that arrived is a retained one. */
  readonly isRetained: boolean;
  readonly detail: string;
}

export interface DeliveriesOwner {
  /** Whether the connection is one of MQTT 5. */
  readonly speaks5: boolean;
  /** Counts connections: an answer of an earlier one is not sent. */
  readonly connectionNumber: number;
  readonly clock: VirtualClock;
  acknowledge(type: AcknowledgementPacket['type'], packetId: number, reasonCode: number): void;
  received(publish: PublishPacket): void;
  /** The client refuses the message, which may come again if the refusal is lost. */
  refuses(tag: string): void;
  identifierReused(confusion: Confusion): void;
}

export class ClientDeliveries {
  how: Acknowledging = { kind: 'at once' };
  /** Received QoS 2 messages until PUBREL: the tag, by identifier. */
  readonly #received = new Map<number, string>();
  /** Deliveries on this connection that are not acknowledged completely. */
  readonly #open = new Map<number, string>();
  /** Acknowledgements that the plan withholds. */
  readonly #withheld: (() => void)[] = [];

  constructor(readonly owner: DeliveriesOwner) {}

  get openCount(): number {
    return this.#open.size;
  }

  publishCame(publish: PublishPacket): void {
    const { owner } = this;
    const { packetId, qos, payload, retain: isRetained } = publish;
    if (qos === 0) {
      owner.received(publish);
      return;
    }
    const tag = tagOf(payload);
    const open = this.#open.get(packetId) ?? tag;
    if (open !== tag)
      owner.identifierReused({
        packetId,
        tag,
        heldTag: undefined,
        isRetained,
        detail: `${tag} came with identifier ${packetId}, which ${open} still has`,
      });
    this.#open.set(packetId, tag);
    const type = qos === 1 ? PacketType.puback : PacketType.pubrec;
    const held = qos === 2 ? this.#received.get(packetId) : undefined;
    if (held === undefined && this.#refuses(tag)) {
      this.#open.delete(packetId);
      owner.refuses(tag);
      owner.acknowledge(type, packetId, ReasonCode.implementationSpecificError);
      return;
    }
    if (held === undefined) owner.received(publish);
    else if (held !== tag)
      owner.identifierReused({
        packetId,
        tag,
        heldTag: held,
        isRetained,
        detail: `${tag} came with identifier ${packetId}, which is that of ${held} until PUBREL`,
      });
    if (qos === 2) this.#received.set(packetId, tag);
    this.#answer(packetId, type);
  }

  pubrelCame(packetId: number): void {
    this.#received.delete(packetId);
    this.#answer(packetId, PacketType.pubcomp);
  }

  /** Acknowledges at once from now on, and what was withheld. */
  behave(): void {
    this.how = { kind: 'at once' };
    for (const answer of this.#withheld.splice(0)) answer();
  }

  connectionEnded(): void {
    this.#open.clear();
    this.#withheld.length = 0;
  }

  /** The session has ended: the identifiers of its QoS 2 messages stand for nothing. */
  sessionEnded(): void {
    this.#received.clear();
  }

  /** One message in three. */
  #refuses(tag: string): boolean {
    if (this.how.kind !== 'refuses' || !this.owner.speaks5) return false;
    let sum = 0;
    for (let i = 0; i < tag.length; i++) sum += tag.charCodeAt(i);
    return sum % 3 === 0;
  }

  /** Acknowledges according to the plan: at once, late or not at all on this connection. */
  #answer(packetId: number, type: AcknowledgementPacket['type']): void {
    const { owner, how } = this;
    const { connectionNumber, clock } = owner;
    const answer = (): void => {
      if (connectionNumber !== owner.connectionNumber) return;
      if (type !== PacketType.pubrec) this.#open.delete(packetId);
      owner.acknowledge(type, packetId, ReasonCode.success);
    };
    if (how.kind === 'late') clock.at(clock.nowMs() + how.delayMs, answer);
    else if (how.kind === 'never') this.#withheld.push(answer);
    else answer();
  }
}

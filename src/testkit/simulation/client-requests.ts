// What a simulated client sends and waits for an answer to: it uses few Packet Identifiers, sends no more than the
// broker takes, and repeats on its next connection, in order, what was not acknowledged on the last one.
import { PacketType } from '../../protocol/packets.js';
import type { AcknowledgementPacket, Packet, PublishPacket } from '../../protocol/packets.js';
import { ReasonCode } from '../../protocol/reason-codes.js';

/** Few, so that they are soon reused: that reveals state of an identifier that the broker keeps too long. */
const PACKET_IDS = 12;

interface Unacknowledged {
  readonly publish: PublishPacket;
  /** Whether PUBREC has arrived, so that PUBREL is repeated instead of PUBLISH. */
  isReceived: boolean;
}

export type Request = (packetId: number) => Packet;

export interface RequestsOwner {
  /** Whether there is a connection on which new packets may be sent. */
  readonly maySend: boolean;
  send(packet: Packet): void;
  /** The broker has refused the message. */
  refused(publish: PublishPacket): void;
}

export class ClientRequests {
  /** Of the broker, on this connection. */
  receiveMaximum = Infinity;
  #lastPacketId = 0;
  /** Requests that wait for a connection or for a free identifier. */
  readonly #waiting: Request[] = [];
  readonly #unacknowledged = new Map<number, Unacknowledged>();
  /** Identifiers of SUBSCRIBE and UNSUBSCRIBE without an answer yet. */
  readonly #requests = new Set<number>();
  /** Identifiers of PUBLISH packets that were sent on this connection, and so are not repeated on it. */
  readonly #sentHere = new Set<number>();
  /** Identifiers of what is to be sent again before anything new. */
  #toRepeat: number[] = [];

  constructor(readonly owner: RequestsOwner) {}

  get isIdle(): boolean {
    return this.#waiting.length === 0 && this.#unacknowledged.size === 0 && this.#requests.size === 0;
  }

  get unacknowledgedCount(): number {
    return this.#unacknowledged.size;
  }

  describe(): string {
    const { length } = this.#waiting;
    return `${length} to send, ${this.#unacknowledged.size} unacknowledged, ${this.#requests.size} requests`;
  }

  add(request: Request): void {
    this.#waiting.push(request);
    if (this.owner.maySend) this.sendWaiting();
  }

  sendWaiting(): void {
    if (!this.#repeat()) return;
    while (
      this.#waiting.length > 0 &&
      this.#window > 0 &&
      this.#unacknowledged.size + this.#requests.size < PACKET_IDS
    ) {
      const request = this.#waiting.shift() as Request;
      const packet = request(this.#freePacketId());
      if (packet.type === PacketType.publish) {
        if (packet.qos > 0) this.#unacknowledged.set(packet.packetId, { publish: packet, isReceived: false });
        this.#publish(packet);
        continue;
      }
      if (packet.type === PacketType.subscribe || packet.type === PacketType.unsubscribe)
        this.#requests.add(packet.packetId);
      this.owner.send(packet);
    }
  }

  /** PUBACK, PUBREC or PUBCOMP has come. */
  acknowledged(packet: AcknowledgementPacket): void {
    const { type, packetId, reasonCode } = packet;
    const unacknowledged = this.#unacknowledged.get(packetId);
    const isRefused = type !== PacketType.pubcomp && reasonCode >= ReasonCode.unspecifiedError;
    if (type === PacketType.pubrec && !isRefused) {
      if (unacknowledged !== undefined) unacknowledged.isReceived = true;
      this.#release(packetId);
      return;
    }
    this.#unacknowledged.delete(packetId);
    if (isRefused && unacknowledged !== undefined) this.owner.refused(unacknowledged.publish);
    this.sendWaiting();
  }

  /** SUBACK or UNSUBACK has come. */
  answered(packetId: number): void {
    this.#requests.delete(packetId);
    this.sendWaiting();
  }

  /**
   * Repeats, in order, the packets that were in flight when the last connection ended. If the session is gone, the
   * client cannot know what happened to them, and drops them.
   */
  resume(sessionIsThere: boolean): void {
    for (const packetId of this.#unacknowledged.keys()) {
      if (this.#sentHere.has(packetId)) continue;
      if (sessionIsThere) this.#toRepeat.push(packetId);
      else this.#unacknowledged.delete(packetId);
    }
    this.sendWaiting();
  }

  /** The session has ended with the connection. @param onlySentHere with what was sent on it, and nothing else. */
  sessionEnded(onlySentHere: boolean): void {
    for (const packetId of onlySentHere ? this.#sentHere : this.#unacknowledged.keys())
      this.#unacknowledged.delete(packetId);
  }

  connectionEnded(): void {
    this.#requests.clear();
    this.#sentHere.clear();
    this.#toRepeat = [];
    this.receiveMaximum = Infinity;
  }

  /** How many more messages at QoS 1 and 2 the broker takes on this connection. */
  get #window(): number {
    if (this.receiveMaximum === Infinity) return Infinity;
    let sent = 0;
    for (const packetId of this.#sentHere) if (this.#unacknowledged.has(packetId)) sent++;
    return this.receiveMaximum - sent;
  }

  #freePacketId(): number {
    do this.#lastPacketId = (this.#lastPacketId % PACKET_IDS) + 1;
    while (this.#unacknowledged.has(this.#lastPacketId) || this.#requests.has(this.#lastPacketId));
    return this.#lastPacketId;
  }

  /** Sends again what is to be repeated, as far as the broker takes it. @returns whether that is done. */
  #repeat(): boolean {
    for (const packetId of [...this.#toRepeat]) {
      const unacknowledged = this.#unacknowledged.get(packetId);
      if (unacknowledged?.isReceived === true) this.#release(packetId);
      else if (unacknowledged !== undefined) {
        if (this.#window <= 0) return false;
        this.#publish({ ...unacknowledged.publish, dup: true });
      }
      this.#toRepeat.shift();
    }
    return true;
  }

  #publish(packet: PublishPacket): void {
    if (packet.qos > 0) this.#sentHere.add(packet.packetId);
    this.owner.send(packet);
  }

  #release(packetId: number): void {
    this.owner.send({ type: PacketType.pubrel, packetId, reasonCode: ReasonCode.success, properties: undefined });
  }
}

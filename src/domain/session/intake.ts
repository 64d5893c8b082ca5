// What a client has sent and is not handled yet, because its publications wait for a queue. Meanwhile its
// acknowledgements and PINGREQ are handled: a client that waits can still receive and is never taken to be silent. What
// waits is bounded: beyond that the connection is not read, which slows the client down to its last packet.
import { PacketType } from '../../protocol/packets.js';
import type { DisconnectPacket, PublishPacket, SubscribePacket, UnsubscribePacket } from '../../protocol/packets.js';
import type { Context } from '../context.js';
import type { ConnectionId } from '../identifiers.js';
import { contentBytes } from '../messages/content-bytes.js';
import { Fifo } from '../queues/fifo.js';
import type { Pressed, SlowedPublisher } from '../slowed-publisher.js';
import type { Task } from '../work-queue.js';

/** A packet that keeps its place behind publications: the order of these is the client's. */
export type OrderedPacket = PublishPacket | SubscribePacket | UnsubscribePacket | DisconnectPacket;

/** Enough for the window of most clients, whose acknowledgements then never wait. */
const PACKETS_MAX = 200;
const BYTES_MAX = 128 * 1024;
/** So much more waits of a client with unacknowledged messages: what it repeats must not hide its acknowledgements. */
const RECEIVER_FACTOR = 32;
/** Of all clients. Beyond it, a client that waits is not read at all. */
export const PUBLISHER_PACKETS_BYTES_MAX = 64 * 1024 * 1024;
/** What a packet counts for besides its payload and its topic. */
const PACKET_BYTES = 320;
const FILTER_BYTES = 128;

export interface IntakeOwner {
  readonly id: ConnectionId;
  /** Whether the client has messages to acknowledge. */
  readonly isReceiving: boolean;
  /** Handles the packet; that can make the intake wait again. */
  handle(packet: OrderedPacket): void;
  /** Nothing waits any longer. */
  finished(): void;
}

export class Intake implements SlowedPublisher, Task {
  readonly #held = new Fifo<OrderedPacket>();
  #bytes = 0;
  /** The backlog that it waits for. */
  #waitsFor: Pressed | undefined;
  /** A publication for which there was no room. */
  #refused: OrderedPacket | undefined;
  #refusedSinceMs: number | undefined;
  /** Whether the client has said DISCONNECT, or has gone. */
  #isLeaving = false;
  #disconnect: DisconnectPacket | undefined;
  #isSuspended = false;
  /** Whether it goes on as soon as it can, whatever waits elsewhere. */
  #isInHurry = false;
  /** Work that the last packet has started continues in later steps. */
  #isBusy = false;
  #isOver = false;

  constructor(
    readonly owner: IntakeOwner,
    readonly context: Context,
  ) {}

  /** The client is slowed, from its next publication on. */
  waitFor(backlog: Pressed): void {
    if (this.#isInHurry || this.#isOver || this.#waitsFor !== undefined) return;
    this.#waitsFor = backlog;
    backlog.slow(this);
    if (this.context.heldBytes > PUBLISHER_PACKETS_BYTES_MAX) this.#suspend();
  }

  /**
   * There was no room for the publication: it is tried again, and what comes behind it waits.
   * @returns whether it may wait any longer.
   */
  waitForRoom(packet: OrderedPacket, backlog: Pressed): boolean {
    const { nowMs, limits, heldBytes } = this.context;
    if (this.#isOver) return true;
    if (this.#isLeaving) {
      this.#abandon();
      return true;
    }
    this.#refusedSinceMs ??= nowMs;
    if (nowMs - this.#refusedSinceMs >= limits.fullQueueTimeoutMs || heldBytes > PUBLISHER_PACKETS_BYTES_MAX)
      return false;
    this.#refused = detached(packet);
    this.#count(bytesOf(packet));
    this.#waitsFor = backlog;
    backlog.refuse(this);
    if (this.#isSuspended && !this.#isFull) this.#readOn();
    return true;
  }

  /** The DISCONNECT that has come, if one has: it counts even if the connection ends before its turn comes. */
  get disconnect(): DisconnectPacket | undefined {
    return this.#disconnect;
  }

  /** A packet has come that has to wait. */
  hold(packet: OrderedPacket): void {
    const bytes = bytesOf(packet);
    this.#held.push(detached(packet));
    this.#count(bytes);
    if (packet.type === PacketType.disconnect) {
      this.#disconnect = packet;
      this.leave();
    }
    if (this.#isFull || this.#isLeaving) this.#suspend();
  }

  goOn(): void {
    this.#waitsFor = undefined;
    this.context.work.add(this);
  }

  /** What waits is handled without waiting for other clients. */
  hurry(): void {
    this.#isInHurry = true;
    this.#waitsFor?.leave(this);
    this.goOn();
  }

  /** The client has said DISCONNECT, or has gone: what it had sent before is still handled. */
  leave(): void {
    this.#isLeaving = true;
    this.hurry();
  }

  /** Waits for the end of what its last packet has started. */
  pause(): void {
    this.#isBusy = true;
  }

  unpause(): void {
    this.#isBusy = false;
    this.context.work.add(this);
  }

  /** The next packet, one a step. */
  run(): boolean {
    if (this.#waitsFor !== undefined || this.#isBusy || this.#isOver) return true;
    // The last packet was accepted, or it is tried again: it may wait for an interceptor in between.
    if (this.#refused === undefined) this.#refusedSinceMs = undefined;
    const packet = this.#refused ?? this.#held.shift();
    this.#refused = undefined;
    if (packet !== undefined) {
      this.#count(-bytesOf(packet));
      this.owner.handle(packet);
      if (this.#refused === undefined && !this.#isBusy) this.#refusedSinceMs = undefined;
      return this.#waitsFor !== undefined || this.#isBusy || this.#isOver;
    }
    this.end();
    this.owner.finished();
    return true;
  }

  /** What still waits is not handled. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#waitsFor?.leave(this);
    this.#waitsFor = undefined;
    this.#count(-this.#bytes);
    this.#held.clear();
    this.#refused = undefined;
    if (this.#isSuspended) this.#readOn();
  }

  get #isFull(): boolean {
    const factor = this.owner.isReceiving ? RECEIVER_FACTOR : 1;
    return (
      this.#held.length >= PACKETS_MAX * factor ||
      this.#bytes > BYTES_MAX * factor ||
      this.context.heldBytes > PUBLISHER_PACKETS_BYTES_MAX
    );
  }

  /** Nothing that the client has published behind a refused message may be accepted. Its DISCONNECT counts. */
  #abandon(): void {
    this.#held.clear();
    this.#count(-this.#bytes);
    if (this.#disconnect === undefined) return;
    this.#held.push(this.#disconnect);
    this.#count(bytesOf(this.#disconnect));
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.context.heldBytes += bytes;
  }

  #readOn(): void {
    this.#isSuspended = false;
    this.context.effects.resume(this.owner.id, 'backlog');
  }

  #suspend(): void {
    if (this.#isSuspended) return;
    this.#isSuspended = true;
    this.context.effects.suspend(this.owner.id, 'backlog');
  }
}

function bytesOf(packet: OrderedPacket): number {
  switch (packet.type) {
    case PacketType.publish:
      return PACKET_BYTES + contentBytes(packet);
    case PacketType.subscribe:
      return packet.subscriptions.reduce(
        (sum, { topicFilter }) => sum + FILTER_BYTES + topicFilter.length,
        PACKET_BYTES,
      );
    case PacketType.unsubscribe:
      return packet.topicFilters.reduce((sum, { length }) => sum + FILTER_BYTES + length, PACKET_BYTES);
    case PacketType.disconnect:
      return PACKET_BYTES;
  }
}

/** A packet that waits must not keep alive the whole chunk that it arrived in. */
function detached(packet: OrderedPacket): OrderedPacket {
  if (packet.type !== PacketType.publish || packet.payload.byteLength === packet.payload.buffer.byteLength)
    return packet;
  return { ...packet, payload: packet.payload.slice() };
}

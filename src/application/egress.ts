// The outgoing side of all connections: carries out the core's effects that write. What promises durability waits at
// the connection's gate for its ticket. The rest leaves at the end of the turn, with one write for each connection.
import type { AcknowledgementType, AnswerPacket, Effects } from '../domain/effects.js';
import type { DeliveryOptions } from '../domain/messages/delivery-options.js';
import type { Message } from '../domain/messages/message.js';
import { NOW } from '../domain/durability.js';
import type { Ticket } from '../domain/durability.js';
import type { ConnectionId } from '../domain/identifiers.js';
import { encodePacket, writeAcknowledgement } from '../protocol/encoder.js';
import type { DurableSoFar } from './durability-waiters.js';
import type { EventLoop } from './event-loop.js';
import { Flow } from './flow.js';
import type { Link } from './link.js';
import { GATE_MAX_BYTES } from './link-output.js';
import type { OutputBuffer } from './output-buffer.js';
import { PublishEncoder } from './publish-encoder.js';
import type { Settings } from '../domain/settings.js';

/** A connection with more than this to write does not wait for the end of the turn. */
const FLUSH_BYTES = 64 * 1024;
/** Answers that a peer may leave unread before the broker stops reading from it. */
const UNREAD_ANSWERS_MAX_BYTES = 64 * 1024;
/** A payload from this size on is written as it is, behind its header, instead of being copied for each subscriber. */
const LARGE_PAYLOAD_BYTES = 32 * 1024;
/** Large payloads are written in pieces, so that the network can tell how far the peer has read. */
const LARGE_PIECE_BYTES = 1024 * 1024;
/** How often the progress of congested connections is checked, at most. */
const PROGRESS_INTERVAL_MS = 1000;

export interface EgressParts {
  readonly links: ReadonlyMap<ConnectionId, Link>;
  readonly loop: EventLoop;
  readonly committed: DurableSoFar;
  /**
   * Whether promises wait for storage; without it (acknowledgement level `received`) every ticket counts as durable.
   */
  readonly isGated: boolean;
  readonly settings: Settings;
}

export class Egress implements Pick<Effects, 'released' | 'send' | 'acknowledge' | 'deliver' | 'whenWritable'> {
  /** What was written to all connections: packets may still wait at their gates, bytes have gone to the network. */
  readonly sent = new Flow();
  readonly #links: ReadonlyMap<ConnectionId, Link>;
  readonly #loop: EventLoop;
  readonly #committed: DurableSoFar;
  readonly #isGated: boolean;
  readonly #settings: Settings;
  readonly #publishes = new PublishEncoder();
  #dirty: Link[] = [];
  /** Connections with something at the gate. */
  readonly #gated = new Set<Link>();
  readonly #congested = new Set<Link>();
  #progressMs = -Infinity;
  #deliveries = 0;

  constructor({ links, loop, committed, isGated, settings }: EgressParts) {
    this.#links = links;
    this.#loop = loop;
    this.#committed = committed;
    this.#isGated = isGated;
    this.#settings = settings;
  }

  /** Deliveries so far. */
  get deliveries(): number {
    return this.#deliveries;
  }

  /** Connections with something that waits for storage. */
  get gatedCount(): number {
    return this.#gated.size;
  }

  /** Connections whose peer does not keep up. */
  get congestedCount(): number {
    return this.#congested.size;
  }

  /** Whether effects with this ticket have to wait for storage. */
  mustWaitFor(after: Ticket): boolean {
    return after > NOW && this.#isGated && after > this.#committed.durableTicket;
  }

  get released(): Ticket {
    return this.#isGated ? this.#committed.durableTicket : Infinity;
  }

  send(connection: ConnectionId, packet: AnswerPacket, after: Ticket): void {
    const link = this.#links.get(connection);
    if (link?.output.isOpen !== true) return;
    const bytes = encodePacket(packet, link.input.protocolVersion);
    const waits = this.mustWaitFor(after);
    bufferOf(link, waits).append(bytes);
    this.sent.packet(packet.type);
    this.#answered(link, bytes.length);
    this.#written(link, waits, after);
  }

  acknowledge(
    connection: ConnectionId,
    type: AcknowledgementType,
    packetId: number,
    reasonCode: number,
    after: Ticket,
  ): void {
    const link = this.#links.get(connection);
    if (link?.output.isOpen !== true) return;
    const waits = this.mustWaitFor(after);
    const to = bufferOf(link, waits);
    to.reserve(5);
    to.length = writeAcknowledgement(to.bytes, to.length, type, packetId, reasonCode, link.input.protocolVersion);
    this.sent.packet(type);
    this.#answered(link, 4);
    this.#written(link, waits, after);
  }

  deliver(
    connection: ConnectionId,
    message: Message,
    options: DeliveryOptions,
    dup: boolean,
    packetId: number,
    after: Ticket,
  ): void {
    const link = this.#links.get(connection);
    if (link?.output.isOpen !== true) return;
    this.#deliveries++;
    const waits = this.mustWaitFor(after);
    const { protocolVersion } = link.input;
    this.sent.message(protocolVersion, options.qos, message.payload.length);
    if (!waits && message.payload.length >= LARGE_PAYLOAD_BYTES) {
      this.#deliverLarge(link, message, options, dup, packetId);
      return;
    }
    const to = bufferOf(link, waits);
    const { aliases } = link.output;
    // What waits for storage may leave after what is written later, so it neither begins an alias nor relies on one.
    if (aliases === undefined || waits)
      this.#publishes.write(to, protocolVersion, message, options, dup, packetId, this.#loop.stepMs);
    else this.#publishes.writeAliased(to, aliases, message, options, dup, packetId, this.#loop.stepMs);
    this.#written(link, waits, after);
  }

  whenWritable(connection: ConnectionId): void {
    const link = this.#links.get(connection);
    if (link?.output.isOpen !== true) return;
    link.output.wantWritable();
    this.#markDirty(link);
  }

  /** The network has taken everything that was written to a congested connection. */
  drained(link: Link): void {
    this.#loop.submit(() => {
      link.output.drained();
      this.#markDirty(link);
      this.#congested.delete(link);
      this.#loop.step({ kind: 'writable', connection: link.id });
      link.input.unpark('unread-answers');
    });
  }

  /** The connection is gone. */
  closed(link: Link): void {
    link.output.close();
    this.#gated.delete(link);
    this.#congested.delete(link);
  }

  /**
   * Opens the gates for everything up to and including `ticket`. @returns the connections that had something waiting.
   */
  release(ticket: Ticket): readonly Link[] {
    const released: Link[] = [];
    for (const link of this.#gated) {
      const { output } = link;
      if (output.release(ticket)) released.push(link);
      if (output.gate.isEmpty) this.#gated.delete(link);
    }
    for (const link of released) {
      this.#flushIfLarge(link);
      if (link.output.isWritableWanted) this.#markDirty(link);
    }
    return released;
  }

  /** Reads on from connections whose gate was full. */
  readOn(released: readonly Link[]): void {
    for (const { input, output } of released) if (output.gate.bytes <= GATE_MAX_BYTES) input.unpark('gate-full');
  }

  /** Tells the core which congested connections have taken some bytes since the last check, and what they hold now. */
  checkProgress(nowMs: number): void {
    const sinceMs = nowMs - this.#progressMs;
    if (sinceMs < PROGRESS_INTERVAL_MS && sinceMs < this.#settings.current.drainTimeoutMs / 2) return;
    this.#progressMs = nowMs;
    for (const link of this.#congested) {
      if (link.output.hasProgressed()) this.#loop.step({ kind: 'draining', connection: link.id });
      this.#reportHeld(link);
    }
  }

  #reportHeld({ id, output }: Link): void {
    const heldBytes = output.takeHeldBytes();
    if (heldBytes !== undefined) this.#loop.step({ kind: 'congested', connection: id, heldBytes });
  }

  endOfTurn(): void {
    this.#publishes.forget();
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const link of dirty) {
      link.output.isDirty = false;
      this.#flush(link);
      if (link.output.takeWritable()) this.#writable(link);
    }
  }

  #writable({ id, output }: Link): void {
    this.#loop.submit(() => {
      // Otherwise the core learns of it when the network has taken what is congested now.
      if (!output.isCongested) this.#loop.step({ kind: 'writable', connection: id });
    });
  }

  #deliverLarge(link: Link, message: Message, options: DeliveryOptions, dup: boolean, packetId: number): void {
    const { buffer } = link.output;
    this.#publishes.writeHead(buffer, link.input.protocolVersion, message, options, dup, packetId, this.#loop.stepMs);
    if (link.output.flushAll()) this.#nowCongested(link);
    const { payload } = message;
    let isCongested = false;
    for (let at = 0; at < payload.length; at += LARGE_PIECE_BYTES)
      if (link.output.write(payload.subarray(at, at + LARGE_PIECE_BYTES))) isCongested = true;
    if (isCongested) this.#nowCongested(link);
  }

  #answered({ input, output }: Link, bytes: number): void {
    output.answered(bytes);
    if (output.unreadAnswerBytes > UNREAD_ANSWERS_MAX_BYTES) input.park('unread-answers');
  }

  #written(link: Link, waits: boolean, after: Ticket): void {
    if (!waits) {
      this.#flushIfLarge(link);
      return;
    }
    const { gate } = link.output;
    gate.mark(after);
    this.#gated.add(link);
    if (gate.bytes > GATE_MAX_BYTES) link.input.park('gate-full');
  }

  #flushIfLarge(link: Link): void {
    if (link.output.buffer.length > FLUSH_BYTES) this.#flush(link);
    else this.#markDirty(link);
  }

  #markDirty(link: Link): void {
    if (link.output.isDirty) return;
    link.output.isDirty = true;
    this.#dirty.push(link);
    this.#loop.scheduleTurn();
  }

  #flush(link: Link): void {
    if (link.output.flush()) this.#nowCongested(link);
  }

  #nowCongested(link: Link): void {
    this.#congested.add(link);
    const { output } = link;
    this.#loop.step({ kind: 'congested', connection: link.id, heldBytes: output.takeHeldBytes() ?? output.heldBytes });
  }
}

const bufferOf = ({ output }: Link, waits: boolean): OutputBuffer => (waits ? output.gate.buffer : output.buffer);

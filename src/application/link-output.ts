// The outgoing side of a connection: what was written in this turn, what must not leave before storage has done its
// part, and whether the peer keeps up.
import type { Ticket } from '../domain/durability.js';
import type { Channel } from '../ports/network.js';
import type { Flow } from './flow.js';
import { GatedOutput } from './gated-output.js';
import { OutputBuffer } from './output-buffer.js';
import type { TopicAliases } from './topic-aliases.js';

/** What may wait at a gate before the broker stops reading: a window of messages, or answers while storage is slow. */
export const GATE_MAX_BYTES = 1024 * 1024;
/** The most that is held back while the peer does not read: each write costs memory besides its bytes. */
const HELD_BACK_BYTES = 64 * 1024;
/** The most that is kept for a peer that does not read, once its connection has ended. */
const HELD_MUCH_BYTES = 256 * 1024;
/** A change of the held bytes by less is not worth reporting. */
const REPORTED_BYTES = 4096;

export class LinkOutput {
  readonly #channel: Channel;
  /** Of all connections. */
  readonly #sent: Flow;
  /** What leaves at the end of the turn. */
  readonly buffer = new OutputBuffer();
  /** What waits for storage. */
  readonly gate = new GatedOutput();
  /** Created for a client that takes Topic Aliases. */
  aliases: TopicAliases | undefined;
  /** Whether the end of the turn has something to do for it; the list of these is the egress's. */
  isDirty = false;
  #isOpen = true;
  #isCongested = false;
  #isWritableWanted = false;
  /** While congested: how much had left when progress was last checked. */
  #sentBytes = 0;
  #unreadAnswerBytes = 0;
  /** While congested: bytes written since then, and what had left at that time. */
  #writtenBytes = 0;
  #sentBefore = 0;
  /** `heldBytes` when it was last reported. */
  #reportedBytes = 0;

  constructor(channel: Channel, sent: Flow) {
    this.#channel = channel;
    this.#sent = sent;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get isCongested(): boolean {
    return this.#isCongested;
  }

  /** Bytes of answers since the peer stopped reading. */
  get unreadAnswerBytes(): number {
    return this.#unreadAnswerBytes;
  }

  answered(bytes: number): void {
    if (this.#isCongested) this.#unreadAnswerBytes += bytes;
  }

  /** Moves to the buffer what waited for tickets up to this one. @returns whether there was anything. */
  release(durable: Ticket): boolean {
    return this.gate.release(durable, this.buffer);
  }

  /**
   * Hands the buffer to the network, which keeps it as it is until the peer reads: a little is held back meanwhile.
   * @returns whether the connection has become congested by it.
   */
  flush(): boolean {
    const { buffer } = this;
    if (!this.#isCongested) return buffer.length > 0 && this.write(buffer.take());
    if (buffer.length > HELD_BACK_BYTES) this.write(buffer.takeExactly());
    return false;
  }

  /** Hands everything to the network, for what is written behind it. @returns as `flush`. */
  flushAll(): boolean {
    return this.buffer.length > 0 && this.write(this.buffer.takeExactly());
  }

  /**
   * Hands bytes to the network, behind what was flushed. @returns whether the connection has become congested by it.
   */
  write(bytes: Uint8Array): boolean {
    this.#writtenBytes += bytes.length;
    this.#sent.bytes += bytes.length;
    if (this.#channel.write(bytes) || this.#isCongested || !this.#isOpen) return false;
    this.#isCongested = true;
    this.buffer.ownsBlocks = true;
    this.#writtenBytes = bytes.length;
    this.#sentBytes = this.#sentBefore = this.#channel.sentBytes;
    return true;
  }

  /** While congested: about how much has been written and has not left. */
  get heldBytes(): number {
    return this.buffer.length + Math.max(0, this.#writtenBytes - (this.#channel.sentBytes - this.#sentBefore));
  }

  /** Whether so much has not left that a connection which ends does not wait for it. */
  get holdsMuch(): boolean {
    return this.#isCongested && this.heldBytes > HELD_MUCH_BYTES;
  }

  /** @returns `heldBytes` if that has changed by much since the last call, or the peer has become congested. */
  takeHeldBytes(): number | undefined {
    const { heldBytes } = this;
    if (Math.abs(heldBytes - this.#reportedBytes) < REPORTED_BYTES) return undefined;
    this.#reportedBytes = heldBytes;
    return heldBytes;
  }

  /** Everything has left. */
  drained(): void {
    this.#isCongested = false;
    this.buffer.ownsBlocks = false;
    this.#unreadAnswerBytes = 0;
    this.#reportedBytes = 0;
    this.#isWritableWanted = false;
  }

  wantWritable(): void {
    this.#isWritableWanted = true;
  }

  get isWritableWanted(): boolean {
    return this.#isWritableWanted;
  }

  /**
   * @returns whether `wantWritable` was called and the connection is writable, with little waiting for storage; the
   * next call returns false.
   */
  takeWritable(): boolean {
    if (!this.#isWritableWanted || this.#isCongested || !this.#isOpen || this.gate.bytes > GATE_MAX_BYTES) return false;
    this.#isWritableWanted = false;
    return true;
  }

  /** @returns whether more has left since the last call, or since the connection became congested. */
  hasProgressed(): boolean {
    const { sentBytes } = this.#channel;
    if (sentBytes <= this.#sentBytes) return false;
    this.#sentBytes = sentBytes;
    return true;
  }

  /** Sends what was written, drops what waits for storage, and accepts nothing more. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.gate.drop();
    this.flushAll();
  }
}

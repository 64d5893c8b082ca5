// The outgoing side of a connection: what was written in this turn, what must not leave before storage has done its
// part, and whether the peer keeps up.
import type { Ticket } from '../domain/durability.js';
import type { Channel } from '../ports/network.js';
import { GatedOutput } from './gated-output.js';
import { OutputBuffer } from './output-buffer.js';

export class LinkOutput {
  readonly #channel: Channel;
  /** What leaves at the end of the turn. */
  readonly buffer = new OutputBuffer();
  /** What waits for storage. */
  readonly gate = new GatedOutput();
  /** Whether the end of the turn has something to do for it; the list of these is the egress's. */
  isDirty = false;
  #isOpen = true;
  #isCongested = false;
  #isWritableWanted = false;
  /** While congested: how much had left when progress was last checked. */
  #sentBytes = 0;
  #unreadAnswerBytes = 0;

  constructor(channel: Channel) {
    this.#channel = channel;
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

  /** Hands the buffer to the network. @returns whether the connection has become congested by it. */
  flush(): boolean {
    return this.buffer.length > 0 && this.write(this.buffer.take());
  }

  /**
   * Hands bytes to the network, behind what was flushed. @returns whether the connection has become congested by it.
   */
  write(bytes: Uint8Array): boolean {
    if (this.#channel.write(bytes) || this.#isCongested || !this.#isOpen) return false;
    this.#isCongested = true;
    this.#sentBytes = this.#channel.sentBytes;
    return true;
  }

  /** Everything has left. */
  drained(): void {
    this.#isCongested = false;
    this.#unreadAnswerBytes = 0;
    this.#isWritableWanted = false;
  }

  wantWritable(): void {
    this.#isWritableWanted = true;
  }

  /** @returns whether `wantWritable` was called and the connection is writable; the next call returns false. */
  takeWritable(): boolean {
    if (!this.#isWritableWanted || this.#isCongested || !this.#isOpen) return false;
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
    this.flush();
  }
}

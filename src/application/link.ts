// One connection's bytes: what came and is not yet a packet, what goes and has not yet left, and what must not leave before storage has done
// its part. It decides nothing; the engine does.
import type { ClientId, ConnectionId } from '../domain/identifiers.js';
import { PacketDecoder } from '../protocol/decoder.js';
import type { Channel, ChannelHandler } from '../ports/network.js';
import { OutputBuffer } from './output-buffer.js';
import type { PendingRequest } from './pending-request.js';

/** Who is told what happens on a link. */
export interface LinkOwner {
  received(link: Link, chunk: Uint8Array): void;
  drained(link: Link): void;
  closed(link: Link, error: Error | undefined): void;
}

export class Link implements ChannelHandler {
  readonly decoder: PacketDecoder;
  readonly out = new OutputBuffer();
  /** Whether it is on the list of those to flush at the end of the turn. */
  isDirty = false;
  /** Whether its CONNECT was accepted. */
  isEstablished = false;
  /** Whether half a packet of it is in the books. */
  isIncomplete = false;
  /** Set while the core waits for the answer to CONNECT before it looks at the next packet; abandoned if the link ends meanwhile. */
  pendingAuth: PendingRequest | undefined;
  /** The core has ended it: nothing is read and nothing is written any more. */
  isEnded = false;
  isCongested = false;
  /** While it is congested: how much had left when that was last looked at. */
  sentBytes = 0;
  /** Whether the core wants to know when what was sent has left. */
  wantsWritable = false;
  /** Bytes of answers since the peer stopped reading: someone who sends and does not read is not read either. */
  answeredBytes = 0;
  isPaused = false;
  #held: OutputBuffer | undefined;
  /** Pairs of (batch, end of what waits for it), ascending in both. */
  readonly #marks: number[] = [];
  /** The batch that CONNACK, and what was answered behind it, waits for; 0: it has left. */
  connackBatch = 0;
  isConnackHeld = false;
  /** Set from CONNECT on. */
  clientId: ClientId | undefined;

  constructor(
    readonly id: ConnectionId,
    readonly listener: string,
    /** By which it is counted; a connection that has gone does not say it any more. */
    readonly ipAddress: string | undefined,
    readonly channel: Channel,
    readonly owner: LinkOwner,
    maxPacketSize: number,
  ) {
    this.decoder = new PacketDecoder({ maxPacketSize });
  }

  get heldBytes(): number {
    return this.#held?.length ?? 0;
  }

  get hasHeld(): boolean {
    return this.#marks.length > 0;
  }

  /** The batch that the last thing held waits for. */
  get lastHeldBatch(): number {
    return this.#marks[this.#marks.length - 2] ?? 0;
  }

  /** Where to write what must wait for the batch; `mark` follows when it is written. */
  get held(): OutputBuffer {
    return (this.#held ??= new OutputBuffer());
  }

  /** All that is held up to here waits for the batch, or for a later one that something before it waits for. */
  mark(batch: number): void {
    const last = this.lastHeldBatch;
    if (last < batch || !this.hasHeld) {
      this.#marks.push(batch, this.held.length);
      return;
    }
    this.#marks[this.#marks.length - 1] = this.held.length;
    // What waited for CONNACK alone now waits for more, and what comes next must not pass it [MQTT-4.6.0-6].
    if (this.connackBatch > 0) this.connackBatch = last;
  }

  /** Moves what waited for batches up to this one to the output. Whether there was anything. */
  release(durableBatch: number): boolean {
    const marks = this.#marks;
    let count = 0;
    while (count < marks.length && (marks[count] as number) <= durableBatch) count += 2;
    if (count === 0) return false;
    const end = marks[count - 1] as number;
    const { held } = this;
    if (count === marks.length) {
      marks.length = 0;
      this.out.append(held.take());
    } else {
      marks.splice(0, count);
      for (let i = 1; i < marks.length; i += 2) marks[i] = (marks[i] as number) - end;
      const all = held.take();
      this.out.append(all.subarray(0, end));
      held.append(all.subarray(end));
    }
    if (this.connackBatch > 0 && this.connackBatch <= durableBatch) this.connackBatch = 0;
    return true;
  }

  /** The promises that were waiting are not made. */
  dropHeld(): void {
    this.#marks.length = 0;
    this.#held = undefined;
    this.connackBatch = 0;
    this.isConnackHeld = false;
  }

  data(chunk: Uint8Array): void {
    this.owner.received(this, chunk);
  }

  drained(): void {
    this.owner.drained(this);
  }

  closed(error: Error | undefined): void {
    this.owner.closed(this, error);
  }
}

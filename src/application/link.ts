// One connection's bytes: what came and is not yet a packet, what goes and has not yet left, and what must not leave before storage has done
// its part. It decides nothing; the engine does.
import type { ConnectionId } from '../domain/identifiers.js';
import { PacketDecoder } from '../protocol/decoder.js';
import type { Channel, ChannelHandler } from '../ports/network.js';
import { GatedOutput } from './gated-output.js';
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
  /** What waits for storage. */
  readonly gated = new GatedOutput();
  /** Set while the core waits for `whenDurable`. */
  isAdmitting = false;
  /** Whether work that one of its packets started goes on. */
  isSuspended = false;
  /** Turns in which nothing may arrive before the link counts as quiet; 0: the core has not asked. */
  turnsUntilQuiet = 0;

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

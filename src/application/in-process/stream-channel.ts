// A channel on a byte stream of the embedding program, such as a socket that its own server has accepted. It uses what
// every duplex stream of Node has, and nothing else.
import type { PeerInfo } from '../../domain/peer.js';
import type { Clock, Timer } from '../../ports/clock.js';
import type { ByteStream } from '../../ports/connections.js';
import type { Channel, ChannelHandler } from '../../ports/network.js';

/** Time for a peer that has ended its side to read what is still on the way to it. */
const PEER_ENDED_GRACE_MS = 5000;
/** More is written in parts, so that progress can be seen. */
const PART_BYTES = 64 * 1024;

export class StreamChannel implements Channel {
  #handler: ChannelHandler | undefined;
  #written = 0;
  #isClosing = false;
  #isClosed = false;
  #error: Error | undefined;
  #grace: Timer | undefined;
  /** Calls to the stream or to the handler that are under way, and events that came meanwhile. */
  #depth = 0;
  #later: (() => void)[] = [];

  constructor(
    readonly stream: ByteStream,
    readonly peer: PeerInfo,
    readonly clock: Pick<Clock, 'nowMs' | 'at'>,
  ) {}

  get sentBytes(): number {
    return this.#written - (this.stream.writableLength ?? 0);
  }

  get unreadBytes(): number {
    return this.stream.readableLength ?? 0;
  }

  /** Before the broker accepts it: an error must not go unheard. */
  listen(): void {
    this.stream.on('error', (error: Error) => {
      this.#error = error;
    });
    this.stream.on('close', () => {
      this.#report(() => {
        this.#closed();
      });
    });
  }

  /** Starts the events. */
  start(handler: ChannelHandler): void {
    this.#handler = handler;
    const { stream } = this;
    stream.on('end', () => {
      this.#report(() => {
        this.close(PEER_ENDED_GRACE_MS);
      });
    });
    stream.on('drain', () => {
      this.#report(() => {
        if (!this.#isClosing) handler.drained();
      });
    });
    // Last, because it starts the flow of data, unless the broker paused the channel while accepting it.
    stream.on('data', (chunk: unknown) => {
      this.#report(() => {
        this.#received(chunk);
      });
    });
  }

  /**
   * A stream in memory can emit while it is written to, in the middle of what the broker is doing: such an event comes
   * a moment later.
   */
  #report(event: () => void): void {
    if (this.#depth === 0 && this.#later.length === 0) {
      this.#within(event);
      return;
    }
    this.#later.push(event);
    if (this.#later.length > 1) return;
    queueMicrotask(() => {
      const events = this.#later;
      this.#later = [];
      for (const one of events) this.#within(one);
    });
  }

  #within<T>(call: () => T): T {
    this.#depth++;
    try {
      return call();
    } finally {
      this.#depth--;
    }
  }

  #received(chunk: unknown): void {
    if (this.#isClosing) return;
    if (chunk instanceof Uint8Array) {
      this.#handler?.data(chunk);
      return;
    }
    this.#error = new TypeError(`the stream gives ${typeof chunk} in place of bytes`);
    this.close(0);
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isClosing || this.#isClosed) return true;
    this.#written += bytes.byteLength;
    let hasRoom = true;
    this.#within(() => {
      for (let at = 0; at < bytes.byteLength; at += PART_BYTES)
        hasRoom = this.stream.write(bytes.subarray(at, at + PART_BYTES));
    });
    return hasRoom;
  }

  pause(): void {
    if (!this.#isClosing) this.#within(() => this.stream.pause());
  }

  resume(): void {
    this.#within(() => this.stream.resume());
  }

  close(graceMs: number): void {
    const { stream, clock } = this;
    if (graceMs <= 0) {
      this.#isClosing = true;
      this.#within(() => stream.destroy());
      return;
    }
    if (this.#isClosing || this.#isClosed) return;
    this.#isClosing = true;
    this.#within(() => stream.end());
    // What still arrives is read and discarded, so that the peer gets the last bytes that were sent to it.
    this.#within(() => stream.resume());
    this.#grace = clock.at(clock.nowMs() + graceMs, () => {
      stream.destroy();
    });
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#grace?.cancel();
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.closed(this.#error);
  }
}

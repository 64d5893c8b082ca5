// A channel on a WebSocket. MQTT treats the contents of binary frames as one stream of bytes, whatever the frame
// boundaries [MQTT-6.0.0-2], so messages are passed on as they come. The WebSocket library buffers a message until it
// is complete; this file limits what it may buffer for a client that has not been admitted.
import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import type { Channel, ChannelHandler, PeerInfo } from 'hexmq/ports';
import { sentBytes } from '../sockets/sent-bytes.js';

/** RFC 6455, section 7.4.1. */
const CloseCode = { normal: 1000, unsupportedData: 1003, tooBig: 1009 } as const;

/** Most bytes of an incomplete message from a client that has not been admitted: the size of the largest CONNECT. */
const UNADMITTED_BYTES_MAX = 100 * 1024;
/** Memory that a chunk costs besides its bytes, which matters for a message that comes byte by byte. */
const CHUNK_OVERHEAD_BYTES = 128;
/** Time for a peer that sent too much to receive the Close frame. */
const TOO_BIG_GRACE_MS = 1000;
/** Time for a peer that violated the protocol to answer the Close frame. */
const REFUSED_GRACE_MS = 5000;

const AS_BINARY = { binary: true, fin: true } as const;

export class WebSocketChannel implements Channel {
  readonly peer: PeerInfo;
  readonly #socket: Socket;
  readonly #websocket: WebSocket;
  #handler: ChannelHandler | undefined;
  #isClosing = false;
  #isFull = false;
  #heldBytes = 0;
  /** The most recent ping that has not been answered because the peer does not read. */
  #unansweredPing: Buffer | undefined;
  #error: Error | undefined;
  #grace: NodeJS.Timeout | undefined;

  /** @param socket below the WebSocket. */
  constructor(websocket: WebSocket, socket: Socket, peer: PeerInfo) {
    this.#websocket = websocket;
    this.#socket = socket;
    this.peer = peer;
  }

  get sentBytes(): number {
    return sentBytes(this.#socket);
  }

  /** Starts the events. None arrives during this call. */
  start(handler: ChannelHandler): void {
    this.#handler = handler;
    const websocket = this.#websocket;
    const socket = this.#socket;
    websocket.on('message', (data, isBinary) => {
      this.#message(data, isBinary);
    });
    websocket.on('ping', (data) => {
      this.#pong(data);
    });
    websocket.on('error', this.#failed);
    websocket.on('close', () => {
      this.#closed();
    });
    socket.on('error', this.#failed);
    socket.on('drain', () => {
      this.#drained();
    });
    // Runs after the library's listener, which has by then extracted all complete messages from the chunk.
    socket.on('data', this.#count);
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isClosing || this.#websocket.readyState !== this.#websocket.OPEN) return true;
    this.#websocket.send(bytes, AS_BINARY);
    this.#isFull = this.#socket.writableNeedDrain;
    return !this.#isFull;
  }

  pause(): void {
    if (!this.#isClosing) this.#websocket.pause();
  }

  resume(): void {
    this.#websocket.resume();
  }

  close(graceMs: number): void {
    if (graceMs <= 0) {
      this.#isClosing = true;
      this.#websocket.terminate();
      return;
    }
    this.#close(CloseCode.normal, graceMs);
    // Reads and discards what still arrives, until the peer answers the Close frame.
    this.#websocket.resume();
  }

  admitted(): void {
    this.#socket.off('data', this.#count);
  }

  #close(code: number, graceMs: number): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#websocket.close(code);
    this.#grace = setTimeout(() => {
      this.#websocket.terminate();
    }, graceMs);
  }

  #message(data: RawData, isBinary: boolean): void {
    this.#heldBytes = 0;
    if (this.#isClosing) return;
    // [MQTT-6.0.0-1]
    if (isBinary) this.#handler?.data(data as Buffer);
    else this.#close(CloseCode.unsupportedData, REFUSED_GRACE_MS);
  }

  readonly #count = (chunk: Buffer): void => {
    this.#heldBytes += chunk.length + CHUNK_OVERHEAD_BYTES;
    if (this.#heldBytes <= UNADMITTED_BYTES_MAX || this.#isClosing) return;
    // Stops reading, because the library would buffer whatever is read.
    this.#websocket.pause();
    this.#close(CloseCode.tooBig, TOO_BIG_GRACE_MS);
  };

  /** A peer that pings without reading gets one pong, for its latest ping (RFC 6455, section 5.5.3). */
  #pong(ping: Buffer): void {
    if (this.#isClosing) return;
    if (this.#socket.writableNeedDrain) this.#unansweredPing = ping;
    else this.#websocket.pong(ping);
  }

  #drained(): void {
    if (this.#isClosing) return;
    const ping = this.#unansweredPing;
    this.#unansweredPing = undefined;
    if (ping !== undefined) this.#websocket.pong(ping);
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#handler?.drained();
  }

  readonly #failed = (error: Error): void => {
    this.#error ??= error;
  };

  #closed(): void {
    clearTimeout(this.#grace);
    this.#isClosing = true;
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.closed(this.#error);
  }
}

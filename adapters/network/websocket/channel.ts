// A channel on a WebSocket. The contents of binary frames are passed on as they arrive, so that the broker counts an
// incomplete packet as it does over TCP. The WebSocket library would keep a message until it is complete: it gets the
// control frames only, and writes, pings and closes.
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Channel, ChannelHandler, PeerInfo } from 'hexmq/ports';
import { sentBytes } from '../sockets/sent-bytes.js';
import { FrameReader } from './frame-reader.js';
import type { FrameSink } from './frame-reader.js';

/** RFC 6455, section 7.4.1. */
const CloseCode = { normal: 1000, protocolError: 1002, unsupportedData: 1003 } as const;

/** Time for a peer that violated the protocol to answer the Close frame. */
const REFUSED_GRACE_MS = 5000;

const AS_BINARY = { binary: true, fin: true } as const;

export class WebSocketChannel implements Channel, FrameSink {
  readonly peer: PeerInfo;
  readonly #socket: Socket;
  readonly #websocket: WebSocket;
  #handler: ChannelHandler | undefined;
  #isClosing = false;
  #isFull = false;
  readonly #frames = new FrameReader(this);
  #toLibrary: ((chunk: Buffer) => void) | undefined;
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

  get unreadBytes(): number {
    return this.#socket.readableLength;
  }

  /** Starts the events. None arrives during this call. */
  start(handler: ChannelHandler): void {
    this.#handler = handler;
    const websocket = this.#websocket;
    const socket = this.#socket;
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
    const [toLibrary] = socket.listeners('data') as ((chunk: Buffer) => void)[];
    if (toLibrary === undefined) return;
    this.#toLibrary = toLibrary;
    socket.off('data', toLibrary);
    socket.on('data', (chunk: Buffer) => {
      this.#frames.read(chunk);
    });
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

  data(bytes: Buffer): void {
    if (!this.#isClosing) this.#handler?.data(bytes);
  }

  control(bytes: Buffer): void {
    this.#toLibrary?.call(this.#socket, bytes);
  }

  /** [MQTT-6.0.0-1] */
  text(): void {
    this.#close(CloseCode.unsupportedData, REFUSED_GRACE_MS);
  }

  interleaved(): void {
    this.#close(CloseCode.protocolError, REFUSED_GRACE_MS);
  }

  #close(code: number, graceMs: number): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#websocket.close(code);
    this.#grace = setTimeout(() => {
      this.#websocket.terminate();
    }, graceMs);
  }

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

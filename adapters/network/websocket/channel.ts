// One WebSocket as a channel. MQTT takes the contents of binary frames for one stream of bytes and does not care where a frame ends, so what comes
// is handed over as it comes. The library puts frames together whole before it does: what it may hold for someone unknown is counted here.
import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import type { Channel, ChannelHandler, PeerInfo } from 'hexmq/ports';
import { sentBytes } from '../sockets/sent-bytes.js';

/** RFC 6455, section 7.4.1. */
const CloseCode = { normal: 1000, unsupportedData: 1003, tooBig: 1009 } as const;

/** Of what has come and is no message yet, from a peer that has not been admitted: as much as its first packet may have. */
const UNKNOWN_PEER_BYTES_MAX = 100 * 1024;
/** What a piece costs besides its bytes: a message that comes byte by byte takes more room than it has. */
const PIECE_BYTES = 128;
/** A peer that is told to go because it sent too much gets this long to hear it. */
const TOO_BIG_GRACE_MS = 1000;
/** A peer that broke the rules gets this long to answer that it is closed. */
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
  /** The last ping that could not be answered, because the peer does not read. */
  #ping: Buffer | undefined;
  #error: Error | undefined;
  #grace: NodeJS.Timeout | undefined;

  /** @param socket is the one that the WebSocket is on. */
  constructor(websocket: WebSocket, socket: Socket, peer: PeerInfo) {
    this.#websocket = websocket;
    this.#socket = socket;
    this.peer = peer;
  }

  get sentBytes(): number {
    return sentBytes(this.#socket);
  }

  /** Starts the flow of events: none comes from within this call. */
  start(handler: ChannelHandler): void {
    this.#handler = handler;
    const websocket = this.#websocket;
    const socket = this.#socket;
    websocket.on('message', (data, isBinary) => {
      this.#message(data, isBinary);
    });
    websocket.on('ping', (data) => {
      this.#answer(data);
    });
    websocket.on('error', this.#failed);
    websocket.on('close', () => {
      this.#closed();
    });
    socket.on('error', this.#failed);
    socket.on('drain', () => {
      this.#drained();
    });
    // After the library's own, which has then taken all messages out of the piece.
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
    // What still comes is read and thrown away, until the peer has answered.
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

  readonly #count = (piece: Buffer): void => {
    this.#heldBytes += piece.length + PIECE_BYTES;
    if (this.#heldBytes <= UNKNOWN_PEER_BYTES_MAX || this.#isClosing) return;
    // Nothing more is read: it would be held.
    this.#websocket.pause();
    this.#close(CloseCode.tooBig, TOO_BIG_GRACE_MS);
  };

  /** Whoever asks and does not read gets one answer, to the last question (RFC 6455, section 5.5.3). */
  #answer(ping: Buffer): void {
    if (this.#isClosing) return;
    if (this.#socket.writableNeedDrain) this.#ping = ping;
    else this.#websocket.pong(ping);
  }

  #drained(): void {
    if (this.#isClosing) return;
    const ping = this.#ping;
    this.#ping = undefined;
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

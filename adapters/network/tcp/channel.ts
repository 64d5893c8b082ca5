// One connection as a channel: a socket of TCP, of TLS, or of a path. It decides how a connection ends and translates a socket's events; it buffers nothing itself.
//
// Idle connections are the common case and there may be a hundred thousand, so a socket gets no closure of its own: the listeners below are
// functions of the module that find their channel through a property of the socket.
import type { Socket } from 'node:net';
import type { Channel, ChannelHandler, PeerInfo } from 'hexmq/ports';
import { addressOf, ipAddressOf } from '../sockets/address.js';
import { sentBytes } from '../sockets/sent-bytes.js';

/** A peer that has ended gets this long to read what is still on its way to it. */
const PEER_ENDED_GRACE_MS = 5000;

const channelOf = Symbol('channel');
type ChannelSocket = Socket & { [channelOf]: TcpChannel };

export class TcpChannel implements Channel, PeerInfo {
  readonly remoteAddress: string;
  readonly #socket: Socket;
  #handler: ChannelHandler | undefined;
  #isClosing = false;
  #error: Error | undefined;
  #grace: NodeJS.Timeout | undefined;

  constructor(socket: Socket, remoteAddress = addressOf(socket)) {
    this.#socket = socket;
    this.remoteAddress = remoteAddress;
  }

  /** The channel stands for its peer as well: one object less for each connection. */
  get peer(): PeerInfo {
    return this;
  }

  get ipAddress(): string | undefined {
    return ipAddressOf(this.#socket);
  }

  get sentBytes(): number {
    return sentBytes(this.#socket);
  }

  /** Starts the flow of events. The socket defers its own: none comes from within this call. */
  start(handler: ChannelHandler): void {
    this.#handler = handler;
    const socket = this.#socket as ChannelSocket;
    socket[channelOf] = this;
    socket.on('error', onError);
    socket.on('close', onClose);
    socket.on('end', onEnd);
    socket.on('drain', onDrain);
    // Last, because it sets the data flowing, unless the shell has paused the channel while it accepted it.
    socket.on('data', onData);
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isClosing || this.#socket.destroyed) return true;
    return this.#socket.write(bytes);
  }

  pause(): void {
    if (!this.#isClosing) this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(graceMs: number): void {
    const socket = this.#socket;
    if (graceMs <= 0) {
      this.#isClosing = true;
      socket.destroy();
      return;
    }
    if (this.#isClosing || socket.destroyed) return;
    this.#isClosing = true;
    socket.end();
    // What still comes is read and thrown away: closing a socket with unread data resets it, and the peer could lose our last bytes.
    socket.resume();
    this.#grace = setTimeout(destroy, graceMs, socket);
  }

  failed(error: Error): void {
    this.#error = error;
  }

  received(chunk: Uint8Array): void {
    if (!this.#isClosing) this.#handler?.data(chunk);
  }

  drained(): void {
    if (!this.#isClosing) this.#handler?.drained();
  }

  closed(): void {
    if (this.#grace !== undefined) clearTimeout(this.#grace);
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.closed(this.#error);
  }

  peerEnded(): void {
    this.close(PEER_ENDED_GRACE_MS);
  }
}

/** Of a peer that the socket alone does not tell: behind a proxy, or with a certificate. */
export class TcpChannelWithPeer extends TcpChannel {
  readonly #peer: PeerInfo;

  constructor(socket: Socket, peer: PeerInfo) {
    super(socket, peer.remoteAddress);
    this.#peer = peer;
  }

  override get peer(): PeerInfo {
    return this.#peer;
  }

  override get ipAddress(): string | undefined {
    return this.#peer.ipAddress;
  }
}

function onData(this: ChannelSocket, chunk: Uint8Array): void {
  this[channelOf].received(chunk);
}

function onDrain(this: ChannelSocket): void {
  this[channelOf].drained();
}

function onEnd(this: ChannelSocket): void {
  this[channelOf].peerEnded();
}

/** `close` follows always. */
function onError(this: ChannelSocket, error: Error): void {
  this[channelOf].failed(error);
}

function onClose(this: ChannelSocket): void {
  this[channelOf].closed();
}

function destroy(socket: Socket): void {
  socket.destroy();
}

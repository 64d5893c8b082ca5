// A channel on a TCP, TLS or Unix socket. It translates the socket's events and ends the connection; buffering is the
// socket's own.
//
// There may be a hundred thousand connections, most of them idle, so a socket gets no closures: its event handlers are
// module functions that find the channel through a property of the socket.
import type { Socket } from 'node:net';
import type { Channel, ChannelHandler, PeerInfo } from 'hexmq/ports';
import { addressOf, ipAddressOf } from '../sockets/address.js';
import { sentBytes } from '../sockets/sent-bytes.js';

/** Time for a peer that has ended its side to read what is still on the way to it. */
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

  /** The channel is its own peer description, which saves an object per connection. */
  get peer(): PeerInfo {
    return this;
  }

  get ipAddress(): string | undefined {
    return ipAddressOf(this.#socket);
  }

  get sentBytes(): number {
    return sentBytes(this.#socket);
  }

  get unreadBytes(): number {
    return this.#socket.readableLength;
  }

  /** Starts the events. None arrives during this call, because the socket emits asynchronously. */
  start(handler: ChannelHandler): void {
    this.#handler = handler;
    const socket = this.#socket as ChannelSocket;
    socket[channelOf] = this;
    socket.on('error', onError);
    socket.on('close', onClose);
    socket.on('end', onEnd);
    socket.on('drain', onDrain);
    // Last, because it starts the flow of data, unless the broker paused the channel while accepting it.
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
    // Reads and discards what still arrives: closing a socket with unread data resets it, and the peer could lose the
    // last bytes sent to it.
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

/** A channel whose peer is not the one the socket reports: behind a proxy, with a certificate, or on a Unix socket. */
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

/** `close` always follows. */
function onError(this: ChannelSocket, error: Error): void {
  this[channelOf].failed(error);
}

function onClose(this: ChannelSocket): void {
  this[channelOf].closed();
}

function destroy(socket: Socket): void {
  socket.destroy();
}

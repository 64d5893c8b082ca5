// The network port: bytes in, bytes out, and who is at the other end. A listener knows nothing of MQTT, and the shell knows nothing of sockets.
import type { PeerInfo } from '../domain/connect/peer.js';
import type { Reloadable } from './reloadable.js';
import { port } from './token.js';

/** One connection, as the shell drives it. */
export interface Channel {
  readonly peer: PeerInfo;
  /**
   * Queues bytes for sending, in order; the caller gives the bytes up. False: the peer reads slower than we write; write on sparingly, and
   * `drained` is called once everything has left. Writing to a channel that has closed does nothing and returns true.
   */
  write(bytes: Uint8Array): boolean;
  /**
   * Bytes that have left for the network since the connection was opened, with whatever the kind of network adds to them, and within one large write
   * too: a peer that reads makes it grow, however slowly it reads.
   */
  readonly sentBytes: number;
  /** Stops and starts `data`; what had been received before may still come. */
  pause(): void;
  resume(): void;
  /** Ends the connection once what was written has left, or after `graceMs` whatever has; `closed` follows. 0: at once. */
  close(graceMs: number): void;
  /**
   * The client has been admitted. A channel that puts together what belongs together before it hands it over (the frames of a WebSocket) holds
   * no more than 100 KiB of it for anyone before.
   */
  admitted?(): void;
}

/** What the shell is told, one call after the other, never from within a call to the channel. */
export interface ChannelHandler {
  /** The chunk belongs to the receiver: the adapter does not touch it again. */
  data(chunk: Uint8Array): void;
  drained(): void;
  /** Exactly once, last of all. */
  closed(error: Error | undefined): void;
}

/** A connection on its way in, from its arrival until it is a channel or has come to nothing: it ends with one call, of `accept` or of `failed`. */
export interface IncomingConnection {
  /**
   * A proxy has said for whom it speaks, before any work is done for that client that can wait (a handshake of TLS).
   * @returns false: that client may not come in. The connection is to be closed, and has failed.
   */
  setClientAddress(client: PeerInfo): boolean;
  /** It is open: from now on its end is told by the handler's `closed`. */
  accept(channel: Channel): ChannelHandler;
  /** It has ended before it was open, whoever ended it. */
  abort(): void;
}

/**
 * To be asked for each connection before anything is read of it, written to it or calculated for it. The peer of one that a trusted proxy opened has
 * no `ipAddress`: it is not the proxy who is counted.
 * @returns `undefined`: it may not come in. The connection is to be closed, and nothing more is to be told.
 */
export type ConnectionHandler = (peer: PeerInfo) => IncomingConnection | undefined;

/** `reload`: certificates and what else it reads from files; open connections go on. */
export interface Listener extends Reloadable {
  readonly name: string;
  /**
   * Starts listening; `arrive` is called for each connection.
   * @returns where it listens, for people: `127.0.0.1:1883`.
   * @throws NetworkError when it cannot, saying what to do.
   */
  listen(arrive: ConnectionHandler): Promise<string>;
  /** Stops accepting, and ends what has arrived and is not open; open connections go on. */
  close(): Promise<void>;
  /**
   * A connection of this kind from the process to itself, whether or not the listener listens; nobody else gets in. What the process sends on it
   * is for a broker that rehearses before it opens its doors. A listener without it is not rehearsed with.
   * @returns the far end, whose events go to `handler`.
   */
  loop?(accept: (channel: Channel) => ChannelHandler, handler: ChannelHandler): Promise<Channel>;
}

/** A listener that cannot listen. The message names the address and says what to do. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError';
}

/** All listeners of the broker; bind each. */
export const Listener = port<Listener>('Listener');

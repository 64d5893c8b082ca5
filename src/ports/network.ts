// The network port: how connections reach the broker. An adapter delivers bytes, reports the peer and applies
// backpressure; it knows nothing of MQTT, and the broker knows nothing of sockets. That is why one broker core serves
// TCP, TLS, WebSocket, Unix sockets and an in-memory network.
//
// What an adapter must do:
// - Call the `ConnectionHandler` once for each connection, before it reads, writes or computes anything for it. If it
//   returns `undefined`, close the connection and make no further calls for it.
// - Otherwise end the `IncomingConnection` exactly once: `accept` when the connection is ready to carry MQTT, or
//   `abort` when it ended earlier.
// - Call `data`, `drained` and `closed` one at a time, and never from within a call to the `Channel`. `closed` comes
//   exactly once, last.
// - Preserve the order of bytes in both directions. MQTT needs an ordered, lossless byte stream (MQTT 3.1.1, section
//   4.2).
// - Report backpressure: `write` returns false while the peer reads too slowly, and `drained` follows. The broker
//   bounds its memory by it.
//
// `networkContract` in `hexmq/testkit` tests all of this.
import type { PeerInfo } from '../domain/peer.js';
import type { Checkable } from './checkable.js';
import type { Reloadable } from './reloadable.js';
import { brand } from './branded.js';
import { port } from './token.js';

/** One open connection, implemented by the adapter and driven by the broker. */
export interface Channel {
  /** The peer. After `IncomingConnection.setClientAddress`, the client behind the proxy. */
  readonly peer: PeerInfo;
  /**
   * Queues bytes for sending, in order. The broker does not change the array afterwards, and the adapter must not
   * either: it may be shared with other channels.
   * @returns false when the peer reads more slowly than the broker writes. The bytes are queued all the same; the
   * broker writes little more until `drained`, which must follow once everything has left. After the channel has
   * closed: true, without effect.
   */
  write(bytes: Uint8Array): boolean;
  /**
   * Total bytes that have left for the network since the connection opened, including the overhead of TLS or WebSocket
   * framing. It must also grow during a single large write, because the broker distinguishes a slow reader from one
   * that has stopped by looking at it about once a second.
   */
  readonly sentBytes: number;
  /**
   * Bytes that were received, are not handed over yet, and stay in the adapter while the channel is paused. They count
   * against `maxUnreadBytes`. Omitted: none do.
   */
  readonly unreadBytes?: number;
  /**
   * Stops `data`, so that the peer is held back by the network. Bytes that were already received may still be
   * delivered.
   */
  pause(): void;
  /** Starts `data` again after `pause`. */
  resume(): void;
  /**
   * Ends the connection; `closed` follows. What was written is sent first, for up to `graceMs` milliseconds; then the
   * connection is cut. 0 cuts it at once, also while an earlier call is still waiting. No `data` and no `drained` come
   * after this call.
   */
  close(graceMs: number): void;
  /**
   * The client's CONNECT has been accepted. Before this call, an adapter that reassembles messages (WebSocket frames)
   * must buffer at most 100 KiB of an incomplete message, so that unauthenticated peers cannot fill the memory.
   */
  admitted?(): void;
}

/** Receives the events of one channel, implemented by the broker. */
export interface ChannelHandler {
  /**
   * Bytes from the peer, in order. The broker keeps the chunk, and views of it: the adapter must not reuse the memory.
   */
  data(chunk: Uint8Array): void;
  /** Everything written has left, after a `write` that returned false. */
  drained(): void;
  /**
   * The connection has ended, whichever side ended it. Exactly once, after all other calls.
   * @param error why, if it did not end in an orderly way: a reset, a protocol error below MQTT. `undefined` otherwise.
   */
  closed(error: Error | undefined): void;
}

/**
 * A connection from its arrival until it can carry MQTT, implemented by the broker. The adapter ends it with one call,
 * of `accept` or `abort`; until then it counts as pending (`maxPendingConnections`).
 */
export interface IncomingConnection {
  /**
   * Reports the client for which a trusted proxy opened the connection, so that the limits of an address apply to the
   * client. Call it before any step that can wait for the client, such as a TLS handshake, and at most once.
   * @returns false when a limit refuses that client. Close the connection and call `abort`.
   */
  setClientAddress(client: PeerInfo): boolean;
  /**
   * The connection is ready to carry MQTT.
   * @returns the handler for everything that follows, including the end of the connection.
   */
  accept(channel: Channel): ChannelHandler;
  /** The connection ended before it was ready, whichever side ended it. */
  abort(): void;
}

/**
 * Decides whether a connection may come in; the broker passes one to `Listener.listen`.
 * @param peer as far as it is known. If a trusted proxy opened the connection, leave `ipAddress` out: the limits of an
 * address count clients, and all clients of a proxy share its address.
 * @returns `undefined` when a limit refuses the connection. The broker has emitted the reason; close the connection,
 * and call nothing else for it.
 */
export type ConnectionHandler = (peer: PeerInfo) => IncomingConnection | undefined;

/** A source of connections. `reload` reads certificates and other files again; open connections keep what they have. */
export interface Listener extends Reloadable, Checkable {
  /** Names the listener in events, in the log, in the configuration of limits and in authorization requests. */
  readonly name: string;
  /**
   * Starts listening, and calls `onConnection` for each connection from then on.
   * @returns the address it listens on, for humans: `127.0.0.1:1883`.
   * @throws NetworkError (as a rejection) when it cannot listen; the message names the address and says what to do.
   */
  listen(onConnection: ConnectionHandler): Promise<string>;
  /**
   * Stops accepting and aborts all incoming connections. Open channels stay open. It may be called twice, and before
   * `listen`. The address is free again when the promise resolves.
   */
  close(): Promise<void>;
}

/** Thrown by `Listener.listen`. The message names the address, what is wrong, and what the operator can do about it. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError';

  static {
    brand(this, 'NetworkError');
  }
}

/** Injection token of the listeners; multi-bound, one binding for each. */
export const Listener = port<Listener>('Listener');

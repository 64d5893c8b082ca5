// The listener for MQTT over TCP, TLS and Unix sockets.
import type { Socket } from 'node:net';
import type { ConnectionHandler, Listener } from 'hexmq/ports';
import type { HostAndPort, ListenAddress, UnixSocketPath } from '../sockets/server-socket.js';
import { ConnectionPipeline } from '../sockets/connection-pipeline.js';
import type { SocketListenerOptions } from '../sockets/connection-pipeline.js';
import type { Handshake, SocketComponents } from '../sockets/pending-handshakes.js';
import { TcpChannelWithPeer, TcpChannel } from './channel.js';

/** A host and a port, or a path; with TLS or without. */
export type TcpListenerOptions = SocketListenerOptions & (HostAndPort | UnixSocketPath);

/** @throws Error naming the option or the file that is wrong. */
export function createListener(options: TcpListenerOptions, components: SocketComponents = {}): Listener {
  return new TcpListener(options, components);
}

class TcpListener implements Listener {
  readonly name: string;
  readonly #pipeline: ConnectionPipeline;
  /** All connections on a Unix socket come from this machine and share one description of their peer. */
  readonly #unixPeer: { readonly remoteAddress: string } | undefined;

  constructor(options: TcpListenerOptions, components: SocketComponents) {
    const address: ListenAddress = options;
    this.name = options.name ?? ('path' in address ? 'unix' : options.tls === undefined ? 'tcp' : 'tls');
    this.#unixPeer = 'path' in address ? { remoteAddress: `unix:${address.path}` } : undefined;
    this.#pipeline = new ConnectionPipeline(this.name, address, options, components);
  }

  listen(onConnection: ConnectionHandler): Promise<string> {
    return this.#pipeline.open(onConnection, (socket, connection, handshake) => {
      const channel = this.#createChannel(socket, handshake);
      channel.start(connection.accept(channel));
    });
  }

  close(): Promise<void> {
    return this.#pipeline.close();
  }

  reload(): Promise<void> {
    return this.#pipeline.reload();
  }

  problems(): Promise<readonly string[]> {
    return this.#pipeline.problems();
  }

  warnings(): readonly string[] {
    return this.#pipeline.warnings();
  }

  #createChannel(socket: Socket, handshake: Handshake | undefined): TcpChannel {
    if (handshake === undefined)
      return this.#unixPeer === undefined ? new TcpChannel(socket) : new TcpChannelWithPeer(socket, this.#unixPeer);
    handshake.complete();
    socket.resume();
    return new TcpChannelWithPeer(socket, handshake.peer);
  }
}

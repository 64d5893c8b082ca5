// MQTT on a stream of bytes: TCP, TLS, or a Unix socket. It knows nothing of what the bytes say.
import type { Socket } from 'node:net';
import type { ConnectionHandler, Channel, ChannelHandler, Listener } from 'hexmq/ports';
import { SOCKET_OPTIONS } from '../sockets/server-socket.js';
import type { HostAndPort, ListenAddress, UnixPath } from '../sockets/server-socket.js';
import { ConnectionPipeline } from '../sockets/connection-pipeline.js';
import type { SocketListenerOptions } from '../sockets/connection-pipeline.js';
import type { Handshake, SocketComponents } from '../sockets/pending-handshakes.js';
import { TcpChannelWithPeer, TcpChannel } from './channel.js';
import { openLoop } from './loop.js';

/** On a host and a port, with TLS or without; or on a path. */
export type TcpListenerOptions = SocketListenerOptions & (HostAndPort | UnixPath);

/** @throws Error naming the option that is wrong, or the file. */
export function createListener(options: TcpListenerOptions, components: SocketComponents = {}): Listener {
  return new TcpListener(options, components);
}

class TcpListener implements Listener {
  readonly name: string;
  readonly #entrance: ConnectionPipeline;
  /** Whoever comes by a path comes from this machine: one peer stands for all. */
  readonly #local: { readonly remoteAddress: string } | undefined;

  constructor(options: TcpListenerOptions, components: SocketComponents) {
    const place: ListenAddress = options;
    this.name = options.name ?? ('path' in place ? 'unix' : options.tls === undefined ? 'tcp' : 'tls');
    this.#local = 'path' in place ? { remoteAddress: `unix:${place.path}` } : undefined;
    this.#entrance = new ConnectionPipeline(this.name, place, options, components);
  }

  listen(arrive: ConnectionHandler): Promise<string> {
    return this.#entrance.open(arrive, (socket, arrival, handshake) => {
      const channel = this.#channelOn(socket, handshake);
      channel.start(arrival.accept(channel));
    });
  }

  loop(accept: (channel: Channel) => ChannelHandler, handler: ChannelHandler): Promise<Channel> {
    return openLoop(SOCKET_OPTIONS, accept, handler);
  }

  close(): Promise<void> {
    return this.#entrance.close();
  }

  reload(): Promise<void> {
    return this.#entrance.reload();
  }

  #channelOn(socket: Socket, handshake: Handshake | undefined): TcpChannel {
    if (handshake === undefined)
      return this.#local === undefined ? new TcpChannel(socket) : new TcpChannelWithPeer(socket, this.#local);
    handshake.complete();
    socket.resume();
    return new TcpChannelWithPeer(socket, handshake.peer);
  }
}

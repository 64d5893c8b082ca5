// MQTT on a stream of bytes: TCP, TLS, or a Unix socket. It knows nothing of what the bytes say.
import type { Socket } from 'node:net';
import type { Arrive, Channel, ChannelHandler, Listener } from 'hexmq/ports';
import { SOCKET_OPTIONS } from '../sockets/door.js';
import type { HostAndPort, Place, UnixPath } from '../sockets/door.js';
import { Entrance } from '../sockets/entrance.js';
import type { EntranceOptions } from '../sockets/entrance.js';
import type { Handshake, SocketComponents } from '../sockets/handshakes.js';
import { KnownPeerChannel, TcpChannel } from './channel.js';
import { openLoop } from './loop.js';

/** On a host and a port, with TLS or without; or on a path. */
export type TcpListenerOptions = EntranceOptions & (HostAndPort | UnixPath);

/** @throws Error naming the option that is wrong, or the file. */
export function createListener(options: TcpListenerOptions, components: SocketComponents = {}): Listener {
  return new TcpListener(options, components);
}

class TcpListener implements Listener {
  readonly name: string;
  readonly #entrance: Entrance;
  /** Whoever comes by a path comes from this machine: one peer stands for all. */
  readonly #local: { readonly remoteAddress: string } | undefined;

  constructor(options: TcpListenerOptions, components: SocketComponents) {
    const place: Place = options;
    this.name = options.name ?? ('path' in place ? 'unix' : options.tls === undefined ? 'tcp' : 'tls');
    this.#local = 'path' in place ? { remoteAddress: `unix:${place.path}` } : undefined;
    this.#entrance = new Entrance(this.name, place, options, components);
  }

  listen(arrive: Arrive): Promise<string> {
    return this.#entrance.open(arrive, (socket, arrival, handshake) => {
      const channel = this.#channelOn(socket, handshake);
      channel.handledBy(arrival.accept(channel));
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
      return this.#local === undefined ? new TcpChannel(socket) : new KnownPeerChannel(socket, this.#local);
    handshake.end();
    socket.resume();
    return new KnownPeerChannel(socket, handshake.peer);
  }
}

// MQTT over WebSocket, with TLS or without (MQTT 3.1.1, section 6). It knows nothing of what the bytes say.
import type { Arrive, Listener } from 'hexmq/ports';
import type { HostAndPort } from '../sockets/door.js';
import { Entrance } from '../sockets/entrance.js';
import type { EntranceOptions } from '../sockets/entrance.js';
import type { SocketComponents } from '../sockets/handshakes.js';
import { Trusted } from '../sockets/trusted.js';
import type { TrustedPeers } from '../sockets/trusted.js';
import { WebSocketChannel } from './channel.js';
import { Upgrade } from './upgrade.js';

export interface WebSocketListenerOptions extends EntranceOptions, HostAndPort {
  /** Of the URL. Default `/mqtt`. */
  readonly path?: string | undefined;
  /** Proxies that say in X-Forwarded-For for whom they speak. They have to; what others say there is passed over. */
  readonly forwardedFor?: TrustedPeers | undefined;
  /** Of a packet from a client that has been admitted. Default: the protocol's own. */
  readonly maxPacketSize?: number | undefined;
}

const MAX_PACKET_SIZE = 268_435_460;
/** A client may put many small packets into one message, however small each has to be. */
const MESSAGE_BYTES_MIN = 1024 * 1024;

/** @throws Error naming the option that is wrong, or the file. */
export function createListener(options: WebSocketListenerOptions, components: SocketComponents = {}): Listener {
  return new WebSocketListener(options, components);
}

class WebSocketListener implements Listener {
  readonly name: string;
  readonly #options: WebSocketListenerOptions;
  readonly #entrance: Entrance;
  readonly #forwardedFor: Trusted | undefined;

  constructor(options: WebSocketListenerOptions, components: SocketComponents) {
    const { name, host, port, tls, forwardedFor } = options;
    this.name = name ?? (tls === undefined ? 'ws' : 'wss');
    this.#options = options;
    this.#forwardedFor = forwardedFor === undefined ? undefined : new Trusted('forwardedFor', forwardedFor);
    this.#entrance = new Entrance(this.name, { host, port }, options, components, this.#forwardedFor);
  }

  listen(arrive: Arrive): Promise<string> {
    const { path = '/mqtt', maxPacketSize = MAX_PACKET_SIZE } = this.#options;
    const settings = {
      path,
      forwardedFor: this.#forwardedFor,
      maxMessageBytes: Math.max(maxPacketSize, MESSAGE_BYTES_MIN),
    };
    const upgrade = new Upgrade(settings, (websocket, socket, handshake) => {
      handshake.end();
      const channel = new WebSocketChannel(websocket, socket, handshake.peer);
      channel.handledBy(handshake.arrival.accept(channel));
    });
    return this.#entrance.open(arrive, (socket, arrival, handshake) => {
      upgrade.begin(
        socket,
        handshake ?? this.#entrance.handshakes.begin(socket, arrival, this.#entrance.peerOf(socket), 'websocket'),
      );
    });
  }

  close(): Promise<void> {
    return this.#entrance.close();
  }

  reload(): Promise<void> {
    return this.#entrance.reload();
  }
}

// MQTT over WebSocket, with TLS or without (MQTT 3.1.1, section 6). It knows nothing of what the bytes say.
import type { ConnectionHandler, Listener } from 'hexmq/ports';
import type { HostAndPort } from '../sockets/server-socket.js';
import { ConnectionPipeline } from '../sockets/connection-pipeline.js';
import type { SocketListenerOptions } from '../sockets/connection-pipeline.js';
import type { SocketComponents } from '../sockets/pending-handshakes.js';
import { TrustedProxies } from '../sockets/trusted-proxies.js';
import type { TrustedProxyOptions } from '../sockets/trusted-proxies.js';
import { WebSocketChannel } from './channel.js';
import { WebSocketUpgrade } from './upgrade.js';

export interface WebSocketListenerOptions extends SocketListenerOptions, HostAndPort {
  /** Of the URL. Default `/mqtt`. */
  readonly path?: string | undefined;
  /** Proxies that say in X-Forwarded-For for whom they speak. They have to; what others say there is passed over. */
  readonly forwardedFor?: TrustedProxyOptions | undefined;
  /** Of a packet from a client that has been admitted. Default: the protocol's own; a function is called for each connection. */
  readonly maxPacketSize?: number | (() => number) | undefined;
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
  readonly #entrance: ConnectionPipeline;
  readonly #forwardedFor: TrustedProxies | undefined;

  constructor(options: WebSocketListenerOptions, components: SocketComponents) {
    const { name, host, port, tls, forwardedFor } = options;
    this.name = name ?? (tls === undefined ? 'ws' : 'wss');
    this.#options = options;
    this.#forwardedFor = forwardedFor === undefined ? undefined : new TrustedProxies('forwardedFor', forwardedFor);
    this.#entrance = new ConnectionPipeline(this.name, { host, port }, options, components, this.#forwardedFor);
  }

  listen(arrive: ConnectionHandler): Promise<string> {
    const { path = '/mqtt', maxPacketSize = MAX_PACKET_SIZE } = this.#options;
    const settings = {
      path,
      forwardedFor: this.#forwardedFor,
      maxMessageBytes: () =>
        Math.max(typeof maxPacketSize === 'function' ? maxPacketSize() : maxPacketSize, MESSAGE_BYTES_MIN),
    };
    const upgrade = new WebSocketUpgrade(settings, (websocket, socket, handshake) => {
      handshake.complete();
      const channel = new WebSocketChannel(websocket, socket, handshake.peer);
      channel.start(handshake.connection.accept(channel));
    });
    return this.#entrance.open(arrive, (socket, arrival, handshake) => {
      upgrade.begin(
        socket,
        handshake ??
          this.#entrance.handshakes.start(socket, arrival, this.#entrance.peerBeforeHandshake(socket), 'websocket'),
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

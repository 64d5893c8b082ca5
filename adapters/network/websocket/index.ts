// The listener for MQTT over WebSocket, with TLS or without (MQTT 3.1.1, section 6).
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
  /** Path of the URL. Default `/mqtt`. */
  readonly path?: string | undefined;
  /** Proxies that must name their client in X-Forwarded-For. The header is ignored from any other peer. */
  readonly forwardedFor?: TrustedProxyOptions | undefined;
}

/** @throws Error naming the option or the file that is wrong. */
export function createListener(options: WebSocketListenerOptions, components: SocketComponents = {}): Listener {
  return new WebSocketListener(options, components);
}

class WebSocketListener implements Listener {
  readonly name: string;
  readonly #options: WebSocketListenerOptions;
  readonly #pipeline: ConnectionPipeline;
  readonly #forwardedFor: TrustedProxies | undefined;

  constructor(options: WebSocketListenerOptions, components: SocketComponents) {
    const { name, host, port, tls, forwardedFor } = options;
    this.name = name ?? (tls === undefined ? 'ws' : 'wss');
    this.#options = options;
    this.#forwardedFor = forwardedFor === undefined ? undefined : new TrustedProxies('forwardedFor', forwardedFor);
    this.#pipeline = new ConnectionPipeline(this.name, { host, port }, options, components, this.#forwardedFor);
  }

  listen(onConnection: ConnectionHandler): Promise<string> {
    const { path = '/mqtt' } = this.#options;
    const settings = { path, forwardedFor: this.#forwardedFor };
    const upgrade = new WebSocketUpgrade(settings, (websocket, socket, handshake) => {
      handshake.complete();
      const channel = new WebSocketChannel(websocket, socket, handshake.peer);
      channel.start(handshake.connection.accept(channel));
    });
    return this.#pipeline.open(onConnection, (socket, connection, handshake) => {
      upgrade.start(
        socket,
        handshake ??
          this.#pipeline.handshakes.start(socket, connection, this.#pipeline.peerBeforeHandshake(socket), 'websocket'),
      );
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
}

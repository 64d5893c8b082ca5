// The steps of a new connection, in order: the broker's limits, the PROXY header, TLS; each optional one only where the
// listener has it. A listener with neither adds nothing between the limits and the channel.
import type { Socket } from 'node:net';
import type { ConnectionHandler, IncomingConnection, PeerInfo } from 'hexmq/ports';
import { addressProblems } from './address-check.js';
import { peerOf } from './address.js';
import { PendingHandshakes } from './pending-handshakes.js';
import type { Handshake, HandshakeMemory, SocketComponents } from './pending-handshakes.js';
import { readProxyHeader } from './proxy-step.js';
import { HIGH_WATER_MARK, ServerSocket } from './server-socket.js';
import type { ListenAddress } from './server-socket.js';
import type { TlsOptions } from './tls-files.js';
import { TlsStep } from './tls-step.js';
import { TrustedProxies } from './trusted-proxies.js';
import type { TrustedProxyOptions } from './trusted-proxies.js';

/** Options that all socket listeners share. */
export interface SocketListenerOptions {
  readonly name?: string | undefined;
  /** Connections that the operating system completes before they are accepted; it may allow fewer. Default 4096. */
  readonly backlog?: number | undefined;
  readonly tls?: TlsOptions | undefined;
  /** Proxies that must send a PROXY header before the bytes of their client. No other peer may send one. */
  readonly proxyProtocol?: TrustedProxyOptions | undefined;
  /**
   * Time in milliseconds for everything before the first byte of MQTT. Default 10,000. A function is called for each
   * connection, so that a reload takes effect.
   */
  readonly handshakeTimeoutMs?: number | (() => number) | undefined;
  /** Bounds the memory of handshakes, of all listeners that share it. Default: their time alone is bounded. */
  readonly handshakeMemory?: HandshakeMemory | undefined;
}

/**
 * Takes over a socket that has passed all steps, and its incoming connection. If there was a handshake, the handler
 * completes it and must call `resume` on the socket, which a step may have paused.
 */
export type SocketHandler = (socket: Socket, connection: IncomingConnection, handshake: Handshake | undefined) => void;

type FirstStep = (socket: Socket, connection: IncomingConnection, peer: PeerInfo) => void;

const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;

export class ConnectionPipeline {
  readonly handshakes: PendingHandshakes;
  readonly #server: ServerSocket;
  readonly #address: ListenAddress;
  readonly #proxies: TrustedProxies | undefined;
  readonly #httpProxies: TrustedProxies | undefined;
  readonly #tls: TlsStep | undefined;
  #onSocket: SocketHandler = (socket) => socket.destroy();

  /**
   * @param httpProxies proxies that name their client later, in an HTTP header.
   * @throws Error naming the option or the file that is wrong.
   */
  constructor(
    listener: string,
    address: ListenAddress,
    options: SocketListenerOptions,
    components: SocketComponents,
    httpProxies?: TrustedProxies,
  ) {
    const { backlog, tls, proxyProtocol, handshakeTimeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS, handshakeMemory } = options;
    this.#address = address;
    this.#server = new ServerSocket(address, backlog);
    this.handshakes = new PendingHandshakes(
      listener,
      typeof handshakeTimeoutMs === 'function' ? handshakeTimeoutMs : () => handshakeTimeoutMs,
      components,
      handshakeMemory,
    );
    this.#proxies = proxyProtocol === undefined ? undefined : new TrustedProxies('proxyProtocol', proxyProtocol);
    this.#httpProxies = httpProxies;
    this.#tls =
      tls === undefined
        ? undefined
        : new TlsStep(listener, tls, { highWaterMark: HIGH_WATER_MARK }, components, (socket, handshake) => {
            this.#onSocket(socket, handshake.connection, handshake);
          });
  }

  /** @throws NetworkError when it cannot listen. */
  async open(onConnection: ConnectionHandler, onSocket: SocketHandler): Promise<string> {
    this.#onSocket = onSocket;
    const firstStep = this.#firstStep(onSocket);
    const address = await this.#server.open((socket) => {
      const peer = this.peerBeforeHandshake(socket);
      const connection = onConnection(this.#isProxy(peer) ? { remoteAddress: peer.remoteAddress } : peer);
      if (connection === undefined) socket.destroy();
      else firstStep(socket, connection, peer);
    });
    this.#tls?.start();
    return address;
  }

  close(): Promise<void> {
    this.#server.close();
    this.#tls?.stopWatching();
    this.handshakes.abortAll();
    return Promise.resolve();
  }

  async reload(): Promise<void> {
    await this.#tls?.reload();
  }

  problems(): Promise<readonly string[]> {
    return addressProblems(this.#address);
  }

  warnings(): readonly string[] {
    return this.#tls?.warnings() ?? [];
  }

  /** The peer as the socket alone tells it. */
  peerBeforeHandshake(socket: Socket): PeerInfo {
    return 'path' in this.#address ? { remoteAddress: `unix:${this.#address.path}` } : peerOf(socket);
  }

  #isProxy({ ipAddress }: PeerInfo): boolean {
    return this.#proxies?.has(ipAddress) === true || this.#httpProxies?.has(ipAddress) === true;
  }

  #firstStep(onSocket: SocketHandler): FirstStep {
    const proxies = this.#proxies;
    const tls = this.#tls;
    if (proxies !== undefined) {
      const next = (handshake: Handshake, client: PeerInfo | undefined): void => {
        if (client !== undefined && !this.#setClientAddress(handshake, client)) return;
        if (tls === undefined) onSocket(handshake.socket, handshake.connection, handshake);
        else tls.beginHandshake(handshake);
      };
      return (socket, connection, peer) => {
        readProxyHeader(this.handshakes.start(socket, connection, peer, 'proxy-header'), proxies, next);
      };
    }
    if (tls !== undefined) {
      return (socket, connection, peer) => {
        tls.beginHandshake(this.handshakes.start(socket, connection, peer, 'tls'));
      };
    }
    return (socket, connection) => {
      onSocket(socket, connection, undefined);
    };
  }

  /** The client of a PROXY header may itself be an HTTP proxy, which names its own client later. */
  #setClientAddress(handshake: Handshake, client: PeerInfo): boolean {
    if (this.#httpProxies?.has(client.ipAddress) !== true) return handshake.setClientAddress(client);
    handshake.peer = client;
    return true;
  }
}

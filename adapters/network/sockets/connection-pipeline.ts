// The way of a connection from the door to whoever speaks MQTT on it: the word of the shell, then the header of a proxy, then TLS, each where the
// listener has it. A listener that has neither puts nothing between the word and the channel.
import type { Socket } from 'node:net';
import type { IncomingConnection, ConnectionHandler, PeerInfo } from 'hexmq/ports';
import { peerOf } from './address.js';
import { ServerSocket, HIGH_WATER_MARK } from './server-socket.js';
import type { ListenAddress } from './server-socket.js';
import { PendingHandshakes } from './pending-handshakes.js';
import type { Handshake, SocketComponents } from './pending-handshakes.js';
import { readProxyHeader } from './proxy-step.js';
import type { TlsOptions } from './tls-files.js';
import { TlsStep } from './tls-step.js';
import { TrustedProxies } from './trusted-proxies.js';
import type { TrustedProxyOptions } from './trusted-proxies.js';

export interface SocketListenerOptions {
  readonly name?: string | undefined;
  /** Connections that the operating system completes before we accept them; it may allow fewer. Default 4096. */
  readonly backlog?: number | undefined;
  readonly tls?: TlsOptions | undefined;
  /** Proxies that put a PROXY header before what their clients say. Nobody else may send one, and these have to. */
  readonly proxyProtocol?: TrustedProxyOptions | undefined;
  /** From the opening of a connection until its first byte of MQTT can come. Default 10,000; a function is called for each connection. */
  readonly handshakeTimeoutMs?: number | (() => number) | undefined;
}

/**
 * The socket and its arrival are the caller's; the handshake, where there is one, is for the caller to end. The socket may have been paused: `resume`
 * begins the reading.
 */
export type SocketHandler = (socket: Socket, arrival: IncomingConnection, handshake: Handshake | undefined) => void;

const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;

export class ConnectionPipeline {
  readonly handshakes: PendingHandshakes;
  readonly #door: ServerSocket;
  readonly #place: ListenAddress;
  readonly #proxies: TrustedProxies | undefined;
  readonly #forwarders: TrustedProxies | undefined;
  readonly #tls: TlsStep | undefined;
  #entered: SocketHandler = (socket) => socket.destroy();

  /**
   * @param forwarders are proxies that say later for whom they speak.
   * @throws Error naming the option that is wrong, or the file.
   */
  constructor(
    name: string,
    place: ListenAddress,
    options: SocketListenerOptions,
    components: SocketComponents,
    forwarders?: TrustedProxies,
  ) {
    const { backlog, tls, proxyProtocol, handshakeTimeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS } = options;
    this.#place = place;
    this.#door = new ServerSocket(place, backlog);
    this.handshakes = new PendingHandshakes(
      name,
      typeof handshakeTimeoutMs === 'function' ? handshakeTimeoutMs : () => handshakeTimeoutMs,
      components,
    );
    this.#proxies = proxyProtocol === undefined ? undefined : new TrustedProxies('proxyProtocol', proxyProtocol);
    this.#forwarders = forwarders;
    this.#tls =
      tls === undefined
        ? undefined
        : new TlsStep(name, tls, { highWaterMark: HIGH_WATER_MARK }, components, (socket, handshake) => {
            this.#entered(socket, handshake.connection, handshake);
          });
  }

  /** @throws NetworkError */
  async open(arrive: ConnectionHandler, entered: SocketHandler): Promise<string> {
    this.#entered = entered;
    const way = this.#way(entered);
    const address = await this.#door.open((socket) => {
      const peer = this.peerBeforeHandshake(socket);
      const arrival = arrive(this.#isProxy(peer) ? { remoteAddress: peer.remoteAddress } : peer);
      if (arrival === undefined) socket.destroy();
      else way(socket, arrival, peer);
    });
    this.#tls?.start();
    return address;
  }

  close(): Promise<void> {
    this.#door.close();
    this.#tls?.stopWatching();
    this.handshakes.abortAll();
    return Promise.resolve();
  }

  async reload(): Promise<void> {
    await this.#tls?.reload();
  }

  /** Who a socket is that has said nothing yet. */
  peerBeforeHandshake(socket: Socket): PeerInfo {
    return 'path' in this.#place ? { remoteAddress: `unix:${this.#place.path}` } : peerOf(socket);
  }

  #isProxy({ ipAddress }: PeerInfo): boolean {
    return this.#proxies?.has(ipAddress) === true || this.#forwarders?.has(ipAddress) === true;
  }

  #way(entered: SocketHandler): (socket: Socket, arrival: IncomingConnection, peer: PeerInfo) => void {
    const proxies = this.#proxies;
    const tls = this.#tls;
    if (proxies !== undefined) {
      const next = (handshake: Handshake, client: PeerInfo | undefined): void => {
        if (client !== undefined && !this.#speaksFor(handshake, client)) return;
        if (tls === undefined) entered(handshake.socket, handshake.connection, handshake);
        else tls.beginHandshake(handshake);
      };
      return (socket, arrival, peer) => {
        readProxyHeader(this.handshakes.start(socket, arrival, peer, 'proxy-header'), proxies, next);
      };
    }
    if (tls !== undefined) {
      return (socket, arrival, peer) => {
        tls.beginHandshake(this.handshakes.start(socket, arrival, peer, 'tls'));
      };
    }
    return (socket, arrival) => {
      entered(socket, arrival, undefined);
    };
  }

  /** The client of a proxy may be the next proxy, which says for whom it speaks in its turn. */
  #speaksFor(handshake: Handshake, client: PeerInfo): boolean {
    if (this.#forwarders?.has(client.ipAddress) !== true) return handshake.setClientAddress(client);
    handshake.peer = client;
    return true;
  }
}

// The way of a connection from the door to whoever speaks MQTT on it: the word of the shell, then the header of a proxy, then TLS, each where the
// listener has it. A listener that has neither puts nothing between the word and the channel.
import type { Socket } from 'node:net';
import type { Arrival, Arrive, PeerInfo } from 'hexmq/ports';
import { peerOf } from './address.js';
import { Door, HIGH_WATER_MARK } from './door.js';
import type { Place } from './door.js';
import { Handshakes } from './handshakes.js';
import type { Handshake, SocketComponents } from './handshakes.js';
import { readProxyHeader } from './proxy-step.js';
import type { TlsOptions } from './tls-files.js';
import { TlsStep } from './tls-step.js';
import { Trusted } from './trusted.js';
import type { TrustedPeers } from './trusted.js';

export interface EntranceOptions {
  readonly name?: string | undefined;
  /** Connections that the operating system completes before we accept them; it may allow fewer. Default 4096. */
  readonly backlog?: number | undefined;
  readonly tls?: TlsOptions | undefined;
  /** Proxies that put a PROXY header before what their clients say. Nobody else may send one, and these have to. */
  readonly proxyProtocol?: TrustedPeers | undefined;
  /** From the opening of a connection until its first byte of MQTT can come. Default 10,000. */
  readonly handshakeTimeoutMs?: number | undefined;
}

/**
 * The socket and its arrival are the caller's; the handshake, where there is one, is for the caller to end. The socket may have been paused: `resume`
 * begins the reading.
 */
export type Entered = (socket: Socket, arrival: Arrival, handshake: Handshake | undefined) => void;

const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;

export class Entrance {
  readonly handshakes: Handshakes;
  readonly #door: Door;
  readonly #place: Place;
  readonly #proxies: Trusted | undefined;
  readonly #forwarders: Trusted | undefined;
  readonly #tls: TlsStep | undefined;
  #entered: Entered = (socket) => socket.destroy();

  /**
   * @param forwarders are proxies that say later for whom they speak.
   * @throws Error naming the option that is wrong, or the file.
   */
  constructor(
    name: string,
    place: Place,
    options: EntranceOptions,
    components: SocketComponents,
    forwarders?: Trusted,
  ) {
    const { backlog, tls, proxyProtocol, handshakeTimeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS } = options;
    this.#place = place;
    this.#door = new Door(place, backlog);
    this.handshakes = new Handshakes(name, handshakeTimeoutMs, components);
    this.#proxies = proxyProtocol === undefined ? undefined : new Trusted('proxyProtocol', proxyProtocol);
    this.#forwarders = forwarders;
    this.#tls =
      tls === undefined
        ? undefined
        : new TlsStep(name, tls, { highWaterMark: HIGH_WATER_MARK }, components, (socket, handshake) => {
            this.#entered(socket, handshake.arrival, handshake);
          });
  }

  /** @throws NetworkError */
  async open(arrive: Arrive, entered: Entered): Promise<string> {
    this.#entered = entered;
    const way = this.#way(entered);
    const address = await this.#door.open((socket) => {
      const peer = this.peerOf(socket);
      const arrival = arrive(this.#isProxy(peer) ? { remoteAddress: peer.remoteAddress } : peer);
      if (arrival === undefined) socket.destroy();
      else way(socket, arrival, peer);
    });
    this.#tls?.start();
    return address;
  }

  close(): Promise<void> {
    this.#door.close();
    this.#tls?.stop();
    this.handshakes.abandon();
    return Promise.resolve();
  }

  async reload(): Promise<void> {
    await this.#tls?.reload();
  }

  /** Who a socket is that has said nothing yet. */
  peerOf(socket: Socket): PeerInfo {
    return 'path' in this.#place ? { remoteAddress: `unix:${this.#place.path}` } : peerOf(socket);
  }

  #isProxy({ ipAddress }: PeerInfo): boolean {
    return this.#proxies?.has(ipAddress) === true || this.#forwarders?.has(ipAddress) === true;
  }

  #way(entered: Entered): (socket: Socket, arrival: Arrival, peer: PeerInfo) => void {
    const proxies = this.#proxies;
    const tls = this.#tls;
    if (proxies !== undefined) {
      const next = (handshake: Handshake, client: PeerInfo | undefined): void => {
        if (client !== undefined && !this.#speaksFor(handshake, client)) return;
        if (tls === undefined) entered(handshake.socket, handshake.arrival, handshake);
        else tls.secure(handshake);
      };
      return (socket, arrival, peer) => {
        readProxyHeader(this.handshakes.begin(socket, arrival, peer, 'proxy-header'), proxies, next);
      };
    }
    if (tls !== undefined) {
      return (socket, arrival, peer) => {
        tls.secure(this.handshakes.begin(socket, arrival, peer, 'tls'));
      };
    }
    return (socket, arrival) => {
      entered(socket, arrival, undefined);
    };
  }

  /** The client of a proxy may be the next proxy, which says for whom it speaks in its turn. */
  #speaksFor(handshake: Handshake, client: PeerInfo): boolean {
    if (this.#forwarders?.has(client.ipAddress) !== true) return handshake.speaksFor(client);
    handshake.peer = client;
    return true;
  }
}

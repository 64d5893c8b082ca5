// The port of connections that the embedding program has accepted itself: on a server that serves something else too,
// or of a kind that no listener knows. It is a driving port.
import type { PeerCertificate } from '../domain/peer.js';
import { port } from './token.js';

/**
 * A byte stream in both directions, as every `Duplex` of Node is: a socket, a TLS socket, or what
 * `createWebSocketStream` of the package ws makes. It emits `data` with bytes, `end`, `drain`, `error` and `close`.
 */
export interface ByteStream {
  on(event: string, listener: (...values: never[]) => void): unknown;
  write(bytes: Uint8Array): boolean;
  end(): unknown;
  destroy(error?: Error): unknown;
  pause(): unknown;
  resume(): unknown;
  readonly destroyed?: boolean;
  readonly readableLength?: number;
  readonly writableLength?: number;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** What is known of a connection that is handed over. */
export interface HandOverOptions {
  /**
   * The name of a listener, whose limits and authenticators then apply. Default: `embedded`, which has those of the
   * broker.
   */
  readonly listener?: string | undefined;
  /** For events. Default: the address of a socket. */
  readonly remoteAddress?: string | undefined;
  /** Verified, for the limits of an address. Default: that of a socket; give it for a client behind a proxy. */
  readonly ipAddress?: string | undefined;
  /** Verified, for the authenticator `certificate`. */
  readonly certificate?: PeerCertificate | undefined;
}

/** Takes connections of the embedding program. */
export interface Connections {
  /**
   * Serves MQTT on a stream, as a listener does on its connections. From then on the broker owns the stream: it reads,
   * writes and destroys it.
   * @returns false if a limit refuses the connection; the reason is an event, and the stream is destroyed.
   * @throws AdministrationError `unavailable` while the broker does not accept connections; TypeError or RangeError for
   * an argument that is wrong. The stream is left as it is.
   */
  handle(stream: ByteStream, options?: HandOverOptions): boolean;
}

/** Injection token of connections. */
export const Connections = port<Connections>('Connections');

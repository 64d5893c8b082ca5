// Connections that the embedding program hands over: from the stream to the broker, with the limits and authenticators
// of a listener.
import type { PeerInfo } from '../../domain/peer.js';
import { formatAddress, plainAddress } from '../../ports/address.js';
import { AdministrationError } from '../../ports/administration.js';
import type { Clock } from '../../ports/clock.js';
import type { ByteStream, Connections, HandOverOptions } from '../../ports/connections.js';
import type { IncomingConnection } from '../../ports/network.js';
import { suggestion } from '../nearest.js';
import { StreamChannel } from './stream-channel.js';

export interface StreamConnectionsParts {
  readonly handleConnection: (listener: string, peer: PeerInfo) => IncomingConnection | undefined;
  /** Whether listeners accept connections now. */
  readonly isAccepting: () => boolean;
  readonly listeners: readonly { readonly name: string }[];
  readonly clock: Pick<Clock, 'nowMs' | 'at'>;
}

/** The listener of connections that name none. */
const EMBEDDED = 'embedded';

const METHODS = ['on', 'write', 'end', 'destroy', 'pause', 'resume'] as const;
const OPTIONS = ['listener', 'remoteAddress', 'ipAddress', 'certificate'] as const;

export class StreamConnections implements Connections {
  readonly #parts: StreamConnectionsParts;
  #last = 0;

  constructor(parts: StreamConnectionsParts) {
    this.#parts = parts;
  }

  handle(stream: ByteStream, options: HandOverOptions = {}): boolean {
    requireStream(stream);
    const listener = this.#listenerOf(options);
    if (!this.#parts.isAccepting())
      throw new AdministrationError('unavailable', 'the broker does not run, or stops: it takes no connection');
    const peer = this.#peerOf(stream, options);
    const channel = new StreamChannel(stream, peer, this.#parts.clock);
    channel.listen();
    const incoming = this.#parts.handleConnection(listener, peer);
    if (incoming === undefined) {
      stream.destroy();
      return false;
    }
    channel.start(incoming.accept(channel));
    return true;
  }

  #listenerOf(options: HandOverOptions): string {
    if (typeof options !== 'object') throw new TypeError('options: an object is expected');
    const unknown = Object.keys(options).find((key) => !(OPTIONS as readonly string[]).includes(key));
    if (unknown !== undefined) throw new TypeError(`options.${unknown}: expected one of ${OPTIONS.join(', ')}`);
    const { listener = EMBEDDED } = options;
    const names = [EMBEDDED, ...this.#parts.listeners.map(({ name }) => name)];
    if (names.includes(listener)) return listener;
    throw new RangeError(
      `options.listener: there is no listener ${JSON.stringify(listener)}${suggestion(String(listener), names)}`,
    );
  }

  #peerOf(stream: ByteStream, { remoteAddress, ipAddress, certificate }: HandOverOptions): PeerInfo {
    const address = ipAddress ?? stream.remoteAddress;
    return {
      remoteAddress: remoteAddress ?? addressOf(stream) ?? `${EMBEDDED}:${++this.#last}`,
      ...(address === undefined ? {} : { ipAddress: plainAddress(address) }),
      ...(certificate === undefined ? {} : { certificate }),
    };
  }
}

/** Of a socket. */
const addressOf = ({ remoteAddress: address, remotePort: port }: ByteStream): string | undefined =>
  address === undefined || port === undefined ? address : formatAddress(address, port);

function requireStream(stream: unknown): asserts stream is ByteStream {
  if (typeof stream !== 'object' || stream === null)
    throw new TypeError(`stream: a byte stream is expected, got ${stream === null ? 'null' : typeof stream}`);
  const lacking = METHODS.filter((method) => typeof (stream as Record<string, unknown>)[method] !== 'function');
  if (lacking.length > 0) throw new TypeError(`stream: a byte stream is expected, this has no ${lacking.join(', ')}`);
  if ((stream as ByteStream).destroyed === true) throw new TypeError('stream: it is destroyed already');
}

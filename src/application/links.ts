// The open connections: how one begins, and what its end means for every part that knows it.
import type { PeerInfo } from '../domain/peer.js';
import type { ConnectionId } from '../domain/identifiers.js';
import type { Channel, ChannelHandler, IncomingConnection } from '../ports/network.js';
import type { LifecycleEvent } from '../ports/telemetry.js';
import type { BrokerEvent } from '../domain/events.js';
import type { ConnectionTerms } from '../domain/effects.js';
import type { AuthenticationRequests } from './authentication-requests.js';
import { ConnectionTracker } from './connection-tracker.js';
import type { ArrivalRefusal, ConnectionOrigin, ConnectionTrackerOwner } from './connection-tracker.js';
import type { Egress } from './egress.js';
import type { EventLoop } from './event-loop.js';
import type { Ingress } from './ingress.js';
import { Link } from './link.js';
import type { LinkObserver } from './link.js';
import type { Reauthorization } from './reauthorization.js';
import type { Settings } from '../domain/settings.js';
import { TopicAliases } from './topic-aliases.js';
import type { Clock } from '../ports/clock.js';

export interface LinksParts {
  /** Filled and emptied here, read by others. */
  readonly links: Map<ConnectionId, Link>;
  readonly loop: EventLoop;
  readonly clock: Clock;
  /** Connections that may be open at once, whatever state they are in. */
  readonly maxOpen: number;
  readonly settings: Settings;
  readonly ingress: Ingress;
  readonly egress: Egress;
  readonly authentication: AuthenticationRequests;
  readonly reauthorization: Reauthorization;
  readonly emit: (event: BrokerEvent | LifecycleEvent) => void;
}

/** What connections that were ended may have left to send, together. */
export const LINGERING_BYTES_MAX = 64 * 1024 * 1024;

export class Links implements ConnectionTrackerOwner, LinkObserver {
  readonly #parts: LinksParts;
  readonly #links: Map<ConnectionId, Link>;
  readonly #tracker: ConnectionTracker;
  /** Of connections that have ended for the core. */
  #lingeringBytes = 0;
  /** Of accepted connections, by version. */
  readonly #byVersion = new Map<number, number>();
  #whenEmpty: (() => void) | undefined;

  constructor(parts: LinksParts) {
    this.#parts = parts;
    this.#links = parts.links;
    const { settings, clock, maxOpen } = parts;
    this.#tracker = new ConnectionTracker(settings, maxOpen, clock, this);
  }

  get size(): number {
    return this.#links.size;
  }

  /** What connections that have ended have left to send. */
  get lingeringBytes(): number {
    return this.#lingeringBytes;
  }

  get byVersion(): ReadonlyMap<number, number> {
    return this.#byVersion;
  }

  #count(version: number, by: 1 | -1): void {
    this.#byVersion.set(version, (this.#byVersion.get(version) ?? 0) + by);
  }

  get ids(): readonly ConnectionId[] {
    return [...this.#links.keys()];
  }

  /** A connection has arrived at the listener. @returns `undefined` if a limit refuses it. */
  handleConnection(listener: string, peer: PeerInfo): IncomingConnection | undefined {
    return this.#tracker.open(listener, peer);
  }

  get(connection: ConnectionId): Link | undefined {
    return this.#links.get(connection);
  }

  connectionRejected(
    { id, listener }: Pick<ConnectionOrigin, 'id' | 'listener'>,
    { remoteAddress }: PeerInfo,
    reason: ArrivalRefusal,
  ): void {
    const unknown = { clientId: undefined, detail: undefined, userName: undefined };
    this.#parts.emit({ kind: 'connection-refused', connection: id, ...unknown, reason, remoteAddress, listener });
  }

  connectionAccepted(origin: ConnectionOrigin, channel: Channel): ChannelHandler {
    const { id, listener } = origin;
    const link = new Link(origin, channel, this.#parts.ingress.open(origin, channel), this, this.#parts.egress.sent);
    this.#links.set(id, link);
    this.#parts.loop.step({ kind: 'opened', connection: id, listener, peer: channel.peer });
    return link;
  }

  /** CONNECT was accepted. */
  established(connection: ConnectionId, terms: ConnectionTerms): void {
    const link = this.#links.get(connection);
    if (link === undefined) return;
    link.input.established(terms.version, terms.maxPacketSize);
    this.#count(terms.version, 1);
    if (terms.topicAliasMaximum > 0)
      link.output.aliases = new TopicAliases(terms.topicAliasMaximum, terms.maximumPacketSize);
    this.#tracker.established(link.origin.listener);
  }

  drained(link: Link): void {
    this.#parts.egress.drained(link);
  }

  closed(link: Link): void {
    const { loop, egress } = this.#parts;
    egress.closed(link);
    const isRead = link.input.whenRead(() => {
      loop.submit(() => {
        this.#gone(link);
      });
    });
    if (!isRead) loop.enqueue({ kind: 'left', connection: link.id });
  }

  #gone(link: Link): void {
    const { ingress, authentication, reauthorization, loop } = this.#parts;
    this.#links.delete(link.id);
    if (link.input.isEstablished) this.#count(link.input.protocolVersion, -1);
    this.#lingeringBytes -= link.lingeringBytes;
    this.#tracker.close(link.origin, link.input.isEstablished);
    ingress.closed(link.input);
    reauthorization.untrack(link.id);
    authentication.cancel(link.id);
    loop.step({ kind: 'closed', connection: link.id });
    if (this.#links.size === 0) this.#whenEmpty?.();
  }

  /**
   * Whether a connection that ends may take its time to send what was written to it: if that is little, also together
   * with that of others.
   */
  mayLinger(connection: ConnectionId): boolean {
    const link = this.#links.get(connection);
    if (link === undefined || !link.output.isCongested) return true;
    const { heldBytes, holdsMuch } = link.output;
    if (holdsMuch || this.#lingeringBytes + heldBytes > LINGERING_BYTES_MAX) return false;
    link.lingeringBytes = heldBytes;
    this.#lingeringBytes += heldBytes;
    return true;
  }

  /** The broker ends the connection. */
  end(connection: ConnectionId, graceMs: number): void {
    this.#parts.authentication.cancel(connection);
    this.#links.get(connection)?.end(graceMs);
  }

  /** Resolves when there is no open connection. */
  async empty(): Promise<void> {
    if (this.#links.size > 0) await new Promise<void>((resolve) => (this.#whenEmpty = resolve));
  }
}

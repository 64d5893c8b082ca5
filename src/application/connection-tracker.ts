// Counts every connection against the limits of the broker and of its listener, once when it arrives and once when it
// has gone, whatever happened in between. The counts exist from the first connection on, with limits or without, so
// that a limit set by a reload applies to the connections that are already there.
import type { PeerInfo } from '../domain/peer.js';
import type { ConnectionId } from '../domain/identifiers.js';
import type { Clock } from '../ports/clock.js';
import type { Channel, ChannelHandler, IncomingConnection } from '../ports/network.js';
import { ConnectionLimiter } from './connection-limiter.js';
import type { ConnectionLimitReason } from './connection-limiter.js';
import type { Settings } from '../domain/settings.js';

/** Why a connection was closed before anything was read from it. */
export type ArrivalRefusal = ConnectionLimitReason | 'too-many-open-files';

/** What the tracker reads of the settings. */
export type ConnectionSettings = Pick<Settings, 'current' | 'perListener'>;

/** Where a connection came from; `close` needs it again to undo the count. */
export interface ConnectionOrigin {
  readonly id: ConnectionId;
  readonly listener: string;
  /**
   * The address whose limits it counts against; `undefined` for a local connection, and for one through a proxy whose
   * client is not known yet.
   */
  readonly ipAddress: string | undefined;
}

export interface ConnectionTrackerOwner {
  /** A limit refused the connection. No other call reports it. */
  connectionRejected(origin: Pick<ConnectionOrigin, 'id' | 'listener'>, peer: PeerInfo, reason: ArrivalRefusal): void;
  /** The connection carries MQTT from now on; the owner calls `established` and `close` when the time comes. */
  connectionAccepted(origin: ConnectionOrigin, channel: Channel): ChannelHandler;
}

const NO_LIMITS = {};

export class ConnectionTracker {
  readonly #clock: Clock;
  readonly #owner: ConnectionTrackerOwner;
  readonly #brokerLimiter: ConnectionLimiter;
  readonly #listenerLimiters = new Map<string, ConnectionLimiter>();
  #lastConnection = 0;
  #open = 0;

  /** @param maxOpen connections that may be open at once, so that file descriptors are left for everything else. */
  constructor(
    readonly settings: ConnectionSettings,
    readonly maxOpen: number,
    clock: Clock,
    owner: ConnectionTrackerOwner,
  ) {
    this.#brokerLimiter = new ConnectionLimiter(() => settings.current);
    this.#clock = clock;
    this.#owner = owner;
  }

  /** @returns `undefined` when a limit refuses the connection. */
  open(listener: string, peer: PeerInfo): IncomingConnection | undefined {
    const id = ++this.#lastConnection as ConnectionId;
    const { ipAddress } = peer;
    const nowMs = this.#clock.nowMs();
    const listenerLimiter = this.#limiterOf(listener);
    const reason =
      this.#open >= this.maxOpen
        ? 'too-many-open-files'
        : (listenerLimiter.check(ipAddress, nowMs) ?? this.#brokerLimiter.check(ipAddress, nowMs));
    if (reason !== undefined) {
      this.#owner.connectionRejected({ id, listener }, peer, reason);
      return undefined;
    }
    this.#open++;
    listenerLimiter.add(ipAddress, nowMs);
    this.#brokerLimiter.add(ipAddress, nowMs);
    return new TrackedConnection(this, id, listener, ipAddress);
  }

  /**
   * Applies the limits of an address to a connection that was opened without one, through a proxy.
   * @returns false when a limit refuses it; it remains counted until `close`.
   */
  setClientAddress({ id, listener }: ConnectionOrigin, peer: PeerInfo): boolean {
    const { ipAddress } = peer;
    const nowMs = this.#clock.nowMs();
    const listenerLimiter = this.#limiterOf(listener);
    const reason = listenerLimiter.checkAddress(ipAddress, nowMs) ?? this.#brokerLimiter.checkAddress(ipAddress, nowMs);
    if (reason !== undefined) {
      this.#owner.connectionRejected({ id, listener }, peer, reason);
      return false;
    }
    listenerLimiter.addAddress(ipAddress, nowMs);
    this.#brokerLimiter.addAddress(ipAddress, nowMs);
    return true;
  }

  accept(origin: ConnectionOrigin, channel: Channel): ChannelHandler {
    return this.#owner.connectionAccepted(origin, channel);
  }

  /** CONNECT has been accepted: the connection is no longer pending. */
  established(listener: string): void {
    this.#limiterOf(listener).established();
    this.#brokerLimiter.established();
  }

  close({ listener, ipAddress }: ConnectionOrigin, wasEstablished: boolean): void {
    const nowMs = this.#clock.nowMs();
    this.#open--;
    this.#limiterOf(listener).remove(ipAddress, wasEstablished, nowMs);
    this.#brokerLimiter.remove(ipAddress, wasEstablished, nowMs);
  }

  #limiterOf(listener: string): ConnectionLimiter {
    let limiter = this.#listenerLimiters.get(listener);
    if (limiter === undefined) {
      limiter = new ConnectionLimiter(() => this.settings.perListener.get(listener) ?? NO_LIMITS);
      this.#listenerLimiters.set(listener, limiter);
    }
    return limiter;
  }
}

/** A connection that has passed the limits and does not carry MQTT yet. */
class TrackedConnection implements IncomingConnection, ConnectionOrigin {
  #isDone = false;

  constructor(
    readonly tracker: ConnectionTracker,
    readonly id: ConnectionId,
    readonly listener: string,
    public ipAddress: string | undefined,
  ) {}

  setClientAddress(client: PeerInfo): boolean {
    if (!this.tracker.setClientAddress(this, client)) return false;
    this.ipAddress = client.ipAddress;
    return true;
  }

  accept(channel: Channel): ChannelHandler {
    this.#isDone = true;
    return this.tracker.accept(this, channel);
  }

  abort(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.tracker.close(this, false);
  }
}

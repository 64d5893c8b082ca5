// From the arrival of a connection to its end, for those who count: the doorkeeper of the whole broker and that of its listener. Each hears of it once
// when it arrives and once when it has gone, whatever became of it in between.
import type { Limits, PerListenerLimits } from '../domain/connect/limits.js';
import type { PeerInfo } from '../domain/connect/peer.js';
import type { ConnectionId } from '../domain/identifiers.js';
import type { Clock } from '../ports/clock.js';
import type { IncomingConnection, Channel, ChannelHandler } from '../ports/network.js';
import { ConnectionLimiter } from './connection-limiter.js';
import type { ConnectionLimitReason } from './connection-limiter.js';

/** Where a connection came in. */
export interface ConnectionOrigin {
  readonly id: ConnectionId;
  readonly listener: string;
  /** By which it is counted, and to be told with its end. `undefined`: by none. */
  readonly ipAddress: string | undefined;
}

export interface ConnectionTrackerOwner {
  /** It may not come in, which nobody else is told. */
  connectionRejected(id: ConnectionId, peer: PeerInfo, reason: ConnectionLimitReason): void;
  /** It is open; the owner tells when it is established and when it has gone. */
  connectionAccepted(entered: ConnectionOrigin, channel: Channel): ChannelHandler;
}

export class ConnectionTracker {
  readonly #clock: Clock;
  readonly #owner: ConnectionTrackerOwner;
  readonly #ofBroker: ConnectionLimiter;
  readonly #ofListeners = new Map<string, ConnectionLimiter>();
  #limitsOfListeners: PerListenerLimits;
  #lastConnection = 0;

  constructor(limits: Limits, ofListeners: PerListenerLimits, clock: Clock, owner: ConnectionTrackerOwner) {
    this.#ofBroker = new ConnectionLimiter(limits);
    this.#limitsOfListeners = ofListeners;
    this.#clock = clock;
    this.#owner = owner;
  }

  /** From now on. */
  setLimits(limits: Limits, ofListeners: PerListenerLimits): void {
    this.#limitsOfListeners = ofListeners;
    this.#ofBroker.limits = limits;
    for (const [listener, door] of this.#ofListeners) door.limits = ofListeners.get(listener) ?? {};
  }

  open(listener: string, peer: PeerInfo): IncomingConnection | undefined {
    const id = ++this.#lastConnection as ConnectionId;
    const { ipAddress } = peer;
    const nowMs = this.#clock.nowMs();
    const own = this.#doorOf(listener);
    const refusal = own.check(ipAddress, nowMs) ?? this.#ofBroker.check(ipAddress, nowMs);
    if (refusal !== undefined) {
      this.#owner.connectionRejected(id, peer, refusal);
      return undefined;
    }
    own.add(ipAddress, nowMs);
    this.#ofBroker.add(ipAddress, nowMs);
    return new TrackedConnection(this, id, listener, ipAddress);
  }

  /** Whether one may stay that was counted without an address. */
  setClientAddress({ id, listener }: ConnectionOrigin, peer: PeerInfo): boolean {
    const { ipAddress } = peer;
    const nowMs = this.#clock.nowMs();
    const own = this.#doorOf(listener);
    const refusal = own.checkAddress(ipAddress, nowMs) ?? this.#ofBroker.checkAddress(ipAddress, nowMs);
    if (refusal !== undefined) {
      this.#owner.connectionRejected(id, peer, refusal);
      return false;
    }
    own.addAddress(ipAddress, nowMs);
    this.#ofBroker.addAddress(ipAddress, nowMs);
    return true;
  }

  accept(entered: ConnectionOrigin, channel: Channel): ChannelHandler {
    return this.#owner.connectionAccepted(entered, channel);
  }

  established(listener: string): void {
    this.#doorOf(listener).established();
    this.#ofBroker.established();
  }

  close({ listener, ipAddress }: ConnectionOrigin, wasEstablished: boolean): void {
    const nowMs = this.#clock.nowMs();
    this.#doorOf(listener).remove(ipAddress, wasEstablished, nowMs);
    this.#ofBroker.remove(ipAddress, wasEstablished, nowMs);
  }

  /** It counts from the first connection on, also where there is no limit: there may be one later. */
  #doorOf(listener: string): ConnectionLimiter {
    let door = this.#ofListeners.get(listener);
    if (door === undefined)
      this.#ofListeners.set(listener, (door = new ConnectionLimiter(this.#limitsOfListeners.get(listener) ?? {})));
    return door;
  }
}

/** One that may come in and is not open yet. */
class TrackedConnection implements IncomingConnection, ConnectionOrigin {
  #isOver = false;

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
    this.#isOver = true;
    return this.tracker.accept(this, channel);
  }

  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.tracker.close(this, false);
  }
}

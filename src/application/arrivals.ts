// From the arrival of a connection to its end, for those who count: the doorkeeper of the whole broker and that of its listener. Each hears of it once
// when it arrives and once when it has gone, whatever became of it in between.
import type { Limits, PerListenerLimits } from '../domain/connect/limits.js';
import type { PeerInfo } from '../domain/connect/peer.js';
import type { ConnectionId } from '../domain/identifiers.js';
import type { Clock } from '../ports/clock.js';
import type { Arrival, Channel, ChannelHandler } from '../ports/network.js';
import { Doorkeeper } from './doorkeeper.js';
import type { DoorRefusal } from './doorkeeper.js';

/** Where a connection came in. */
export interface Entered {
  readonly id: ConnectionId;
  readonly listener: string;
  /** By which it is counted, and to be told with its end. `undefined`: by none. */
  readonly ipAddress: string | undefined;
}

export interface ArrivalsOwner {
  /** It may not come in, which nobody else is told. */
  turnedAway(id: ConnectionId, peer: PeerInfo, reason: DoorRefusal): void;
  /** It is open; the owner tells when it is established and when it has gone. */
  entered(entered: Entered, channel: Channel): ChannelHandler;
}

export class Arrivals {
  readonly #clock: Clock;
  readonly #owner: ArrivalsOwner;
  readonly #ofBroker: Doorkeeper;
  readonly #ofListeners = new Map<string, Doorkeeper>();
  #limitsOfListeners: PerListenerLimits;
  #lastConnection = 0;

  constructor(limits: Limits, ofListeners: PerListenerLimits, clock: Clock, owner: ArrivalsOwner) {
    this.#ofBroker = new Doorkeeper(limits);
    this.#limitsOfListeners = ofListeners;
    this.#clock = clock;
    this.#owner = owner;
  }

  /** From now on. */
  limit(limits: Limits, ofListeners: PerListenerLimits): void {
    this.#limitsOfListeners = ofListeners;
    this.#ofBroker.limits = limits;
    for (const [listener, door] of this.#ofListeners) door.limits = ofListeners.get(listener) ?? {};
  }

  arrive(listener: string, peer: PeerInfo): Arrival | undefined {
    const id = ++this.#lastConnection as ConnectionId;
    const { ipAddress } = peer;
    const nowMs = this.#clock.nowMs();
    const own = this.#doorOf(listener);
    const refusal = own.refusal(ipAddress, nowMs) ?? this.#ofBroker.refusal(ipAddress, nowMs);
    if (refusal !== undefined) {
      this.#owner.turnedAway(id, peer, refusal);
      return undefined;
    }
    own.opened(ipAddress, nowMs);
    this.#ofBroker.opened(ipAddress, nowMs);
    return new Arriving(this, id, listener, ipAddress);
  }

  /** Whether one may stay that was counted without an address. */
  identified({ id, listener }: Entered, peer: PeerInfo): boolean {
    const { ipAddress } = peer;
    const nowMs = this.#clock.nowMs();
    const own = this.#doorOf(listener);
    const refusal = own.refusalOfAddress(ipAddress, nowMs) ?? this.#ofBroker.refusalOfAddress(ipAddress, nowMs);
    if (refusal !== undefined) {
      this.#owner.turnedAway(id, peer, refusal);
      return false;
    }
    own.openedFrom(ipAddress, nowMs);
    this.#ofBroker.openedFrom(ipAddress, nowMs);
    return true;
  }

  entered(entered: Entered, channel: Channel): ChannelHandler {
    return this.#owner.entered(entered, channel);
  }

  established(listener: string): void {
    this.#doorOf(listener).established();
    this.#ofBroker.established();
  }

  gone({ listener, ipAddress }: Entered, wasEstablished: boolean): void {
    const nowMs = this.#clock.nowMs();
    this.#doorOf(listener).closed(ipAddress, wasEstablished, nowMs);
    this.#ofBroker.closed(ipAddress, wasEstablished, nowMs);
  }

  /** It counts from the first connection on, also where there is no limit: there may be one later. */
  #doorOf(listener: string): Doorkeeper {
    let door = this.#ofListeners.get(listener);
    if (door === undefined)
      this.#ofListeners.set(listener, (door = new Doorkeeper(this.#limitsOfListeners.get(listener) ?? {})));
    return door;
  }
}

/** One that may come in and is not open yet. */
class Arriving implements Arrival, Entered {
  #isOver = false;

  constructor(
    readonly arrivals: Arrivals,
    readonly id: ConnectionId,
    readonly listener: string,
    public ipAddress: string | undefined,
  ) {}

  speaksFor(client: PeerInfo): boolean {
    if (!this.arrivals.identified(this, client)) return false;
    this.ipAddress = client.ipAddress;
    return true;
  }

  accept(channel: Channel): ChannelHandler {
    this.#isOver = true;
    return this.arrivals.entered(this, channel);
  }

  failed(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.arrivals.gone(this, false);
  }
}

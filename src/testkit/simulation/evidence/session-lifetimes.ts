// What the evidence says about when sessions expire. The connections show when each client left; after a crash the disk
// tells what the broker still knows of that.
import type { BrokerEvent, LifecycleEvent } from '../../../ports/index.js';
import type { ConnectionEnd } from '../network.js';
import type { DiskContents } from './disk-contents.js';
import type { ObservedClient } from './observed-client.js';
import { intervalMs } from './observed-connection.js';
import type { ObservedConnection } from './observed-connection.js';

export interface SessionLifetimesOptions {
  readonly nowMs: () => number;
  /** How long a session outlives its connection at most. */
  readonly sessionExpiryMs: number;
  readonly disk: DiskContents;
}

export class SessionLifetimes {
  /** Connections that the broker has accepted and has not ended, by their client. */
  readonly #connected = new Map<string, Set<number>>();
  /** When the broker last started; Infinity while it is down. */
  startedMs = Infinity;
  /** Whether the broker is stopping: connections that end now end for that reason, and nothing expires. */
  isStopping = false;

  constructor(
    readonly options: SessionLifetimesOptions,
    readonly clients: ReadonlyMap<string, ObservedClient>,
  ) {}

  get isBrokerUp(): boolean {
    return this.startedMs < Infinity;
  }

  /** Whether a client has left and what it had sent before may still wait for an interceptor. */
  isStillHandled(client: string): boolean {
    return (this.#connected.get(client)?.size ?? 0) > 0;
  }

  event(event: BrokerEvent | LifecycleEvent): void {
    if (event.kind === 'client-connected') {
      const connections = this.#connected.get(event.clientId) ?? new Set();
      this.#connected.set(event.clientId, connections.add(event.connection));
    } else if (event.kind === 'connection-ended' && event.clientId !== undefined)
      this.#connected.get(event.clientId)?.delete(event.connection);
  }

  /**
   * CONNECT has come. From the very millisecond of its expiry on a session is over, whether or not the broker has
   * looked.
   */
  connected(client: ObservedClient): void {
    if (client.openConnections++ === 0 && (client.expiry?.latestMs ?? Infinity) <= this.options.nowMs())
      client.sessionExpired();
  }

  /** DISCONNECT has come, with another Session Expiry Interval if it has one. */
  disconnectReceived(connection: ObservedConnection, expiryS: number | undefined): void {
    if (expiryS === undefined) return;
    const { client } = connection;
    connection.lastsMs = Math.min(intervalMs(expiryS), this.options.sessionExpiryMs);
    if (connection.lastsMs > 0) return;
    client.sessionMayHaveEnded();
    if (client.sessionStored === 'yes') client.sessionStored = 'unknown';
  }

  /**
   * The time begins, unless the client has another connection. With the death of the broker it begins at the next
   * start.
   */
  connectionEnded(connection: ObservedConnection, how: ConnectionEnd): void {
    const { client, connectedAtMs, isAccepted, isAdmitted, expiry, lastsMs } = connection;
    client.lastEndAt = client.clock.now;
    if (--client.openConnections > 0) return;
    client.expiry = undefined;
    if (how === 'died') return;
    const { nowMs } = this.options;
    const { lasts } = client;
    // What a CONNECT says counts once the broker has accepted it, even if CONNACK did not leave.
    const isCertain = isAccepted || isAdmitted;
    const leastMs = isCertain ? lastsMs : Math.min(lasts.leastMs, lastsMs);
    const mostMs = isCertain ? lastsMs : Math.max(lasts.mostMs, lastsMs);
    client.lasts = { leastMs, mostMs };
    const firstMs = nowMs() + leastMs;
    // The broker may not have looked at a connection that ended in the millisecond in which it began.
    const mayNotCount = connectedAtMs === nowMs() && !isAccepted;
    client.expiry = {
      earliestMs: Math.min(firstMs, mayNotCount ? (expiry?.earliestMs ?? firstMs) : firstMs),
      latestMs: nowMs() + mostMs,
      isReached: false,
    };
    client.disconnectionTimesMs.add(nowMs());
  }

  /** Time has passed: sessions whose time is up have ended. */
  timePassed(): void {
    if (this.isStopping) return;
    const nowMs = this.options.nowMs();
    for (const client of this.clients.values()) {
      const { expiry, openConnections } = client;
      if (expiry === undefined || openConnections > 0 || client.sessionStored === 'no') continue;
      if (expiry.latestMs < nowMs) client.sessionExpired();
      else if (expiry.earliestMs <= nowMs && !expiry.isReached) {
        expiry.isReached = true;
        client.sessionMayHaveEnded();
        client.sessionStored = 'unknown';
      }
    }
  }

  /** The broker begins to stop: what was due until now has expired, and nothing does from now on. */
  stopping(): void {
    this.timePassed();
    this.isStopping = true;
  }

  /** The broker has died: what the disk has counts from its next start on. */
  crashed(): void {
    this.startedMs = Infinity;
    this.#connected.clear();
    for (const client of this.clients.values()) {
      client.openConnections = 0;
      client.expiry = undefined;
    }
  }

  /** The broker starts with what the disk has. The time of a session that still had a connection begins now. */
  started(): void {
    const { disk, nowMs } = this.options;
    this.startedMs = nowMs();
    for (const client of this.clients.values()) {
      const { name } = client;
      if (!disk.sessions.has(name)) {
        if (client.sessionStored === 'unknown') client.sessionExpired();
        continue;
      }
      const lastsMs = disk.expiryMs.get(name) ?? Infinity;
      client.lasts = { leastMs: lastsMs, mostMs: lastsMs };
      const endMs = (disk.disconnectedAtMs.get(name) ?? nowMs()) + lastsMs;
      client.expiry = { earliestMs: endMs, latestMs: endMs, isReached: false };
      if (endMs <= nowMs()) client.sessionExpired();
      // It had expired, or may have, and the broker died before the disk had that.
      else if (client.sessionStored !== 'yes') client.sessionRestored(disk.subscriptionsOf(name));
    }
  }
}

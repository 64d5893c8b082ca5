// Session expiry: a session ends when its client has been away for as long as it asked for and
// `limits.sessionExpiryMax` allows, counted over restarts, and not before [MQTT-4.1.0-1]; then nothing of it is left on
// the disk. CONNACK says if the client gets less than it asked for (MQTT 5 section 3.2.2.3.2).
import type { BrokerEvent, LifecycleEvent } from '../../../ports/index.js';
import type { Evidence } from '../evidence/evidence.js';
import { intervalMs, lastsMs } from '../evidence/observed-connection.js';
import type { Departure, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

export class SessionExpiry implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  /** The disk must have the time at which a connection really ended. */
  started(): void {
    const { disk, clients } = this.evidence;
    for (const { name, disconnectionTimesMs } of clients.values()) {
      const atMs = disk.disconnectedAtMs.get(name);
      if (disk.sessions.has(name) && atMs !== undefined && !disconnectionTimesMs.has(atMs))
        this.fail(`the disk has it that ${name} was left at ${atMs}, and it was not`);
    }
  }

  departed(departure: Departure): void {
    if (departure.kind !== 'connack' || departure.connection.connect.protocolVersion !== 5) return;
    const { connection, packet } = departure;
    const asked = connection.connect.properties?.sessionExpiryInterval ?? 0;
    const told = packet.properties?.sessionExpiryInterval ?? asked;
    if (intervalMs(told) !== lastsMs(connection.connect, this.evidence.options.sessionExpiryMs))
      this.fail(`${connection.client.name} asks for ${asked} s, and CONNACK says ${told} s`);
  }

  settled(): void {
    const { disk, clients, lifetimes, options } = this.evidence;
    const { nowMs } = options;
    if (lifetimes.isStopping || !lifetimes.isBrokerUp) return;
    const { startedMs } = lifetimes;
    for (const { name, sessionStored, lasts, openConnections } of clients.values()) {
      const lastsMs = disk.expiryMs.get(name);
      const hasLeft = openConnections === 0 && !lifetimes.isStillHandled(name);
      const isCertain = sessionStored === 'yes' && hasLeft && lasts.leastMs === lasts.mostMs;
      if (isCertain && lastsMs !== undefined && lastsMs !== lasts.mostMs)
        this.fail(`the session of ${name} lasts ${lastsMs} ms on the disk, and should ${lasts.mostMs} ms`);
    }
    for (const [name, lastsMs] of disk.expiryMs) {
      if ((clients.get(name)?.openConnections ?? 0) > 0 || lifetimes.isStillHandled(name)) continue;
      const endMs = Math.max((disk.disconnectedAtMs.get(name) ?? startedMs) + lastsMs, startedMs);
      if (endMs < nowMs()) this.fail(`the disk still has the session of ${name}`);
    }
  }

  event(event: BrokerEvent | LifecycleEvent): void {
    if (event.kind !== 'session-ended' || event.reason !== 'expired') return;
    const { clients, options } = this.evidence;
    const endMs = clients.get(event.clientId)?.expiry?.earliestMs ?? Infinity;
    if (endMs > options.nowMs()) this.fail(`the session of ${event.clientId} has expired before its time`);
  }
}

// Session expiry: a session ends when its client has been away for as long as `limits.sessionExpiryMax` allows, counted
// over restarts, and not before [MQTT-4.1.0-1]; then nothing of it is left on the disk.
import type { BrokerEvent, LifecycleEvent } from '../../../ports/index.js';
import type { Evidence } from '../evidence/evidence.js';
import type { Observations } from '../observations.js';
import type { Fail } from '../violation.js';

export class SessionExpiry implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  /** The disk must have the time at which a connection really ended. */
  started(): void {
    const { disk, clients, options } = this.evidence;
    if (options.sessionExpiryMs === Infinity) return;
    for (const { name, disconnectionTimesMs } of clients.values()) {
      const atMs = disk.disconnectedAtMs.get(name);
      if (disk.sessions.has(name) && atMs !== undefined && !disconnectionTimesMs.has(atMs))
        this.fail(`the disk has it that ${name} was left at ${atMs}, and it was not`);
    }
  }

  settled(): void {
    const { disk, clients, lifetimes, options } = this.evidence;
    const { sessionExpiryMs, nowMs } = options;
    if (lifetimes.isStopping || sessionExpiryMs === Infinity) return;
    const { startedMs } = lifetimes;
    for (const name of disk.sessions.keys()) {
      if ((clients.get(name)?.openConnections ?? 0) > 0) continue;
      const endMs = Math.max((disk.disconnectedAtMs.get(name) ?? startedMs) + sessionExpiryMs, startedMs);
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

// Session Present: CONNACK says whether the broker had a session when CONNECT came ([MQTT-3.2.2-1], [MQTT-3.2.2-2],
// [MQTT-3.2.2-3]). A session that no CONNACK announced does not count: its client would take it for the one that it had
// before.
import type { Evidence } from '../evidence/evidence.js';
import type { ObservedConnection } from '../evidence/observed-connection.js';
import type { Departure, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

export class SessionPresent implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  departed(departure: Departure): void {
    if (departure.kind !== 'connack') return;
    const { connection, packet, wasAnnounced } = departure;
    if (packet.sessionPresent && !wasAnnounced)
      this.fail(`${connection.client.name}: it is 1 for a session that no CONNACK had announced`);
    const expected = expectedFlag(connection);
    if (expected === undefined || expected === packet.sessionPresent) return;
    this.fail(
      `${connection.client.name}: it is ${packet.sessionPresent ? 1 : 0} where the session was ` +
        (connection.sessionWasStored === 'yes' ? 'stored' : 'not stored or is clean'),
    );
  }

  /** A session that a CONNECT began ends with its connection, unless CONNACK has announced it. */
  settled(): void {
    const { clients, disk, lifetimes } = this.evidence;
    if (!lifetimes.isBrokerUp) return;
    for (const { name, openConnections, isSessionAnnounced } of clients.values()) {
      if (lifetimes.isStillHandled(name)) continue;
      if (openConnections === 0 && !isSessionAnnounced && disk.sessions.has(name))
        this.fail(`the disk has a session of ${name} that no CONNACK has announced`);
    }
  }
}

/** @returns `undefined` when an observer cannot tell. */
function expectedFlag({ connect, sessionWasStored }: ObservedConnection): boolean | undefined {
  if (connect.clean || connect.protocolVersion === 3 || sessionWasStored === 'no') return false;
  return sessionWasStored === 'yes' ? true : undefined;
}

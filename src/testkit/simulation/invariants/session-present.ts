// Session Present: CONNACK says whether the broker had a session when CONNECT came [MQTT-3.2.2-1], [MQTT-3.2.2-2],
// [MQTT-3.2.2-3].
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
    const { connection, packet } = departure;
    const expected = expectedFlag(connection);
    if (expected === undefined || expected === packet.sessionPresent) return;
    this.fail(
      `${connection.client.name}: it is ${packet.sessionPresent ? 1 : 0} where the session was ` +
        (connection.sessionWasStored === 'yes' ? 'stored' : 'not stored or is clean'),
    );
  }
}

/** @returns `undefined` when an observer cannot tell. */
function expectedFlag({ connect, sessionWasStored }: ObservedConnection): boolean | undefined {
  if (connect.clean || connect.protocolVersion === 3 || sessionWasStored === 'no') return false;
  return sessionWasStored === 'yes' ? true : undefined;
}

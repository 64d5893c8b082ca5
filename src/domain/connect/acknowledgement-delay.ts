// How long a client may leave a message unacknowledged (`ackDelayMax`). Before it is judged, everything that it has
// sent is read: the acknowledgement may have come, behind a packet that waits for an interceptor or for storage.
import type { Context } from '../context.js';
import { Deadline } from '../deadlines.js';
import type { Deadlines, TimerKind } from '../deadlines.js';
import type { Connection } from './connection.js';

export class AcknowledgementDelay {
  readonly #timer: TimerKind<Connection> = {
    name: 'acknowledgement',
    expired: (connection) => {
      this.check(connection);
    },
  };

  constructor(
    readonly context: Context,
    readonly deadlines: Deadlines,
    readonly exceeded: (connection: Connection, detail: string) => void,
  ) {}

  /** Twice in `ackDelayMax`, whether the oldest message in flight is still the same. */
  check(connection: Connection): void {
    const { nowMs, limits, effects } = this.context;
    if (limits.ackDelayMax === undefined) return;
    const delayMs = limits.ackDelayMax * 1000;
    if (this.#isOverdue(connection, delayMs)) {
      connection.isAcknowledgementDue = true;
      effects.whenQuiet(connection.id);
      return;
    }
    connection.acknowledgements ??= new Deadline(this.#timer, connection);
    this.deadlines.set(connection.acknowledgements, nowMs + delayMs / 2);
  }

  /** Everything that the client had sent has been read. */
  quiet(connection: Connection): void {
    if (!connection.isAcknowledgementDue) return;
    connection.isAcknowledgementDue = false;
    const { nowMs, limits } = this.context;
    if (limits.ackDelayMax !== undefined && this.#isOverdue(connection, limits.ackDelayMax * 1000))
      this.exceeded(connection, `for ${Math.round((nowMs - connection.oldestSinceMs) / 1000)} s`);
    else this.check(connection);
  }

  #isOverdue(connection: Connection, delayMs: number): boolean {
    const { nowMs } = this.context;
    const oldest = connection.session?.outboundIfAny?.oldestInFlight;
    if (oldest !== undefined && oldest === connection.oldestInFlight)
      return nowMs - connection.oldestSinceMs >= delayMs;
    connection.oldestInFlight = oldest;
    connection.oldestSinceMs = nowMs;
    return false;
  }
}

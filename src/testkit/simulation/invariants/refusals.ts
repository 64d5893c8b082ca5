// Refusals: a client is refused for want of a place when there is none for it, and not otherwise: a client that is
// connected replaces its own connection, and one with a session needs no further one. No more clients are connected and
// no more sessions exist than may. A CONNECT that is refused ends no connection, and its answer says why.
import type { EndReason, RefusalReason } from '../../../domain/reasons.js';
import type { BrokerEvent, LifecycleEvent } from '../../../ports/index.js';
import { PacketType } from '../../../protocol/packets.js';
import { ConnectReturnCode, ReasonCode } from '../../../protocol/reason-codes.js';
import type { Evidence } from '../evidence/evidence.js';
import type { ObservedClient } from '../evidence/observed-client.js';
import type { ObservedConnection } from '../evidence/observed-connection.js';
import type { Departure, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

const FOR_WANT_OF_A_PLACE: ReadonlySet<RefusalReason | undefined> = new Set<RefusalReason>([
  'too-many-connections',
  'too-many-sessions',
  'session-bytes-full',
]);
const TAKEN_OVER: EndReason = 'session-taken-over';

export class Refusals implements Observations {
  /** Those of which the broker has reported that their clients are connected, and not that they have ended. */
  readonly #connected = new Set<ObservedConnection>();
  /** Those that the broker has reported to have ended. */
  readonly #ended = new Set<ObservedConnection>();
  /** Those that other connections of their clients have replaced, and when. */
  readonly #replacedAt = new Map<ObservedConnection, number>();

  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  event(event: BrokerEvent | LifecycleEvent): void {
    if (event.kind !== 'client-connected' && event.kind !== 'connection-ended' && event.kind !== 'connection-refused')
      return;
    const connection = this.evidence.connectionFrom(event.remoteAddress);
    // One that is refused or ends before its CONNECT has no effect at all.
    if (connection === undefined) return;
    if (event.kind === 'client-connected') this.#clientConnected(connection);
    else if (event.kind === 'connection-refused') this.#refused(connection, event.reason);
    else {
      this.#connected.delete(connection);
      this.#ended.add(connection);
      if (event.reason === TAKEN_OVER) this.#replacedAt.set(connection, this.evidence.clock.now);
    }
  }

  departed(departure: Departure): void {
    if (departure.kind !== 'other' || departure.packet.type !== PacketType.connack) return;
    const { connection, packet } = departure;
    if (!FOR_WANT_OF_A_PLACE.has(connection.refusedFor)) return;
    const isVersion5 = connection.connect.protocolVersion === 5;
    const expected = isVersion5 ? ReasonCode.quotaExceeded : ConnectReturnCode.serverUnavailable;
    const { name } = connection.client;
    if (packet.reasonCode !== expected) this.fail(`${name} is refused with the code ${packet.reasonCode}`);
    if (packet.sessionPresent) this.fail(`${name} is refused with Session Present`);
  }

  crashed(): void {
    this.#connected.clear();
    this.#replacedAt.clear();
  }

  #clientConnected(connection: ObservedConnection): void {
    this.#connected.add(connection);
    const { maxConnections = Infinity, maxSessions = Infinity } = this.evidence.options.most;
    if (this.#connected.size > maxConnections)
      this.fail(`${this.#connected.size} clients are connected, ${maxConnections} may be`);
    if (maxSessions === Infinity) return;
    const withSession = new Set<ObservedClient>([...this.#connected].map(({ client }) => client));
    for (const client of this.evidence.clients.values())
      if (this.evidence.mayBeStored(client.name) && client.sessionStored === 'yes') withSession.add(client);
    if (withSession.size > maxSessions) this.fail(`${withSession.size} sessions exist, ${maxSessions} may`);
  }

  #refused(connection: ObservedConnection, reason: RefusalReason): void {
    if (!FOR_WANT_OF_A_PLACE.has(reason)) return;
    const { client, since } = connection;
    const { name } = client;
    for (const [replaced, at] of this.#replacedAt)
      if (replaced.client === client && at >= since && !this.#mayHaveReplaced(connection, replaced))
        this.fail(`${name} is refused, and its older connection has ended for it`);
    if (reason === 'too-many-connections') this.#tooManyConnections(connection);
    else if (reason === 'too-many-sessions') this.#tooManySessions(connection);
    else if (this.evidence.options.most.maxSessionBytes === undefined)
      this.fail(`${name} is refused for memory, of which there is enough`);
  }

  #tooManyConnections(connection: ObservedConnection): void {
    const { name } = connection.client;
    if ([...this.#connected].some((one) => one.client === connection.client))
      this.fail(`${name} is refused as one connection too many, and would have replaced its own`);
    const { maxConnections = Infinity } = this.evidence.options.most;
    const others = this.#open().filter((one) => one.client !== connection.client);
    if (others.length < maxConnections)
      this.fail(`${name} is refused, ${others.length} others are connected at most, ${maxConnections} may be`);
  }

  #tooManySessions({ client, sessionWasStored }: ObservedConnection): void {
    const { name } = client;
    if (sessionWasStored === 'yes') this.fail(`${name} is refused as one session too many, and has one`);
    const { maxSessions = Infinity } = this.evidence.options.most;
    const open = new Set(this.#open().map((one) => one.client));
    const others = [...this.evidence.clients.values()].filter(
      (one) => one !== client && (one.sessionStored !== 'no' || open.has(one)),
    );
    if (others.length < maxSessions)
      this.fail(`${name} is refused, ${others.length} other sessions exist at most, ${maxSessions} may`);
  }

  /** Those whose CONNECT has come and was not refused, as far as the broker knows. */
  #open(): ObservedConnection[] {
    const { connections, incarnation } = this.evidence;
    return [...connections].filter(
      (one) => one.incarnation === incarnation && one.refusedFor === undefined && !this.#ended.has(one),
    );
  }

  /** Whether another one than this may have replaced a connection. */
  #mayHaveReplaced(refused: ObservedConnection, { client, since }: ObservedConnection): boolean {
    return [...this.evidence.connections].some(
      (one) => one !== refused && one.client === client && one.since > since && one.refusedFor === undefined,
    );
  }
}

// The connections that are open, and how they end: whatever the cause, here the will is published or dropped, the session let go, the network
// told to close, and the reason said to whoever watches.
import { PacketType } from '../../protocol/packets.js';
import { ConnectReturnCode, ReasonCode } from '../../protocol/reason-codes.js';
import { accessOf } from '../access/access.js';
import type { Permissions } from '../access/permissions.js';
import type { Context } from '../context.js';
import { Deadline } from '../deadlines.js';
import type { Deadlines } from '../deadlines.js';
import type { ConnectionId } from '../identifiers.js';
import type { EndReason, MalformedCode } from '../reasons.js';
import type { Sessions } from '../session/sessions.js';
import { Connection } from './connection.js';
import type { ListenerLimits, PerListenerLimits } from './limits.js';
import type { PeerInfo } from './peer.js';
import type { Wills } from './wills.js';

/** What a DISCONNECT of MQTT 5 says for each reason; earlier versions are told nothing. */
const DISCONNECT_CODE: Partial<Record<EndReason, number>> = {
  'malformed-packet': ReasonCode.malformedPacket,
  'protocol-violation': ReasonCode.protocolError,
  'keep-alive-timeout': ReasonCode.keepAliveTimeout,
  'session-taken-over': ReasonCode.sessionTakenOver,
  'credentials-expired': ReasonCode.maximumConnectTime,
  'incomplete-packets': ReasonCode.quotaExceeded,
  'not-authorized': ReasonCode.notAuthorized,
  'topic-name-invalid': ReasonCode.topicNameInvalid,
  'topic-filter-invalid': ReasonCode.topicFilterInvalid,
  'receive-maximum-exceeded': ReasonCode.receiveMaximumExceeded,
  'topic-alias-invalid': ReasonCode.topicAliasInvalid,
  'subscription-identifiers-not-supported': ReasonCode.subscriptionIdentifiersNotSupported,
  'qos-not-supported': ReasonCode.qosNotSupported,
  'retain-not-supported': ReasonCode.retainNotSupported,
  'server-shutting-down': ReasonCode.serverShuttingDown,
  'administrative-action': ReasonCode.administrativeAction,
};

export interface EndDetail {
  readonly malformed?: MalformedCode | undefined;
  readonly detail?: string | undefined;
  /** More exact than the reason's own. */
  readonly reasonCode?: number | undefined;
}

export class Connections {
  readonly #connections = new Map<ConnectionId, Connection>();
  limitsOfListeners: PerListenerLimits = new Map();
  /** Those that got a CONNACK of success. */
  connectedCount = 0;
  /** Of the listeners that limit them. */
  readonly #connectedOf = new Map<string, number>();

  constructor(
    readonly context: Context,
    readonly sessions: Sessions,
    readonly wills: Wills,
    readonly deadlines: Deadlines<object>,
  ) {}

  get(id: ConnectionId): Connection | undefined {
    return this.#connections.get(id);
  }

  *[Symbol.iterator](): Generator<Connection> {
    yield* this.#connections.values();
  }

  opened(id: ConnectionId, listener: string, peer: PeerInfo): void {
    const connection = new Connection(id, listener, peer, this.context);
    this.#connections.set(id, connection);
    this.deadlines.set(connection.deadline, this.context.nowMs + this.limit(connection, 'connectTimeoutMs'));
  }

  /** What holds for the clients of a listener: its own limit, or that of the broker. */
  limit<Key extends 'maxPacketSize' | 'maxInflight' | 'connectTimeoutMs' | 'authTimeoutMs'>(
    { listener }: Connection,
    key: Key,
  ): number {
    return this.limitsOfListeners.get(listener)?.[key] ?? this.context.limits[key];
  }

  /** Why there is no place for one more; `undefined`: there is. */
  full(listener: string): string | undefined {
    const { maxConnections } = this.context.limits;
    if (maxConnections >= 0 && this.connectedCount >= maxConnections) return `${maxConnections} are connected`;
    const own: ListenerLimits['maxConnections'] = this.limitsOfListeners.get(listener)?.maxConnections;
    if (own === undefined || own < 0 || (this.#connectedOf.get(listener) ?? 0) < own) return undefined;
    return `${own} are connected by the listener ${listener}`;
  }

  /** It is about to get a CONNACK of success. */
  connected(connection: Connection): void {
    connection.state = 'connected';
    this.connectedCount++;
    this.#connectedOf.set(connection.listener, (this.#connectedOf.get(connection.listener) ?? 0) + 1);
  }

  /** The network has closed: nothing more can be sent. */
  lost(connection: Connection): void {
    this.#finish(connection, 'connection-lost', {});
  }

  /** We close. Nothing that follows from this connection is looked at any more. */
  end(connection: Connection, reason: EndReason, detail: EndDetail = {}): void {
    if (connection.state === 'ended') return;
    const code = detail.reasonCode ?? DISCONNECT_CODE[reason];
    if (connection.version === 5 && connection.state === 'connected' && code !== undefined) {
      this.context.effects.send(connection.id, {
        type: PacketType.disconnect,
        reasonCode: code,
        properties: undefined,
      });
    }
    this.context.effects.close(connection.id, reason);
    this.#finish(connection, reason, detail);
  }

  congested(connection: Connection, waitsFor: 'peer' | 'storage'): void {
    connection.congested();
    connection.session?.outboundIfAny?.congested();
    if (waitsFor === 'storage') {
      if (connection.announcesSession && connection.session !== undefined) connection.session.isKnown = false;
      connection.connack ??= new Deadline<Connection>(connection);
      this.deadlines.set(connection.connack, this.context.nowMs + this.context.limits.storageTimeoutMs);
      return;
    }
    connection.drain ??= new Deadline<Connection>(connection);
    if (!connection.drain.isSet) this.#expectProgress(connection.drain);
  }

  /** The peer reads, however slowly. */
  draining({ drain }: Connection): void {
    if (drain?.isSet === true) this.#expectProgress(drain);
  }

  #expectProgress(drain: Deadline<Connection>): void {
    this.deadlines.set(drain, this.context.nowMs + this.context.limits.drainTimeoutMs);
  }

  /** CONNACK, which waited for storage, has left: from here on the client can be late. */
  admitted(connection: Connection): void {
    if (connection.connack !== undefined) this.deadlines.clear(connection.connack);
    if (connection.session !== undefined) connection.session.isKnown = true;
    connection.lastPacketMs = this.context.nowMs;
    this.expectPacket(connection);
  }

  writable(connection: Connection): void {
    connection.writable();
    if (connection.drain !== undefined) this.deadlines.clear(connection.drain);
    connection.session?.outboundIfAny?.writable();
    connection.retained?.writable();
    connection.session?.capacityAvailable();
  }

  due(deadline: Deadline<object>): boolean {
    const connection = deadline.owner;
    if (!(connection instanceof Connection)) return false;
    if (deadline === connection.drain) this.end(connection, 'drain-timeout');
    else if (deadline === connection.credentials) this.end(connection, 'credentials-expired');
    else if (deadline === connection.connack) this.#giveUpAdmission(connection);
    else if (connection.state === 'awaiting-connect') this.end(connection, 'connect-timeout');
    else if (connection.state === 'authenticating') this.end(connection, 'authentication-timeout');
    else this.#keepAliveDue(connection);
    return true;
  }

  /** What its client may do has changed: it counts for all that is not sent yet. Subscriptions stay, whether they may still be made or not. */
  permit(connection: Connection, permissions: Permissions): void {
    if (connection.state !== 'connected') return;
    connection.access = accessOf(permissions);
    connection.session?.permit(connection.access);
  }

  /** From here on the connection lives as long as what it showed is valid. */
  expireCredentials(connection: Connection, atMs: number): void {
    connection.credentials ??= new Deadline<Connection>(connection);
    this.deadlines.set(connection.credentials, atMs);
  }

  /** The first instant at which the client has been silent for one and a half intervals [MQTT-3.1.2-24]. */
  expectPacket(connection: Connection): void {
    if (connection.keepAliveMs === 0) this.deadlines.clear(connection.deadline);
    else this.deadlines.set(connection.deadline, connection.lastPacketMs + connection.keepAliveMs * 1.5);
  }

  /** A client must not wait for ever to be told that it has to wait. What was recorded for it stays: it has just not been promised. */
  #giveUpAdmission(connection: Connection): void {
    const reasonCode = connection.version === 5 ? ReasonCode.serverUnavailable : ConnectReturnCode.serverUnavailable;
    this.context.effects.send(connection.id, {
      type: PacketType.connack,
      sessionPresent: false,
      reasonCode,
      properties: undefined,
    }); // [MQTT-3.2.2-4]
    this.end(connection, 'storage-unavailable');
  }

  /** A packet only notes its time; the deadline is moved when it comes. What is not read cannot be late, nor who waits for CONNACK. */
  #keepAliveDue(connection: Connection): void {
    if (connection.isPaused || connection.connack?.isSet === true) connection.lastPacketMs = this.context.nowMs;
    if (this.context.nowMs >= connection.lastPacketMs + connection.keepAliveMs * 1.5)
      this.end(connection, 'keep-alive-timeout');
    else this.expectPacket(connection);
  }

  #finish(connection: Connection, reason: EndReason, { malformed, detail }: EndDetail): void {
    const wasConnected = connection.state === 'connected';
    connection.state = 'ended';
    this.#connections.delete(connection.id);
    this.deadlines.clear(connection.deadline);
    if (connection.drain !== undefined) this.deadlines.clear(connection.drain);
    if (connection.credentials !== undefined) this.deadlines.clear(connection.credentials);
    if (connection.connack !== undefined) this.deadlines.clear(connection.connack);
    const { clientId, session, id } = connection;
    const { remoteAddress } = connection.peer;
    // A refused connection has been noticed with what it was told.
    if (reason !== 'connection-refused') {
      this.context.effects.emit({
        kind: 'connection-ended',
        connection: id,
        clientId,
        reason,
        malformed,
        detail,
        remoteAddress,
      });
    }
    if (!wasConnected || clientId === undefined || session === undefined) return;
    this.connectedCount--;
    this.#connectedOf.set(connection.listener, (this.#connectedOf.get(connection.listener) ?? 1) - 1);
    connection.session = undefined;
    connection.retained = undefined;
    const sessionGoesOn = session.expiryIntervalS > 0;
    this.sessions.detach(session);
    // A will counts from the CONNACK that accepts it [MQTT-3.1.2-8].
    if (reason === 'client-disconnect' || reason === 'storage-unavailable') this.wills.discard(clientId);
    // At a shutdown the wills stay in the store: they are due if the clients do not return to the next run.
    else if (reason !== 'server-shutting-down') this.wills.connectionEnded(clientId, sessionGoesOn, connection.access);
  }
}

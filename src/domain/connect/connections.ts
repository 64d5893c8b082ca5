// The open connections: how they move through their lifecycle and how they end. Whatever the cause, this is where the
// will is published or dropped, the session detached, the network connection closed and the reason reported.
import { PacketType } from '../../protocol/packets.js';
import { ConnectReturnCode, ReasonCode } from '../../protocol/reason-codes.js';
import { accessOf } from '../access/access.js';
import type { Permissions } from '../access/permissions.js';
import type { Context } from '../context.js';
import { Deadline } from '../deadlines.js';
import type { Deadlines, TimerKind } from '../deadlines.js';
import { NOW } from '../durability.js';
import type { ConnectionId } from '../identifiers.js';
import type { EndReason, MalformedCode } from '../reasons.js';
import type { Sessions } from '../session/sessions.js';
import { Connection } from './connection.js';
import type { PendingAdmission } from './connection.js';
import { LIFECYCLE } from './lifecycle.js';
import type { ConnectionState } from './lifecycle.js';
import type { Limits, ListenerLimits } from '../limits.js';
import type { PeerInfo } from '../peer.js';
import type { Wills } from './wills.js';

/** The reason code of an MQTT 5 DISCONNECT for each reason. Earlier versions have no DISCONNECT from the server. */
const DISCONNECT_CODE: Partial<Record<EndReason, number>> = {
  'malformed-packet': ReasonCode.malformedPacket,
  'protocol-violation': ReasonCode.protocolError,
  'keep-alive-timeout': ReasonCode.keepAliveTimeout,
  'session-taken-over': ReasonCode.sessionTakenOver,
  'credentials-expired': ReasonCode.maximumConnectTime,
  'incomplete-packets': ReasonCode.quotaExceeded,
  'memory-full': ReasonCode.quotaExceeded,
  'not-authorized': ReasonCode.notAuthorized,
  'topic-name-invalid': ReasonCode.topicNameInvalid,
  'too-many-filters': ReasonCode.quotaExceeded,
  'topic-filter-invalid': ReasonCode.topicFilterInvalid,
  'queue-full': ReasonCode.quotaExceeded,
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
  /** A reason code more exact than the reason's own. */
  readonly reasonCode?: number | undefined;
}

export class Connections {
  readonly #connections = new Map<ConnectionId, Connection>();
  /** Connections that were accepted and have not ended. */
  connectedCount = 0;
  /** The same by listener, for listeners that limit them. */
  readonly #connectedOf = new Map<string, number>();

  readonly #stateTimer: TimerKind<Connection> = {
    name: 'connection',
    expired: (connection) => {
      this.#stateTimedOut(connection);
    },
  };
  readonly #drainTimer: TimerKind<Connection> = {
    name: 'drain',
    expired: (connection) => {
      this.end(connection, 'drain-timeout');
    },
  };
  readonly #acknowledgementTimer: TimerKind<Connection> = {
    name: 'acknowledgement',
    expired: (connection) => {
      this.#checkAcknowledgements(connection);
    },
  };
  readonly #credentialsTimer: TimerKind<Connection> = {
    name: 'credentials',
    expired: (connection) => {
      this.end(connection, 'credentials-expired');
    },
  };

  constructor(
    readonly context: Context,
    readonly sessions: Sessions,
    readonly wills: Wills,
    readonly deadlines: Deadlines,
    /** By the wall clock. */
    readonly worldDeadlines: Deadlines,
  ) {}

  get(id: ConnectionId): Connection | undefined {
    return this.#connections.get(id);
  }

  /** In the order of their opening. */
  get all(): Iterable<Connection> {
    return this.#connections.values();
  }

  opened(id: ConnectionId, listener: string, peer: PeerInfo): void {
    const connection = new Connection(id, listener, peer, this.context, this.#stateTimer);
    this.#connections.set(id, connection);
    this.#startStateTimer(connection);
  }

  /** Goes on to the next state and starts its timer. */
  moveTo(connection: Connection, state: ConnectionState): void {
    connection.moveTo(state);
    this.#startStateTimer(connection);
  }

  /** The limits for the clients of a listener: its own, or the broker's. */
  limitsFor({ listener }: Connection): Limits {
    return this.context.settings.forListener(listener);
  }

  /** Why one more connection would exceed a limit, or `undefined` if it would not. */
  full(listener: string): string | undefined {
    const { maxConnections } = this.context.limits;
    if (maxConnections >= 0 && this.connectedCount >= maxConnections) return `${maxConnections} are connected`;
    const own: ListenerLimits['maxConnections'] = this.context.settings.perListener.get(listener)?.maxConnections;
    if (own === undefined || own < 0 || (this.#connectedOf.get(listener) ?? 0) < own) return undefined;
    return `${own} are connected by the listener ${listener}`;
  }

  /** Accepts the client, which counts as connected from now on. */
  admit(connection: Connection, admission: PendingAdmission): void {
    this.moveTo(connection, 'admitting');
    connection.admission = admission;
    this.connectedCount++;
    this.#connectedOf.set(connection.listener, (this.#connectedOf.get(connection.listener) ?? 0) + 1);
  }

  /** CONNACK leaves now: from here on the client may be late. */
  connected(connection: Connection): void {
    connection.moveTo('connected');
    connection.admission = undefined;
    connection.lastPacketMs = this.context.nowMs;
    this.expectPacket(connection);
    if (this.context.limits.ackDelayMax !== undefined) this.#checkAcknowledgements(connection);
  }

  /** Twice in `ackDelayMax`, whether the oldest message in flight is still the same. */
  #checkAcknowledgements(connection: Connection): void {
    const { nowMs, limits } = this.context;
    if (limits.ackDelayMax === undefined) return;
    const delayMs = limits.ackDelayMax * 1000;
    const oldest = connection.session?.outboundIfAny?.oldestInFlight;
    if (oldest === undefined || oldest !== connection.oldestInFlight) {
      connection.oldestInFlight = oldest;
      connection.oldestSinceMs = nowMs;
    } else if (nowMs - connection.oldestSinceMs >= delayMs) {
      const detail = `for ${Math.round((nowMs - connection.oldestSinceMs) / 1000)} s`;
      this.end(connection, 'unacknowledged', { detail });
      return;
    }
    connection.acknowledgements ??= new Deadline(this.#acknowledgementTimer, connection);
    this.deadlines.set(connection.acknowledgements, nowMs + delayMs / 2);
  }

  /** The network connection has ended: nothing more can be sent. */
  lost(connection: Connection): void {
    this.#finish(connection, 'connection-lost', {});
  }

  /** Ends the connection from the broker's side. Later packets from it are ignored. */
  end(connection: Connection, reason: EndReason, detail: EndDetail = {}): void {
    if (connection.state === 'ended') return;
    const code = detail.reasonCode ?? DISCONNECT_CODE[reason];
    if (connection.version === 5 && connection.state === 'connected' && code !== undefined) {
      const packet = { type: PacketType.disconnect, reasonCode: code, properties: undefined } as const;
      this.context.effects.send(connection.id, packet, NOW);
    }
    this.context.effects.close(connection.id, reason);
    this.#finish(connection, reason, detail);
  }

  /** @param heldBytes what the network holds for the client; reported again when that has changed. */
  congested(connection: Connection, heldBytes: number): void {
    connection.output.congested(heldBytes, connection.session?.memoryShare);
    connection.session?.outboundIfAny?.congested();
    connection.drain ??= new Deadline(this.#drainTimer, connection);
    if (!connection.drain.isSet) this.#expectProgress(connection.drain);
  }

  /** The peer reads, even if slowly. */
  draining({ drain }: Connection): void {
    if (drain?.isSet === true) this.#expectProgress(drain);
  }

  #expectProgress(drain: Deadline<Connection>): void {
    this.deadlines.set(drain, this.context.nowMs + this.context.limits.drainTimeoutMs);
  }

  /** Memory is full, and nothing holds more of it than what is on its way to this client. */
  outOfMemory(id: ConnectionId): void {
    const connection = this.#connections.get(id);
    if (connection !== undefined) this.end(connection, 'memory-full');
  }

  writable(connection: Connection): void {
    connection.output.writable();
    if (connection.drain !== undefined) this.deadlines.clear(connection.drain);
    connection.session?.outboundIfAny?.writable();
    connection.retained?.writable();
    connection.session?.writable();
  }

  /**
   * Changes what the client may do, for everything that is not sent yet. Subscriptions stay, even if they could not be
   * made now.
   */
  permit(connection: Connection, permissions: Permissions): void {
    if (connection.access === undefined) return;
    connection.access = accessOf(permissions);
    connection.session?.permit(connection.access);
  }

  /** Limits the connection to the validity of what the client authenticated with, by the wall clock. */
  expireCredentials(connection: Connection, atMs: number): void {
    connection.credentials ??= new Deadline(this.#credentialsTimer, connection);
    this.worldDeadlines.set(connection.credentials, atMs);
  }

  /**
   * Sets the keep-alive timer to the instant at which the client has been silent for one and a half intervals
   * [MQTT-3.1.2-24].
   */
  expectPacket(connection: Connection): void {
    if (connection.keepAliveMs === 0) this.deadlines.clear(connection.deadline);
    else this.deadlines.set(connection.deadline, silentAtMs(connection));
  }

  /**
   * Everything that the client had sent has been read: if it was silent for too long, the connection ends. A client
   * in the middle of a packet is not silent (MQTT 3.1.1 section 3.1.2.10), unless it never gets to the end of it.
   */
  quiet(connection: Connection, isReceiving: boolean): void {
    if (connection.state !== 'connected') return;
    const { nowMs, limits } = this.context;
    const sinceMs = nowMs - connection.lastPacketMs;
    if (nowMs < silentAtMs(connection)) this.expectPacket(connection);
    else if (isReceiving && sinceMs < limits.packetTimeoutMs)
      this.deadlines.set(connection.deadline, nowMs + silenceMs(connection));
    else {
      const detail = isReceiving ? 'a packet was never complete' : `silent for ${Math.round(sinceMs / 1000)} s`;
      this.end(connection, 'keep-alive-timeout', { detail });
    }
  }

  #startStateTimer(connection: Connection): void {
    const { limit } = LIFECYCLE[connection.state];
    if (limit === undefined) this.deadlines.clear(connection.deadline);
    else this.deadlines.set(connection.deadline, this.context.nowMs + this.limitsFor(connection)[limit]);
  }

  #stateTimedOut(connection: Connection): void {
    if (connection.state === 'connected') {
      this.#keepAliveDue(connection);
      return;
    }
    const { timeout } = LIFECYCLE[connection.state];
    if (connection.state === 'admitting') {
      const { version } = connection;
      this.refuse(connection, version === 5 ? ReasonCode.serverUnavailable : ConnectReturnCode.serverUnavailable);
    }
    if (timeout !== undefined) this.end(connection, timeout);
  }

  /**
   * A packet only notes its time; the timer is moved when it expires. Before a client is judged silent, what it has
   * sent is read.
   */
  #keepAliveDue(connection: Connection): void {
    if (this.context.nowMs >= silentAtMs(connection)) this.context.effects.whenQuiet(connection.id);
    else this.expectPacket(connection);
  }

  /** Sends a CONNACK that refuses: it promises nothing and carries no Session Present [MQTT-3.2.2-4]. */
  refuse({ id }: Connection, reasonCode: number): void {
    const packet = { type: PacketType.connack, sessionPresent: false, reasonCode, properties: undefined } as const;
    this.context.effects.send(id, packet, NOW);
  }

  #finish(connection: Connection, reason: EndReason, { malformed, detail }: EndDetail): void {
    const { admission, clientId, session, id } = connection;
    const { intake } = connection.output;
    const hasLeft = reason === 'client-disconnect' || intake?.disconnect !== undefined; // [MQTT-3.14.4-3]
    connection.moveTo('ended');
    intake?.end();
    this.#connections.delete(id);
    this.deadlines.clear(connection.deadline);
    if (connection.drain !== undefined) this.deadlines.clear(connection.drain);
    if (connection.credentials !== undefined) this.worldDeadlines.clear(connection.credentials);
    if (connection.acknowledgements !== undefined) this.deadlines.clear(connection.acknowledgements);
    const { listener, userName } = connection;
    const { remoteAddress } = connection.peer;
    // A refused connection was reported with its CONNACK.
    if (reason !== 'connection-refused') {
      this.context.effects.emit({
        kind: 'connection-ended',
        connection: id,
        clientId,
        reason,
        malformed,
        detail,
        remoteAddress,
        listener,
        userName,
      });
    }
    if (clientId === undefined || (admission === undefined && session === undefined)) return;
    this.connectedCount--;
    this.#connectedOf.set(connection.listener, (this.#connectedOf.get(connection.listener) ?? 1) - 1);
    if (admission !== undefined) {
      connection.admission = undefined;
      this.sessions.abandon(admission);
      this.wills.discard(clientId);
      return;
    }
    if (session === undefined) return;
    connection.session = undefined;
    connection.retained = undefined;
    const sessionGoesOn = session.expiryIntervalS > 0;
    this.sessions.detach(session);
    if (hasLeft) this.wills.discard(clientId);
    // At a shutdown the wills stay in the store: they are due if the clients do not return to the next process.
    else if (reason !== 'server-shutting-down')
      this.wills.connectionEnded({ clientId, userName, access: connection.access }, sessionGoesOn);
  }
}

/** How long the client may be silent [MQTT-3.1.2-24]. */
const silenceMs = ({ keepAliveMs }: Connection): number => keepAliveMs * 1.5;

const silentAtMs = (connection: Connection): number => connection.lastPacketMs + silenceMs(connection);

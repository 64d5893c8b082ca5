// The open connections: how they move through their lifecycle and how they end. Whatever the cause, this is where the
// will is published or dropped, the session detached, the network connection closed and the reason reported.
import { PacketType } from '../../protocol/packets.js';
import type { DisconnectPacket, Properties } from '../../protocol/packets.js';
import { ReasonCode } from '../../protocol/reason-codes.js';
import { accessOf } from '../access/access.js';
import type { Permissions } from '../access/permissions.js';
import type { Context } from '../context.js';
import { Deadline } from '../deadlines.js';
import type { Deadlines, TimerKind } from '../deadlines.js';
import { NOW } from '../durability.js';
import type { ConnectionId } from '../identifiers.js';
import type { EndReason, MalformedCode } from '../reasons.js';
import type { Sessions } from '../session/sessions.js';
import { AcknowledgementDelay } from './acknowledgement-delay.js';
import { answerTo } from './answer-to.js';
import { connackCode, DISCONNECT_CODES, reasonProperties } from './answers.js';
import type { AnsweredRefusal } from './answers.js';
import { Connection } from './connection.js';
import type { PendingAdmission } from './connection.js';
import { LIFECYCLE } from './lifecycle.js';
import type { ConnectionState } from './lifecycle.js';
import type { Limits, ListenerLimits } from '../limits.js';
import type { PeerInfo } from '../peer.js';
import type { Wills } from './wills.js';

/** Of the Reason String of a client, in events. */
const REASON_CHARACTERS_MAX = 128;

export interface EndDetail {
  readonly malformed?: MalformedCode | undefined;
  readonly detail?: string | undefined;
  /** A reason code more exact than the reason's own. */
  readonly reasonCode?: number | undefined;
  /** Another server, for a client of MQTT 5. */
  readonly serverReference?: string | undefined;
  /** Whether the client asked for its will to be published: DISCONNECT with another Reason Code than 0. */
  readonly publishesWill?: boolean | undefined;
}

export class Connections {
  readonly #connections = new Map<ConnectionId, Connection>();
  /** Connections that were accepted and have not ended. */
  connectedCount = 0;
  /** The same by listener, for listeners that limit them. */
  readonly #connectedOf = new Map<string, number>();

  readonly #acknowledgementDelay: AcknowledgementDelay;

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
  ) {
    this.#acknowledgementDelay = new AcknowledgementDelay(context, deadlines, (connection, detail) => {
      this.end(connection, 'unacknowledged', { detail });
    });
  }

  get(id: ConnectionId): Connection | undefined {
    return this.#connections.get(id);
  }

  /** What `maxSessionBytes` bounds. */
  get sessionBytes(): number {
    return this.sessions.bytes + this.wills.bytes + this.context.leftBytes;
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
    this.context.leftBytes += connection.userNameBytes;
    this.connectedCount++;
    this.#connectedOf.set(connection.listener, (this.#connectedOf.get(connection.listener) ?? 0) + 1);
  }

  /** CONNACK leaves now: from here on the client may be late. */
  connected(connection: Connection): void {
    connection.moveTo('connected');
    connection.admission = undefined;
    connection.lastPacketMs = this.context.nowMs;
    this.expectPacket(connection);
    if (this.context.limits.ackDelayMax !== undefined) this.#acknowledgementDelay.check(connection);
  }

  /** The network connection has ended: nothing more can be sent. */
  lost(connection: Connection): void {
    this.#finish(connection, 'connection-lost', {});
  }

  /** Ends the connection from the broker's side. Later packets from it are ignored. */
  end(connection: Connection, reason: EndReason, detail: EndDetail = {}): void {
    if (connection.state === 'ended') return;
    const code = detail.reasonCode ?? DISCONNECT_CODES[reason];
    if (connection.version === 5 && connection.state === 'connected' && code !== undefined) {
      const properties = reasonProperties(reason, detail.detail, detail.serverReference);
      answerTo(connection, { type: PacketType.disconnect, reasonCode: code, properties }, NOW);
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

  /** Limits the connection to the validity of what the client authenticated with last, by the wall clock. */
  expireCredentials(connection: Connection, atMs: number | undefined): void {
    if (atMs === undefined) {
      if (connection.credentials !== undefined) this.worldDeadlines.clear(connection.credentials);
      return;
    }
    connection.credentials ??= new Deadline(this.#credentialsTimer, connection);
    this.worldDeadlines.set(connection.credentials, atMs);
  }

  /**
   * Sets the keep-alive timer to the instant at which the client has been silent for one and a half intervals
   * [MQTT-3.1.2-24].
   */
  expectPacket(connection: Connection): void {
    if (connection.keepAliveMs === 0) this.deadlines.clear(connection.deadline);
    else this.deadlines.set(connection.deadline, connection.silentAtMs);
  }

  /**
   * Everything that the client had sent has been read: if it was silent for too long, the connection ends. A client
   * in the middle of a packet is not silent (MQTT 3.1.1 section 3.1.2.10), unless it never gets to the end of it.
   */
  quiet(connection: Connection, isReceiving: boolean): void {
    if (connection.state === 'awaiting-connect') this.end(connection, 'connect-timeout');
    if (connection.state === 'connected') this.#acknowledgementDelay.quiet(connection);
    if (connection.state !== 'connected' || connection.keepAliveMs === 0) return;
    const { nowMs, limits } = this.context;
    const sinceMs = nowMs - connection.lastPacketMs;
    if (nowMs < connection.silentAtMs) this.expectPacket(connection);
    else if (isReceiving && sinceMs < limits.packetTimeoutMs)
      this.deadlines.set(connection.deadline, nowMs + connection.silenceMs);
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
    if (connection.state === 'awaiting-connect') {
      this.#connectDue(connection);
      return;
    }
    const { timeout } = LIFECYCLE[connection.state];
    if (connection.state === 'admitting') this.refuse(connection, 'storage-unavailable', undefined);
    if (connection.state === 'authenticating' && connection.version === 5) {
      const isLate = connection.enhanced?.phase === 'challenged';
      this.refuse(connection, isLate ? 'not-authorized' : 'authentication-unavailable', undefined);
    }
    if (timeout !== undefined) this.end(connection, timeout);
  }

  /** Before a client is judged late, what it has sent is read: not while too much waits for storage. */
  #connectDue(connection: Connection): void {
    const { connectTimeoutMs, storageTimeoutMs } = this.limitsFor(connection);
    const lastMs = connection.stateSinceMs + connectTimeoutMs + storageTimeoutMs;
    if (this.context.nowMs >= lastMs) {
      this.end(connection, 'storage-unavailable', { detail: 'its CONNECT was not read: too much waits for storage' });
      return;
    }
    this.context.effects.whenQuiet(connection.id);
    this.deadlines.set(connection.deadline, lastMs);
  }

  /**
   * A packet only notes its time; the timer is moved when it expires. Before a client is judged silent, what it has
   * sent is read.
   */
  #keepAliveDue(connection: Connection): void {
    if (this.context.nowMs >= connection.silentAtMs) this.context.effects.whenQuiet(connection.id);
    else this.expectPacket(connection);
  }

  /**
   * Sends a CONNACK that refuses, if the client's version has a code for the reason: it promises nothing and carries no
   * Session Present [MQTT-3.2.2-4].
   */
  refuse(connection: Connection, reason: AnsweredRefusal, detail: string | undefined): void {
    const isSent = reason === 'use-another-server' || reason === 'server-moved';
    const reference = isSent ? this.context.limits.serverReference : undefined;
    const properties = connection.version === 5 ? reasonProperties(reason, detail, reference) : undefined;
    this.refuseWith(connection, connackCode(connection.version, reason), properties);
  }

  refuseWith(connection: Connection, reasonCode: number | undefined, properties: Properties | undefined): void {
    if (reasonCode === undefined) return;
    answerTo(connection, { type: PacketType.connack, sessionPresent: false, reasonCode, properties }, NOW);
  }

  /** Ends a connection that breaks the protocol; before CONNACK, that says so to a client of MQTT 5 (section 4.13). */
  violated(connection: Connection, detail: string, reasonCode: number = ReasonCode.protocolError): void {
    if (connection.state === 'authenticating' && connection.version === 5)
      this.refuseWith(connection, reasonCode, { reasonString: detail });
    this.end(connection, 'protocol-violation', { detail, reasonCode });
  }

  /**
   * DISCONNECT has arrived. It may change for how long the session outlives the connection, unless the client had said
   * in CONNECT that it does not.
   */
  disconnected(connection: Connection, { reasonCode, properties }: DisconnectPacket): void {
    if (!this.#changesExpiry(connection, properties)) {
      const detail = 'DISCONNECT with a Session Expiry Interval, where CONNECT had none';
      this.end(connection, 'protocol-violation', { detail });
      return;
    }
    const publishesWill = reasonCode !== ReasonCode.normalDisconnection; // [MQTT5-3.14.4-3]
    const detail =
      properties?.reasonString?.slice(0, REASON_CHARACTERS_MAX) ??
      (publishesWill ? `Reason Code 0x${reasonCode.toString(16).padStart(2, '0')}` : undefined);
    this.end(connection, 'client-disconnect', { publishesWill, detail });
  }

  /** @returns false if DISCONNECT must not do so: without one in CONNECT (MQTT 5 section 3.14.2.2.2). */
  #changesExpiry({ session }: Connection, properties: Properties | undefined): boolean {
    const expiryS = properties?.sessionExpiryInterval;
    if (session === undefined || expiryS === undefined) return true;
    if (session.expiryIntervalS === 0 && expiryS > 0) return false;
    session.expiryIntervalS = Math.min(expiryS, this.context.limits.sessionExpiryMax);
    return true;
  }

  #finish(connection: Connection, reason: EndReason, { malformed, detail, publishesWill }: EndDetail): void {
    const { admission, clientId, session, id, leftAtMs = this.context.nowMs } = connection;
    const { intake } = connection.output;
    // DISCONNECT counts even if the connection ends before its turn comes. [MQTT-3.14.4-3]
    this.#changesExpiry(connection, intake?.disconnect?.properties);
    const hasLeft =
      (reason === 'client-disconnect' && publishesWill !== true) ||
      intake?.disconnect?.reasonCode === ReasonCode.normalDisconnection;
    connection.moveTo('ended');
    intake?.end();
    this.#connections.delete(id);
    this.deadlines.clear(connection.deadline);
    if (connection.drain !== undefined) this.deadlines.clear(connection.drain);
    if (connection.credentials !== undefined) this.worldDeadlines.clear(connection.credentials);
    if (connection.reauthentication !== undefined) this.deadlines.clear(connection.reauthentication);
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
    this.context.leftBytes -= connection.userNameBytes;
    this.connectedCount--;
    this.#connectedOf.set(connection.listener, (this.#connectedOf.get(connection.listener) ?? 1) - 1);
    if (admission !== undefined) {
      connection.admission = undefined;
      this.sessions.abandon(admission, leftAtMs);
      this.wills.discard(clientId);
      return;
    }
    if (session === undefined) return;
    connection.session = undefined;
    connection.retained = undefined;
    const lastsS = session.expiryIntervalS;
    this.sessions.detach(session, leftAtMs);
    if (hasLeft) this.wills.discard(clientId);
    // At a shutdown the wills stay in the store: they are due if the clients do not return to the next process.
    else if (reason !== 'server-shutting-down')
      this.wills.connectionEnded({ clientId, userName, access: connection.access }, lastsS, leftAtMs);
  }
}

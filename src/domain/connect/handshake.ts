// The handshake from CONNECT to CONNACK. In order: the version, the Client Identifier, the will's topic, the limits of
// connections and sessions, authentication; then an older connection of the same client is ended, the session opened,
// and CONNACK sent before anything else [MQTT-3.2.0-1]. A refused client gets the return code if its version has one,
// and is closed [MQTT-3.2.2-5].
import { PacketType } from '../../protocol/packets.js';
import type { ConnectPacket } from '../../protocol/packets.js';
import { ConnectReturnCode, ReasonCode } from '../../protocol/reason-codes.js';
import { accessOf, refusePublish } from '../access/access.js';
import type { Context } from '../context.js';
import { NOW } from '../durability.js';
import type { AuthenticationResult } from '../inputs.js';
import type { ClientId, TopicName } from '../identifiers.js';
import { sessionBytes, willBytes } from '../name-bytes.js';
import type { RefusalReason } from '../reasons.js';
import type { Sessions } from '../session/sessions.js';
import { topicNameProblem, utf8Length } from '../topics/topic-name.js';
import { shortUserName } from '../user-name.js';
import type { Connection } from './connection.js';
import type { Connections } from './connections.js';
import type { Wills } from './wills.js';

/** MQTT 3.1 section 3.1: 1 to 23 characters. */
const CLIENT_ID_31_CHARACTERS_MAX = 23;

/** Why there is no room for a client. */
interface Full {
  readonly reason: RefusalReason;
  readonly detail: string;
}

export class Handshake {
  constructor(
    readonly context: Context,
    readonly connections: Connections,
    readonly sessions: Sessions,
    readonly wills: Wills,
    /** Returns an unused Client Identifier. */
    readonly newClientId: () => string,
  ) {}

  connect(connection: Connection, packet: ConnectPacket): void {
    const { limits, effects } = this.context;
    connection.version = packet.protocolVersion;
    // For events only.
    connection.userName = packet.userName === undefined ? undefined : shortUserName(packet.userName);
    if (packet.protocolVersion === 5) {
      this.#refuse(
        connection,
        packet.clientId,
        'unsupported-protocol-version',
        ReasonCode.unsupportedProtocolVersion,
        'MQTT 5 is not served yet',
      );
      return;
    }
    const problem = this.#clientIdProblem(packet);
    if (problem !== undefined) {
      const reason = packet.clientId === '' ? 'client-identifier-empty' : 'client-identifier-too-long';
      // [MQTT-3.1.3-8], [MQTT-3.1.3-9]
      this.#refuse(connection, packet.clientId, reason, ConnectReturnCode.identifierRejected, problem);
      return;
    }
    const willProblem = packet.will === undefined ? undefined : topicNameProblem(packet.will.topic, limits);
    if (willProblem !== undefined) {
      // [MQTT-4.7.1-1]
      this.connections.end(connection, 'protocol-violation', { detail: `will topic: ${willProblem}` });
      return;
    }
    const clientId = (packet.clientId === '' ? this.newClientId() : packet.clientId) as ClientId; // [MQTT-3.1.3-6]
    connection.clientId = clientId;
    if (this.#isFull(connection, clientId, packet)) return;
    this.connections.moveTo(connection, 'authenticating');
    connection.connect = packet;
    const { protocolVersion, userName, password } = packet;
    const { listener, peer } = connection;
    effects.authenticate(connection.id, { clientId, protocolVersion, userName, password, listener, peer });
  }

  authenticated(connection: Connection, result: AuthenticationResult): void {
    const packet = connection.connect;
    const { clientId } = connection;
    if (connection.state !== 'authenticating' || packet === undefined || clientId === undefined) return;
    connection.connect = undefined;
    if (result.decision === 'deny') {
      const code =
        result.reason === 'bad-credentials'
          ? ConnectReturnCode.badUserNameOrPassword
          : result.reason === 'not-authorized'
            ? ConnectReturnCode.notAuthorized
            : ConnectReturnCode.serverUnavailable;
      this.#refuse(connection, clientId, result.reason, code, result.detail);
      return;
    }
    // Other clients may have connected meanwhile, so the limits are checked again.
    if (this.#isFull(connection, clientId, packet)) return;
    const access = accessOf(result.permissions);
    const problem = this.#willProblem(packet);
    const denial = packet.will === undefined ? undefined : refusePublish(access, packet.will.topic as TopicName);
    const isIgnored = problem === undefined && this.context.limits.deniedPublish === 'ignore';
    if (problem !== undefined || (denial !== undefined && !isIgnored)) {
      const detail = `will: ${problem ?? denial ?? ''}`;
      this.#refuse(connection, clientId, 'not-authorized', ConnectReturnCode.notAuthorized, detail);
      return;
    }
    connection.access = access;
    // A denied will is not even kept: after a crash nothing would know any more that it is not to be published.
    this.#accept(connection, denial === undefined ? packet : this.#withoutWill(connection, packet, denial), clientId);
    if (result.expiresAtMs !== undefined) this.connections.expireCredentials(connection, result.expiresAtMs);
  }

  /**
   * Everything that CONNACK promises is recorded here, except a will while an earlier one waits to be published.
   * CONNACK leaves when all of it is durable.
   */
  #accept(connection: Connection, packet: ConnectPacket, clientId: ClientId): void {
    const { limits, effects } = this.context;
    const holder = this.sessions.get(clientId)?.holder;
    const older = holder === undefined ? undefined : this.connections.get(holder);
    if (older !== undefined) {
      const detail = `by a connection from ${connection.peer.remoteAddress}`;
      this.connections.end(older, 'session-taken-over', { detail }); // [MQTT-3.1.4-2]
    }
    // A will that still waits for its delay, or for this client's return after a restart.
    this.wills.clientReturned(clientId);
    const { session, present } = this.sessions.open(clientId, packet.clean, packet.clean ? 0 : limits.sessionExpiryMax);
    this.connections.admit(connection, { connect: packet, session, present });
    this.sessions.claim(session, connection.id);
    effects.established(connection.id, connection.version, this.connections.limitsFor(connection).maxPacketSize);
    const whenRecorded = (): void => {
      this.#awaitDurability(connection, clientId);
      connection.resume();
    };
    // [MQTT-3.1.2-12]
    const isRecorded = packet.will === undefined || this.wills.hold(clientId, packet.will, whenRecorded);
    if (isRecorded) this.#awaitDurability(connection, clientId);
    else connection.suspend();
  }

  /** All that CONNACK promises is recorded. */
  #awaitDurability(connection: Connection, clientId: ClientId): void {
    const { changes, effects } = this.context;
    // That an earlier session has ended is part of what CONNACK says, even if an earlier step ended it.
    const after = Math.max(changes.step, changes.pendingSessionEnd(clientId));
    if (after === NOW) this.admitted(connection);
    else effects.whenDurable(connection.id, after);
  }

  /** What CONNACK promises is durable: it leaves, and what waits for the client after it. */
  admitted(connection: Connection): void {
    const { admission, clientId } = connection;
    if (connection.state !== 'admitting' || admission === undefined || clientId === undefined) return;
    const { effects } = this.context;
    const { connect, session, present } = admission;
    connection.output.window.open(this.connections.limitsFor(connection));
    connection.keepAliveMs = this.#keepAliveS(connect) * 1000;
    this.connections.connected(connection);
    // 3.1 has no Session Present; its byte is reserved. [MQTT-3.2.2-1], [MQTT-3.2.2-2], [MQTT-3.2.2-3]
    const sessionPresent = present && connection.version !== 3;
    const reasonCode = ConnectReturnCode.accepted; // [MQTT-3.1.4-4]
    const packet = { type: PacketType.connack, sessionPresent, reasonCode, properties: undefined } as const;
    effects.send(connection.id, packet, NOW);
    effects.emit({
      kind: 'client-connected',
      connection: connection.id,
      clientId,
      protocolVersion: connection.version,
      sessionPresent: present,
      stored: session.stored,
      keepAliveS: connection.keepAliveMs / 1000,
      remoteAddress: connection.peer.remoteAddress,
      listener: connection.listener,
      userName: connection.userName,
    });
    connection.session = session;
    this.sessions.attach(session, connection.output, connection.access);
  }

  /** Refuses the client if a limit is reached. A client that is already connected replaces its own connection. */
  #isFull(connection: Connection, clientId: ClientId, packet: ConnectPacket): boolean {
    const full = this.#fullOf(connection, clientId, packet);
    if (full === undefined) return false;
    this.#refuse(connection, clientId, full.reason, ConnectReturnCode.serverUnavailable, full.detail);
    return true;
  }

  #fullOf({ listener }: Connection, clientId: ClientId, { will }: ConnectPacket): Full | undefined {
    const { maxSessions, maxSessionBytes } = this.context.limits;
    const session = this.sessions.get(clientId);
    if (session?.holder === undefined) {
      const detail = this.connections.full(listener);
      if (detail !== undefined) return { reason: 'too-many-connections', detail };
      if (session === undefined && this.sessions.size >= maxSessions)
        return { reason: 'too-many-sessions', detail: `there are ${maxSessions} sessions` };
    }
    const further =
      (session === undefined ? sessionBytes(clientId) : 0) +
      (will === undefined ? 0 : willBytes(will) - this.wills.bytesOf(clientId));
    if (further <= 0 || this.sessions.bytes + this.wills.bytes + further <= maxSessionBytes) return undefined;
    const detail = `sessions and wills would take more than the ${maxSessionBytes} bytes of memory that they may take`;
    return { reason: 'session-bytes-full', detail };
  }

  /**
   * Only MQTT 5 can announce a shorter keep-alive than the client asked for; a 3.x client would be disconnected for
   * using its own.
   */
  #keepAliveS({ keepAlive, protocolVersion }: ConnectPacket): number {
    const { keepAliveMax, keepAliveUnlimited } = this.context.limits;
    if (keepAlive === 0) return keepAliveUnlimited ? 0 : keepAliveMax;
    return protocolVersion === 5 ? Math.min(keepAlive, keepAliveMax) : keepAlive;
  }

  /** Every character is allowed, more than [MQTT-3.1.3-5] demands; the length has a limit. */
  #clientIdProblem({ clientId, clean, protocolVersion }: ConnectPacket): string | undefined {
    const { limits } = this.context;
    if (clientId === '') {
      if (protocolVersion === 3) return 'MQTT 3.1 asks for a Client Identifier';
      if (!clean) return 'an empty Client Identifier needs Clean Session 1';
      return limits.assignClientId ? undefined : 'this broker does not assign Client Identifiers';
    }
    if (protocolVersion === 3 && limits.strict31ClientId && [...clientId].length > CLIENT_ID_31_CHARACTERS_MAX) {
      return `MQTT 3.1 allows ${CLIENT_ID_31_CHARACTERS_MAX} characters`;
    }
    return utf8Length(clientId) > limits.maxClientIdLength
      ? `it is longer than ${limits.maxClientIdLength} bytes`
      : undefined;
  }

  #willProblem({ will }: ConnectPacket): string | undefined {
    if (will === undefined) return undefined;
    const { limits } = this.context;
    if (will.qos > limits.maxQos) return `QoS ${will.qos} is not supported`;
    return will.retain && !limits.retainedMessages ? 'retained messages are not supported' : undefined;
  }

  #withoutWill({ clientId, userName }: Connection, packet: ConnectPacket, denial: string): ConnectPacket {
    const { counters, effects } = this.context;
    const topic = packet.will?.topic as TopicName;
    counters.denied++;
    effects.emit({
      kind: 'publish-denied',
      clientId: clientId as ClientId,
      topic,
      detail: `will: ${denial}`,
      userName,
    });
    return { ...packet, will: undefined };
  }

  #refuse(connection: Connection, clientId: string, reason: RefusalReason, code: number, detail: string): void {
    const { effects } = this.context;
    this.connections.refuse(connection, code);
    const { id, listener, userName } = connection;
    const { remoteAddress } = connection.peer;
    effects.emit({
      kind: 'connection-refused',
      connection: id,
      clientId: clientId as ClientId,
      reason,
      detail,
      remoteAddress,
      listener,
      userName,
    });
    this.connections.end(connection, 'connection-refused'); // later packets have no effect [MQTT-3.1.4-5]
  }
}

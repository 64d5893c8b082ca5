// The handshake from CONNECT to CONNACK. In order: the version, the Client Identifier, the will's topic, the limits of
// connections and sessions, authentication; then an older connection of the same client is ended, the session opened,
// and CONNACK sent before anything else [MQTT-3.2.0-1]. A refused client gets the return code if its version has one,
// and is closed [MQTT-3.2.2-5].
import { PacketType } from '../../protocol/packets.js';
import type { ConnectPacket, Packet, Properties, Will } from '../../protocol/packets.js';
import { ReasonCode } from '../../protocol/reason-codes.js';
import { accessOf, refusePublish } from '../access/access.js';
import type { Context } from '../context.js';
import { NOW } from '../durability.js';
import type { AuthenticationResult } from '../inputs.js';
import type { ClientId, TopicName } from '../identifiers.js';
import type { Limits } from '../limits.js';
import { sessionBytes, userNameBytes, willBytes } from '../name-bytes.js';
import { willRequest, withRequest } from '../interception/connect.js';
import { intercept, isIntercepted } from '../interception/interception.js';
import type { VerdictOf } from '../interception/verdict.js';
import type { Session } from '../session/session.js';
import type { Sessions } from '../session/sessions.js';
import { topicNameProblem } from '../topics/topic-name.js';
import { shortUserName } from '../user-name.js';
import { announcement } from './announcement.js';
import { answerTo } from './answer-to.js';
import { denialCode } from './answers.js';
import { clientLimitsOf } from './client-limits.js';
import { clientIdRefusal, willRefusal } from './connect-rules.js';
import type { Refusal } from './connect-rules.js';
import type { Connection } from './connection.js';
import type { Connections } from './connections.js';
import type { EnhancedAuthentication } from './enhanced-authentication.js';
import { acceptEnhanced, beginEnhanced, lastData } from './enhanced-state.js';
import { LIFECYCLE } from './lifecycle.js';
import { redirected } from './redirection.js';
import type { Wills } from './wills.js';

type Authenticated = Extract<AuthenticationResult, { readonly decision: 'allow' }>;

/** What is left of a CONNECT until CONNACK answers it. */
function announcedPart({ properties, ...packet }: ConnectPacket): ConnectPacket {
  const { sessionExpiryInterval, requestResponseInformation } = properties ?? {};
  const kept = {
    ...(sessionExpiryInterval !== undefined && { sessionExpiryInterval }),
    ...(requestResponseInformation !== undefined && { requestResponseInformation }),
  };
  return { ...packet, userName: undefined, password: undefined, will: undefined, properties: kept };
}

export class Handshake {
  constructor(
    readonly context: Context,
    readonly connections: Connections,
    readonly sessions: Sessions,
    readonly wills: Wills,
    readonly enhanced: EnhancedAuthentication,
    /** Returns an unused Client Identifier. */
    readonly newClientId: () => string,
  ) {}

  /** A packet before CONNACK; the decoder enforces that CONNECT is the first. */
  packet(connection: Connection, packet: Packet): void {
    const { packets } = LIFECYCLE[connection.state];
    if (packets !== 'all' && !packets.includes(packet.type))
      this.connections.violated(connection, `packet type ${packet.type} before CONNECT was answered`);
    else if (packet.type === PacketType.connect) this.#connect(connection, packet);
    else if (packet.type === PacketType.auth) this.enhanced.received(connection, packet);
    else if (packet.type === PacketType.disconnect) this.connections.disconnected(connection, packet);
  }

  #connect(connection: Connection, packet: ConnectPacket): void {
    connection.version = packet.protocolVersion;
    connection.clientLimits = clientLimitsOf(packet);
    if (!this.#identified(connection, packet)) return;
    this.connections.moveTo(connection, 'authenticating');
    if (isIntercepted(connection, 'connect')) this.#intercept(connection, packet);
    else this.#authenticate(connection, packet);
  }

  #intercept(connection: Connection, packet: ConnectPacket): void {
    const { clientId, clean, keepAlive, userName, password, will, properties } = packet;
    const request = { clientId, clean, keepAlive, userName, password, will, properties };
    const judged = (verdict: VerdictOf<'connect'>): void => {
      if (verdict.decision === 'deny')
        this.#refuse(
          connection,
          clientId,
          { reason: 'denied-by-interceptor', detail: verdict.reason },
          verdict.reasonCode,
        );
      else if (verdict.decision === 'pass') this.#authenticate(connection, packet);
      else {
        connection.said = announcedPart(packet);
        this.#replaced(connection, withRequest(packet, verdict.with));
      }
    };
    intercept(connection, 'connect', request, () => undefined, judged);
  }

  /** Goes on with another CONNECT than the one that came, which has to be as valid. */
  #replaced(connection: Connection, packet: ConnectPacket): void {
    connection.clientLimits = clientLimitsOf(packet);
    if (this.#identified(connection, packet)) this.#authenticate(connection, packet);
  }

  /** Whether the client may be authenticated; if not, it is refused. It has a Client Identifier then. */
  #identified(connection: Connection, packet: ConnectPacket): boolean {
    const { limits } = this.context;
    // For events only.
    connection.userName = packet.userName === undefined ? undefined : shortUserName(packet.userName);
    const problem = redirected(limits) ?? clientIdRefusal(packet, limits);
    if (problem !== undefined) {
      this.#refuse(connection, packet.clientId, problem);
      return false;
    }
    const willProblem = packet.will === undefined ? undefined : topicNameProblem(packet.will.topic, limits);
    if (willProblem !== undefined) {
      const detail = `will topic: ${willProblem}`; // [MQTT-4.7.1-1]
      if (packet.protocolVersion === 5)
        this.#refuse(connection, packet.clientId, { reason: 'will-topic-invalid', detail });
      else this.connections.end(connection, 'protocol-violation', { detail });
      return false;
    }
    // An interceptor has been shown the one that was assigned before.
    const assigned = connection.said?.clientId === '' ? connection.clientId : undefined;
    const { clientId } = packet;
    connection.clientId = (clientId === '' ? (assigned ?? this.newClientId()) : clientId) as ClientId; // [MQTT-3.1.3-6]
    return !this.#isFull(connection, connection.clientId, packet);
  }

  #authenticate(connection: Connection, packet: ConnectPacket): void {
    connection.connect = packet;
    const { protocolVersion, userName, password } = packet;
    const { clientId = '' as ClientId, listener, peer } = connection;
    const { authenticationMethod, authenticationData } = packet.properties ?? {};
    if (authenticationMethod !== undefined) connection.enhanced = beginEnhanced(authenticationMethod);
    const request = { clientId, protocolVersion, userName, password, listener, peer, authenticationMethod };
    this.context.effects.authenticate(connection.id, request, authenticationData);
  }

  authenticated(connection: Connection, result: AuthenticationResult): void {
    const packet = connection.connect;
    const { clientId } = connection;
    if (connection.state !== 'authenticating' || packet === undefined || clientId === undefined) return;
    connection.connect = undefined;
    if (result.decision === 'deny') {
      this.#refuse(connection, clientId, result);
      return;
    }
    // Other clients may have connected meanwhile, so the limits are checked again.
    if (this.#isFull(connection, clientId, packet)) return;
    const access = accessOf(result.permissions);
    const problem = willRefusal(packet, this.context.limits);
    if (problem !== undefined) {
      this.#refuse(connection, clientId, problem);
      return;
    }
    connection.access = access;
    if (packet.will !== undefined && isIntercepted(connection, 'publish'))
      this.#interceptWill(connection, packet, packet.will, clientId, result);
    else this.#admit(connection, packet, clientId, result);
  }

  /** A will passes the interceptors once, here, and not again when it is published. */
  #interceptWill(
    connection: Connection,
    packet: ConnectPacket,
    will: Will,
    clientId: ClientId,
    result: Authenticated,
  ): void {
    const judged = (verdict: VerdictOf<'publish'>): void => {
      if (verdict.decision === 'pass') this.#admit(connection, packet, clientId, result);
      else if (verdict.decision === 'replace')
        this.#admit(connection, { ...packet, will: { ...will, ...verdict.with } }, clientId, result);
      else if (verdict.decision === 'drop') this.#admit(connection, { ...packet, will: undefined }, clientId, result);
      else this.#willDenied(connection, packet, clientId, result, `by an interceptor: ${verdict.reason}`);
    };
    intercept(connection, 'publish', willRequest(will), () => undefined, judged);
  }

  #admit(connection: Connection, packet: ConnectPacket, clientId: ClientId, result: Authenticated): void {
    const { access } = connection;
    // Others may have connected while an interceptor looked at the will, or the will has become another.
    if (access === undefined || this.#isFull(connection, clientId, packet)) return;
    const denial = packet.will === undefined ? undefined : refusePublish(access, packet.will.topic as TopicName);
    if (denial !== undefined) this.#willDenied(connection, packet, clientId, result, denial);
    else this.#accepted(connection, packet, clientId, result);
  }

  #willDenied(
    connection: Connection,
    packet: ConnectPacket,
    clientId: ClientId,
    result: Authenticated,
    why: string,
  ): void {
    if (this.context.limits.deniedPublish !== 'ignore')
      this.#refuse(connection, clientId, { reason: 'not-authorized', detail: `will: ${why}` });
    // A denied will is not even kept: after a crash nothing would know any more that it is not to be published.
    else if (!this.#isFull(connection, clientId, { ...packet, will: undefined }))
      this.#accepted(connection, this.#withoutWill(connection, packet, why), clientId, result);
  }

  #accepted(connection: Connection, packet: ConnectPacket, clientId: ClientId, result: Authenticated): void {
    if (connection.enhanced !== undefined) {
      acceptEnhanced(connection.enhanced, result.data);
      // Most methods carry the name in their data, and CONNECT has none.
      if (result.userName !== undefined) connection.userName ??= shortUserName(result.userName);
    }
    this.#accept(connection, packet, clientId);
    this.connections.expireCredentials(connection, result.expiresAtMs);
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
    this.wills.clientReturned(clientId, this.sessions.endsWith(clientId, packet.clean));
    const { session, present } = this.sessions.open(clientId, packet.clean, sessionExpiryS(packet, limits));
    connection.userNameBytes = userNameBytes(packet.userName);
    this.connections.admit(connection, { connect: announcedPart(packet), session, present });
    this.sessions.claim(session, connection.id);
    effects.established(connection.id, {
      version: connection.version,
      maxPacketSize: this.connections.limitsFor(connection).maxPacketSize,
      maximumPacketSize: connection.clientLimits.maximumPacketSize,
      topicAliasMaximum: Math.min(connection.clientLimits.topicAliasMaximum, limits.topicAliasMax),
    });
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
    connection.output.window.open(this.connections.limitsFor(connection), connection.clientLimits.receiveMaximum);
    connection.output.maximumPacketSize = connection.clientLimits.maximumPacketSize;
    const keepAliveS = this.#keepAliveS(connect);
    connection.keepAliveMs = keepAliveS * 1000;
    // 3.1 has no Session Present; its byte is reserved. [MQTT-3.2.2-1], [MQTT-3.2.2-2], [MQTT-3.2.2-3]
    const sessionPresent = present && connection.version !== 3;
    const properties = connection.version === 5 ? this.#announce(connection, connect, session, keepAliveS) : undefined;
    const reasonCode = ReasonCode.success; // [MQTT-3.1.4-4]
    if (!answerTo(connection, { type: PacketType.connack, sessionPresent, reasonCode, properties }, NOW)) {
      this.connections.end(connection, 'packet-too-large', { detail: 'CONNACK, for its Maximum Packet Size' });
      return;
    }
    this.connections.connected(connection);
    effects.emit({
      kind: 'client-connected',
      connection: connection.id,
      clientId,
      protocolVersion: connection.version,
      sessionPresent: present,
      stored: session.stored,
      keepAliveS,
      remoteAddress: connection.peer.remoteAddress,
      listener: connection.listener,
      userName: connection.userName,
    });
    connection.session = session;
    connection.output.client = connection.view;
    this.sessions.attach(session, connection.output, connection.access);
    if (connection.version === 5) session.beginQuota();
  }

  #announce(
    connection: Connection,
    connect: ConnectPacket,
    session: Session,
    keepAliveS: number,
  ): Properties | undefined {
    const { limits } = this.context;
    const { receiveMaximum, topicAliasMax } = limits;
    connection.announced = { receiveMaximum, topicAliasMax };
    const { clientId, expiryIntervalS: sessionExpiryS } = session;
    const { maxPacketSize } = this.connections.limitsFor(connection);
    const said = connection.said ?? connect;
    connection.said = undefined;
    const { userName } = connection;
    const accepted = { connect: said, clientId, userName, sessionExpiryS, keepAliveS, maxPacketSize };
    const properties = announcement(accepted, limits);
    // [MQTT5-4.12.0-5], [MQTT5-4.12.0-6]
    return connection.enhanced === undefined ? properties : { ...properties, ...lastData(connection.enhanced) };
  }

  /** Refuses the client if a limit is reached. A client that is already connected replaces its own connection. */
  #isFull(connection: Connection, clientId: ClientId, packet: ConnectPacket): boolean {
    const full = this.#fullOf(connection, clientId, packet);
    if (full === undefined) return false;
    this.#refuse(connection, clientId, full);
    return true;
  }

  #fullOf({ listener }: Connection, clientId: ClientId, { will, userName }: ConnectPacket): Refusal | undefined {
    const { maxSessions, maxSessionBytes } = this.context.limits;
    const session = this.sessions.get(clientId);
    const older = session?.holder === undefined ? undefined : this.connections.get(session.holder);
    if (session?.holder === undefined) {
      const detail = this.connections.full(listener);
      if (detail !== undefined) return { reason: 'too-many-connections', detail };
      if (session === undefined && this.sessions.size >= maxSessions)
        return { reason: 'too-many-sessions', detail: `there are ${maxSessions} sessions` };
    }
    const further =
      (session === undefined ? sessionBytes(clientId) : 0) +
      userNameBytes(userName) -
      (older?.userNameBytes ?? 0) +
      (will === undefined ? 0 : willBytes(will) - this.wills.bytesOf(clientId));
    if (further <= 0 || this.connections.sessionBytes + further <= maxSessionBytes) return undefined;
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

  /** @param reasonCode default: the one of the reason. */
  #refuse(connection: Connection, clientId: string, { reason, detail }: Refusal, reasonCode?: number): void {
    const { effects } = this.context;
    if (reasonCode === undefined) this.connections.refuse(connection, reason, detail);
    else this.connections.refuseWith(connection, denialCode(connection.version, reasonCode), { reasonString: detail });
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

/** How long the session outlives its connection; without a property of MQTT 5 it does not (section 3.1.2.11.2). */
function sessionExpiryS({ protocolVersion, clean, properties }: ConnectPacket, limits: Limits): number {
  if (protocolVersion === 5) return Math.min(properties?.sessionExpiryInterval ?? 0, limits.sessionExpiryMax);
  return clean ? 0 : limits.sessionExpiryMax;
}

// Handles PUBLISH from a client, and its acknowledgements. A QoS 2 message is delivered on arrival, and its Packet
// Identifier is kept until PUBREL, so that a repeat is acknowledged but not delivered again [MQTT-4.3.3-2].
import { PacketType, UNREAD_PROPERTIES } from '../../protocol/packets.js';
import type { AcknowledgementPacket, Properties, PublishPacket } from '../../protocol/packets.js';
import { ReasonCode } from '../../protocol/reason-codes.js';
import { isUtf8Payload } from '../../protocol/payload-format.js';
import { refusePublish } from '../access/access.js';
import { answerTo } from '../connect/answer-to.js';
import type { Connection } from '../connect/connection.js';
import type { Connections } from '../connect/connections.js';
import type { Context } from '../context.js';
import type { Pressed } from '../slowed-publisher.js';
import type { Session } from '../session/session.js';
import type { EndReason } from '../reasons.js';
import { askInterceptors, awaitVerdict, isIntercepted } from '../interception/interception.js';
import type { Denial, PublishRequest, VerdictOf } from '../interception/verdict.js';
import type { MessageDraft } from '../messages/message.js';
import { hasWildcard } from '../topics/topic-filter.js';
import { topicNameProblem } from '../topics/topic-name.js';
import type { TopicName } from '../identifiers.js';
import type { MessageDispatcher } from '../publish/message-dispatcher.js';
import { contentBytes, propertyBytes } from '../messages/content-bytes.js';
import type { PublishOutcome } from '../messages/publication.js';
import type { Route } from '../routing/route.js';
import type { Router } from '../routing/router.js';
import type { PublisherWaits } from './publisher-waits.js';

const NOTHING = (): void => undefined;

/** A PUBLISH whose topic was checked. */
type ReceivedDraft = PublishPacket & { readonly topic: TopicName };

/** Whether the message was accepted before: it is acknowledged again, and nothing else happens. */
const isRepeat = (session: Session, { qos, packetId }: PublishPacket): boolean =>
  qos === 2 && (session.hasInbound(packetId) || session.hasReservedInbound(packetId));

export class PublishHandler {
  constructor(
    readonly context: Context,
    readonly connections: Connections,
    readonly router: Router,
    readonly dispatcher: MessageDispatcher,
    readonly waits: PublisherWaits,
  ) {}

  publish(connection: Connection, session: Session, sent: PublishPacket): void {
    const packet =
      sent.properties?.topicAlias === undefined ? sent : this.#withTopic(connection, sent, sent.properties);
    if (packet === undefined) return;
    if (packet.properties !== undefined && !this.#mayCarry(connection, packet, packet.properties)) return;
    const topic = packet.topic as TopicName;
    this.context.trace?.received(session.clientId, packet);
    const known = this.router.known(topic);
    const problem = known === undefined ? topicNameProblem(topic, this.context.limits) : undefined;
    if (problem !== undefined) {
      // Neither a topic nor an alias (MQTT 5 section 3.3.2.1).
      const isMissing = topic === '' && connection.version === 5;
      this.#end(connection, packet, isMissing ? 'protocol-violation' : 'topic-name-invalid', problem);
      return;
    }
    if (!isIntercepted(connection, 'publish')) this.#take(connection, session, packet, packet as ReceivedDraft, known);
    else if (isRepeat(session, packet)) this.#repeated(connection, session, packet as ReceivedDraft);
    else this.#intercept(connection, session, packet, known);
  }

  /** Of a message that interceptors may have replaced: the rules were applied to what it had become. */
  #repeated(connection: Connection, session: Session, packet: ReceivedDraft): void {
    if (session.hasReservedInbound(packet.packetId)) this.#queue(connection, session, packet, packet);
    else {
      this.context.trace?.repeated(session.clientId, packet);
      this.#acknowledgeRepeat(connection, packet.packetId);
    }
  }

  #intercept(connection: Connection, session: Session, packet: PublishPacket, known: Route | undefined): void {
    const { topic, payload, qos, retain, properties } = packet;
    const request: PublishRequest = { topic: topic as TopicName, payload, qos, retain, properties, isWill: false };
    const verdict = askInterceptors(connection, 'publish', request);
    // The most frequent one.
    if (verdict?.decision === 'pass') {
      this.#take(connection, session, packet, packet as ReceivedDraft, known);
      return;
    }
    if (verdict !== undefined) {
      this.#judged(connection, session, packet, verdict);
      return;
    }
    awaitVerdict(
      connection,
      'publish',
      contentBytes(packet) + payload.buffer.byteLength,
      (late) => {
        this.#judged(connection, session, packet, late);
      },
      () => this.context.trace?.refused(session.clientId, topic, 'connection-lost', 'an interceptor had not answered'),
    );
  }

  #judged(connection: Connection, session: Session, packet: PublishPacket, verdict: VerdictOf<'publish'>): void {
    switch (verdict.decision) {
      case 'pass':
        this.#take(connection, session, packet, packet as ReceivedDraft, this.router.known(packet.topic));
        return;
      case 'replace':
        this.#take(connection, session, packet, verdict.with, this.router.known(verdict.with.topic));
        return;
      case 'deny':
        this.#deny(connection, session, packet, `by an interceptor: ${verdict.reason}`, verdict);
        return;
      case 'drop':
        this.#swallow(connection, session, packet, verdict.reason);
    }
  }

  /** Accepts the message that an interceptor keeps from all others. */
  #swallow(connection: Connection, session: Session, packet: PublishPacket, reason: string): void {
    const { qos, packetId, topic } = packet;
    if (this.#isOverQos(connection, packet) || this.#isOverLimits(connection, session, packet)) return;
    this.context.trace?.refused(session.clientId, topic, 'not-authorized', `dropped by an interceptor: ${reason}`);
    if (qos === 0) return;
    if (qos === 2) session.putInbound(packetId);
    const type = qos === 1 ? PacketType.puback : PacketType.pubrec;
    const { step } = this.context.changes;
    const after = connection.output.acknowledgeAfter(type, packetId, ReasonCode.success, step);
    if (qos === 1 && connection.version === 5) connection.unanswered.add(after);
  }

  /** @param draft what is published: it may be another message than the one that came. */
  #take(
    connection: Connection,
    session: Session,
    packet: PublishPacket,
    draft: MessageDraft,
    known: Route | undefined,
  ): void {
    const { limits } = this.context;
    const { topic } = draft;
    const refusal = connection.access === undefined ? 'no permissions' : refusePublish(connection.access, topic);
    if (refusal !== undefined) {
      this.#deny(connection, session, packet, refusal);
      return;
    }
    if (this.#isOverQos(connection, packet)) return;
    if (draft.retain && !limits.retainedMessages) {
      this.#end(connection, packet, 'retain-not-supported');
      return;
    }
    if (packet.qos === 2 && session.hasInbound(packet.packetId)) {
      this.context.trace?.repeated(session.clientId, packet);
      this.#acknowledgeRepeat(connection, packet.packetId);
      return;
    }
    if (this.#isOverLimits(connection, session, packet)) return;
    const route = this.dispatcher.routeAtOnce(topic, known);
    if (route === undefined) {
      this.#queue(connection, session, packet, draft);
      return;
    }
    const full = this.dispatcher.fullQueue(draft, session.origin, route);
    if (full !== undefined) {
      this.#refuseFull(connection, session, packet, full);
      return;
    }
    if (packet.qos === 2) session.putInbound(packet.packetId);
    const outcome = this.dispatcher.publish(draft, session.origin, route);
    if (packet.qos > 0) this.#acknowledge(connection, session, packet, outcome);
    if (this.context.pressed !== undefined) this.waits.slow(connection, session);
  }

  /** @returns whether the QoS is too high; the connection has then been ended. */
  #isOverQos(connection: Connection, packet: PublishPacket): boolean {
    const { maxQos } = this.context.limits;
    if (packet.qos <= maxQos) return false;
    this.#end(connection, packet, 'qos-not-supported', `QoS ${packet.qos}, ${maxQos} is the highest`);
    return true;
  }

  /** @returns whether the client has too much in progress; the connection has then been ended. */
  #isOverLimits(connection: Connection, session: Session, packet: PublishPacket): boolean {
    if (connection.version === 5 && packet.qos > 0 && this.#isOverReceiveMaximum(connection, session, packet))
      return true;
    if (packet.qos < 2 || !session.hasManyInbound) return false;
    if (this.connections.sessionBytes <= this.context.limits.maxSessionBytes) return false;
    const detail = `${session.inboundCount} Packet Identifiers are not released`;
    this.#end(connection, packet, 'session-bytes-full', detail);
    return true;
  }

  /** The message is published in later steps, and the next packet of the client is handled after that. */
  #queue(connection: Connection, session: Session, packet: PublishPacket, draft: MessageDraft): void {
    const { qos, packetId } = packet;
    // A repeat on a later connection, while the first one still waits: acknowledged with it.
    const isRepeated = qos === 2 && session.hasReservedInbound(packetId);
    if (qos === 2) session.reserveInbound(packetId);
    connection.suspend();
    const begin = (): void => {
      if (qos === 2) session.putInbound(packetId);
    };
    this.dispatcher.queue(isRepeated ? undefined : draft, session.origin, isRepeated ? NOTHING : begin, (outcome) => {
      const { full } = outcome;
      if (full !== undefined && qos === 2) session.dropReservedInbound(packetId);
      if (connection.state !== 'connected') return;
      if (full !== undefined) {
        this.#refuseFull(connection, session, packet, full);
        connection.resume();
        return;
      }
      if (isRepeated && !session.hasInbound(packetId)) {
        // The first one was refused after its connection had ended.
        connection.resume();
        this.publish(connection, session, packet);
        return;
      }
      if (isRepeated) {
        this.context.trace?.repeated(session.clientId, packet);
        this.#acknowledgeRepeat(connection, packetId);
      } else if (qos > 0) this.#acknowledge(connection, session, packet, outcome);
      if (!isRepeated) this.waits.slow(connection, session);
      connection.resume();
    });
  }

  #refuseFull(connection: Connection, session: Session, packet: PublishPacket, full: Pressed): void {
    this.context.trace?.refused(session.clientId, packet.topic, 'queue-full', `it waits for room in ${full.id}`);
    this.waits.refuse(connection, packet, full);
  }

  /** [MQTT-3.3.4-1]; in the order of arrival [MQTT-4.6.0-2], [MQTT-4.6.0-3]. */
  #acknowledge(connection: Connection, session: Session, packet: PublishPacket, outcome: PublishOutcome): void {
    const { qos, packetId } = packet;
    if (connection.version === 5 && outcome.isRefusedAsFull) {
      if (qos === 2) session.dropInbound(packetId);
      const place = outcome.matched > 0 ? 'no queue has room for' : 'there is no room to retain';
      this.#refuse(connection, packet, 'queue-full', ReasonCode.quotaExceeded, `${place} the message`);
      return;
    }
    const type = qos === 1 ? PacketType.puback : PacketType.pubrec;
    const reasonCode = outcome.matched > 0 ? ReasonCode.success : ReasonCode.noMatchingSubscribers;
    const after = connection.output.acknowledgeAfter(type, packetId, reasonCode, outcome.ticket);
    this.context.trace?.answered(session.clientId, packet.topic, type, packetId, reasonCode, after);
    if (qos === 1 && connection.version === 5) connection.unanswered.add(after);
  }

  /**
   * What was received and is not answered yet: at QoS 1 until PUBACK leaves, at QoS 2 until PUBREL has come
   * [MQTT5-3.3.4-7].
   * @returns whether it is too much, with one more; the connection has then been ended.
   */
  #isOverReceiveMaximum(connection: Connection, session: Session, packet: PublishPacket): boolean {
    const { unanswered, announced } = connection;
    const { receiveMaximum } = announced ?? this.context.limits;
    if (unanswered.count + session.inboundOfConnection < receiveMaximum) return false;
    unanswered.settle(this.context.effects.released);
    if (unanswered.count + session.inboundOfConnection < receiveMaximum) return false;
    const detail = `more than ${receiveMaximum} messages at QoS 1 and 2 that were not answered`;
    this.#end(connection, packet, 'receive-maximum-exceeded', detail);
    return true;
  }

  /**
   * Rules of MQTT 5 for the properties of a message.
   * @returns false if they are broken; the connection has then been ended, or the message refused.
   */
  #mayCarry(connection: Connection, packet: PublishPacket, properties: Properties): boolean {
    const { responseTopic, payloadFormatIndicator } = properties;
    const { maxPropertyBytes } = this.context.limits;
    if (properties === UNREAD_PROPERTIES || propertyBytes(properties) > maxPropertyBytes) {
      const detail = `its properties take more than ${maxPropertyBytes} bytes`;
      this.#refuse(connection, packet, 'properties-too-large', ReasonCode.quotaExceeded, detail);
      return false;
    }
    if (responseTopic !== undefined && hasWildcard(responseTopic)) {
      const detail = 'a Response Topic has no wildcards'; // [MQTT5-3.3.2-14]
      this.#end(connection, packet, 'protocol-violation', detail);
      return false;
    }
    if (payloadFormatIndicator !== 1 || !this.context.limits.checkPayloadFormat) return true;
    if (isUtf8Payload(packet.payload)) return true;
    this.#refuse(connection, packet, 'payload-format-invalid', ReasonCode.payloadFormatInvalid, 'it is not UTF-8');
    return false;
  }

  /** The connection ends with this message, which is not published. */
  #end(connection: Connection, { topic }: PublishPacket, reason: EndReason, detail?: string): void {
    const { session } = connection;
    if (session !== undefined) this.context.trace?.refused(session.clientId, topic, reason, detail);
    this.connections.end(connection, reason, { detail });
  }

  /** Refuses a message of an MQTT 5 client; at QoS 0 only the end of the connection can tell. */
  #refuse(
    connection: Connection,
    { topic, qos, packetId }: PublishPacket,
    reason: EndReason,
    reasonCode: number,
    detail: string,
  ): void {
    const { session } = connection;
    if (session !== undefined) this.context.trace?.refused(session.clientId, topic, reason, detail);
    if (qos === 0) {
      this.connections.end(connection, reason, { detail });
      return;
    }
    const type = qos === 1 ? PacketType.puback : PacketType.pubrec;
    this.#answer(connection, { type, packetId, reasonCode, properties: { reasonString: detail } });
  }

  /** In the order of all acknowledgements. */
  #answer(connection: Connection, packet: AcknowledgementPacket): void {
    answerTo(connection, packet, connection.output.promise(this.context.changes.step));
  }

  /**
   * PUBREC for a repeat promises that the first one is stored. That may have been recorded in slices since CONNACK, for
   * an earlier connection: neither this step nor an earlier promise to this connection waits for it.
   */
  #acknowledgeRepeat({ output }: Connection, packetId: number): void {
    output.acknowledgeAfter(PacketType.pubrec, packetId, ReasonCode.success, this.context.changes.last);
  }

  /** PUBREL: frees the identifier; a repeated PUBREL is answered as well. */
  release(connection: Connection, session: Session, packetId: number): void {
    const known = session.dropInbound(packetId);
    const reasonCode = known ? ReasonCode.success : ReasonCode.packetIdentifierNotFound;
    connection.output.acknowledge(PacketType.pubcomp, packetId, reasonCode);
  }

  /**
   * Replaces the Topic Alias, which is local to this connection, by its Topic Name. Returns `undefined` if the alias is
   * unknown; the connection has then been ended.
   */
  #withTopic(
    connection: Connection,
    packet: PublishPacket,
    { topicAlias = 0, ...properties }: Properties,
  ): PublishPacket | undefined {
    const { topicAliasMax } = connection.announced ?? this.context.limits;
    if (topicAlias > topicAliasMax) {
      const detail = `Topic Alias ${topicAlias}, ${topicAliasMax} is the highest`; // [MQTT5-3.3.2-9]
      this.#end(connection, packet, 'topic-alias-invalid', detail);
      return undefined;
    }
    const aliases = (connection.topicAliases ??= new Map<number, string>());
    if (packet.topic !== '') {
      const before = aliases.get(topicAlias)?.length ?? 0;
      aliases.set(topicAlias, packet.topic); // [MQTT5-3.3.2-12]
      connection.session?.holdForConnection(2 * (packet.topic.length - before));
    }
    const topic = aliases.get(topicAlias);
    if (topic === undefined) {
      this.#end(connection, packet, 'protocol-violation', `Topic Alias ${topicAlias} stands for no topic`);
      return undefined;
    }
    return { ...packet, topic, properties: Object.keys(properties).length === 0 ? undefined : properties };
  }

  /**
   * Before MQTT 5 a refusal cannot be expressed: an acknowledgement claims that the message was accepted. So the
   * connection ends, unless the limits say that it goes on with the message acknowledged and dropped.
   */
  #deny(connection: Connection, session: Session, packet: PublishPacket, detail: string, denial?: Denial): void {
    const { counters, effects, limits } = this.context;
    counters.denied++;
    const { clientId } = session;
    const { topic } = packet;
    effects.emit({ kind: 'publish-denied', clientId, topic, detail, userName: connection.userName });
    this.context.trace?.refused(clientId, topic, 'not-authorized', detail);
    if (limits.deniedPublish === 'disconnect' && (connection.version !== 5 || packet.qos === 0)) {
      // [MQTT-3.3.5-2]
      const reasonCode = denial?.reasonCode;
      this.connections.end(connection, 'not-authorized', { detail: `publish to ${topic}: ${detail}`, reasonCode });
      return;
    }
    if (packet.qos === 0) return;
    // The first one was allowed, and is acknowledged when it is stored.
    if (isRepeat(session, packet)) {
      this.#acknowledgeRepeat(connection, packet.packetId);
      return;
    }
    const type = packet.qos === 1 ? PacketType.puback : PacketType.pubrec;
    if (denial === undefined) {
      connection.output.acknowledge(type, packet.packetId, ReasonCode.notAuthorized);
      return;
    }
    const { reasonCode, reason } = denial;
    this.#answer(connection, { type, packetId: packet.packetId, reasonCode, properties: { reasonString: reason } });
  }
}

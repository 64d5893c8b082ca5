// The only entry to the core: an input and the time come in, changes and effects go out to the two sinks, and the next
// deadline is the answer. Between two inputs it answers queries, which change nothing. This file only decides which
// part of the core an input or a query belongs to.
import type { MalformedPacketError } from '../protocol/malformed.js';
import { PacketType } from '../protocol/packets.js';
import type { AcknowledgementPacket, Packet } from '../protocol/packets.js';
import type { Changes, RestoredFact } from './changes.js';
import type { ClockMark } from './clock-mark.js';
import type { Connection } from './connect/connection.js';
import { Connections } from './connect/connections.js';
import { EnhancedAuthentication } from './connect/enhanced-authentication.js';
import { Handshake } from './connect/handshake.js';
import type { QueueId } from './identifiers.js';
import { atStop } from './connect/redirection.js';
import { Wills } from './connect/wills.js';
import { newContext } from './context.js';
import type { Context } from './context.js';
import { Deadlines } from './deadlines.js';
import { DeliveryCounters } from './messages/delivery-counters.js';
import { MessageDispatcher } from './publish/message-dispatcher.js';
import { isOrdered, PublisherWaits } from './handlers/publisher-waits.js';
import { CommandHandler } from './handlers/command-handler.js';
import { PublishHandler } from './handlers/publish-handler.js';
import { QueryHandler } from './handlers/query-handler.js';
import { InProcessSubscribers } from './in-process/in-process-subscribers.js';
import { restoreFact } from './restoring.js';
import { Router } from './routing/router.js';
import { SubscribeHandler } from './handlers/subscribe-handler.js';
import { verdictArrived } from './interception/interception.js';
import { NOTHING_INTERCEPTED } from './interception/verdict.js';
import type { Intercepted } from './interception/verdict.js';
import { NOW } from './durability.js';
import type { Effects } from './effects.js';
import type { AnnouncementInput, ConnectionInput, Input } from './inputs.js';
import type { Answers, Query, QueryKind } from './queries.js';
import type { TraceSubject } from './trace-step.js';
import { tracesAfter } from './traces.js';
import { WorkQueue } from './work-queue.js';
import type { Session } from './session/session.js';
import type { Settings } from './settings.js';
import { WorldClock } from './world-clock.js';
import { Sessions } from './session/sessions.js';

export interface BrokerParts {
  /** See `Context.sliceSize`; default 500. */
  readonly sliceSize?: number | undefined;
  readonly changes: Changes;
  readonly effects: Effects;
  /** The limits in force. */
  readonly settings: Settings;
  /** What interceptors want to see; default: nothing. */
  readonly intercepted?: Intercepted | undefined;
  /** Returns an unused Client Identifier, for a client that sends none. */
  readonly newClientId: () => string;
}

/** At a few microseconds each, a slice takes a few milliseconds. */
const SLICE_SIZE = 500;

export class Broker {
  readonly counters = new DeliveryCounters();
  readonly #context: Context;
  readonly #deadlines = new Deadlines();
  readonly #worldClock: WorldClock;
  readonly #work = new WorkQueue();
  readonly #connections: Connections;
  readonly #sessions: Sessions;
  readonly #wills: Wills;
  readonly #handshake: Handshake;
  readonly #router: Router;
  readonly #dispatcher: MessageDispatcher;
  readonly #subscribeHandler: SubscribeHandler;
  readonly #publishHandler: PublishHandler;
  readonly #waits: PublisherWaits;
  readonly #commandHandler: CommandHandler;
  readonly #queryHandler: QueryHandler;
  readonly #inProcess: InProcessSubscribers;

  constructor({ changes, effects, settings, newClientId, intercepted, sliceSize = SLICE_SIZE }: BrokerParts) {
    const context = newContext(
      { changes, effects, settings, sliceSize, intercepted: intercepted ?? NOTHING_INTERCEPTED },
      { counters: this.counters, deadlines: this.#deadlines, work: this.#work },
    );
    this.#context = context;
    this.#router = new Router(context);
    this.#dispatcher = new MessageDispatcher(context, this.#router, this.#deadlines);
    this.#worldClock = new WorldClock(context, this.#deadlines, () => this.#dispatcher.newMessageId());
    this.#sessions = new Sessions(context, this.#router, this.#deadlines);
    this.#wills = new Wills(context, this.#dispatcher, this.#deadlines);
    this.#sessions.whenEnded = (clientId) => {
      this.#wills.sessionEnded(clientId);
    };
    this.#connections = new Connections(
      context,
      this.#sessions,
      this.#wills,
      this.#deadlines,
      this.#worldClock.deadlines,
    );
    context.memory.end = (connection) => {
      this.#connections.outOfMemory(connection);
    };
    context.storedQueues.end = (queue) => {
      this.#endSession(queue);
    };
    const enhanced = new EnhancedAuthentication(context, this.#connections, this.#deadlines);
    this.#handshake = new Handshake(context, this.#connections, this.#sessions, this.#wills, enhanced, newClientId);
    this.#subscribeHandler = new SubscribeHandler(context, this.#connections, this.#router, this.#dispatcher);
    this.#waits = new PublisherWaits(context, this.#connections, (connection, session, packet) => {
      this.#take(connection, session, packet);
    });
    this.#publishHandler = new PublishHandler(context, this.#connections, this.#router, this.#dispatcher, this.#waits);
    this.#commandHandler = new CommandHandler(context, this.#connections, this.#dispatcher);
    this.#queryHandler = new QueryHandler(context, this.#connections, this.#wills, this.#router, this.#dispatcher);
    this.#inProcess = new InProcessSubscribers(context, this.#router, this.#dispatcher);
  }

  /** When the next `tick` is due, in broker time, or `undefined` if no deadline is set. */
  get nextDeadlineMs(): number | undefined {
    const own = this.#deadlines.nextMs;
    const ofWorld = this.#worldClock.nextMs;
    return own === undefined || (ofWorld !== undefined && ofWorld < own) ? ofWorld : own;
  }

  /** Whether unfinished work waits for the input `continue`. */
  get hasWork(): boolean {
    return !this.#work.isEmpty;
  }

  /** Of messages that wait behind large publications, and of packets that wait for interceptors. */
  get waitingBytes(): number {
    return this.#dispatcher.waitingBytes + this.#context.interceptedBytes;
  }

  /** See `maxWaitingBytes`. */
  get heldBytes(): number {
    return this.#context.memory.bytes;
  }

  /** What the delivery counters have waiting and no queue has, or the reverse: not 0 only if there is a bug. */
  get accountingBalance(): number {
    return this.counters.waiting - this.#context.queued;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  get retainedCount(): number {
    return this.#dispatcher.retained.size;
  }

  get connectionCount(): number {
    return this.#connections.connectedCount;
  }

  /** Nothing takes more of what stored queues may take, and all of it was sent and is not acknowledged. */
  #endSession(queue: QueueId): void {
    const session = this.#sessions.byQueue(queue);
    if (session === undefined || session.isOver) return;
    if (session.holder !== undefined) this.#connections.outOfMemory(session.holder);
    if (!session.isOver) this.#sessions.end(session, 'memory-full');
  }

  /** Answers at once, between two steps, and changes nothing. @throws RangeError if it examines nothing. */
  query<Kind extends QueryKind>(query: Query<Kind>): Answers[Kind] {
    return this.#queryHandler.answer(query);
  }

  /** Begins a trace, or without a subject ends it: see `Traces`. */
  trace(trace: number, subject: TraceSubject | undefined): void {
    this.#context.trace = tracesAfter(this.#context, trace, subject);
  }

  /**
   * Says what the store knows of the clocks (`timeAtStart`). To be called before anything is restored; without it,
   * broker time is the wall clock's and no mark is made.
   */
  beginTime(mark: ClockMark | undefined, wallAheadMs: number, nowMs: number): void {
    this.#context.nowMs = nowMs;
    this.#worldClock.begin(mark, wallAheadMs);
  }

  /** Restores one fact that the store returned at start. To be called before the first input. */
  restore(fact: RestoredFact, nowMs: number): void {
    this.#context.nowMs = nowMs;
    restoreFact(fact, { sessions: this.#sessions, wills: this.#wills, dispatcher: this.#dispatcher });
  }

  /** One step, at a broker time: what it records becomes durable as a whole or not at all. */
  handle(input: Input, nowMs: number): void {
    this.#context.nowMs = nowMs;
    this.#context.sliceLeft = this.#context.sliceSize;
    this.#context.changes.beginStep();
    switch (input.kind) {
      case 'packet': {
        const connection = this.#connections.get(input.connection);
        if (connection !== undefined) this.#packet(connection, input.packet);
        return;
      }
      case 'opened':
        this.#connections.opened(input.connection, input.listener, input.peer);
        return;
      case 'queue-page':
        (this.#sessions.byQueue(input.queue)?.outboundIfAny ?? this.#router.groupOf(input.queue))?.page(
          input.request,
          input.entries,
        );
        return;
      case 'continue':
        this.#work.continue();
        return;
      case 'command':
        this.#commandHandler.handle(input);
        return;
      case 'announcement':
        this.#announce(input);
        return;
      case 'in-process-opened':
      case 'in-process-ready':
      case 'in-process-page':
      case 'in-process-closed':
        this.#inProcess.handle(input);
        return;
      case 'tick':
        (this.#deadlines.takeDue(nowMs) ?? this.#worldClock.takeDue())?.expire();
        return;
      case 'clock':
        this.#worldClock.corrected(input.wallAheadMs);
        return;
      case 'malformed':
      case 'incomplete':
      case 'unread':
      case 'left':
      case 'closed':
      case 'authenticated':
      case 'challenged':
      case 'intercepted':
      case 'durable':
      case 'permissions':
      case 'congested':
      case 'draining':
      case 'writable':
      case 'quiet':
      case 'retained-page':
      case 'shutdown': {
        const connection = this.#connections.get(input.connection);
        if (connection !== undefined) this.#happened(connection, input);
        return;
      }
    }
  }

  /** At QoS 0, because the next value makes a lost one good: it waits for no client and is never in storage. */
  #announce({ topic, payload, retain }: AnnouncementInput): void {
    const mayRetain = retain && this.#context.limits.retainedMessages;
    this.#dispatcher.announce({ topic, payload, qos: 0, retain: mayRetain, properties: undefined });
  }

  #happened(connection: Connection, input: Exclude<ConnectionInput, { kind: 'packet' }>): void {
    switch (input.kind) {
      case 'malformed':
        this.#malformed(connection, input.error);
        return;
      case 'incomplete':
        this.#connections.end(connection, 'incomplete-packets');
        return;
      case 'unread':
        this.#connections.end(connection, 'unread-packets');
        return;
      case 'left':
        connection.leftAtMs ??= this.#context.nowMs;
        connection.unreachable();
        connection.output.intake?.leave();
        return;
      case 'closed':
        connection.leftAtMs ??= this.#context.nowMs;
        if (!this.#waits.lost(connection)) this.#connections.lost(connection);
        return;
      case 'authenticated':
        if (connection.state === 'connected') this.#handshake.enhanced.reauthenticated(connection, input.result);
        else this.#handshake.authenticated(connection, input.result);
        return;
      case 'challenged':
        this.#handshake.enhanced.challenged(connection, input.data);
        return;
      case 'intercepted':
        verdictArrived(connection, input.stage, input.verdict);
        return;
      case 'durable':
        this.#handshake.admitted(connection);
        return;
      case 'permissions':
        this.#connections.permit(connection, input.permissions);
        return;
      case 'congested':
        this.#connections.congested(connection, input.heldBytes);
        return;
      case 'draining':
        this.#connections.draining(connection);
        return;
      case 'writable':
        this.#connections.writable(connection);
        return;
      case 'quiet':
        this.#connections.quiet(connection, input.isReceiving);
        return;
      case 'retained-page':
        connection.retained?.page(input.messages);
        return;
      case 'shutdown':
        this.#connections.end(connection, 'server-shutting-down', atStop(this.#context.limits));
        return;
    }
  }

  #malformed(connection: Connection, { code, message, reasonCode, protocolVersion }: MalformedPacketError): void {
    if (connection.state === 'awaiting-connect' || connection.state === 'authenticating') {
      if (protocolVersion !== undefined) connection.version = protocolVersion;
      if (code === 'protocol-version-unsupported')
        this.#connections.refuse(connection, 'unsupported-protocol-version', undefined); // [MQTT-3.1.2-2]
      else if (connection.version === 5)
        this.#connections.refuseWith(connection, reasonCode, { reasonString: message }); // section 4.13
    }
    // [MQTT-4.8.0-1]; before 5, a CONNECT is not answered either [MQTT-3.1.4-1]
    this.#connections.end(connection, 'malformed-packet', { malformed: code, detail: message, reasonCode });
  }

  #packet(connection: Connection, packet: Packet): void {
    if (connection.state !== 'connected') {
      this.#handshake.packet(connection, packet);
      return;
    }
    const { session } = connection;
    if (session === undefined) return;
    connection.lastPacketMs = this.#context.nowMs;
    const { intake } = connection.output;
    if (intake !== undefined && isOrdered(packet)) intake.hold(packet);
    else this.#take(connection, session, packet);
  }

  #take(connection: Connection, session: Session, packet: Packet): void {
    switch (packet.type) {
      case PacketType.publish:
        this.#publishHandler.publish(connection, session, packet);
        return;
      case PacketType.puback:
        if (session.outboundIfAny?.acknowledged(packet.packetId, packet.reasonCode) === false)
          this.#mismatched(connection, packet);
        return;
      case PacketType.pubrec:
        if (!session.outbound.received(packet.packetId, packet.reasonCode)) this.#mismatched(connection, packet);
        return;
      case PacketType.pubrel:
        this.#publishHandler.release(connection, session, packet.packetId);
        return;
      case PacketType.pubcomp:
        if (session.outboundIfAny?.completed(packet.packetId) === false) this.#mismatched(connection, packet);
        return;
      case PacketType.subscribe:
        this.#subscribeHandler.subscribe(connection, session, packet);
        return;
      case PacketType.unsubscribe:
        this.#subscribeHandler.unsubscribe(connection, session, packet);
        return;
      case PacketType.pingreq:
        this.#context.effects.send(connection.id, { type: PacketType.pingresp }, NOW); // [MQTT-3.12.4-1]
        return;
      case PacketType.disconnect:
        this.#connections.disconnected(connection, packet);
        return;
      case PacketType.auth:
        this.#handshake.enhanced.received(connection, packet);
        return;
      case PacketType.connect: // [MQTT-3.1.0-2]
      case PacketType.connack:
      case PacketType.suback:
      case PacketType.unsuback:
      case PacketType.pingresp:
        this.#connections.end(connection, 'protocol-violation', {
          detail: `packet type ${packet.type}, but connected`,
        });
        return;
    }
  }

  /**
   * An acknowledgement of the wrong kind would leave the message unacknowledged, and its place in the window taken, for
   * as long as the connection lasts [MQTT-4.8.0-1].
   */
  #mismatched(connection: Connection, { type, packetId }: AcknowledgementPacket): void {
    const name = type === PacketType.puback ? 'PUBACK' : type === PacketType.pubrec ? 'PUBREC' : 'PUBCOMP';
    const detail = `${name} does not answer what was sent with Packet Identifier ${packetId}`;
    this.#connections.end(connection, 'protocol-violation', { detail });
  }
}

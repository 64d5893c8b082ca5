// The other side of the core's two sinks: every change and effect becomes a line that people can read, so that a test
// drives `Broker.handle` and compares transcripts.
//
//   +session a · +session a offline · -session a
//   +subscription a t q1 · -subscription a t
//   +c:a #0 t=x q1 (append) · ~c:a #0 (release) · -c:a #0 (remove) · -c:a ..#0 (trim) · -c:a
//   +inbound a 7 · -inbound a 7 · +retained t=x · -retained t · +will a t=x · -will a
//   1 < publish t=x q1 id1 dup retain (to connection 1)
//   2 < puback 7 after #1 (once the first change of this transcript is durable) · 1 when-durable after #1
//   command 1 done after #1 (the outcome of the operator's first command)
//   1 ask a · 1 close keep-alive-timeout · read c:a #0 · 1 read-retained t,u · ! queue-full c:a
import type { TraceStep } from '../../src/domain/trace-step.js';
import type { Append, Change, Changes, QueueRemoval, SessionDrop } from '../../src/domain/changes.js';
import type { CommandOutcome } from '../../src/domain/commands.js';
import type { DeliveryOptions } from '../../src/domain/messages/delivery-options.js';
import type { Message, MessageDraft } from '../../src/domain/messages/message.js';
import { NOW } from '../../src/domain/durability.js';
import type { RequestOf, Stage, VerdictOf } from '../../src/domain/interception/verdict.js';
import type { Ticket } from '../../src/domain/durability.js';
import type {
  AcknowledgementType,
  AnswerPacket,
  AuthenticationRequest,
  ConnectionTerms,
  Effects,
  PageLimit,
  SuspendReason,
} from '../../src/domain/effects.js';
import type { ClientId, ConnectionId, QueueId, Seq, TopicName } from '../../src/domain/identifiers.js';
import { EVERY_EVENT } from '../../src/domain/events.js';
import type { BrokerEvent } from '../../src/domain/events.js';
import type { EndReason } from '../../src/domain/reasons.js';
import { PacketType } from '../../src/protocol/packets.js';
import type { Properties, QoS } from '../../src/protocol/packets.js';

const ACKNOWLEDGEMENT_NAMES: Record<AcknowledgementType, string> = {
  [PacketType.puback]: 'puback',
  [PacketType.pubrec]: 'pubrec',
  [PacketType.pubrel]: 'pubrel',
  [PacketType.pubcomp]: 'pubcomp',
};

export const text = (payload: Uint8Array): string => Buffer.from(payload).toString();
const content = ({ topic, payload }: MessageDraft): string =>
  `${topic}=${payload.byteLength > 40 ? `${payload.byteLength}-bytes` : text(payload)}`;

export interface QueueRead {
  readonly queue: QueueId;
  readonly from: Seq;
  readonly limit: PageLimit;
  readonly request: number;
}

export interface RetainedRead {
  readonly connection: ConnectionId;
  readonly topics: readonly TopicName[];
}

/** A delivery to one connection. */
export interface Delivery {
  readonly connection: ConnectionId;
  readonly message: Message;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly packetId: number;
}

export interface Acknowledgement {
  readonly connection: ConnectionId;
  readonly type: AcknowledgementType;
  readonly packetId: number;
}

/** An observer of the recorded changes and effects, besides the transcript. */
export interface Watcher {
  changed?(change: Change): void;
  delivered?(delivery: Delivery): void;
  acknowledged?(acknowledgement: Acknowledgement): void;
}

export class Recorder implements Changes, Effects {
  readonly events: BrokerEvent[] = [];
  wanted = EVERY_EVENT;
  /** The steps of traces, by the number of the trace. */
  readonly steps: ({ readonly trace: number } & TraceStep)[] = [];
  readonly asked: { readonly connection: ConnectionId; readonly request: AuthenticationRequest }[] = [];
  readonly queueReads: QueueRead[] = [];
  readonly retainedReads: RetainedRead[] = [];
  readonly writableWanted: ConnectionId[] = [];
  /** Holds on the batch that are not released. */
  holds = 0;
  readonly durableWanted: ConnectionId[] = [];
  /** What has left, as a test has it: everything at once by default. */
  released: Ticket = Infinity;
  readonly quietWanted: ConnectionId[] = [];
  /** Session ends that are not durable, as a test has it. */
  readonly pendingSessionEnds = new Map<ClientId, Ticket>();
  readonly watchers: Watcher[] = [];
  /** Answers for interceptors; by default what comes passes. */
  interceptor: (stage: Stage, request: RequestOf<Stage>) => VerdictOf<Stage> | undefined = () => ({ decision: 'pass' });
  /** The outcomes of commands, by request. */
  readonly outcomes = new Map<number, CommandOutcome>();
  /** Off for long runs. */
  isWriting = true;
  readonly #version5 = new Set<ConnectionId>();
  #lines: string[] = [];
  /** The ticket of the last change, and of the last one before the current transcript. */
  #ticket: Ticket = NOW;
  #base: Ticket = NOW;

  /** The lines since the last call. */
  take(): string[] {
    const lines = this.#lines;
    this.#base = this.#ticket;
    this.#lines = [];
    return lines;
  }

  intercept<S extends Stage>(connection: ConnectionId, stage: S, request: RequestOf<S>): VerdictOf<S> | undefined {
    const verdict = this.interceptor(stage, request) as VerdictOf<S> | undefined;
    this.#write(() => `intercept ${stage} of ${connection}: ${verdict?.decision ?? 'waits'}`);
    return verdict;
  }

  abandonIntercept(connection: ConnectionId): void {
    this.#write(() => `abandon the verdict for ${connection}`);
  }

  interceptDelivery(message: Message): Message {
    return message;
  }

  record(change: Change): Ticket {
    this.#write(() => changeLine(change));
    for (const watcher of this.watchers) watcher.changed?.(change);
    return ++this.#ticket;
  }

  append(queue: QueueId, seq: Seq, message: Message, { qos, retain, identifiers }: DeliveryOptions): Append {
    return { ticket: this.record({ kind: 'queue.append', queue, seq, message, qos, retain, identifiers }) };
  }

  remove(change: QueueRemoval): Ticket {
    return this.record(change);
  }

  retract(change: SessionDrop): Ticket {
    return this.record(change);
  }

  secure(): void {
    // At the level at which the core runs here, everything is.
  }

  hold(): void {
    this.holds++;
  }

  release(): void {
    this.holds--;
  }

  pendingSessionEnd(clientId: ClientId): Ticket {
    return this.pendingSessionEnds.get(clientId) ?? NOW;
  }

  authenticate(connection: ConnectionId, request: AuthenticationRequest): void {
    this.#write(() => `${connection} ask ${request.clientId}`);
    this.asked.push({ connection, request });
  }

  continueAuthentication(connection: ConnectionId, data: Uint8Array | undefined): void {
    this.#write(() => `${connection} ask more with ${text(data ?? new Uint8Array())}`);
  }

  reauthenticate(connection: ConnectionId, data: Uint8Array | undefined): void {
    this.#write(() => `${connection} ask again with ${text(data ?? new Uint8Array())}`);
  }

  established(connection: ConnectionId, { version }: ConnectionTerms): void {
    if (version === 5) this.#version5.add(connection);
  }

  send(connection: ConnectionId, packet: AnswerPacket, after: Ticket): void {
    this.#write(() => `${connection} < ${answerText(packet)}${this.#gate(after)}`);
  }

  acknowledge(
    connection: ConnectionId,
    type: AcknowledgementType,
    packetId: number,
    reasonCode: number,
    after: Ticket,
  ): void {
    this.#write(() => {
      const code = this.#version5.has(connection) && reasonCode !== 0 ? ` ${hex(reasonCode)}` : '';
      return `${connection} < ${ACKNOWLEDGEMENT_NAMES[type]} ${packetId}${code}${this.#gate(after)}`;
    });
    for (const watcher of this.watchers) watcher.acknowledged?.({ connection, type, packetId });
  }

  deliver(
    connection: ConnectionId,
    message: Message,
    { qos, retain, identifiers }: DeliveryOptions,
    dup: boolean,
    packetId: number,
    after: Ticket,
  ): void {
    this.#write(() => {
      const id = qos === 0 ? '' : ` id${packetId}`;
      const matched = identifiers === undefined ? '' : ` for ${identifiers.join('+')}`;
      const flags = `${dup ? ' dup' : ''}${retain ? ' retain' : ''}${matched}`;
      return `${connection} < publish ${content(message)} q${qos}${id}${flags}${this.#gate(after)}`;
    });
    for (const watcher of this.watchers) watcher.delivered?.({ connection, message, qos, retain, dup, packetId });
  }

  whenDurable(connection: ConnectionId, after: Ticket): void {
    this.#write(() => `${connection} when-durable${this.#gate(after)}`);
    this.durableWanted.push(connection);
  }

  suspend(connection: ConnectionId, why: SuspendReason): void {
    this.#write(() => `${connection} suspend${why === 'work' ? '' : ` for ${why}`}`);
  }

  resume(connection: ConnectionId, why: SuspendReason): void {
    this.#write(() => `${connection} resume${why === 'work' ? '' : ` for ${why}`}`);
  }

  whenQuiet(connection: ConnectionId): void {
    this.quietWanted.push(connection);
  }

  close(connection: ConnectionId, reason: EndReason): void {
    this.#write(() => `${connection} close ${reason}`);
  }

  traced(trace: number, step: TraceStep): void {
    this.steps.push({ trace, ...step });
  }

  answerCommand(request: number, outcome: CommandOutcome, after: Ticket): void {
    this.#write(() => `command ${request} ${outcome.result}${this.#gate(after)}`);
    this.outcomes.set(request, outcome);
  }

  readQueue(queue: QueueId, from: Seq, limit: PageLimit, request: number): void {
    this.#write(() => `read ${queue} #${from}`);
    this.queueReads.push({ queue, from, limit, request });
  }

  lacks(queue: QueueId, from: Seq): void {
    throw new Error(`the queue ${queue} lacks entries from ${String(from)} on`);
  }

  readRetained(connection: ConnectionId, topics: readonly TopicName[]): void {
    this.#write(
      () => `${connection} read-retained ${topics.length > 5 ? `${topics.length} topics` : topics.join(',')}`,
    );
    this.retainedReads.push({ connection, topics });
  }

  answerInProcess(subscriber: number, problem: string | undefined): void {
    this.#write(() => `in-process ${subscriber} ${problem ?? 'has begun'}`);
  }

  deliverInProcess(subscriber: number, message: Message, isRetained: boolean): void {
    this.#write(() => `in-process ${subscriber} < ${content(message)} q${message.qos}${isRetained ? ' retained' : ''}`);
  }

  whenInProcessReady(subscriber: number): void {
    this.#write(() => `in-process ${subscriber} when-ready`);
  }

  readRetainedInProcess(subscriber: number, topics: readonly TopicName[]): void {
    this.#write(() => `in-process ${subscriber} read-retained ${topics.join(',')}`);
  }

  whenWritable(connection: ConnectionId): void {
    this.#write(() => `${connection} when-writable`);
    this.writableWanted.push(connection);
  }

  emit(event: BrokerEvent): void {
    this.events.push(event);
    this.#write(() => noticeLine(event));
  }

  /** `after #2`: after the second change of this transcript. */
  #gate(after: Ticket): string {
    if (after === NOW) return '';
    return after <= this.#base ? ' after an earlier change' : ` after #${after - this.#base}`;
  }

  #write(line: () => string | undefined): void {
    if (!this.isWriting) return;
    const written = line();
    if (written !== undefined) this.#lines.push(written);
  }
}

function changeLine(change: Change): string {
  switch (change.kind) {
    case 'session.put':
      return `+session ${change.session.clientId}${change.session.disconnectedAtMs === undefined ? '' : ' offline'}`;
    case 'session.drop':
      return `-session ${change.clientId}`;
    case 'subscription.put':
      return `+subscription ${change.subscription.clientId} ${change.subscription.topicFilter} q${change.subscription.qos}`;
    case 'subscription.drop':
      return `-subscription ${change.clientId} ${change.topicFilter}`;
    case 'queue.append':
      return `+${change.queue} #${change.seq} ${content(change.message)} q${change.qos}`;
    case 'queue.release':
      return `~${change.queue} #${change.seq}`;
    case 'queue.remove':
      return `-${change.queue} #${change.seq}`;
    case 'queue.trim':
      return `-${change.queue} ..#${change.through}`;
    case 'queue.drop':
      return `-${change.queue}`;
    case 'inbound.put':
      return `+inbound ${change.clientId} ${change.packetId}`;
    case 'inbound.drop':
      return `-inbound ${change.clientId} ${change.packetId}`;
    case 'retained.put':
      return `+retained ${content(change.message)}`;
    case 'retained.drop':
      return `-retained ${change.topic}`;
    case 'will.put':
      return `+will ${change.will.clientId} ${content(change.will.message)}${change.will.dueAtMs === undefined ? '' : ' waiting'}`;
    case 'will.drop':
      return `-will ${change.clientId}`;
  }
}

const hex = (code: number): string => `0x${code.toString(16).padStart(2, '0')}`;

/** Of MQTT 5. */
const properties = (given: Properties | undefined): string =>
  Object.entries(given ?? {})
    .map(([name, value]) => ` ${name}=${value instanceof Uint8Array ? text(value) : String(value)}`)
    .join('');

function answerText(packet: AnswerPacket): string {
  switch (packet.type) {
    case PacketType.connack:
      return `connack ${packet.reasonCode}${packet.sessionPresent ? ' present' : ''}${properties(packet.properties)}`;
    case PacketType.suback:
      return `suback ${packet.packetId} ${packet.reasonCodes.join(',')}`;
    case PacketType.puback:
    case PacketType.pubrec:
    case PacketType.pubrel:
    case PacketType.pubcomp:
      return `${ACKNOWLEDGEMENT_NAMES[packet.type]} ${packet.packetId} ${hex(packet.reasonCode)}${properties(packet.properties)}`;
    case PacketType.unsuback:
      return `unsuback ${packet.packetId}`;
    case PacketType.pingresp:
      return 'pingresp';
    case PacketType.disconnect:
      return `disconnect ${hex(packet.reasonCode)}${properties(packet.properties)}`;
    case PacketType.auth:
      return `auth ${hex(packet.reasonCode)}${properties(packet.properties)}`;
  }
}

/** Events of connections have no line where CONNACK and close show them. */
function noticeLine(event: BrokerEvent): string | undefined {
  switch (event.kind) {
    case 'client-connected':
    case 'connection-ended':
      return undefined;
    case 'connection-refused':
      return `! refused ${event.reason}`;
    case 'publish-denied':
      return `! publish-denied ${event.clientId} ${event.topic}`;
    case 'subscribe-denied':
      return `! subscribe-denied ${event.clientId} ${event.topicFilter}`;
    case 'message-dropped':
      return `! ${event.reason} ${event.queue ?? 'no-queue'}${event.topic === undefined ? ' unread' : ` ${event.topic}`}`;
    case 'retained-limited':
      return `! retained-limited ${event.clientId} ${event.topicFilter} ${event.limit}`;
    case 'will-published':
      return `! will-published ${event.clientId} ${event.topic}`;
    case 'session-ended':
      return `! session-ended ${event.clientId} ${event.reason}`;
    case 'clock-corrected':
      return '! clock-corrected';
    case 'client-reauthenticated':
      return `! reauthenticated ${event.clientId} ${event.method}`;
    case 'operator-command':
      return `! ${event.command} ${event.subject} by ${event.actor}: ${event.result}`;
  }
}

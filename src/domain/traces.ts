// Message traces: what happens to messages on some topics, or of one client, step by step, while an operator looks. A
// trace is data that the core hands out: it changes nothing, and a run with one is the same run. As long as none is
// open, `Context.trace` is undefined, and that is all that a message pays for it.
import type { Effects } from './effects.js';
import type { Ticket } from './durability.js';
import { clientOf } from './identifiers.js';
import type { ClientId, ConnectionId, QueueId, Seq, TopicFilter, TopicName } from './identifiers.js';
import type { DeliveryOptions } from './messages/delivery-options.js';
import type { Message } from './messages/message.js';
import type { Origin, PublishOutcome } from './messages/publication.js';
import type { DropReason, EndReason } from './reasons.js';
import type { PublishPacket, QoS } from '../protocol/packets.js';
import type { TracedAnswer, TraceStep, TraceSubject } from './trace-step.js';
import { filterMatches } from './topics/topic-filter.js';

/** What is known of a message that a queue has: the queue itself forgets it once it was sent. */
type Known = Pick<Message, 'id' | 'topic' | 'publisher'>;

/** Deliveries of traced messages that are remembered for their acknowledgements. */
const KNOWN_MAX = 10_000;
/** Of the filters of one client that match a message. */
const FILTERS_MAX = 10;

export class Traces {
  readonly #open = new Map<number, TraceSubject>();
  readonly #known = new Map<QueueId, Map<Seq, Known>>();
  #knownCount = 0;
  /** The message whose subscriptions were all looked at last. */
  #routed: Known | undefined;

  constructor(readonly effects: Pick<Effects, 'traced'>) {}

  get isEmpty(): boolean {
    return this.#open.size === 0;
  }

  open(trace: number, subject: TraceSubject): void {
    this.#open.set(trace, subject);
  }

  close(trace: number): void {
    this.#open.delete(trace);
  }

  received(clientId: ClientId, packet: PublishPacket): void {
    const { topic, qos, retain, dup, payload } = packet;
    const packetId = qos > 0 ? packet.packetId : undefined;
    this.#tell({ step: 'received', clientId, topic, qos, retain, dup, packetId, payloadBytes: payload.byteLength });
  }

  refused(clientId: ClientId, topic: string, reason: EndReason | undefined, detail: string | undefined): void {
    this.#tell({ step: 'refused', clientId, topic, reason, detail });
  }

  repeated(clientId: ClientId, { topic, packetId }: PublishPacket): void {
    this.#tell({ step: 'repeated', clientId, topic, packetId });
  }

  accepted(message: Message, { kind }: Origin): void {
    const { qos, retain, payload } = message;
    this.#tell({ step: 'accepted', ...about(message), origin: kind, qos, retain, payloadBytes: payload.byteLength });
  }

  retained(message: Message, isRemoved: boolean): void {
    this.#tell({ step: isRemoved ? 'retained-removed' : 'retained', ...about(message) });
  }

  matched(message: Message, clientId: ClientId, filters: readonly TopicFilter[], qos: QoS): void {
    const topicFilters = filters.slice(0, FILTERS_MAX);
    this.#tell({ step: 'matched', ...about(message), clientId, topicFilters, qos });
  }

  matchedGroup(message: Message, group: QueueId): void {
    this.#tell({ step: 'matched', ...about(message), ...owner(group) });
  }

  excluded(message: Message, clientId: ClientId): void {
    this.#tell({ step: 'excluded', ...about(message), clientId, detail: 'No Local' });
  }

  queued(queue: QueueId, seq: Seq, message: Message, { qos }: DeliveryOptions): void {
    const isTraced = this.#tell({ step: 'queued', ...about(message), ...owner(queue), seq, qos });
    if (isTraced) this.#know(queue, seq, message);
  }

  /** @param seq of a message from a queue. */
  sent(
    queue: QueueId,
    seq: Seq | undefined,
    message: Message,
    { qos, retain }: DeliveryOptions,
    connection: ConnectionId,
    dup: boolean,
    packetId: number,
  ): void {
    const step = { step: 'sent', ...about(message), ...owner(queue), connection, qos, retain, dup, seq } as const;
    const isTraced = this.#tell(qos === 0 ? step : { ...step, packetId });
    if (isTraced && seq !== undefined) this.#know(queue, seq, message);
  }

  acknowledged(queue: QueueId, seq: Seq | undefined, packet: TracedAnswer, packetId: number, reasonCode: number): void {
    const known = seq === undefined ? undefined : this.#known.get(queue)?.get(seq);
    this.#tell({ step: 'acknowledged', ...about(known), ...owner(queue), packet, packetId, reasonCode, seq });
  }

  /** @param queue `undefined` if the message was in none. */
  dropped(
    reason: DropReason,
    message: Message | undefined,
    queue: QueueId | undefined,
    detail: string | undefined,
    seq?: Seq,
  ): void {
    const known = message ?? (queue === undefined || seq === undefined ? undefined : this.#known.get(queue)?.get(seq));
    this.#tell({ step: 'dropped', ...about(known), ...owner(queue), reason, detail, seq });
    if (queue !== undefined && seq !== undefined) this.removed(queue, seq);
  }

  /** All that the queue has is dropped with it. */
  queueEnded(queue: QueueId): void {
    for (const [seq, known] of this.#known.get(queue) ?? [])
      this.#tell({ step: 'dropped', ...about(known), ...owner(queue), reason: 'session-ended', seq });
    this.#forgetQueue(queue);
  }

  /** The entry is in the queue no longer. */
  removed(queue: QueueId, seq: Seq): void {
    const ofQueue = this.#known.get(queue);
    if (ofQueue?.delete(seq) !== true) return;
    this.#knownCount--;
    if (ofQueue.size === 0) this.#known.delete(queue);
  }

  routed(message: Message, { matched, accepted }: PublishOutcome, after: Ticket): void {
    this.#routed = message;
    if (matched === 0) this.#tell({ step: 'dropped', ...about(message), reason: 'no-subscriber' });
    this.#tell({ step: 'routed', ...about(message), matched, accepted, after });
  }

  answered(
    clientId: ClientId,
    topic: string,
    packet: TracedAnswer,
    packetId: number,
    reasonCode: number,
    after: Ticket,
  ): void {
    const routed = this.#routed?.publisher === clientId && this.#routed.topic === topic ? this.#routed : undefined;
    this.#tell({ step: 'answered', messageId: routed?.id, topic, clientId, packet, packetId, reasonCode, after });
  }

  /** @returns whether a trace is about it. */
  #tell(step: TraceStep): boolean {
    let isTraced = false;
    for (const [trace, subject] of this.#open) {
      if (!concerns(subject, step)) continue;
      isTraced = true;
      this.effects.traced(trace, step);
    }
    return isTraced;
  }

  #know(queue: QueueId, seq: Seq, { id, topic, publisher }: Known): void {
    let ofQueue = this.#known.get(queue);
    if (ofQueue?.has(seq) === true) return;
    if (this.#knownCount >= KNOWN_MAX) this.#forgetOldest();
    ofQueue = this.#known.get(queue);
    if (ofQueue === undefined) this.#known.set(queue, (ofQueue = new Map<Seq, Known>()));
    ofQueue.set(seq, { id, topic, publisher });
    this.#knownCount++;
  }

  #forgetOldest(): void {
    for (const [queue, ofQueue] of this.#known)
      for (const seq of ofQueue.keys()) {
        this.removed(queue, seq);
        return;
      }
  }

  #forgetQueue(queue: QueueId): void {
    this.#knownCount -= this.#known.get(queue)?.size ?? 0;
    this.#known.delete(queue);
  }
}

/** What is traced once this trace has begun, or without a subject has ended; `undefined` if that is nothing. */
export function tracesAfter(
  { trace: before, effects }: { readonly trace: Traces | undefined; readonly effects: Pick<Effects, 'traced'> },
  trace: number,
  subject: TraceSubject | undefined,
): Traces | undefined {
  const traces = before ?? new Traces(effects);
  if (subject === undefined) traces.close(trace);
  else traces.open(trace, subject);
  return traces.isEmpty ? undefined : traces;
}

function concerns(subject: TraceSubject, { topic, clientId, publisher }: TraceStep): boolean {
  if ('clientId' in subject) return clientId === subject.clientId || publisher === subject.clientId;
  return topic !== undefined && filterMatches(subject.topicFilter, topic as TopicName);
}

const about = (message: Known | undefined): Pick<TraceStep, 'messageId' | 'topic' | 'publisher'> =>
  message === undefined ? {} : { messageId: message.id, topic: message.topic, publisher: message.publisher };

function owner(queue: QueueId | undefined): Pick<TraceStep, 'clientId' | 'sharedGroup'> {
  if (queue === undefined) return {};
  const clientId = clientOf(queue);
  return clientId === undefined ? { sharedGroup: `$share/${queue.slice(2)}` } : { clientId };
}

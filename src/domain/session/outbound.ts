// Outbound delivery at QoS 1 and 2: a window of unacknowledged messages in front of the session's queue. The Packet
// Identifier of an entry follows from its seq, so it survives restarts without being stored: a repeat carries the
// identifier of the first sending [MQTT-2.3.1-3], [MQTT-2.3.1-4], and an identifier is not reused while its message is
// unacknowledged [MQTT-2.3.1-2], [MQTT-4.3.2-1].
import { PacketType } from '../../protocol/packets.js';
import { ReasonCode } from '../../protocol/reason-codes.js';
import type { Access } from '../access/access.js';
import type { Context } from '../context.js';
import { reportDrop } from '../messages/drops.js';
import type { DeliveryOptions } from '../messages/delivery-options.js';
import { detachPayload, hasExpired } from '../messages/message.js';
import { NOW } from '../durability.js';
import type { Message, MessageDraft } from '../messages/message.js';
import type { DeliveryOutcome } from '../messages/publication.js';
import type { StoredEntry } from '../inputs.js';
import type { QueueId, Seq } from '../identifiers.js';
import { ENDS_FOR_ALL } from '../reasons.js';
import type { DropReason } from '../reasons.js';
import { MessageQueue } from '../queues/message-queue.js';
import type { QueueOwner } from '../queues/queue-owner.js';
import type { DeliverySource, QueueEntry } from '../queues/queue-entry.js';
import type { Pressed } from '../slowed-publisher.js';
import type { Recipient } from '../routing/recipient.js';
import type { MemoryShare } from '../waiting-memory.js';
import type { Task } from '../work-queue.js';
import type { ClientOutput } from './client-output.js';
import { NOTHING_SENT, packetIdOf, SentSoFar } from './sent-so-far.js';
import type { QueueBounds, SentMark } from './sent-so-far.js';

/** Payload bytes sent at once, before the network has told whether the client takes them. */
const SENT_AT_ONCE_BYTES = 1024 * 1024;

export class Outbound implements QueueOwner, Task {
  readonly queue: MessageQueue;
  /** Entries in flight by Packet Identifier, in the order of sending. */
  readonly #inFlight = new Map<number, QueueEntry>();
  /** Why the client does not get those among them that are only completed to free their identifiers. */
  #leftOut: Map<QueueEntry, DropReason> | undefined;
  #output: ClientOutput | undefined;
  /** Checked for each message that is about to be sent; `undefined` if the client may receive everything. */
  restrictions: Access | undefined;
  #congested = false;
  readonly #sent = new SentSoFar();

  constructor(
    id: QueueId,
    stored: boolean,
    /** The session that it belongs to. */
    readonly recipient: Recipient & { readonly memoryShare: MemoryShare },
    readonly context: Context,
  ) {
    this.queue = new MessageQueue(id, stored, this, context);
  }

  get inFlightCount(): number {
    return this.#inFlight.size;
  }

  get inFlight(): Iterable<QueueEntry> {
    return this.#inFlight.values();
  }

  get sentBelow(): number {
    return this.#sent.below;
  }

  get doubtBelow(): number {
    return this.#sent.doubtBelow;
  }

  get count(): number {
    return this.queue.count;
  }

  get bytes(): number {
    return this.queue.bytes;
  }

  get keepsUp(): boolean {
    return this.recipient.keepsUp;
  }

  fullFor(draft: MessageDraft): Pressed | undefined {
    return this.queue.fullFor(draft);
  }

  /** Whether a large part of what may wait for the client does. */
  get isBehind(): boolean {
    return this.queue.backlog !== undefined;
  }

  fellBehind(): void {
    this.recipient.hurry();
  }

  /** What the session's record says of the queue as it is now. */
  get mark(): SentMark {
    // Sequence numbers begin again with a restart that finds the queue empty.
    return this.queue.count === 0 ? NOTHING_SENT : this.#sent.mark;
  }

  /**
   * @param mark what the record said at the end of the last connection, or at its beginning if a crash ended it.
   * @returns whether the record has to say something else from now on.
   */
  restore(bounds: QueueBounds, mark: SentMark | undefined): boolean {
    const { first, next, count, bytes } = bounds;
    const sent = this.#sent;
    sent.restore(bounds, mark);
    const isInDoubt = sent.doubtBelow > Math.max(sent.below, first);
    this.queue.restore(first, next, count, bytes, isInDoubt ? next : sent.below);
    return sent.differsFrom(mark);
  }

  droppedWaiting(seq: number): void {
    const sent = this.#sent;
    if (sent.doubtBelow > sent.below) return;
    // What stays below it was sent. The record has to say so, because nothing else tells which entries are missing.
    const isRecorded = this.#output === undefined && this.queue.firstUndelivered < sent.below;
    if (this.#output === undefined && !isRecorded) return;
    sent.skipped(seq);
    if (isRecorded) this.recipient.record();
  }

  get memoryShare(): MemoryShare {
    return this.recipient.memoryShare;
  }

  /** Unacknowledged for the longest time. */
  get oldestInFlight(): Seq | undefined {
    for (const { seq } of this.#inFlight.values()) return seq;
    return undefined;
  }

  get canSendNow(): boolean {
    return (
      this.#output !== undefined &&
      !this.#congested &&
      this.#inFlight.size < this.#output.window.size &&
      this.queue.isCaughtUp &&
      this.queue.buffer.length === 0
    );
  }

  push(message: Message, options: DeliveryOptions, source: DeliverySource | undefined): DeliveryOutcome {
    const dropped = this.queue.push(message, options, source, true);
    if (this.#output !== undefined) this.#pump();
    if (this.queue.buffer.length > 0) detachPayload(message);
    const { memory } = this.context;
    if (memory.bytes > memory.limit) memory.enforce();
    if (dropped !== undefined) return dropped;
    if (this.#output === undefined) return 'queued';
    if (this.queue.isCaughtUp && this.queue.buffer.length === 0) return 'sent';
    this.queue.grew();
    return 'queued';
  }

  /** Pushes a retained message for a new subscription, which the queue's limits do not bound. */
  pushRetained(message: Message, options: DeliveryOptions): void {
    this.queue.push(message, options, undefined, false);
    if (this.#output !== undefined) this.#pump();
    this.context.memory.enforce();
  }

  /**
   * The client has connected and CONNACK is on its way: messages that were in flight are sent again first, in order,
   * then the rest [MQTT-4.4.0-1], [MQTT-4.6.0-1].
   */
  attach(output: ClientOutput): void {
    this.#output = output;
    this.#congested = output.isCongested;
    this.queue.open();
    if (this.isBehind) output.window.doubt();
    this.#pump();
  }

  /**
   * The client has disconnected. Nothing stays in memory that storage has.
   * @param isReturned which entries to return to their shared group.
   */
  detach(isReturned: (entry: QueueEntry) => boolean): void {
    this.#output = undefined;
    this.#sent.connectionEnded();
    const returned: QueueEntry[] = [];
    for (const entry of this.#inFlight.values())
      if (entry.source !== undefined && isReturned(entry)) returned.push(entry);
    // A message that was never sent and would be lost here is returned at any QoS.
    if (!this.queue.stored) for (const entry of this.queue.buffer) if (entry.source !== undefined) returned.push(entry);
    for (const entry of returned) this.#remove(entry);
    this.queue.close(this.#lowest());
    this.context.outboundInFlight -= this.#inFlight.size;
    this.#inFlight.clear();
    this.#leftOut = undefined;
    for (const entry of returned) entry.source?.returnUndelivered(entry);
  }

  congested(): void {
    this.#congested = true;
  }

  writable(): void {
    this.#congested = false;
    this.#pump();
    if (this.canSendNow) this.recipient.capacityAvailable();
  }

  page(request: number, entries: readonly StoredEntry[]): void {
    this.queue.filled(request, entries);
    this.#pump();
    this.context.memory.enforce();
    if (this.canSendNow) this.recipient.capacityAvailable();
  }

  /**
   * PUBACK. An identifier that is not in flight is ignored: the acknowledgement is a repeat.
   * @returns false if the message was sent at QoS 2, so PUBACK does not answer it [MQTT-4.3.3-1].
   */
  acknowledged(packetId: number, reasonCode: number): boolean {
    const entry = this.#inFlight.get(packetId);
    if (entry === undefined) return true;
    if (entry.qos !== 1) return false;
    this.context.trace?.acknowledged(this.queue.id, entry.seq, PacketType.puback, packetId, reasonCode);
    if (reasonCode < ReasonCode.unspecifiedError) this.#delivered(entry);
    else this.#refusedByClient(entry, reasonCode);
    return true;
  }

  /**
   * PUBREC: answered by PUBREL, even for an unknown identifier, so that the client can release it; PUBREL packets
   * leave in the order of PUBREC [MQTT-4.6.0-4]. With a Reason Code of 0x80 or more it ends the delivery, and is not
   * answered (MQTT 5 section 4.3.3).
   * @returns false if the message was sent at QoS 1, so PUBREC does not answer it [MQTT-4.3.2-1].
   */
  received(packetId: number, reasonCode: number): boolean {
    const entry = this.#inFlight.get(packetId);
    if (entry?.qos === 1) return false;
    this.context.trace?.acknowledged(this.queue.id, entry?.seq, PacketType.pubrec, packetId, reasonCode);
    if (reasonCode >= ReasonCode.unspecifiedError) {
      if (entry !== undefined && !entry.released) this.#refusedByClient(entry, reasonCode);
      return true;
    }
    if (entry !== undefined && !entry.released) this.queue.release(entry);
    const answer = entry === undefined ? ReasonCode.packetIdentifierNotFound : ReasonCode.success;
    this.#output?.acknowledge(PacketType.pubrel, packetId, answer);
    return true;
  }

  /**
   * PUBCOMP. An identifier that is not in flight is ignored: the acknowledgement is a repeat.
   * @returns false if PUBREL has not been sent for the message, so PUBCOMP does not answer it [MQTT-4.3.3-1].
   */
  completed(packetId: number): boolean {
    const entry = this.#inFlight.get(packetId);
    if (entry === undefined) return true;
    if (!entry.released) return false;
    this.context.trace?.acknowledged(this.queue.id, entry.seq, PacketType.pubcomp, packetId, 0);
    this.#delivered(entry);
    return true;
  }

  #delivered(entry: QueueEntry): void {
    const { counters } = this.context;
    const leftOut = this.#leftOut?.get(entry);
    if (leftOut === undefined) counters.delivered++;
    else {
      this.#leftOut?.delete(entry);
      counters.dropped[leftOut]++;
    }
    this.#ended(entry);
  }

  /** The client does not want the message: it is sent no more, to this client or another [MQTT5-4.8.2-6]. */
  #refusedByClient(entry: QueueEntry, reasonCode: number): void {
    const detail = `Reason Code 0x${reasonCode.toString(16)}`;
    this.queue.dropped('refused-by-client', entry.message, entry.qos, detail, entry.seq);
    this.#ended(entry);
  }

  /** The delivery is over, and its place in the window is free. */
  #ended(entry: QueueEntry): void {
    this.#remove(entry);
    this.#output?.window.acknowledged(this.context.nowMs);
    this.#pump();
    if (this.canSendNow) this.recipient.capacityAvailable();
  }

  #remove(entry: QueueEntry): void {
    const packetId = packetIdOf(entry.seq);
    // Only storage needs the lowest entry, and finding it has a cost for each message.
    const wasLowest = this.queue.stored && entry.seq === this.#lowest();
    if (this.#inFlight.delete(packetId)) this.context.outboundInFlight--;
    this.queue.remove(entry, wasLowest ? this.#lowest() : undefined);
  }

  /** The seq of the lowest entry still in use. */
  #lowest(): number {
    for (const entry of this.#inFlight.values()) return entry.seq;
    return this.queue.firstUndelivered;
  }

  /** Goes on after many messages that have expired or may not be received. */
  run(): boolean {
    this.#pump();
    if (this.canSendNow) this.recipient.capacityAvailable();
    return true;
  }

  #pump(): void {
    const { context, queue } = this;
    const { effects, nowMs } = context;
    const output = this.#output;
    if (output === undefined) return;
    const inFlight = this.#inFlight;
    const hasRules = this.restrictions !== undefined || output.limitsPacketSize || output.isIntercepted;
    const sent = this.#sent;
    let hasSkipped = false;
    let sentBytes = 0;
    const { window } = output;
    while (!this.#congested && inFlight.size < window.size) {
      const entry = queue.buffer.peek();
      if (entry === undefined) break;
      const packetId = packetIdOf(entry.seq);
      // A message has been unacknowledged for 65,535 messages: its identifier is not free, so everything waits for it.
      if (inFlight.has(packetId)) break;
      if (hasSkipped && context.sliceLeft <= 0) {
        context.work.add(this);
        break;
      }
      queue.buffer.shift();
      const { message } = entry;
      const mayDiffer = message !== undefined && (hasRules || message.expiresAtMs !== undefined);
      const shown = mayDiffer ? this.#toSend(entry, message, output) : message;
      if (mayDiffer && shown === undefined) {
        context.sliceLeft--;
        hasSkipped = true;
        continue;
      }
      inFlight.set(packetId, entry);
      context.outboundInFlight++;
      sent.passed(entry);
      if (entry.released || shown === undefined) {
        output.acknowledge(PacketType.pubrel, packetId, ReasonCode.success);
        continue;
      }
      const after = entry.qos === 2 ? (entry.after = output.promise(entry.after)) : NOW;
      const { options, seq } = entry;
      effects.deliver(output.id, shown, options, sent.isRepeat(entry), packetId, after);
      context.trace?.sent(queue.id, seq, shown, options, output.id, sent.isRepeat(entry), packetId);
      sentBytes += shown.payload.byteLength;
      // A message at QoS 1 can return to its group, and one at QoS 2 as long as it has not left and is stored nowhere.
      if (entry.source === undefined || (entry.qos === 2 && queue.stored)) queue.sent(entry);
      if (sentBytes < SENT_AT_ONCE_BYTES || queue.buffer.length === 0) continue;
      this.#congested = true;
      effects.whenWritable(output.id);
    }
    const isFull = inFlight.size >= window.size;
    if (isFull && queue.buffer.length > 0) window.held(nowMs);
    queue.backlog?.fell();
    queue.fill(!this.#congested && !isFull);
  }

  /**
   * Leaves a message out that is not to be sent any more: its time has passed, it is too large for the client, the
   * client may not receive it, or an interceptor drops it.
   * @returns the message as the client gets it, or `undefined` if it is left out as a whole, see `#drop`.
   */
  #toSend(entry: QueueEntry, message: Message, output: ClientOutput): Message | undefined {
    if (entry.released) return message;
    const decision = this.restrictions?.receive(message.topic);
    if (hasExpired(message, this.context.nowMs) && this.#sent.mayExpire(entry))
      return this.#drop(entry, message, 'expired');
    if (decision?.isAllowed === false) return this.#drop(entry, message, 'not-authorized', decision.reason);
    const shown = output.shown(message);
    if (typeof shown === 'string') return this.#drop(entry, message, 'dropped-by-interceptor', shown);
    if (output.fits(shown, entry.qos, entry.options.identifiers)) return shown;
    // A group looks at the message as it was, and would choose the same member again.
    return this.#drop(entry, message, 'packet-too-large', undefined, shown !== message);
  }

  /**
   * Drops a buffered message. Exception: a QoS 2 message that may already have been sent must still complete its
   * handshake with PUBREL, because the client may be holding its Packet Identifier and would take a later message for a
   * repeat. Returns the message in that case.
   */
  #drop(entry: QueueEntry, message: Message, why: DropReason, detail?: string, isOver = ENDS_FOR_ALL[why] ?? false) {
    const { queue } = this;
    if (entry.qos === 2 && this.#sent.isRepeat(entry)) {
      (this.#leftOut ??= new Map<QueueEntry, DropReason>()).set(entry, why);
      queue.release(entry);
      reportDrop(this.context, why, message, 2, queue.id, detail);
      return message;
    }
    this.#sent.passed(entry); // its seq is used up, as if it had been sent
    queue.remove(entry, this.#inFlight.size === 0 ? queue.firstUndelivered : undefined);
    // Another member of the group may receive it.
    if (entry.source !== undefined && !isOver) entry.source.returnUndelivered(entry);
    else queue.dropped(why, message, entry.qos, detail);
    return undefined;
  }
}

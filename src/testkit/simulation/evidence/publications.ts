// What the evidence says about each message: when the broker can have accepted it, and from when on that is promised.
// Points in time are those of the logical clock.
import type { QoS } from '../../../protocol/packets.js';
import { valueOf } from './value-of.js';

const WILL_OF = 'will of ';

/** The publisher that stands for a client's wills: no order is promised between two of them. */
export const willPublisherOf = (clientId: string): string => `${WILL_OF}${clientId}`;

export class Publication {
  /** When the broker received it for the first time. */
  firstReceivedAt: number | undefined;
  /** The last moment at which it can have had an effect. */
  lastEffectAt = 0;
  /** A moment at which, or after which, it had an effect that is permanent. */
  certainEffectAt: number | undefined;
  /** When it was acknowledged, or, for a will, when the disk showed that it was published. */
  acknowledgedAt: number | undefined;
  /** How often the broker received it. */
  receivedCount = 0;
  /** The Packet Identifier of its latest PUBLISH. */
  packetId = 0;
  /** When its Message Expiry Interval is over, in milliseconds; while that is not known, and without one, Infinity. */
  expiresAtMs = Infinity;
  /** Of its latest PUBLISH, in milliseconds; `undefined` if that does not expire. */
  expiryMs: number | undefined;
  /** Whether any of its PUBLISH packets had a Message Expiry Interval: then it may have expired. */
  mayExpire = false;
  /** What it takes at most in a PUBLISH. */
  bytes = 0;
  /** The Reason Code of 0x80 or more with which the broker refused it. */
  refusedWith: number | undefined;
  /** Whether it has ever left the broker. */
  wasSent = false;
  /** Whether PUBREL has come for it. */
  isReleased = false;
  /** Whether the broker took it for a repeat of another message, whose completion a crash had undone. */
  isTreatedAsDuplicate = false;
  /** Whether its publisher may not publish it: it is acknowledged and has no effect. */
  isDenied = false;
  /** Whether an interceptor drops it: it is acknowledged and has no effect. */
  isDropped = false;
  /**
   * Whether the broker may no longer know its Packet Identifier: an operator deleted the publisher's session before
   * PUBREL came. A client that did not see the CONNACK of the session after it sends the message again, with DUP, and
   * the broker accepts it as a new one: the two share no state that would tell [MQTT-4.3.3-1].
   */
  mayBeForgotten = false;

  constructor(
    readonly tag: string,
    readonly publisher: string,
    readonly topic: string,
    readonly qos: QoS,
    readonly retain: boolean,
    /** Whether it has no payload: it clears what the topic retains. */
    readonly isClear: boolean,
  ) {}

  get isWill(): boolean {
    return this.publisher.startsWith(WILL_OF);
  }

  /** Whether it was acknowledged, so that every subscription that certainly matched it is owed a delivery. */
  get isPromised(): boolean {
    if (this.mayExpire || this.isClear) return false;
    return this.acknowledgedAt !== undefined && this.firstReceivedAt !== undefined && this.qos > 0;
  }

  /**
   * The broker receives it, for the first time or again. A QoS 2 message that was acknowledged has no further effect,
   * unless it may have been forgotten.
   */
  received(moment: number): void {
    this.firstReceivedAt ??= moment;
    this.receivedCount++;
    if (this.qos < 2 || this.acknowledgedAt === undefined || this.mayBeForgotten) this.lastEffectAt = moment;
  }

  /** The broker has it, or may have it, at this time. */
  expireFrom(nowMs: number): void {
    const endMs = this.expiryMs === undefined ? Infinity : nowMs + this.expiryMs;
    this.expiresAtMs = this.receivedCount > 1 ? Math.max(this.expiresAtMs, endMs) : endMs;
  }

  /** The broker has refused it: nothing is promised, and if it came only once, it has no effect. */
  refused(reasonCode: number): void {
    this.refusedWith = reasonCode;
    // If it comes again, because the answer was lost, it is a new one.
    if (this.qos === 2) this.mayBeForgotten = true;
    if (this.receivedCount === 1) this.lastEffectAt = -1;
  }

  /**
   * A crash has lost its effect or a part of it: nothing is promised any more. `isRetained`: it was stored as its
   * topic's retained message.
   */
  undo(isRetained: boolean): void {
    this.acknowledgedAt = this.certainEffectAt = undefined;
    if (!isRetained) this.lastEffectAt = -1;
  }
}

export class Publications {
  readonly #byTag = new Map<string, Publication>();
  readonly #byTopic = new Map<string, Publication[]>();
  #clearCount = 0;
  /** When the broker last reported that a message to the topic was not retained. */
  readonly #notRetainedAt = new Map<string, number>();

  get all(): Iterable<Publication> {
    return this.#byTag.values();
  }

  get(tag: string): Publication | undefined {
    return this.#byTag.get(tag);
  }

  /**
   * The message with this tag; one without a tag clears what is retained, and each of those is a message of its own.
   */
  getOrCreate(tag: string, publisher: string, topic: string, qos: QoS, retain: boolean): Publication {
    const isClear = tag === '';
    const name = isClear ? `clear-${++this.#clearCount}` : tag;
    return valueOf(this.#byTag, name, () => {
      const publication = new Publication(name, publisher, topic, qos, retain, isClear);
      valueOf(this.#byTopic, topic, () => []).push(publication);
      return publication;
    });
  }

  /** The broker reported that a message to the topic was not retained for a limit: it removes the one before. */
  notRetained(topic: string, moment: number): void {
    this.getOrCreate('', '', topic, 0, true).received(moment);
    this.#notRetainedAt.set(topic, moment);
  }

  /** Whether the message may be one that was not retained for a limit. */
  mayBeUnretained({ topic, firstReceivedAt = 0 }: Publication): boolean {
    return (this.#notRetainedAt.get(topic) ?? -1) > firstReceivedAt;
  }

  onTopic(topic: string): readonly Publication[] {
    return this.#byTopic.get(topic) ?? [];
  }

  get topics(): Iterable<string> {
    return this.#byTopic.keys();
  }

  /** Whether the topic may have this retained message now, as far as what was promised before `promisedBefore` says. */
  mayBeRetained(publication: Publication, promisedBefore = Infinity): boolean {
    const { retain, firstReceivedAt, topic, lastEffectAt } = publication;
    return retain && firstReceivedAt !== undefined && !this.#isReplaced(topic, lastEffectAt, promisedBefore);
  }

  /** Whether the topic may have no retained message now. */
  mayHaveNone(topic: string): boolean {
    const published = this.onTopic(topic);
    const mayBeGone = (one: Publication): boolean => one.isClear || one.mayExpire;
    return !this.#isReplaced(topic, -1, Infinity) || published.some((one) => mayBeGone(one) && this.mayBeRetained(one));
  }

  /** After a crash the topic has this retained message, or none: later ones that were promised are lost. */
  undoAfter(topic: string, retainedTag: string | undefined): void {
    const kept = retainedTag === undefined ? undefined : this.#byTag.get(retainedTag);
    if (kept === undefined) return;
    for (const one of this.onTopic(topic))
      if (one.retain && one.certainEffectAt !== undefined && one.certainEffectAt > kept.lastEffectAt) one.undo(false);
  }

  /** Whether a retained message that certainly took effect after `moment` was promised before `promisedBefore`. */
  #isReplaced(topic: string, moment: number, promisedBefore: number): boolean {
    return this.onTopic(topic).some(
      ({ retain, certainEffectAt, acknowledgedAt }) =>
        retain &&
        certainEffectAt !== undefined &&
        certainEffectAt > moment &&
        Math.max(certainEffectAt, acknowledgedAt ?? 0) < promisedBefore,
    );
  }
}

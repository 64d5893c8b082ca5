// What is known from outside about each message: when the broker can have accepted it, and since when that is promised. Moments are numbers that
// only count up: each thing that is seen is one.
import type { QoS } from '../../protocol/packets.js';

export class Moments {
  now = 0;

  next(): number {
    return ++this.now;
  }
}

/** Stands in for the publisher of wills: nobody sends two of them in an order. */
export const willOf = (clientId: string): string => `${WILL_OF}${clientId}`;
const WILL_OF = 'will of ';

export class Publication {
  /** When the broker got it first. */
  first: number | undefined;
  /** The last moment at which it can have had an effect. */
  last = 0;
  /** A moment at which, or after which, it had an effect that has come to stay. */
  sureAt: number | undefined;
  /** When it was acknowledged, or was seen to be on the disk where nobody is told. */
  acknowledged: number | undefined;
  /** How often the broker got it. */
  sends = 0;
  /** Its identifier, the last time that it came. */
  packetId = 0;
  /** PUBREL has come for it. */
  isReleased = false;
  /** The broker took it for a repeat of another one, whose end a crash had undone. */
  isSwallowed = false;

  constructor(
    readonly tag: string,
    readonly publisher: string,
    readonly topic: string,
    readonly qos: QoS,
    readonly retain: boolean,
    readonly isClear: boolean,
  ) {}

  get isWill(): boolean {
    return this.publisher.startsWith(WILL_OF);
  }

  /** The broker gets it, for the first time or again. A QoS 2 message that was acknowledged has no effect any more. */
  came(moment: number): void {
    this.first ??= moment;
    this.sends++;
    if (this.qos < 2 || this.acknowledged === undefined) this.last = moment;
  }

  /** A crash has lost what it did, or a part of that: nothing is promised any more. `isRetained`: it was kept as what the topic retains. */
  undone(isRetained: boolean): void {
    this.acknowledged = this.sureAt = undefined;
    if (!isRetained) this.last = -1;
  }
}

export class Publications {
  readonly all = new Map<string, Publication>();
  readonly #ofTopic = new Map<string, Publication[]>();
  #cleared = 0;

  get(tag: string): Publication | undefined {
    return this.all.get(tag);
  }

  /** The one with this tag; a message without one clears what is retained, and is never the same as another. */
  known(tag: string, publisher: string, topic: string, qos: QoS, retain: boolean): Publication {
    const isClear = tag === '';
    const name = isClear ? `clear-${++this.#cleared}` : tag;
    let publication = this.all.get(name);
    if (publication === undefined) {
      publication = new Publication(name, publisher, topic, qos, retain, isClear);
      this.all.set(name, publication);
      const ofTopic = this.#ofTopic.get(topic);
      if (ofTopic === undefined) this.#ofTopic.set(topic, [publication]);
      else ofTopic.push(publication);
    }
    return publication;
  }

  get retainedTopics(): Iterable<string> {
    return this.#ofTopic.keys();
  }

  /** Whether the topic may have this retained message now. */
  mayBeRetained(publication: Publication, asOf = Infinity): boolean {
    return (
      publication.retain &&
      publication.first !== undefined &&
      !this.#isReplaced(publication.topic, publication.last, asOf)
    );
  }

  /** Whether the topic may have no retained message now. */
  mayHaveNone(topic: string): boolean {
    const ofTopic = this.#ofTopic.get(topic) ?? [];
    return !this.#isReplaced(topic, -1, Infinity) || ofTopic.some((one) => one.isClear && this.mayBeRetained(one));
  }

  /** The topic has this retained message, or none: what was promised to come after it is lost. */
  undoneAfter(topic: string, retained: string | undefined): void {
    const kept = retained === undefined ? undefined : this.all.get(retained);
    for (const one of this.#ofTopic.get(topic) ?? [])
      if (kept !== undefined && one.retain && one.sureAt !== undefined && one.sureAt > kept.last) one.undone(false);
  }

  /** Whether another one was promised that took effect after the moment; `asOf`: already promised then. */
  #isReplaced(topic: string, moment: number, asOf: number): boolean {
    const ofTopic = this.#ofTopic.get(topic) ?? [];
    return ofTopic.some(
      ({ retain, sureAt, acknowledged }) =>
        retain && sureAt !== undefined && sureAt > moment && Math.max(sureAt, acknowledged ?? 0) < asOf,
    );
  }
}

/** Whether it was acknowledged, and is still owed to whoever was to get it. */
export const isPromised = ({ acknowledged, qos, isClear, first }: Publication): boolean =>
  acknowledged !== undefined && first !== undefined && qos > 0 && !isClear;

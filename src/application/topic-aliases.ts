// The Topic Aliases that the broker uses towards one client of MQTT 5 [MQTT5-3.1.2-26]: the first topics that are sent
// to it more than once get them, as many as both sides allow.

/** A shorter topic is not worth the three bytes of an alias. */
const TOPIC_LENGTH_MIN = 4;
/** Topics that were sent once are remembered, this many for each alias. */
const CANDIDATES_PER_ALIAS = 4;
/** What a packet with an alias and the topic has more than one with the topic alone, at most: the length may grow. */
export const ALIAS_BYTES_MAX = 3 + 2;

export class TopicAliases {
  readonly #aliases = new Map<string, number>();
  /** Topics that were sent once. */
  readonly #candidates = new Set<string>();

  constructor(
    /** 1 to 65,535. */
    readonly maximum: number,
    /** Of a packet to the client, in bytes [MQTT5-3.1.2-24]. */
    readonly maximumPacketSize: number,
  ) {}

  /** The alias of a topic that the client knows already. */
  get(topic: string): number | undefined {
    return this.#aliases.get(topic);
  }

  /** Whether a topic without an alias shall get one with the next packet. */
  isWanted(topic: string): boolean {
    if (this.#aliases.size >= this.maximum || topic.length < TOPIC_LENGTH_MIN) return false;
    if (this.#candidates.has(topic)) return true;
    if (this.#candidates.size >= this.maximum * CANDIDATES_PER_ALIAS) this.#candidates.clear();
    this.#candidates.add(topic);
    return false;
  }

  /** The client learns the alias with the packet that is written now. */
  add(topic: string): number {
    this.#candidates.delete(topic);
    const alias = this.#aliases.size + 1;
    this.#aliases.set(topic, alias);
    if (alias === this.maximum) this.#candidates.clear();
    return alias;
  }
}

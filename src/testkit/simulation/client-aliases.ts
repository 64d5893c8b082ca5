// The Topic Aliases that a simulated client of MQTT 5 uses on one connection, as many as CONNACK allows. It has more
// topics than aliases, and then gives the oldest alias a new meaning.
import type { PublishPacket } from '../../protocol/packets.js';

export class ClientAliases {
  readonly #topics = new Map<number, string>();
  #last = 0;

  /** @param maximum of CONNACK; 0 for none. */
  constructor(readonly maximum: number) {}

  /** @returns the message with its alias, and the packet that is sent: without the topic if the broker knows it. */
  apply(publish: PublishPacket): { readonly named: PublishPacket; readonly sent: PublishPacket } {
    if (this.maximum === 0) return { named: publish, sent: publish };
    for (const [topicAlias, topic] of this.#topics)
      if (topic === publish.topic) {
        const named = { ...publish, properties: { ...publish.properties, topicAlias } };
        return { named, sent: { ...named, topic: '' } };
      }
    const topicAlias = (this.#last % this.maximum) + 1;
    this.#last = topicAlias;
    this.#topics.set(topicAlias, publish.topic);
    const named = { ...publish, properties: { ...publish.properties, topicAlias } };
    return { named, sent: named };
  }
}

// What the broker says of itself and new subscriptions are to get: the latest message of each of its topics, in memory
// alone. A restart begins without them, storage and backups never have them, and no limit of retained messages counts
// them: how many there are is decided by the broker, not by its clients.
import type { TopicName } from '../identifiers.js';
import type { Message } from '../messages/message.js';
import { RetainedEntry } from '../topics/retained-entry.js';
import { RetainedTree } from '../topics/retained-tree.js';

const NEVER = { name: 'message of the broker', expired: (): void => undefined };

export class OwnMessages {
  readonly tree = new RetainedTree();
  readonly #messages = new Map<TopicName, Message>();

  get(topic: TopicName): Message | undefined {
    return this.#messages.get(topic);
  }

  keep(message: Message): void {
    const { topic, id, payload } = message;
    this.#messages.set(topic, message);
    this.tree.put(new RetainedEntry(topic, id, payload.byteLength, undefined, NEVER));
  }
}

// What is retained: the index of retained messages, the changes that storage gets for it, their expiry, and the limits.
// What the broker says of itself is kept beside it, in memory.
import type { RestoredFact } from '../changes.js';
import type { Context } from '../context.js';
import type { Deadlines, TimerKind } from '../deadlines.js';
import { wants } from '../events.js';
import type { MessageId, TopicName } from '../identifiers.js';
import { drop } from '../messages/drops.js';
import type { Message } from '../messages/message.js';
import { isOwnTopic } from '../topics/own-topic.js';
import { RetainedEntry } from '../topics/retained-entry.js';
import { RetainedTree } from '../topics/retained-tree.js';
import { OwnMessages } from './own-messages.js';
import { noRoomToRetain } from './room-to-retain.js';
import type { RetainedFull } from './room-to-retain.js';

export class Retention {
  readonly tree = new RetainedTree();
  readonly own = new OwnMessages();
  readonly #expiryTimer: TimerKind<RetainedEntry> = {
    name: 'retained message expiry',
    expired: ({ topic, id }) => {
      const { effects } = this.context;
      this.clear(topic);
      // It was stored and not on its way to a client, so it does not count among the deliveries.
      if (wants(effects.wanted, 'message-dropped')) {
        const message = { messageId: id, topic, qos: undefined, queue: undefined };
        effects.emit({ kind: 'message-dropped', reason: 'expired', ...message });
      }
    },
  };

  constructor(
    readonly context: Context,
    readonly deadlines: Deadlines,
  ) {}

  restore({ topic, id, bytes, expiresAtMs }: Extract<RestoredFact, { kind: 'retained' }>): void {
    this.#keep(topic, id, bytes, expiresAtMs);
  }

  /** Removes the retained message of a topic. @returns whether there was one. */
  clear(topic: TopicName): boolean {
    const removed = this.tree.remove(topic);
    if (removed === undefined) return false;
    if (removed.expiry !== undefined) this.deadlines.clear(removed.expiry);
    this.context.changes.record({ kind: 'retained.drop', topic });
    return true;
  }

  /** Only for messages with RETAIN 1 [MQTT-3.3.1-12]. @returns why it is not retained, if it is not. */
  retain(message: Message): RetainedFull | undefined {
    if (isOwnTopic(message.topic)) {
      this.keepOwn(message);
      return undefined;
    }
    const { changes, counters } = this.context;
    const { topic } = message;
    if (message.payload.byteLength === 0) {
      // [MQTT-3.3.1-10], [MQTT-3.3.1-11]. Even if there is none now, the removal of the last one may not be durable
      // yet, and the acknowledgement has to wait for it.
      if (!this.clear(topic) && message.qos > 0) changes.record({ kind: 'retained.drop', topic });
      this.context.trace?.retained(message, true);
      return undefined;
    }
    const full = noRoomToRetain(this.tree, message, this.context.limits);
    if (full !== undefined) {
      // Not the one before either: it is no longer the latest.
      this.clear(topic);
      counters.started++;
      drop(this.context, full, message, message.qos, undefined);
      return full;
    }
    // [MQTT-3.3.1-5]; at QoS 0 as well, as recommended by [MQTT-3.3.1-7]
    this.#keep(topic, message.id, message.payload.byteLength, message.expiresAtMs);
    changes.record({ kind: 'retained.put', message });
    this.context.trace?.retained(message, false);
    return undefined;
  }

  keepOwn(message: Message): void {
    // An operator's message of an earlier version, when such topics could be published to.
    this.clear(message.topic);
    this.own.keep(message);
  }

  #keep(topic: TopicName, id: MessageId, bytes: number, expiresAtMs: number | undefined): void {
    const entry = new RetainedEntry(topic, id, bytes, expiresAtMs, this.#expiryTimer);
    const replaced = this.tree.put(entry);
    if (replaced?.expiry !== undefined) this.deadlines.clear(replaced.expiry);
    if (entry.expiry !== undefined && expiresAtMs !== undefined) this.deadlines.set(entry.expiry, expiresAtMs);
  }
}

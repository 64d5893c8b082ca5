// The table of retained messages: for each topic the body that holds its message, with what a start has to know of it.
import type { Message, TopicName } from 'hexmq/ports';
import type { Bodies } from './bodies.js';
import type { Counters } from './counters.js';
import type { Database, Writes } from './engine.js';
import { Space, namedKey } from './keys.js';
import { NamedSlots } from './named-slots.js';
import * as records from './records/index.js';

const CACHED_MAX = 100_000;

interface RetainedSlot {
  /** 0 while the topic has no retained message. */
  body: number;
}

export class RetainedTable {
  readonly slots: NamedSlots<TopicName, RetainedSlot>;
  readonly #counters: Counters;
  readonly #bodies: Bodies;

  constructor(db: Database, counters: Counters, bodies: Bodies) {
    this.slots = new NamedSlots<TopicName, RetainedSlot>(
      db,
      Space.retained,
      (_topic, record) => ({ body: record === undefined ? 0 : records.decodeRetained(record).body }),
      CACHED_MAX,
    );
    this.#counters = counters;
    this.#bodies = bodies;
  }

  put(message: Message, writes: Writes): void {
    const { id, topic, payload, expiresAtMs } = message;
    const slot = this.slots.get(topic);
    this.#counters.noteMessageId(message);
    const body = this.#bodies.reference(message, true, writes);
    if (slot.body > 0) this.#bodies.dereference(slot.body);
    slot.body = body;
    writes.put(
      namedKey(Space.retained, topic),
      records.encodeRetained({ body, id, bytes: payload.byteLength, expiresAtMs }),
    );
  }

  drop(topic: TopicName, writes: Writes): void {
    const slot = this.slots.get(topic);
    if (slot.body === 0) return;
    writes.del(namedKey(Space.retained, topic));
    this.#bodies.dereference(slot.body);
    slot.body = 0;
  }
}

// Clients in the store: the session record, and under the client's number its subscriptions and its inbound Packet
// Identifiers.
import type { ClientId, SessionRecord, SubscriptionRecord, TopicFilter } from 'hexmq/ports';
import type { Counters } from './counters.js';
import { EMPTY_VALUE } from './engine.js';
import type { Database, Writes } from './engine.js';
import { Space, fenceKey, inboundKey, namedKey, subscriptionKey } from './keys.js';
import { NamedSlots } from './named-slots.js';
import * as records from './records/index.js';
import type { ClientRecord } from './records/index.js';
import type { Sweeper } from './sweeper.js';

const CACHED_MAX = 50_000;

interface ClientSlot {
  readonly id: ClientId;
  /** 0 while the client has no record. */
  number: number;
  session: ClientRecord['session'];
}

export class Clients {
  readonly slots: NamedSlots<ClientId, ClientSlot>;
  readonly #counters: Counters;
  readonly #sweeper: Sweeper;
  #touched = new Set<ClientSlot>();

  constructor(db: Database, counters: Counters, sweeper: Sweeper) {
    this.slots = new NamedSlots<ClientId, ClientSlot>(
      db,
      Space.client,
      (id, record) => ({
        id,
        ...(record === undefined ? { number: 0, session: undefined } : records.decodeClient(record)),
      }),
      CACHED_MAX,
    );
    this.#counters = counters;
    this.#sweeper = sweeper;
  }

  putSession({ clientId, ...session }: SessionRecord, writes: Writes): void {
    const slot = this.#ensure(clientId, writes);
    slot.session = session;
    this.#touched.add(slot);
  }

  dropSession(id: ClientId, writes: Writes): void {
    const slot = this.slots.get(id);
    if (slot.number === 0) return;
    this.#sweeper.drop(slot.number, 'client', writes);
    writes.del(namedKey(Space.client, slot.id));
    slot.number = 0;
    slot.session = undefined;
    this.#touched.delete(slot);
  }

  putSubscription(subscription: SubscriptionRecord, writes: Writes): void {
    const { number } = this.#ensure(subscription.clientId, writes);
    writes.put(subscriptionKey(number, subscription.topicFilter), records.encodeSubscription(subscription));
  }

  dropSubscription(id: ClientId, filter: TopicFilter, writes: Writes): void {
    const { number } = this.slots.get(id);
    if (number > 0) writes.del(subscriptionKey(number, filter));
  }

  putInbound(id: ClientId, packetId: number, writes: Writes): void {
    writes.put(inboundKey(this.#ensure(id, writes).number, packetId), records.encodeInbound(id));
  }

  dropInbound(id: ClientId, packetId: number, writes: Writes): void {
    const { number } = this.slots.get(id);
    if (number > 0) writes.del(inboundKey(number, packetId));
  }

  /** Forgets everything. */
  clear(): void {
    this.slots.clear();
    this.endBatch();
  }

  /** Writes the records that the batch has changed. */
  finish(writes: Writes): void {
    for (const slot of this.#touched) writes.put(namedKey(Space.client, slot.id), records.encodeClient(slot));
  }

  endBatch(): void {
    if (this.#touched.size > 0) this.#touched = new Set();
  }

  #ensure(id: ClientId, writes: Writes): ClientSlot {
    const slot = this.slots.get(id);
    if (slot.number === 0) {
      slot.number = this.#counters.takeNumber();
      for (const space of [Space.subscription, Space.inbound] as const)
        writes.put(fenceKey(space, slot.number), EMPTY_VALUE);
      this.#touched.add(slot);
    }
    return slot;
  }
}

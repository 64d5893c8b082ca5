// What a change needs to know of the store before it can be applied. Each change says so once, in `change-rules.ts`;
// the batch writer then asks three times, because each look-up depends on the one before: the slots of queues, clients
// and topics; entries; reference counts.
import type { ClientId, Message, QueueId, Seq, TopicName } from 'hexmq/ports';
import type { Bodies } from './bodies.js';
import type { Clients } from './clients.js';
import { bodyOf, knownThrough } from './queue-slot.js';
import type { EntryInfo } from './queue-slot.js';
import { DROPPED_AT_ONCE_MAX } from './queues.js';
import type { Queues } from './queues.js';
import type { RetainedTable } from './retained-table.js';

export interface Needs {
  client(id: ClientId): void;
  /** The topic's retained message, which is going to be replaced or dropped. */
  retained(topic: TopicName): void;
  /** The message is going to have one reference more. */
  reference(message: Message): void;
  /** Whether an entry is there. */
  entry(queue: QueueId, seq: Seq): void;
  /** Whether an entry is there, which is then replaced or removed. */
  entryToDelete(queue: QueueId, seq: Seq): void;
  entriesToTrim(queue: QueueId, through: Seq): void;
  queueToDrop(queue: QueueId): void;
}

/** One of the three times. */
export interface Pass extends Needs {
  fetch(): Promise<void>;
}

export class SlotPass implements Pass {
  constructor(
    readonly queues: Queues,
    readonly clients: Clients,
    readonly retainedTable: RetainedTable,
    readonly bodies: Bodies,
  ) {}

  client(id: ClientId): void {
    this.clients.slots.need(id);
  }

  retained(topic: TopicName): void {
    this.retainedTable.slots.need(topic);
  }

  reference(message: Message): void {
    this.bodies.expectReference(message);
  }

  entry(queue: QueueId): void {
    this.queues.slots.need(queue);
  }

  entryToDelete(queue: QueueId): void {
    this.queues.slots.need(queue);
  }

  entriesToTrim(queue: QueueId): void {
    this.queues.slots.need(queue);
  }

  queueToDrop(queue: QueueId): void {
    this.queues.slots.need(queue);
  }

  async fetch(): Promise<void> {
    await this.queues.slots.fetchMissing();
    await this.clients.slots.fetchMissing();
    await this.retainedTable.slots.fetchMissing();
  }
}

/** The counts of the bodies that may lose a reference. */
export class BodyPass implements Pass {
  #numbers = new Set<number>();

  constructor(
    readonly queues: Queues,
    readonly retainedTable: RetainedTable,
    readonly bodies: Bodies,
  ) {}

  client(): void {}

  reference(): void {}

  entry(): void {}

  retained(topic: TopicName): void {
    const { body } = this.retainedTable.slots.get(topic);
    if (body > 0) this.#numbers.add(body);
  }

  entryToDelete(queue: QueueId, seq: Seq): void {
    this.#want(this.queues.slots.get(queue).known.get(seq));
  }

  entriesToTrim(queue: QueueId, through: Seq): void {
    const slot = this.queues.slots.get(queue);
    for (const seq of knownThrough(slot, through)) this.#want(slot.known.get(seq));
  }

  queueToDrop(queue: QueueId): void {
    const { known } = this.queues.slots.get(queue);
    if (known.size <= DROPPED_AT_ONCE_MAX) for (const entry of known.values()) this.#want(entry);
  }

  async fetch(): Promise<void> {
    if (this.#numbers.size === 0) return;
    const numbers = this.#numbers;
    this.#numbers = new Set();
    await this.bodies.fetch(numbers);
  }

  #want(entry: EntryInfo | undefined): void {
    if (entry !== undefined && bodyOf(entry) > 0) this.#numbers.add(bodyOf(entry));
  }
}

// Writes facts into a store as the changes that a broker would have recorded, in batches. One batch is under way while
// the next is collected. Facts that refer to the same message stay in one batch, because a store keeps a payload once
// for each batch.
import type { Change } from '../../domain/changes.js';
import type { Message } from '../../domain/messages/message.js';
import type { Clock } from '../../ports/clock.js';
import { StorageError } from '../../ports/storage.js';
import type { Storage } from '../../ports/storage.js';
import { pauseAfter } from '../retry.js';
import { messageOf } from './stored-fact.js';
import type { StoredFact } from './stored-fact.js';

const BATCH_CHANGES_MAX = 4096;
const BATCH_BYTES_MAX = 8 * 1024 * 1024;
/** For a batch whose facts all refer to one message, so that no export can make it arbitrarily long. */
const ONE_MESSAGE_CHANGES_MAX = 2 * BATCH_CHANGES_MAX;
/** About half a minute. Then the command gives up, and can be run again. */
const ATTEMPTS_MAX = 12;

export class FactWriter {
  readonly #batchChangesMax: number;
  #batch: Change[] = [];
  #bytes = 0;
  #lastMessage: Message | undefined;
  #underWay: Promise<void> = Promise.resolve();

  constructor(
    readonly storage: Storage,
    readonly clock: Clock,
  ) {
    this.#batchChangesMax = Math.min(BATCH_CHANGES_MAX, storage.traits.preferredBatchChanges);
  }

  async write(fact: StoredFact): Promise<void> {
    const message = messageOf(fact);
    const isSameMessage = message !== undefined && message === this.#lastMessage;
    if (this.#isFull() && (!isSameMessage || this.#batch.length >= ONE_MESSAGE_CHANGES_MAX)) await this.#send();
    this.#collect(fact);
    if (fact.kind === 'will') this.#bytes += fact.will.message.payload.byteLength;
    if (message !== undefined && message !== this.#lastMessage) this.#bytes += message.payload.byteLength;
    this.#lastMessage = message;
  }

  async change(change: Change): Promise<void> {
    if (this.#isFull()) await this.#send();
    this.#batch.push(change);
  }

  /** Resolves when all that was written is durable. */
  async flush(): Promise<void> {
    if (this.#batch.length > 0) await this.#send();
    await this.#underWay;
  }

  #isFull(): boolean {
    return this.#batch.length >= this.#batchChangesMax || this.#bytes >= BATCH_BYTES_MAX;
  }

  #collect(fact: StoredFact): void {
    switch (fact.kind) {
      case 'session':
        this.#batch.push({ kind: 'session.put', session: fact.session });
        return;
      case 'subscription':
        this.#batch.push({ kind: 'subscription.put', subscription: fact.subscription });
        return;
      case 'inbound':
        this.#batch.push({ kind: 'inbound.put', clientId: fact.clientId, packetId: fact.packetId });
        return;
      case 'will':
        this.#batch.push({ kind: 'will.put', will: fact.will });
        return;
      case 'entry': {
        const { queue, entry } = fact;
        const { seq, message, qos, retain, identifiers, released } = entry;
        this.#batch.push({ kind: 'queue.append', queue, seq, message, qos, retain, identifiers });
        if (released) this.#batch.push({ kind: 'queue.release', queue, seq });
        return;
      }
      case 'retained':
        this.#batch.push({ kind: 'retained.put', message: fact.message });
        return;
      case 'last-message-id':
        // A bound and not a fact: the mark of the unfinished store carries it.
        return;
    }
  }

  async #send(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    this.#bytes = 0;
    this.#lastMessage = undefined;
    await this.#underWay;
    this.#underWay = this.#commit(batch);
    // The next write or flush awaits it, and fails then.
    this.#underWay.catch(() => undefined);
  }

  async #commit(batch: readonly Change[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.storage.commit(batch, 'flushed');
        return;
      } catch (error) {
        if (!(error instanceof StorageError) || error.kind !== 'unavailable' || attempt >= ATTEMPTS_MAX) throw error;
        await pauseAfter(attempt, this.clock);
      }
    }
  }
}

// Storage in Redis: who may call what.
import { StorageError } from 'hexmq/ports';
import type {
  Change,
  Message,
  PageLimit,
  QueueId,
  RestoredFact,
  Seq,
  Storage,
  StorageTraits,
  StoredEntry,
  TopicName,
} from 'hexmq/ports';
import { prepare } from './changes.js';
import { Reads } from './reads.js';
import { FORMAT, Server, otherFormat } from './server.js';
import type { Place } from './server.js';

export class RedisStorage implements Storage {
  readonly traits: StorageTraits = { durable: true, fencing: true, preferredBatchChanges: 1000 };
  readonly #place: Place;
  #server: Server;
  #reads: Reads;
  #lastMessageId = -1;
  /** How many batches were in the store when it was opened for reading only. */
  #version: string | undefined;
  /** Why every call is refused; `undefined` while the store is open. */
  #refusal: StorageError | undefined;

  constructor(place: Place) {
    this.#place = place;
    this.#server = new Server(place);
    this.#reads = new Reads(this.#server);
    this.#refusal = this.#notOpen('open it first');
  }

  async open(): Promise<void> {
    this.#renew();
    await this.#server.take();
    this.#lastMessageId = Number(String((await this.#field('last')) ?? '-1'));
    this.#version = undefined;
    this.#refusal = undefined;
  }

  async openReadOnly(): Promise<boolean> {
    this.#renew();
    const format = await this.#field('format');
    if (format === null) return false;
    if (String(format) !== FORMAT) throw otherFormat(String(format), this.#place.name);
    this.#version = String(await this.#field('version'));
    this.#refusal = undefined;
    return true;
  }

  async *load(): AsyncGenerator<RestoredFact> {
    this.#requireOpen();
    for await (const fact of this.#reads.facts()) {
      this.#requireOpen();
      yield fact;
    }
    await this.#requireSame();
  }

  async commit(batch: readonly Change[]): Promise<void> {
    this.#requireOpen();
    if (this.#version !== undefined)
      throw new StorageError('fenced', `${this.#place.name} was opened for reading only: nothing can be stored in it`);
    const { changes, values, lastMessageId } = await prepare(batch, this.#lastMessageId);
    // It may have been closed meanwhile.
    this.#requireOpen();
    try {
      await this.#server.commit(changes, lastMessageId, values);
      if (lastMessageId !== '') this.#lastMessageId = Number(lastMessageId);
    } catch (error) {
      if (error instanceof StorageError && error.kind === 'fenced') this.#refusal ??= error;
      throw error;
    }
  }

  async readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
    this.#requireOpen();
    const page = await this.#reads.page(queue, from, limit);
    await this.#requireSame();
    return page;
  }

  async readRetained(topics: readonly TopicName[]): Promise<readonly Message[]> {
    this.#requireOpen();
    const messages = await this.#reads.retained(topics);
    await this.#requireSame();
    return messages;
  }

  close(): Promise<void> {
    this.#refusal = this.#notOpen('it was closed');
    this.#server.close();
    return Promise.resolve();
  }

  #renew(): void {
    this.#server.close();
    this.#server = new Server(this.#place);
    this.#reads = new Reads(this.#server);
  }

  #field(name: string) {
    return this.#server.call('HGET', `${this.#place.prefix}store`, name);
  }

  /** What was read is of the moment of the opening if nothing was stored since. */
  async #requireSame(): Promise<void> {
    if (this.#version === undefined || String(await this.#field('version')) === this.#version) return;
    throw new StorageError(
      'unavailable',
      `${this.#place.name} was changed while it was read: another hexmq uses it, stop that one and try again`,
    );
  }

  #requireOpen(): void {
    if (this.#refusal !== undefined) throw this.#refusal;
  }

  #notOpen(why: string): StorageError {
    return new StorageError('fenced', `${this.#place.name} is not open: ${why}`);
  }
}

// Group commit. Changes are collected into the open batch; when the turn ends and no commit is under way, the open batch is committed and a new
// one opens. While a commit is under way the next batch collects: a slow disk makes larger batches by itself, without a timer. A batch's number
// is the ticket that gated effects wait for; batches become durable in the order of their numbers. A batch that is larger than storage likes goes in
// parts, cut where a step of the core ends: what a step records is durable all together or not at all.
//
// Facts that annul each other while their batch is still open never reach storage: a message that is acknowledged before its append was sent, all but
// the last trim of a queue, and all but the last word on a session or a will. So who comes and goes while storage fails does not fill memory.
import type { Change, Changes, QueueAppend } from '../domain/changes.js';
import type { Message } from '../domain/delivery/message.js';
import type { ClientId, QueueId } from '../domain/identifiers.js';
import { StorageError } from '../ports/storage.js';
import type { Durability, Storage } from '../ports/storage.js';
import type { Clock } from '../ports/clock.js';
import { pauseAfter } from './retry.js';

/** What one change counts for in memory besides its payload and its names. */
const CHANGE_BYTES = 256;

/** Above the first, everyone who sends is told to wait; below the second they go on. */
const PRESSURE_HIGH_BYTES = 64 * 1024 * 1024;
const PRESSURE_LOW_BYTES = 16 * 1024 * 1024;

/** Annulled changes that are not worth tidying up. */
const COMPACT_MIN = 1024;

export interface CommitterObserver {
  /** All batches up to and including this one are durable. */
  durable(batch: number): void;
  /** More changes wait than storage takes, or no longer. */
  pressure(high: boolean): void;
  failing(error: StorageError, attempt: number): void;
  recovered(attempts: number): void;
  /** The store is not ours any more, or broken: nothing more can be promised. */
  fatal(error: Error): void;
}

export class Committer implements Changes {
  #open: (Change | undefined)[] = [];
  /** How many of the open batch are annulled. */
  #annulled = 0;
  #openBytes = 0;
  /** The chunk that was counted last for the open batch. */
  #lastChunk: ArrayBufferLike | undefined;
  /** Whether anything was recorded for the open batch, even if it was annulled since: someone may wait for it. */
  #isPromised = false;
  #openBatch = 1;
  #durableBatch = 0;
  /** Whose sessions the open batch ends, and the one before it. */
  #openDrops = new Set<ClientId>();
  #committingDrops = new Set<ClientId>();
  #committing = false;
  #committingBytes = 0;
  #committingChanges = 0;
  #isHigh = false;
  #stopped = false;
  /** Places in the open batch where a step ended and a part may. */
  #cuts: number[] = [];
  /** The place from which the last part counts. */
  #cutAt = 0;
  readonly #preferredBatchChanges: number;
  /** Where in the open batch the last trim of a queue is. */
  readonly #trims = new Map<QueueId, number>();
  /** Where in the open batch the last word on a session or a will is. */
  readonly #words = new Map<string, number>();
  #idle: (() => void)[] = [];
  /** Whether anything was recorded since the step began. */
  stepChanged = false;

  constructor(
    readonly storage: Storage,
    readonly clock: Clock,
    readonly observer: CommitterObserver,
    readonly durability: Durability = 'flushed',
  ) {
    this.#preferredBatchChanges = storage.traits.preferredBatchChanges;
  }

  /** Changes that are not durable. */
  get waitingChanges(): number {
    return this.#open.length - this.#annulled + this.#committingChanges;
  }

  /** The number of the batch that a change recorded now goes into. */
  get openBatch(): number {
    return this.#openBatch;
  }

  get durableBatch(): number {
    return this.#durableBatch;
  }

  /** The latest batch that anything was recorded for and that is not durable; 0: everything recorded is durable. */
  get pendingBatch(): number {
    if (this.#isPromised) return this.#openBatch;
    return this.#committing ? this.#openBatch - 1 : 0;
  }

  /** The batch that ends the client's session and is not durable; 0: none. */
  pendingSessionDrop(clientId: ClientId | undefined): number {
    if (clientId === undefined) return 0;
    if (this.#openDrops.has(clientId)) return this.#openBatch;
    return this.#committingDrops.has(clientId) ? this.#openBatch - 1 : 0;
  }

  /** A step of the core begins: what it records belongs together. */
  beginStep(): void {
    this.stepChanged = false;
    if (this.#open.length - this.#cutAt < this.#preferredBatchChanges) return;
    this.#cutAt = this.#open.length;
    this.#cuts.push(this.#cutAt);
  }

  record(change: Change): number {
    this.stepChanged = true;
    this.#isPromised = true;
    switch (change.kind) {
      case 'queue.append':
        change.batch = this.#openBatch;
        change.place = this.#open.length;
        break;
      case 'queue.remove':
        if (this.#annul(change.append)) return this.#openBatch;
        break;
      case 'queue.trim': {
        if (this.#annul(change.append)) return this.#openBatch;
        const before = this.#trims.get(change.queue);
        if (before !== undefined) {
          this.#open[before] = undefined;
          this.#annulled++;
          this.#openBytes -= bytesOf(change);
        }
        this.#trims.set(change.queue, this.#open.length);
        break;
      }
      case 'session.drop':
        this.#openDrops.add(change.clientId);
        this.#words.delete(sessionWord(change.clientId));
        this.#trims.clear();
        break;
      case 'queue.drop':
        this.#trims.clear();
        break;
      case 'session.put':
      case 'will.put':
      case 'will.drop':
        if (this.#replace(change)) return this.#openBatch;
        break;
      case 'retained.put':
      case 'subscription.put':
      case 'subscription.drop':
      case 'queue.release':
      case 'inbound.put':
      case 'inbound.drop':
      case 'retained.drop':
        break;
    }
    this.#openBytes += bytesOf(change);
    if (change.kind === 'queue.append' || change.kind === 'retained.put')
      this.#openBytes += this.#chunkBytes(change.message);
    this.#open.push(change);
    return this.#openBatch;
  }

  /** What a message holds in memory beyond its own bytes: the chunk that its payload came in, once, however many payloads came in it. */
  #chunkBytes({ payload }: Message): number {
    if (payload.byteLength === payload.buffer.byteLength) return 0;
    if (payload.buffer === this.#lastChunk) return -payload.byteLength;
    this.#lastChunk = payload.buffer;
    return payload.buffer.byteLength - payload.byteLength;
  }

  /** Forgets an append that is still in the open batch; its payload is its own, since a reader had it. Whether it was. */
  #annul(append: QueueAppend | undefined): boolean {
    if (append === undefined || append.batch !== this.#openBatch) return false;
    if (this.#open[append.place] !== append) return false;
    this.#open[append.place] = undefined;
    this.#annulled++;
    if (this.#annulled >= COMPACT_MIN && this.#annulled * 2 > this.#open.length) this.#compact();
    this.#openBytes -= bytesOf(append);
    return true;
  }

  /** Puts the change in the place of what the open batch had about the same session or will. Whether it had anything. */
  #replace(change: Word): boolean {
    const word = wordOf(change);
    const before = this.#words.get(word);
    if (before === undefined) {
      this.#words.set(word, this.#open.length);
      return false;
    }
    this.#openBytes += bytesOf(change) - bytesOf(this.#open[before] as Word);
    this.#open[before] = change;
    return true;
  }

  /** While storage does not answer, what was annulled must not pile up. */
  #compact(): void {
    const parts = this.#parts();
    this.#open = parts.flat();
    let end = 0;
    this.#cuts = parts.slice(0, -1).map((part) => (end += part.length));
    this.#cutAt = end;
    this.#annulled = 0;
    for (const [place, change] of this.#open.entries()) {
      if (change?.kind === 'queue.append') change.place = place;
      else if (change?.kind === 'queue.trim' && this.#trims.has(change.queue)) this.#trims.set(change.queue, place);
      else if (change !== undefined && isWord(change) && this.#words.has(wordOf(change)))
        this.#words.set(wordOf(change), place);
    }
  }

  /** The open batch without what was annulled, in the parts in which it goes to storage. */
  #parts(): Change[][] {
    const present = (part: readonly (Change | undefined)[]): Change[] => part.filter((change) => change !== undefined);
    const ends = [...this.#cuts, this.#open.length];
    return ends.map((end, i) => present(this.#open.slice(ends[i - 1] ?? 0, end)));
  }

  /** The turn has ended: commit what there is, unless a commit is under way. */
  endOfTurn(): void {
    if (!this.#isHigh && this.#openBytes + this.#committingBytes > PRESSURE_HIGH_BYTES) {
      this.#isHigh = true;
      this.observer.pressure(true);
    }
    if (this.#committing || !this.#isPromised || this.#stopped) return;
    const batch = this.#openBatch;
    const isWhole = this.#annulled === 0 && this.#cuts.length === 0;
    const parts = (isWhole ? [this.#open as Change[]] : this.#parts()).filter((part) => part.length > 0);
    this.#committingBytes = this.#openBytes;
    this.#committingChanges = this.#open.length - this.#annulled;
    this.#open = [];
    this.#openBytes = 0;
    this.#lastChunk = undefined;
    this.#annulled = 0;
    this.#cuts = [];
    this.#cutAt = 0;
    this.#isPromised = false;
    this.#openBatch++;
    this.#trims.clear();
    this.#words.clear();
    this.#committingDrops = this.#openDrops;
    this.#openDrops = new Set();
    if (parts.length === 0) {
      this.#settled(batch);
      return;
    }
    this.#committing = true;
    void this.#commit(parts, batch);
  }

  /** Resolves when all that was recorded is durable, or nothing more can be. */
  async flush(): Promise<void> {
    this.endOfTurn();
    if (this.pendingBatch === 0 || this.#stopped) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
    return this.flush();
  }

  /** Gives up: nothing more is committed. */
  stop(): void {
    this.#stopped = true;
    this.#wakeIdle();
  }

  async #commit(parts: readonly (readonly Change[])[], batch: number): Promise<void> {
    try {
      // In order: what a gate waits for is the whole.
      for (const part of parts) {
        await this.#commitWithRetry(part);
        if (this.#stopped) return;
      }
    } catch (error) {
      this.stop();
      this.observer.fatal(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    this.#committing = false;
    this.#settled(batch);
    this.endOfTurn();
  }

  #settled(batch: number): void {
    this.#durableBatch = batch;
    this.#committingBytes = 0;
    this.#committingChanges = 0;
    this.#committingDrops.clear();
    this.observer.durable(batch);
    if (this.#isHigh && this.#openBytes < PRESSURE_LOW_BYTES) {
      this.#isHigh = false;
      this.observer.pressure(false);
    }
    this.#wakeIdle();
  }

  #wakeIdle(): void {
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }

  /** The same batch until storage takes it. Whether it had been applied does not matter: facts are idempotent. */
  async #commitWithRetry(changes: readonly Change[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.storage.commit(changes, this.durability);
        if (attempt > 1) this.observer.recovered(attempt);
        return;
      } catch (error) {
        if (!(error instanceof StorageError) || error.kind === 'fenced' || error.kind === 'corrupt') throw error;
        this.observer.failing(error, attempt);
        await pauseAfter(attempt, this.clock);
        if (this.#stopped) return;
      }
    }
  }
}

/** The last of these about a client is all that counts. */
type Word = Extract<Change, { readonly kind: 'session.put' | 'will.put' | 'will.drop' }>;

const isWord = (change: Change): change is Word =>
  change.kind === 'session.put' || change.kind === 'will.put' || change.kind === 'will.drop';

const sessionWord = (clientId: ClientId): string => `s${clientId}`;

function wordOf(change: Word): string {
  switch (change.kind) {
    case 'session.put':
      return sessionWord(change.session.clientId);
    case 'will.put':
      return `w${change.will.clientId}`;
    case 'will.drop':
      return `w${change.clientId}`;
  }
}

/** What it keeps in memory: payloads and names may be large, and clients choose them. */
function bytesOf(change: Change): number {
  switch (change.kind) {
    case 'queue.append':
    case 'retained.put':
      return CHANGE_BYTES + messageBytes(change.message);
    case 'will.put':
      return CHANGE_BYTES + messageBytes(change.will.message);
    case 'session.put':
      return CHANGE_BYTES + change.session.clientId.length;
    case 'subscription.put':
      return CHANGE_BYTES + change.subscription.topicFilter.length;
    case 'subscription.drop':
      return CHANGE_BYTES + change.topicFilter.length;
    case 'retained.drop':
      return CHANGE_BYTES + change.topic.length;
    case 'session.drop':
    case 'queue.release':
    case 'queue.remove':
    case 'queue.trim':
    case 'queue.drop':
    case 'inbound.put':
    case 'inbound.drop':
    case 'will.drop':
      return CHANGE_BYTES;
  }
}

const messageBytes = ({ payload, topic }: Message): number => payload.byteLength + topic.length;

// The changes that the next commit will carry. Facts that cancel each other while the batch is open never reach
// storage: a message that is acknowledged before its append was sent, all but the last trim of a queue, and all but the
// latest fact about a session or a will. So clients that come and go while storage fails do not fill memory.
import type { Append, Change, QueueAppend, QueueRemoval, SessionDrop } from '../domain/changes.js';
import { contentBytes } from '../domain/messages/content-bytes.js';
import type { Message } from '../domain/messages/message.js';
import type { Ticket } from '../domain/durability.js';
import type { ClientId, QueueId } from '../domain/identifiers.js';

/** What one change counts for in memory besides its payload and its names. */
const CHANGE_BYTES = 256;

/** Fewer cancelled changes than this are not worth compacting. */
const COMPACT_MIN = 1024;

class OpenAppend implements Append {
  constructor(
    readonly ticket: Ticket,
    /** Index in the batch, or -1 once it is cancelled. */
    public index: number,
  ) {}
}

/** Only the latest of these counts for each client. */
type LatestOnly = Extract<Change, { readonly kind: 'session.put' | 'will.put' | 'will.drop' }>;

export class OpenBatch {
  /** Whether it must be flushed, whatever the level of acknowledgement. */
  isSecured = false;
  #changes: (Change | undefined)[] = [];
  #cancelled = 0;
  #bytes = 0;
  /** The chunk that was counted last. */
  #lastChunk: ArrayBufferLike | undefined;
  #hasWaiters = false;
  readonly #appends: OpenAppend[] = [];
  /** Indexes at which a step ended and a part may. */
  #partEnds: number[] = [];
  #partStart = 0;
  /** Index of the last trim of each queue. */
  #trims: Map<QueueId, number> | undefined;
  /** Index of the latest fact about each session and will. */
  #latest: Map<string, number> | undefined;
  #endedSessions: Set<ClientId> | undefined;

  constructor(
    /** What effects that promise a change of this batch wait for. */
    readonly ticket: Ticket,
    readonly preferredPartChanges: number,
  ) {}

  /** Changes that would go to storage. */
  get size(): number {
    return this.#changes.length - this.#cancelled;
  }

  /** An estimate of the memory that the batch holds. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether anything was recorded, even if it was cancelled since: an effect may wait for the ticket. */
  get hasWaiters(): boolean {
    return this.#hasWaiters;
  }

  endsSessionOf(clientId: ClientId): boolean {
    return this.#endedSessions?.has(clientId) ?? false;
  }

  /** A step of the core begins: what it records goes to storage in one part. */
  beginStep(): void {
    if (this.#changes.length - this.#partStart < this.preferredPartChanges) return;
    this.#partStart = this.#changes.length;
    this.#partEnds.push(this.#partStart);
  }

  append(fact: QueueAppend): Append {
    this.#hasWaiters = true;
    const append = new OpenAppend(this.ticket, this.#changes.length);
    this.#appends.push(append);
    this.#push(fact);
    this.#bytes += this.#chunkBytes(fact.message);
    return append;
  }

  remove(change: QueueRemoval, append: Append | undefined): void {
    this.#hasWaiters = true;
    if (append !== undefined && this.#cancel(append)) return;
    if (change.kind === 'queue.trim') {
      const trims = (this.#trims ??= new Map<QueueId, number>());
      const before = trims.get(change.queue);
      if (before !== undefined) this.#drop(before);
      trims.set(change.queue, this.#changes.length);
    }
    this.#push(change);
  }

  /**
   * See `Changes.retract`. Clients that try to connect while storage fails leave one change each, however often they
   * try.
   */
  retract(change: SessionDrop): void {
    this.#hasWaiters = true;
    const key = sessionKey(change.clientId);
    const index = this.#latest?.get(key);
    if (index !== undefined) {
      this.#latest?.delete(key);
      this.#drop(index);
    }
    if (!this.endsSessionOf(change.clientId)) this.record(change);
  }

  record(change: Change): void {
    this.#hasWaiters = true;
    switch (change.kind) {
      case 'session.drop':
        (this.#endedSessions ??= new Set<ClientId>()).add(change.clientId);
        this.#latest?.delete(sessionKey(change.clientId));
        this.#trims?.clear();
        break;
      case 'queue.drop':
        this.#trims?.clear();
        break;
      case 'session.put':
      case 'will.put':
      case 'will.drop':
        if (this.#replace(change)) return;
        break;
      case 'retained.put':
        this.#bytes += this.#chunkBytes(change.message);
        break;
      case 'queue.append':
      case 'queue.remove':
      case 'queue.trim':
      case 'subscription.put':
      case 'subscription.drop':
      case 'queue.release':
      case 'inbound.put':
      case 'inbound.drop':
      case 'retained.drop':
        break;
    }
    this.#push(change);
  }

  /** The changes in the parts in which they go to storage: none is empty, and none ends within a step. */
  parts(): readonly (readonly Change[])[] {
    const isWhole = this.#cancelled === 0 && this.#partEnds.length === 0;
    const parts = isWhole ? [this.#changes as Change[]] : this.#presentParts();
    return parts.filter((part) => part.length > 0);
  }

  #presentParts(): Change[][] {
    const ends = [...this.#partEnds, this.#changes.length];
    return ends.map((end, i) => this.#changes.slice(ends[i - 1] ?? 0, end).filter((change) => change !== undefined));
  }

  #push(change: Change): void {
    this.#bytes += bytesOf(change);
    this.#changes.push(change);
  }

  /**
   * What a message holds in memory beyond its own bytes: the chunk that its payload came in, once, however many
   * payloads came in it.
   */
  #chunkBytes({ payload }: Message): number {
    if (payload.byteLength === payload.buffer.byteLength) return 0;
    if (payload.buffer === this.#lastChunk) return -payload.byteLength;
    this.#lastChunk = payload.buffer;
    return payload.buffer.byteLength - payload.byteLength;
  }

  /**
   * Drops an append that is still in this batch; its payload is its own, since a reader had it. @returns whether it
   * was.
   */
  #cancel(append: Append): boolean {
    if (append.ticket !== this.ticket || !(append instanceof OpenAppend) || append.index < 0) return false;
    const { index } = append;
    append.index = -1;
    this.#drop(index);
    return true;
  }

  #drop(index: number): void {
    const change = this.#changes[index];
    if (change === undefined) return;
    this.#changes[index] = undefined;
    this.#cancelled++;
    this.#bytes -= bytesOf(change);
    if (this.#cancelled >= COMPACT_MIN && this.#cancelled * 2 > this.#changes.length) this.#compact();
  }

  /** Replaces an earlier change about the same session or will. @returns whether there was one. */
  #replace(change: LatestOnly): boolean {
    const latest = (this.#latest ??= new Map<string, number>());
    const key = latestKey(change);
    const before = latest.get(key);
    if (before === undefined) {
      latest.set(key, this.#changes.length);
      return false;
    }
    this.#bytes += bytesOf(change) - bytesOf(this.#changes[before] as LatestOnly);
    this.#changes[before] = change;
    return true;
  }

  /** While storage does not answer, cancelled changes must not pile up. */
  #compact(): void {
    const parts = this.#presentParts();
    this.#changes = parts.flat();
    let end = 0;
    this.#partEnds = parts.slice(0, -1).map((part) => (end += part.length));
    this.#partStart = end;
    this.#cancelled = 0;
    const kept = this.#appends.filter(({ index }) => index >= 0);
    this.#appends.length = 0;
    for (const [index, change] of this.#changes.entries()) {
      if (change === undefined) continue;
      if (change.kind === 'queue.append') {
        const append = kept[this.#appends.length] as OpenAppend;
        append.index = index;
        this.#appends.push(append);
      } else if (change.kind === 'queue.trim') {
        if (this.#trims?.has(change.queue) === true) this.#trims.set(change.queue, index);
      } else if (isLatestOnly(change) && this.#latest?.has(latestKey(change)) === true) {
        this.#latest.set(latestKey(change), index);
      }
    }
  }
}

const isLatestOnly = (change: Change): change is LatestOnly =>
  change.kind === 'session.put' || change.kind === 'will.put' || change.kind === 'will.drop';

const sessionKey = (clientId: ClientId): string => `s${clientId}`;

function latestKey(change: LatestOnly): string {
  switch (change.kind) {
    case 'session.put':
      return sessionKey(change.session.clientId);
    case 'will.put':
      return `w${change.will.clientId}`;
    case 'will.drop':
      return `w${change.clientId}`;
  }
}

/** What a change keeps in memory: payloads and names may be large, and clients choose them. */
function bytesOf(change: Change): number {
  switch (change.kind) {
    case 'queue.append':
    case 'retained.put':
      return CHANGE_BYTES + contentBytes(change.message);
    case 'will.put':
      return CHANGE_BYTES + contentBytes(change.will.message);
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

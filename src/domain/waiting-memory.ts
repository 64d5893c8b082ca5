// The memory that is held for clients which do not take what is sent to them: queues that are not stored, buffers of
// those that are, messages in flight, and output that a peer does not read. One limit bounds the sum; another sum, with
// a limit of its own, is that of stored queues, where the store is in memory. When a limit is reached, the client or
// group that holds most pays first: its waiting messages are dropped, and if it has none, its connection is ended, or
// its session. So a client that keeps up loses nothing while another holds more. Under `refuse` no message is dropped:
// new ones are refused, and the client that holds most is disconnected if that is not enough. Sums are plain additions;
// only a share of 4 KiB or more that has grown or shrunk by a fifth moves to another rank. Smaller ones are one rank,
// which pays when no share is larger: very many clients fill the memory with 4 KiB each.
import type { ConnectionId } from './identifiers.js';
import type { QueueId } from './identifiers.js';
import type { Settings } from './settings.js';
import type { Task, WorkQueue } from './work-queue.js';

/**
 * A client or a shared group.
 * @typeParam Ended what is ended if nothing else frees memory.
 */
export interface MemoryHolder<Ended> {
  readonly holder: Ended | undefined;
  /** Frees a waiting message, or a buffer of what is in storage as well. @returns false if there is neither. */
  freeMemory(): boolean;
  /** Frees a buffer of what is in storage as well. @returns false if there is none. */
  freeBuffer(): boolean;
}

/** By this factor a small share holds more than another. */
const MORE = 5 / 4;
/** Before a connection is ended, so many others are looked at that may hold what is in storage as well. */
const BUFFERS_EXAMINED = 64;
/** What a client with a message or two holds has no rank: less than the session itself takes. */
const UNRANKED_BYTES = 256;
/** Smaller shares are all of one rank. A share keeps that rank until it grows: to leave it would cost at each ebb. */
const RANKED_BYTES = 4096;
/** The ranks in which a share doubles. */
const RANKS_PER_DOUBLING = 4;
const UNRANKED = -1;
const SMALL = 0;
/** Of so many small shares, in turn, the one that holds most pays. */
const SMALL_EXAMINED = 16;
/** So many times something is freed in one step for a limit that has become smaller. */
const FREED_PER_STEP = 256;
/** Under `refuse`, the rest of the memory is for what cannot be refused: what is sent at once, and unread output. */
const ADMITTED_SHARE = 7 / 8;

function rankOf(bytes: number): number {
  if (bytes < UNRANKED_BYTES) return UNRANKED;
  return bytes < RANKED_BYTES ? SMALL : 1 + Math.floor(RANKS_PER_DOUBLING * Math.log2(bytes / RANKED_BYTES));
}

const bytesAtRank = (rank: number): number =>
  rank === SMALL ? UNRANKED_BYTES : RANKED_BYTES * 2 ** ((rank - 1) / RANKS_PER_DOUBLING);

/** Clearly more, so that two shares do not take turns to pay for each other. */
const holdsMore = <Ended>(one: MemoryShare<Ended>, other: MemoryShare<Ended>): boolean =>
  one.rank === SMALL ? one.bytes > MORE * other.bytes : one.rank > other.rank;

/** What one client or group holds. */
export class MemoryShare<Ended = ConnectionId> {
  bytes = 0;
  rank = UNRANKED;
  /** Outside of these bounds it belongs to another rank. */
  #lower = -Infinity;
  #upper = UNRANKED_BYTES;
  #isClosed = false;

  constructor(
    readonly owner: MemoryHolder<Ended>,
    readonly memory: WaitingMemory<Ended>,
  ) {}

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Negative if it holds less from now on. */
  add(bytes: number): void {
    if (this.#isClosed) return;
    this.memory.bytes += bytes;
    this.bytes += bytes;
    if (this.bytes >= this.#upper || this.bytes < this.#lower) this.#move(rankOf(this.bytes));
  }

  /** What it holds is about to be freed, and no longer counts. */
  close(): void {
    this.add(-this.bytes);
    if (this.rank !== UNRANKED) this.#move(UNRANKED);
    this.#isClosed = true;
  }

  /** A small one has become smaller since. */
  leaveRank(): void {
    this.#move(UNRANKED);
  }

  #move(rank: number): void {
    this.memory.ranks.move(this, rank);
    this.#upper = bytesAtRank(rank + 1);
    // A fifth lower, so that a share at a boundary does not move to and fro.
    this.#lower = rank <= SMALL ? -Infinity : RANKED_BYTES * 2 ** ((rank - 2) / RANKS_PER_DOUBLING);
  }
}

/** The shares by size. */
class Ranks<Ended> {
  readonly #shares: Set<MemoryShare<Ended>>[] = [];
  /** Higher ranks are empty. */
  #top = UNRANKED;

  move(share: MemoryShare<Ended>, rank: number): void {
    this.#shares[share.rank]?.delete(share);
    share.rank = rank;
    if (rank === UNRANKED) return;
    for (let i = this.#shares.length; i <= rank; i++) this.#shares.push(new Set<MemoryShare<Ended>>());
    this.#shares[rank]?.add(share);
    this.#top = Math.max(this.#top, rank);
  }

  /** From those that hold most down. */
  *descending(): Generator<MemoryShare<Ended>> {
    for (let rank = this.#top; rank >= 0; rank--) yield* this.#shares[rank] ?? [];
  }

  /** One that holds most, or a fifth less; if all are small, one of those that hold more than others. */
  get largest(): MemoryShare<Ended> | undefined {
    for (; this.#top > SMALL; this.#top--) for (const share of this.#shares[this.#top] ?? []) return share;
    return this.#largeAmongSmall();
  }

  /** Those examined are the last ones of the next rounds. */
  #largeAmongSmall(): MemoryShare<Ended> | undefined {
    const small = this.#shares[SMALL] ?? new Set();
    let largest: MemoryShare<Ended> | undefined;
    let left = Math.min(SMALL_EXAMINED, small.size);
    for (const share of small) {
      if (share.bytes < UNRANKED_BYTES) {
        share.leaveRank();
        continue;
      }
      if (left-- <= 0) break;
      small.delete(share);
      small.add(share);
      if (share.bytes > (largest?.bytes ?? 0)) largest = share;
    }
    return largest;
  }
}

export class WaitingMemory<Ended = ConnectionId> implements Task {
  /** Of all shares. */
  bytes = 0;
  /** What the message that is being looked at would add in queues that have room for it, if it is accepted. */
  planned = 0;
  readonly ranks = new Ranks<Ended>();
  /** To be ended in a step of their own: the present one may be about to deliver to them. */
  #ending: Ended[] = [];
  end: (holder: Ended) => void = () => undefined;
  #configured = 0;
  /** Above the configured one while that is being lowered. */
  #inForce = 0;
  readonly #lowering: Task = { run: () => this.#lower() };

  constructor(
    readonly work: WorkQueue,
    /** The limit of the configuration that is in force. */
    readonly limitNow: () => number,
    /** Whether what has been acknowledged is kept, so that what would displace it is refused. */
    readonly keepsAll: () => boolean = () => false,
    readonly freedPerStep = FREED_PER_STEP,
  ) {}

  /**
   * What may be held. From the next message that waits on, a smaller limit holds: not more than now is held, and what
   * is over it is freed in steps, because it can be very many messages.
   */
  get limit(): number {
    const configured = this.limitNow();
    return configured === this.#configured ? this.#inForce : this.#changed(configured);
  }

  #changed(configured: number): number {
    this.#configured = configured;
    this.#inForce = Math.max(configured, Math.min(this.#inForce, this.bytes));
    if (this.#inForce > configured) this.work.add(this.#lowering);
    return this.#inForce;
  }

  /** One slice of what a smaller limit requires. @returns whether that is done. */
  #lower(): boolean {
    const { limit } = this;
    for (let i = 0; i < this.freedPerStep && this.bytes > this.#configured; i++) {
      const { largest } = this.ranks;
      if (largest === undefined) break;
      this.#reduce(largest);
    }
    // If no share is large enough to be reduced, the rest is left to those that will be.
    const isLower = this.bytes < limit;
    this.#inForce = isLower ? Math.max(this.#configured, this.bytes) : this.#configured;
    return this.#inForce === this.#configured;
  }

  get isFull(): boolean {
    return this.bytes >= this.limit;
  }

  /**
   * Whether there is room for so many bytes more in a share, after clients that hold more have made it.
   * @returns false if the share itself is the one to pay.
   */
  fits(share: MemoryShare<Ended>, bytes: number): boolean {
    while (this.bytes + bytes > this.limit) {
      const { largest } = this.ranks;
      if (largest === undefined || !holdsMore(largest, share)) return false;
      if (!this.keepsAll()) this.#reduce(largest);
      else if (!this.#freeBuffer()) return false;
    }
    return true;
  }

  /**
   * Whether so many bytes of a message that is not accepted yet may wait in memory, with what it adds elsewhere, and
   * without a loss for any client.
   */
  admits(bytes: number): boolean {
    const planned = this.planned + bytes;
    const { limit } = this;
    if (limit > this.#configured) return false;
    while (this.bytes + planned > limit * ADMITTED_SHARE) {
      if (!this.#freeBuffer()) return false;
    }
    this.planned = planned;
    return true;
  }

  /** For what has been added unconditionally. */
  enforce(): void {
    while (this.bytes > this.limit) {
      const { largest } = this.ranks;
      if (largest === undefined) return;
      this.#reduce(largest);
    }
  }

  #reduce(share: MemoryShare<Ended>): void {
    const { owner, bytes } = share;
    if (this.keepsAll() && this.#freeBuffer()) return;
    // Under `refuse` its waiting messages are kept while it stays. A shared group has no connection to end.
    const mayDrop = !this.keepsAll() || owner.holder === undefined;
    if (mayDrop && owner.freeMemory() && share.bytes < bytes) return;
    if (this.#freeBuffer()) return;
    share.close();
    if (owner.holder === undefined) return;
    this.#ending.push(owner.holder);
    this.work.add(this);
  }

  /** Nothing is lost by it, and no client is disconnected. */
  #freeBuffer(): boolean {
    let examined = 0;
    for (const share of this.ranks.descending()) {
      if (++examined > BUFFERS_EXAMINED) return false;
      const { bytes } = share;
      if (share.owner.freeBuffer() && share.bytes < bytes) return true;
    }
    return false;
  }

  run(): boolean {
    const holder = this.#ending.shift();
    if (holder !== undefined) this.end(holder);
    return this.#ending.length === 0;
  }
}

/** What is held for all clients, and what stored queues take, by the limits in force. */
export const waitingMemories = (
  work: WorkQueue,
  settings: Settings,
): { readonly memory: WaitingMemory; readonly storedQueues: WaitingMemory<QueueId> } => ({
  memory: new WaitingMemory(
    work,
    () => settings.current.maxWaitingBytes,
    () => settings.current.queueFullPolicy === 'refuse',
  ),
  storedQueues: new WaitingMemory<QueueId>(work, () => settings.current.maxStoredQueueBytes ?? Infinity),
});

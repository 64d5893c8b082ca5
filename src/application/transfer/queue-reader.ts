// Reads many queues side by side, always going on with those whose next message is the oldest, so that a message in
// many queues is read from all of them in a row. Each queue keeps its own order, whatever the ids are.
//
// Memory is bounded twice. The queues of one window are read side by side, then those of the next: a message is read
// once in each window (and once more where it is behind later ones, in a queue that it was returned to). The payloads
// in memory are bounded in bytes: when large messages exceed the bound, the queue that is furthest ahead drops what was
// read of it, and is read again when its turn has come.
import type { StoredEntry } from '../../domain/inputs.js';
import type { MessageId, QueueId, Seq } from '../../domain/identifiers.js';
import type { PageLimit } from '../../domain/effects.js';
import type { Storage } from '../../ports/storage.js';
import { requirePage } from '../storage-checks.js';
import { MessagePool } from './message-pool.js';
import type { StoredFact } from './stored-fact.js';

export const WINDOW_QUEUES = 1024;
const BYTES_MAX = 32 * 1024 * 1024;
/** Pages that are read at the same time, each of at least one message, of any size. */
const READS_MAX = 16;
const PAGE_ENTRIES_MAX = 1000;
const PAGE_ENTRIES_MIN = 16;
/** In all pages of a window together. */
const ENTRIES_MAX = 32_768;
const EMPTY_PAYLOAD = new Uint8Array(0);

export type EntryFact = Extract<StoredFact, { kind: 'entry' }>;

/** The bounds of a queue, as `load` yields them. */
export interface QueueBounds {
  readonly queue: QueueId;
  readonly first: Seq;
  readonly next: Seq;
}

interface Lane {
  readonly queue: QueueId;
  readonly end: Seq;
  from: Seq;
  /** The id of the next message; `undefined` until the queue is read, and at its end. */
  nextId: MessageId | undefined;
  /** Whether the next entry is released. */
  isReleased: boolean;
  /** The entries read from `from` on, in reverse order. Empty if they were not read yet, or dropped. */
  entries: StoredEntry[];
}

export class QueueReader {
  readonly #pool = new MessagePool();

  constructor(
    readonly storage: Pick<Storage, 'readQueue'>,
    readonly windowQueues = WINDOW_QUEUES,
    readonly bytesMax = BYTES_MAX,
  ) {}

  /** Bytes of the payloads in memory, each counted once. */
  get heldBytes(): number {
    return this.#pool.bytes;
  }

  async *entries(queues: readonly QueueBounds[]): AsyncGenerator<EntryFact> {
    for (let from = 0; from < queues.length; from += this.windowQueues) {
      yield* this.#window(queues.slice(from, from + this.windowQueues));
    }
  }

  async *#window(queues: readonly QueueBounds[]): AsyncGenerator<EntryFact> {
    let lanes = queues.map(({ queue, first, next }): Lane => ({
      queue,
      end: next,
      from: first,
      nextId: undefined,
      isReleased: false,
      entries: [],
    }));
    for (;;) {
      await this.#read(
        lanes.filter(({ nextId }) => nextId === undefined),
        lanes,
      );
      // A queue whose last entries are missing ends here; `fact-reader.ts` counts, and finds that there are too few.
      lanes = lanes.filter(({ nextId }) => nextId !== undefined);
      if (lanes.length === 0) return;
      const oldest = lanes.reduce((min, { nextId = 0 }) => Math.min(min, nextId), Infinity);
      const turn = lanes.filter(({ nextId }) => nextId === oldest);
      // Released entries have no payload any more, so they come after those that share one.
      yield* this.#take(
        [...turn.filter(({ isReleased }) => !isReleased), ...turn.filter(({ isReleased }) => isReleased)],
        lanes,
      );
    }
  }

  /** Yields the next entry of each lane in turn. */
  async *#take(turn: readonly Lane[], lanes: readonly Lane[]): AsyncGenerator<EntryFact> {
    let message = turn[0]?.entries.at(-1)?.message;
    if (message !== undefined) message = this.#pool.acquire(message);
    for (let from = 0; from < turn.length; from += READS_MAX) {
      const part = turn.slice(from, from + READS_MAX);
      await this.#read(
        part.filter(({ entries }) => entries.length === 0),
        lanes,
        part,
      );
      for (const lane of part) {
        const entry = lane.entries.pop();
        if (entry === undefined) continue;
        message ??= this.#pool.acquire(entry.message);
        yield { kind: 'entry', queue: lane.queue, entry };
        this.#pool.release(entry.message);
        lane.from = (entry.seq + 1) as Seq;
        lookAhead(lane);
      }
    }
    if (message !== undefined) this.#pool.release(message);
  }

  /** Reads a page of each wanted lane. @param kept lanes whose entries are not dropped. */
  async #read(wanted: readonly Lane[], lanes: readonly Lane[], kept: readonly Lane[] = []): Promise<void> {
    const limit = this.#pageLimit(lanes.length);
    for (let from = 0; from < wanted.length; from += READS_MAX) {
      const part = wanted.slice(from, from + READS_MAX).filter((lane) => lane.from < lane.end);
      const pages = await Promise.all(
        part.map(async ({ queue, from }) =>
          requirePage(queue, from, limit, await this.storage.readQueue(queue, from, limit)),
        ),
      );
      part.forEach((lane, i) => {
        lane.entries = (pages[i] ?? []).map((entry) => this.#pooled(entry)).reverse();
        lookAhead(lane);
      });
      this.#dropExcess(lanes, new Set([...kept, ...part]));
    }
  }

  #pooled(entry: StoredEntry): StoredEntry {
    return {
      ...entry,
      message: entry.released ? { ...entry.message, payload: EMPTY_PAYLOAD } : this.#pool.acquire(entry.message),
    };
  }

  #dropExcess(lanes: readonly Lane[], except: ReadonlySet<Lane>): void {
    if (this.#pool.bytes <= this.bytesMax) return;
    const others = lanes.filter((lane) => lane.entries.length > 0 && !except.has(lane));
    others.sort((a, b) => (a.nextId ?? 0) - (b.nextId ?? 0));
    for (let lane = others.pop(); lane !== undefined && this.#pool.bytes > this.bytesMax; lane = others.pop()) {
      for (const { message } of lane.entries) this.#pool.release(message);
      lane.entries = [];
    }
  }

  /** Large pages of a few queues, or small pages of many. */
  #pageLimit(lanes: number): PageLimit {
    return {
      maxEntries: Math.min(PAGE_ENTRIES_MAX, Math.max(PAGE_ENTRIES_MIN, Math.floor(ENTRIES_MAX / lanes))),
      maxBytes: Math.max(1, Math.floor(this.bytesMax / 4 / lanes)),
    };
  }
}

function lookAhead(lane: Lane): void {
  const next = lane.entries.at(-1);
  lane.nextId = next?.message.id;
  lane.isReleased = next?.released ?? false;
}

// Reads many queues side by side: the one whose next message was accepted first goes on, so that a message that waits in many queues is met in all of them
// in a row. Each queue keeps its own order whatever the ids are.
//
// Memory is bounded twice. So many queues are read side by side, and when all of them have come to their end, as many others: a message is met once in each
// such window (and once more where it stands behind later ones, in a queue to which it was given back). And so many bytes of payloads are held: when large
// messages make it more, the queue that is furthest ahead forgets what was read of it, all but whose turn it is, and is read again when that has come.
import type { StoredEntry } from '../../domain/inputs.js';
import type { MessageId, QueueId, Seq } from '../../domain/identifiers.js';
import type { PageLimit } from '../../domain/effects.js';
import type { Storage } from '../../ports/storage.js';
import { HeldMessages } from './held-messages.js';
import type { StoredFact } from './stored-fact.js';

export const WINDOW_QUEUES = 1024;
const BYTES_MAX = 32 * 1024 * 1024;
/** Pages that are read at the same time, each of one message at least, whatever its size. */
const READS_MAX = 16;
const PAGE_ENTRIES_MAX = 1000;
const PAGE_ENTRIES_MIN = 16;
/** In all pages together. */
const ENTRIES_MAX = 32_768;
const EMPTY_PAYLOAD = new Uint8Array(0);

export type EntryFact = Extract<StoredFact, { kind: 'entry' }>;

/** Where a queue begins and ends, as `load` says it. */
export interface QueueBounds {
  readonly queue: QueueId;
  readonly first: Seq;
  readonly next: Seq;
}

interface Lane {
  readonly queue: QueueId;
  readonly end: Seq;
  from: Seq;
  /** The message whose turn it is at `from`, as soon as that is known, and whether its entry is released. */
  nextId: MessageId | undefined;
  isReleased: boolean;
  /** What has been read, from `from` on, the last first; none: not read, or forgotten. */
  entries: StoredEntry[];
}

export class QueueReader {
  readonly #held = new HeldMessages();

  constructor(
    readonly storage: Pick<Storage, 'readQueue'>,
    readonly windowQueues = WINDOW_QUEUES,
    readonly bytesMax = BYTES_MAX,
  ) {}

  /** Of payloads, each once. */
  get heldBytes(): number {
    return this.#held.bytes;
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
      // One whose last entries are missing ends here: that there are fewer than were announced is found by who counts them.
      lanes = lanes.filter(({ nextId }) => nextId !== undefined);
      if (lanes.length === 0) return;
      const oldest = lanes.reduce((least, { nextId = 0 }) => Math.min(least, nextId), Infinity);
      const turn = lanes.filter(({ nextId }) => nextId === oldest);
      // Released entries have no payload any more: those that have one come in a row.
      yield* this.#give(
        [...turn.filter(({ isReleased }) => !isReleased), ...turn.filter(({ isReleased }) => isReleased)],
        lanes,
      );
    }
  }

  /** The next entry of each. */
  async *#give(turn: readonly Lane[], lanes: readonly Lane[]): AsyncGenerator<EntryFact> {
    let message = turn[0]?.entries.at(-1)?.message;
    if (message !== undefined) message = this.#held.hold(message);
    for (let from = 0; from < turn.length; from += READS_MAX) {
      const lot = turn.slice(from, from + READS_MAX);
      await this.#read(
        lot.filter(({ entries }) => entries.length === 0),
        lanes,
        lot,
      );
      for (const lane of lot) {
        const entry = lane.entries.pop();
        if (entry === undefined) continue;
        message ??= this.#held.hold(entry.message);
        yield { kind: 'entry', queue: lane.queue, entry };
        this.#held.letGo(entry.message);
        lane.from = (entry.seq + 1) as Seq;
        lookAhead(lane);
      }
    }
    if (message !== undefined) this.#held.letGo(message);
  }

  /** A page of each. @param kept what is read of these, before or now, is not forgotten. */
  async #read(wanted: readonly Lane[], lanes: readonly Lane[], kept: readonly Lane[] = []): Promise<void> {
    const limit = this.#pageLimit(lanes.length);
    for (let from = 0; from < wanted.length; from += READS_MAX) {
      const lot = wanted.slice(from, from + READS_MAX).filter((lane) => lane.from < lane.end);
      const pages = await Promise.all(lot.map((lane) => this.storage.readQueue(lane.queue, lane.from, limit)));
      lot.forEach((lane, i) => {
        lane.entries = (pages[i] ?? []).map((entry) => this.#heldEntry(entry)).reverse();
        lookAhead(lane);
      });
      this.#forgetSome(lanes, new Set([...kept, ...lot]));
    }
  }

  #heldEntry(entry: StoredEntry): StoredEntry {
    return {
      ...entry,
      message: entry.released ? { ...entry.message, payload: EMPTY_PAYLOAD } : this.#held.hold(entry.message),
    };
  }

  #forgetSome(lanes: readonly Lane[], except: ReadonlySet<Lane>): void {
    if (this.#held.bytes <= this.bytesMax) return;
    const others = lanes.filter((lane) => lane.entries.length > 0 && !except.has(lane));
    others.sort((a, b) => (a.nextId ?? 0) - (b.nextId ?? 0));
    for (let lane = others.pop(); lane !== undefined && this.#held.bytes > this.bytesMax; lane = others.pop()) {
      for (const { message } of lane.entries) this.#held.letGo(message);
      lane.entries = [];
    }
  }

  /** A few queues in large pages, or many in small ones. */
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

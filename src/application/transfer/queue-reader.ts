// Reads many queues side by side: the one whose next message was accepted first goes on, so that a message that waits in a thousand queues is met a
// thousand times in a row and not once in each of a thousand long readings. Each queue keeps its own order whatever the ids are.
//
// Memory is bounded: so many queues at once, so many bytes of payloads. When large messages make it more, queues that are furthest ahead are put back, to be
// read again from where they were.
import type { StoredEntry } from '../../domain/events.js';
import type { QueueId, Seq } from '../../domain/identifiers.js';
import type { PageLimit } from '../../domain/effects.js';
import type { Storage } from '../../ports/storage.js';
import type { MessagePool } from './message-pool.js';
import type { StoredFact } from './stored-fact.js';

const LANES_MAX = 1024;
const BYTES_MAX = 32 * 1024 * 1024;
const PAGE_ENTRIES_MAX = 1000;
const PAGE_ENTRIES_MIN = 16;
/** In all pages together. */
const ENTRIES_MAX = 32_768;
const EMPTY_PAYLOAD = new Uint8Array(0);

interface Place {
  readonly queue: QueueId;
  from: Seq;
}

interface Lane extends Place {
  entries: readonly StoredEntry[];
  at: number;
}

export class QueueReader {
  readonly #lanes: Lane[] = [];
  /** What is not being read, the next at the end. */
  readonly #waiting: Place[];
  #bytes = 0;

  constructor(
    readonly storage: Pick<Storage, 'readQueue'>,
    readonly pool: MessagePool,
    queues: readonly QueueId[],
    readonly lanesMax = LANES_MAX,
    readonly bytesMax = BYTES_MAX,
  ) {
    this.#waiting = queues.map((queue) => ({ queue, from: 0 as Seq })).reverse();
  }

  async *entries(): AsyncGenerator<Extract<StoredFact, { kind: 'entry' }>> {
    for (;;) {
      await this.#openLanes();
      this.#putBack();
      if (this.#lanes.length === 0) return;
      yield* this.#takeOldest();
      await this.#refill();
    }
  }

  async #openLanes(): Promise<void> {
    while (this.#waiting.length > 0 && this.#lanes.length < this.lanesMax && (this.#lanes.length === 0 || this.#bytes < this.bytesMax / 2)) {
      const place = this.#waiting.pop() as Place;
      const lane: Lane = { ...place, entries: [], at: 0 };
      await this.#fill(lane);
      if (lane.entries.length > 0) this.#lanes.push(lane);
    }
  }

  #putBack(): void {
    while (this.#bytes > this.bytesMax && this.#lanes.length > 1) {
      let ahead = 0;
      for (let i = 1; i < this.#lanes.length; i++) if (nextId(this.#lanes[i] as Lane) > nextId(this.#lanes[ahead] as Lane)) ahead = i;
      const [lane] = this.#lanes.splice(ahead, 1) as [Lane];
      for (const { message } of lane.entries.slice(lane.at)) this.#bytes -= message.payload.byteLength;
      this.#waiting.push({ queue: lane.queue, from: lane.from });
    }
  }

  *#takeOldest(): Generator<Extract<StoredFact, { kind: 'entry' }>> {
    let oldest = Infinity;
    for (const lane of this.#lanes) oldest = Math.min(oldest, nextId(lane));
    for (const lane of this.#lanes) {
      if (nextId(lane) !== oldest) continue;
      const entry = lane.entries[lane.at++] as StoredEntry;
      lane.from = (entry.seq + 1) as Seq;
      this.#bytes -= entry.message.payload.byteLength;
      yield { kind: 'entry', queue: lane.queue, entry };
    }
  }

  async #refill(): Promise<void> {
    const empty = this.#lanes.filter(({ at, entries }) => at >= entries.length);
    if (empty.length === 0) return;
    await Promise.all(empty.map((lane) => this.#fill(lane)));
    let kept = 0;
    for (const lane of this.#lanes) if (lane.entries.length > 0) this.#lanes[kept++] = lane;
    this.#lanes.length = kept;
  }

  async #fill(lane: Lane): Promise<void> {
    const page = await this.storage.readQueue(lane.queue, lane.from, this.#pageLimit());
    lane.at = 0;
    lane.entries = page.map((entry) => ({ ...entry, message: entry.released ? { ...entry.message, payload: EMPTY_PAYLOAD } : this.pool.theOne(entry.message) }));
    for (const { message } of lane.entries) this.#bytes += message.payload.byteLength;
  }

  /** A few queues in large pages, or many in small ones. */
  #pageLimit(): PageLimit {
    const lanes = Math.min(this.lanesMax, this.#lanes.length + this.#waiting.length + 1);
    return {
      maxEntries: Math.min(PAGE_ENTRIES_MAX, Math.max(PAGE_ENTRIES_MIN, Math.floor(ENTRIES_MAX / lanes))),
      maxBytes: Math.max(1, Math.floor(this.bytesMax / 4 / lanes)),
    };
  }
}

const nextId = ({ entries, at }: Lane): number => entries[at]?.message.id ?? Infinity;

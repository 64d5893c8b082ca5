// Looks for the entries that a batch replaces, releases or removes and that are not known: key by key where they are
// few, else in one pass over a stretch of the queue.
import type { QueueId, Seq } from 'hexmq/ports';
import { CHUNK } from './chunks.js';
import type { Database } from './engine.js';
import { entryKey, isReleasedKey, releasedKey, seqOf, textRange } from './keys.js';
import type { Pass } from './needs.js';
import { bodyOf, bytesOf, isReleased, unknownThrough } from './queue-slot.js';
import type { QueueSlot } from './queue-slot.js';
import type { Queues } from './queues.js';
import * as records from './records/index.js';

/** More unknown entries than this are read in one pass. */
const POINT_READS_MAX = 64;

interface Point {
  readonly slot: QueueSlot;
  readonly seq: number;
}

interface Stretch {
  readonly slot: QueueSlot;
  readonly from: number;
  readonly through: number;
}

export class EntryPass implements Pass {
  readonly #db: Database;
  readonly #queues: Queues;
  #points: Point[] = [];
  #stretches: Stretch[] = [];

  constructor(db: Database, queues: Queues) {
    this.#db = db;
    this.#queues = queues;
  }

  client(): void {}

  retained(): void {}

  reference(): void {}

  queueToDrop(): void {}

  entry(queue: QueueId, seq: Seq): void {
    const slot = this.#queues.slots.get(queue);
    if (slot.known.size >= slot.count) return;
    if (seq >= slot.head && seq < slot.tail && !slot.known.has(seq)) this.#points.push({ slot, seq });
  }

  entryToDelete(queue: QueueId, seq: Seq): void {
    this.entry(queue, seq);
  }

  entriesToTrim(queue: QueueId, through: Seq): void {
    const slot = this.#queues.slots.get(queue);
    if (slot.known.size >= slot.count) return;
    const last = Math.min(through, slot.tail - 1);
    const unknown = unknownThrough(slot, last, POINT_READS_MAX);
    const [from] = unknown;
    if (unknown.length <= POINT_READS_MAX) for (const seq of unknown) this.#points.push({ slot, seq });
    else if (from !== undefined) this.#stretches.push({ slot, from, through: last });
  }

  async fetch(): Promise<void> {
    if (this.#points.length === 0 && this.#stretches.length === 0) return;
    const points = this.#points;
    const stretches = this.#stretches;
    this.#points = [];
    this.#stretches = [];
    for (let from = 0; from < points.length; from += CHUNK) await this.#fetchPoints(points.slice(from, from + CHUNK));
    for (const stretch of stretches) await this.#fetchStretch(stretch);
  }

  async #fetchPoints(points: readonly Point[]): Promise<void> {
    const values = await this.#db.getMany(
      points.flatMap(({ slot, seq }) => [entryKey(slot.number, seq), releasedKey(slot.number, seq)]),
    );
    for (let i = 0; i < points.length; i++) {
      const { slot, seq } = points[i] as Point;
      const record = values[2 * i];
      if (record === undefined) continue;
      const { bytes, body } = records.entryWeight(record);
      this.#queues.remember(slot, seq, bytes, body, values[2 * i + 1] !== undefined);
    }
  }

  async #fetchStretch({ slot, from, through }: Stretch): Promise<void> {
    const range = textRange(entryKey(slot.number, from), entryKey(slot.number, through + 1));
    for await (const [key, record] of this.#db.iterator<string, Buffer>(range)) {
      const seq = seqOf(key);
      if (isReleasedKey(key)) {
        const entry = slot.known.get(seq);
        // What was known before may be newer than the store, never older: the store has not changed since.
        if (entry !== undefined && !isReleased(entry))
          this.#queues.remember(slot, seq, bytesOf(entry), bodyOf(entry), true);
      } else if (!slot.known.has(seq)) {
        const { bytes, body } = records.entryWeight(record);
        this.#queues.remember(slot, seq, bytes, body, false);
      }
    }
  }
}

// The entries of one queue, ascending by seq, in a ring buffer: appending, trimming and removing cost the same at any
// length. Finding a seq is a guess that is right while the queue has no gaps, and otherwise a binary search.
import type { Message, PageLimit, Seq, StoredEntry } from 'hexmq/ports';

const CAPACITY_MIN = 16;
/** An empty queue with a larger ring shrinks it. */
const CAPACITY_KEPT_MAX = 1024;
/** With fewer gaps than this, closing them is not worth the copying. */
const GAPS_MIN = 32;
const EMPTY_PAYLOAD = new Uint8Array(0);

export class StoredQueue {
  #seqs: number[] = new Array<number>(CAPACITY_MIN).fill(0);
  /** `undefined` where an entry between others was removed. The first and the last are always there. */
  #entries: (StoredEntry | undefined)[] = new Array<StoredEntry | undefined>(CAPACITY_MIN).fill(undefined);
  #mask = CAPACITY_MIN - 1;
  #head = 0;
  /** Positions in use, those of removed entries included. */
  #length = 0;
  #count = 0;
  #bytes = 0;

  get count(): number {
    return this.#count;
  }

  /** Of the payloads still to be sent; a released entry counts nothing. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Meaningless in an empty queue. */
  get first(): Seq {
    return this.#seqAt(0) as Seq;
  }

  /** One more than the last. Meaningless in an empty queue. */
  get next(): Seq {
    return (this.#seqAt(this.#length - 1) + 1) as Seq;
  }

  /** Inserts an entry at its seq, or replaces the one that is there. */
  put(entry: StoredEntry): void {
    const { seq } = entry;
    if (this.#length === 0 || seq > this.#seqAt(this.#length - 1)) {
      if (this.#length > this.#mask) this.#grow();
      this.#set(this.#length++, seq, entry);
    } else {
      // Happens only when a batch is sent again.
      const index = this.#indexOf(seq);
      if (this.#seqAt(index) === seq) {
        this.#clear(index);
        this.#set(index, seq, entry);
      } else {
        this.#insert(index, seq, entry);
      }
    }
    this.#count++;
    this.#bytes += bytesOf(entry);
  }

  release(seq: Seq): void {
    const index = this.#indexOf(seq);
    const entry = this.#entryAt(index, seq);
    if (entry === undefined || entry.released) return;
    this.#bytes -= bytesOf(entry);
    this.#set(index, seq, { ...entry, message: withoutPayload(entry.message), released: true });
  }

  remove(seq: Seq): void {
    const index = this.#indexOf(seq);
    if (this.#entryAt(index, seq) === undefined) return;
    this.#clear(index);
    this.#normalize();
  }

  trim(through: Seq): void {
    while (this.#length > 0 && this.#seqAt(0) <= through) this.#shift();
    this.#normalize();
  }

  /** The entries from `from` on that fit the limit; at least one, if there is one. */
  page(from: Seq, { maxEntries, maxBytes }: PageLimit): StoredEntry[] {
    const entries: StoredEntry[] = [];
    let bytes = 0;
    for (let index = this.#indexOf(from); index < this.#length; index++) {
      const entry = this.#entries[(this.#head + index) & this.#mask];
      if (entry === undefined) continue;
      bytes += entry.message.payload.byteLength;
      if (entries.length > 0 && (entries.length >= maxEntries || bytes > maxBytes)) break;
      entries.push(entry);
    }
    return entries;
  }

  #seqAt(index: number): number {
    return this.#seqs[(this.#head + index) & this.#mask] as number;
  }

  #entryAt(index: number, seq: Seq): StoredEntry | undefined {
    if (index >= this.#length) return undefined;
    const entry = this.#entries[(this.#head + index) & this.#mask];
    return entry?.seq === seq ? entry : undefined;
  }

  #set(index: number, seq: number, entry: StoredEntry | undefined): void {
    const position = (this.#head + index) & this.#mask;
    this.#seqs[position] = seq;
    this.#entries[position] = entry;
  }

  /** Removes the entry and leaves its position empty. */
  #clear(index: number): void {
    const position = (this.#head + index) & this.#mask;
    const entry = this.#entries[position];
    if (entry === undefined) return;
    this.#entries[position] = undefined;
    this.#count--;
    this.#bytes -= bytesOf(entry);
  }

  #shift(): void {
    this.#clear(0);
    this.#head = (this.#head + 1) & this.#mask;
    this.#length--;
  }

  /** Restores the invariant that the first and the last position hold entries, and that most positions do. */
  #normalize(): void {
    if (this.#count === 0) {
      this.#length = 0;
      if (this.#mask >= CAPACITY_KEPT_MAX) this.#resize(CAPACITY_MIN);
      return;
    }
    while (this.#entries[this.#head] === undefined) this.#shift();
    while (this.#entries[(this.#head + this.#length - 1) & this.#mask] === undefined) this.#length--;
    const gaps = this.#length - this.#count;
    if (gaps > GAPS_MIN && gaps > this.#count) this.#compact();
    if (this.#mask >= CAPACITY_KEPT_MAX && this.#length * 8 <= this.#mask) this.#resize((this.#mask + 1) / 4);
  }

  /** The first index whose seq is not below `seq`. */
  #indexOf(seq: Seq): number {
    if (this.#length === 0) return 0;
    const guess = seq - this.#seqAt(0);
    if (guess <= 0) return 0;
    if (guess < this.#length && this.#seqAt(guess) === seq) return guess;
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#seqAt(middle) < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Inserts at `index` by moving the shorter side. */
  #insert(index: number, seq: number, entry: StoredEntry): void {
    if (this.#length > this.#mask) this.#grow();
    if (index * 2 < this.#length) {
      this.#head = (this.#head - 1) & this.#mask;
      for (let i = 0; i < index; i++) this.#move(i + 1, i);
    } else {
      for (let i = this.#length; i > index; i--) this.#move(i - 1, i);
    }
    this.#length++;
    this.#set(index, seq, entry);
  }

  #move(from: number, to: number): void {
    const position = (this.#head + from) & this.#mask;
    this.#set(to, this.#seqs[position] as number, this.#entries[position]);
  }

  #compact(): void {
    let to = 0;
    for (let from = 0; from < this.#length; from++) {
      if (this.#entries[(this.#head + from) & this.#mask] !== undefined) this.#move(from, to++);
    }
    for (let i = to; i < this.#length; i++) this.#set(i, 0, undefined);
    this.#length = to;
  }

  #grow(): void {
    this.#resize((this.#mask + 1) * 2);
  }

  #resize(capacity: number): void {
    const seqs = new Array<number>(capacity).fill(0);
    const entries = new Array<StoredEntry | undefined>(capacity).fill(undefined);
    for (let i = 0; i < this.#length; i++) {
      seqs[i] = this.#seqAt(i);
      entries[i] = this.#entries[(this.#head + i) & this.#mask];
    }
    this.#seqs = seqs;
    this.#entries = entries;
    this.#mask = capacity - 1;
    this.#head = 0;
  }
}

const bytesOf = (entry: StoredEntry): number => (entry.released ? 0 : entry.message.payload.byteLength);

const withoutPayload = (message: Message): Message =>
  message.payload.byteLength === 0 ? message : { ...message, payload: EMPTY_PAYLOAD };

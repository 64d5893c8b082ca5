// The entries of one queue, ascending by seq, in a ring: appending, trimming and removing cost the same whatever the length, and finding a
// seq is a guess that is right while the queue has no gaps, or else a binary search. What an entry means is not known here.
import type { Message, PageLimit, Seq, StoredEntry } from 'hexmq/ports';

const CAPACITY_MIN = 16;
/** An emptied queue with more room than this gives it back. */
const CAPACITY_KEPT_MAX = 1024;
/** With fewer removed entries than this among the others, closing the gaps is not worth the copying. */
const DEAD_MIN = 32;
const EMPTY_PAYLOAD = new Uint8Array(0);

export class StoredQueue {
  #seqs: number[] = new Array<number>(CAPACITY_MIN).fill(0);
  /** `undefined`: removed from between others. The first and the last are never. */
  #entries: (StoredEntry | undefined)[] = new Array<StoredEntry | undefined>(CAPACITY_MIN).fill(undefined);
  #mask = CAPACITY_MIN - 1;
  #head = 0;
  /** Places in use, those of removed entries too. */
  #length = 0;
  #count = 0;
  #bytes = 0;

  get count(): number {
    return this.#count;
  }

  /** Of the payloads still to be sent: a released entry counts none. */
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

  /** Puts an entry in its place; one with the same seq makes way. */
  put(entry: StoredEntry): void {
    const { seq } = entry;
    if (this.#length === 0 || seq > this.#seqAt(this.#length - 1)) {
      if (this.#length > this.#mask) this.#grow();
      this.#set(this.#length++, seq, entry);
    } else {
      // Only a batch that is sent again comes here.
      const index = this.#indexOf(seq);
      if (this.#seqAt(index) === seq) {
        this.#forget(index);
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
    this.#forget(index);
    this.#tidy();
  }

  trim(through: Seq): void {
    while (this.#length > 0 && this.#seqAt(0) <= through) this.#shift();
    this.#tidy();
  }

  /** As many entries as fit the limit, from `from` on, but at least one if there is one. */
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
    const place = (this.#head + index) & this.#mask;
    this.#seqs[place] = seq;
    this.#entries[place] = entry;
  }

  /** Takes the entry off the books; its place stays. */
  #forget(index: number): void {
    const place = (this.#head + index) & this.#mask;
    const entry = this.#entries[place];
    if (entry === undefined) return;
    this.#entries[place] = undefined;
    this.#count--;
    this.#bytes -= bytesOf(entry);
  }

  #shift(): void {
    this.#forget(0);
    this.#head = (this.#head + 1) & this.#mask;
    this.#length--;
  }

  /** Restores the promise that the first and the last place hold entries, and that most places do. */
  #tidy(): void {
    if (this.#count === 0) {
      this.#length = 0;
      if (this.#mask >= CAPACITY_KEPT_MAX) this.#resize(CAPACITY_MIN);
      return;
    }
    while (this.#entries[this.#head] === undefined) this.#shift();
    while (this.#entries[(this.#head + this.#length - 1) & this.#mask] === undefined) this.#length--;
    const dead = this.#length - this.#count;
    if (dead > DEAD_MIN && dead > this.#count) this.#compact();
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

  /** Makes a place at `index` by moving the shorter side. */
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
    const place = (this.#head + from) & this.#mask;
    this.#set(to, this.#seqs[place] as number, this.#entries[place]);
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

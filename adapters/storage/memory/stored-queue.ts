// The entries of one queue, ascending by seq, in chunks of a fixed size: appending, trimming and removing cost the same
// at any length. Nothing is copied to grow: a message for ten thousand queues makes all of them grow at once. Finding a
// seq is a guess that is right while the queue has no gaps, and otherwise a binary search.
import type { Message, PageLimit, Seq, StoredEntry } from 'hexmq/ports';

/** Positions of a chunk: a power of two. */
const CHUNK_BITS = 5;
const CHUNK_SIZE = 1 << CHUNK_BITS;
const CHUNK_MASK = CHUNK_SIZE - 1;
/** With fewer gaps than this, closing them is not worth the copying. */
const GAPS_MIN = 32;
const EMPTY_PAYLOAD = new Uint8Array(0);

/** An entry, or the seq of one between others that was removed; `undefined` where none has been. */
type Slot = StoredEntry | number | undefined;

const newChunk = (): Slot[] => new Array<Slot>(CHUNK_SIZE).fill(undefined);

export class StoredQueue {
  /** At least one. The first and the last position in use hold entries. */
  #chunks: Slot[][] = [newChunk()];
  /** An empty chunk, for the next one that is needed. */
  #spare: Slot[] | undefined;
  /** The first position in use, in the first chunk. */
  #head = 0;
  /** Positions in use, those of removed entries included. */
  #length = 0;
  #count = 0;
  #bytes = 0;
  /** Chunks that another queue has too, and that are copied before they are changed; `undefined` if there are none. */
  #shared: Set<Slot[]> | undefined;

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

  /** A queue with the same entries. From now on this one must not be changed. */
  copy(): StoredQueue {
    const copy = new StoredQueue();
    copy.#chunks = [...this.#chunks];
    copy.#head = this.#head;
    copy.#length = this.#length;
    copy.#count = this.#count;
    copy.#bytes = this.#bytes;
    copy.#shared = new Set(this.#chunks);
    return copy;
  }

  /** The queue that this one is a copy of is no longer needed. */
  ownAll(): void {
    this.#shared = undefined;
  }

  /** Inserts an entry at its seq, or replaces the one that is there. */
  put(entry: StoredEntry): void {
    const { seq } = entry;
    if (this.#length === 0 || seq > this.#seqAt(this.#length - 1)) {
      this.#push(entry);
    } else {
      // Happens only when a batch is sent again.
      const index = this.#indexOf(seq);
      if (this.#seqAt(index) === seq) {
        this.#clear(index);
        this.#set(index, entry);
      } else {
        this.#insert(index, entry);
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
    this.#set(index, { ...entry, message: withoutPayload(entry.message), released: true });
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
      const entry = this.#slotAt(index);
      if (typeof entry !== 'object') continue;
      bytes += entry.message.payload.byteLength;
      if (entries.length > 0 && (entries.length >= maxEntries || bytes > maxBytes)) break;
      entries.push(entry);
    }
    return entries;
  }

  #slotAt(index: number): Slot {
    const position = this.#head + index;
    return this.#chunks[position >> CHUNK_BITS]?.[position & CHUNK_MASK];
  }

  #seqAt(index: number): number {
    const slot = this.#slotAt(index);
    return typeof slot === 'object' ? slot.seq : (slot ?? 0);
  }

  #entryAt(index: number, seq: Seq): StoredEntry | undefined {
    if (index >= this.#length) return undefined;
    const slot = this.#slotAt(index);
    return typeof slot === 'object' && slot.seq === seq ? slot : undefined;
  }

  #set(index: number, slot: Slot): void {
    const position = this.#head + index;
    const at = position >> CHUNK_BITS;
    if (this.#shared !== undefined) this.#ownChunk(at);
    (this.#chunks[at] as Slot[])[position & CHUNK_MASK] = slot;
  }

  #ownChunk(at: number): void {
    const chunk = this.#chunks[at] as Slot[];
    if (this.#shared?.delete(chunk) === true) this.#chunks[at] = [...chunk];
  }

  #push(slot: Slot): void {
    if (this.#head + this.#length === this.#chunks.length * CHUNK_SIZE) {
      this.#chunks.push(this.#spare ?? newChunk());
      this.#spare = undefined;
    }
    this.#set(this.#length++, slot);
  }

  /** Removes the entry and leaves its seq in its position. */
  #clear(index: number): void {
    const slot = this.#slotAt(index);
    if (typeof slot !== 'object') return;
    this.#set(index, slot.seq);
    this.#count--;
    this.#bytes -= bytesOf(slot);
  }

  #shift(): void {
    this.#clear(0);
    this.#set(0, undefined);
    this.#head++;
    this.#length--;
    if (this.#head < CHUNK_SIZE) return;
    this.#head = 0;
    if (this.#chunks.length > 1) this.#spare = this.#chunks.shift();
  }

  /** Restores the invariant that the first and the last position hold entries, and that most positions do. */
  #normalize(): void {
    if (this.#count === 0) {
      this.#truncate(0);
      this.#head = 0;
      return;
    }
    while (typeof this.#slotAt(0) !== 'object') this.#shift();
    let length = this.#length;
    while (typeof this.#slotAt(length - 1) !== 'object') length--;
    if (length < this.#length) this.#truncate(length);
    const gaps = this.#length - this.#count;
    if (gaps > GAPS_MIN && gaps > this.#count) this.#compact();
  }

  /** Keeps the first positions, and gives up chunks that are not needed for them. */
  #truncate(length: number): void {
    for (let index = length; index < this.#length; index++) this.#set(index, undefined);
    this.#length = length;
    const chunks = Math.max(1, Math.ceil((this.#head + length) / CHUNK_SIZE));
    if (chunks < this.#chunks.length) this.#chunks.length = chunks;
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
  #insert(index: number, entry: StoredEntry): void {
    if (index * 2 < this.#length) {
      this.#unshift();
      for (let i = 0; i < index; i++) this.#set(i, this.#slotAt(i + 1));
    } else {
      this.#push(undefined);
      for (let i = this.#length - 1; i > index; i--) this.#set(i, this.#slotAt(i - 1));
    }
    this.#set(index, entry);
  }

  #unshift(): void {
    if (this.#head === 0) {
      this.#chunks.unshift(newChunk());
      this.#head = CHUNK_SIZE;
    }
    this.#head--;
    this.#length++;
  }

  #compact(): void {
    let to = 0;
    for (let from = 0; from < this.#length; from++) {
      const slot = this.#slotAt(from);
      if (typeof slot === 'object') this.#set(to++, slot);
    }
    this.#truncate(to);
  }
}

const bytesOf = (entry: StoredEntry): number => (entry.released ? 0 : entry.message.payload.byteLength);

const withoutPayload = (message: Message): Message =>
  message.payload.byteLength === 0 ? message : { ...message, payload: EMPTY_PAYLOAD };

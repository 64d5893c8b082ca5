// A cache of recent Topic Names, looked up by their bytes: a repeated topic costs no decoding and yields the same
// string, whose hash the maps downstream have already computed. It affects no decision: a topic that was evicted is
// decoded again. Direct-mapped, and so bounded without bookkeeping.
import { decodeUtf8 } from './utf8.js';

const SLOTS = 4096; // a power of two; with all slots full about 800 KiB
/** Longer topics are rare, and would cost more to hash than to decode. */
export const CACHED_TOPIC_BYTES_MAX = 128;

export class TopicCache {
  readonly #bytes = new Uint8Array(SLOTS * CACHED_TOPIC_BYTES_MAX);
  readonly #texts = new Array<string>(SLOTS).fill('');
  readonly #lengths = new Uint8Array(SLOTS);

  /**
   * The string in `bytes[from..to)`. As well-formed as any other: a cached string passed the check when it was decoded.
   */
  text(bytes: Uint8Array, from: number, to: number): string {
    const length = to - from;
    if (length > CACHED_TOPIC_BYTES_MAX || length === 0) return decodeUtf8(bytes, from, to);
    let hash = length;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193); // FNV-1a
    const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
    const base = slot * CACHED_TOPIC_BYTES_MAX;
    if (this.#lengths[slot] === length) {
      const known = this.#bytes;
      let i = 0;
      while (i < length && known[base + i] === bytes[from + i]) i++;
      if (i === length) return this.#texts[slot] as string;
    }
    const text = decodeUtf8(bytes, from, to);
    for (let i = 0; i < length; i++) this.#bytes[base + i] = bytes[from + i] as number;
    this.#lengths[slot] = length;
    this.#texts[slot] = text;
    return text;
  }
}

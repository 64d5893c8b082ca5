// The memory of what has arrived and is not read for the moment, over all connections together: CONNECTs whose answer
// is awaited, chunks behind a reason not to read, and what the network has read ahead. It is bounded for each
// connection, but there may be a hundred thousand of them. When the total exceeds the limit, connections that hold at
// least as much as the average are evicted: an honest CONNECT is small, so it does not pay for large ones.

/** After an eviction, this part of the limit may still be in use, so that the next byte does not evict again. */
const TARGET_FRACTION = 0.9;

export class UnreadBudget<Sender> {
  #bytes = 0;
  readonly #senders = new Map<Sender, number>();

  constructor(readonly evict: (sender: Sender) => void) {}

  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#senders.size;
  }

  get senders(): Iterable<Sender> {
    return this.#senders.keys();
  }

  /** Records what is held of the sender now. */
  hold(sender: Sender, bytes: number): void {
    this.#bytes += bytes - (this.#senders.get(sender) ?? 0);
    this.#senders.set(sender, bytes);
  }

  release(sender: Sender): void {
    this.#bytes -= this.#senders.get(sender) ?? 0;
    this.#senders.delete(sender);
  }

  /** Evicts senders if the total exceeds `maxBytes`. */
  enforce(maxBytes: number): void {
    if (this.#bytes <= maxBytes) return;
    while (this.#bytes > maxBytes * TARGET_FRACTION) this.#evictLarge(maxBytes * TARGET_FRACTION);
  }

  #evictLarge(target: number): void {
    const average = Math.floor(this.#bytes / this.#senders.size);
    for (const [sender, bytes] of this.#senders) {
      if (this.#bytes <= target) return;
      if (bytes < average) continue;
      this.release(sender);
      this.evict(sender);
    }
  }
}

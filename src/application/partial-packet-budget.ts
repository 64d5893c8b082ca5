// The memory that partially received packets hold, over all connections together. Each is bounded by `maxPacketSize`,
// but there may be a hundred thousand of them. When the total exceeds the limit, the senders whose packet has been
// incomplete for the longest time are evicted: an honest client completes its packet in a moment.

/** After an eviction, this part of the limit may still be in use, so that the next byte does not evict again. */
const TARGET_FRACTION = 0.9;

export class PartialPacketBudget<Sender> {
  #bytes = 0;
  /** Ordered by when the packet began. */
  readonly #senders = new Map<Sender, { readonly packet: number; bytes: number }>();

  constructor(readonly evict: (sender: Sender) => void) {}

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Records what the sender's incomplete packet holds now.
   * @param packet distinguishes this packet from earlier ones of the same sender.
   */
  track(sender: Sender, packet: number, bytes: number): void {
    const tracked = this.#senders.get(sender);
    if (tracked?.packet === packet) {
      this.#bytes += bytes - tracked.bytes;
      tracked.bytes = bytes;
      return;
    }
    this.untrack(sender);
    this.#senders.set(sender, { packet, bytes });
    this.#bytes += bytes;
  }

  untrack(sender: Sender): void {
    const tracked = this.#senders.get(sender);
    if (tracked === undefined) return;
    this.#senders.delete(sender);
    this.#bytes -= tracked.bytes;
  }

  /** Evicts senders if the total exceeds `maxBytes`, oldest packet first. */
  enforce(maxBytes: number): void {
    if (this.#bytes <= maxBytes) return;
    for (const sender of this.#senders.keys()) {
      if (this.#bytes <= maxBytes * TARGET_FRACTION) return;
      this.untrack(sender);
      this.evict(sender);
    }
  }
}

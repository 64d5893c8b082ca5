// What halves of packets hold in memory, of all connections together. Each is bounded by `maxPacketSize`, but there may be a hundred thousand of them.
// When they come to too much, those that have been halves for the longest time have to go: whoever is still sending is done in a moment.

/** Of the limit, what is left when it was reached. */
const ROOM_MADE = 0.9;

export class PartialPacketBudget<Sender> {
  #bytes = 0;
  readonly #senders = new Map<Sender, { readonly half: number; bytes: number }>();

  constructor(
    /** Is told who has to go. */
    readonly evict: (sender: Sender) => void,
  ) {}

  get bytes(): number {
    return this.#bytes;
  }

  /** @param half tells this half from others of the same sender. */
  track(sender: Sender, half: number, bytes: number): void {
    const known = this.#senders.get(sender);
    if (known?.half === half) {
      this.#bytes += bytes - known.bytes;
      known.bytes = bytes;
      return;
    }
    this.untrack(sender);
    // The order of the map is that in which the halves began.
    this.#senders.set(sender, { half, bytes });
    this.#bytes += bytes;
  }

  untrack(sender: Sender): void {
    const known = this.#senders.get(sender);
    if (known === undefined) return;
    this.#senders.delete(sender);
    this.#bytes -= known.bytes;
  }

  /** Until there is room for a while again. */
  enforce(maxBytes: number): void {
    if (this.#bytes <= maxBytes) return;
    for (const sender of this.#senders.keys()) {
      if (this.#bytes <= maxBytes * ROOM_MADE) return;
      this.untrack(sender);
      this.evict(sender);
    }
  }
}

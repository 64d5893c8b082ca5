// The memory that handshakes before MQTT hold, of all listeners together: TLS alone takes many times what a client has
// sent. Each is bounded in bytes and in time, but there may be `maxPendingConnections` of them. When the total exceeds
// the limit, the oldest are ended: an honest client completes its handshake in a moment. Nothing tells when a handshake
// grows, so they are measured, and only while there are so many that the limit could be exceeded.
import type { Clock, Timer } from '../ports/clock.js';

/** A connection whose handshake has not been completed. */
export interface MeasuredHandshake {
  /** An upper bound of what it holds now. */
  heldBytes(): number;
  /** Ends it, because all of them hold more than `maxBytes`. */
  evict(maxBytes: number): void;
}

/** The most that one handshake holds: a TLS message of the largest size, announced and received. */
export const HANDSHAKE_BYTES_MAX = 320 * 1024;
const MEASURED_EVERY_MS = 250;
/** Between two measurements, what may hold this part of the limit may arrive. */
const UNMEASURED_FRACTION = 0.25;
/** After an eviction, this part of the limit may still be in use, so that the next one does not follow at once. */
const TARGET_FRACTION = 0.9;

export class HandshakeBudget {
  /** Oldest first. */
  readonly #pending = new Set<MeasuredHandshake>();
  #addedSince = 0;
  #timer: Timer | undefined;

  constructor(
    readonly clock: Clock,
    /** Called whenever they are counted, so that a reload takes effect. */
    readonly maxBytes: () => number,
  ) {}

  add(handshake: MeasuredHandshake): void {
    this.#pending.add(handshake);
    if (!this.#mayExceed()) return;
    if (++this.#addedSince * HANDSHAKE_BYTES_MAX > this.maxBytes() * UNMEASURED_FRACTION) this.#enforce();
    this.#timer ??= this.#measureLater();
  }

  remove(handshake: MeasuredHandshake): void {
    this.#pending.delete(handshake);
    if (this.#pending.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #mayExceed(): boolean {
    return this.#pending.size * HANDSHAKE_BYTES_MAX > this.maxBytes();
  }

  #measureLater(): Timer {
    return this.clock.at(this.clock.nowMs() + MEASURED_EVERY_MS, () => {
      this.#timer = undefined;
      this.#enforce();
      if (this.#mayExceed()) this.#timer = this.#measureLater();
    });
  }

  #enforce(): void {
    this.#addedSince = 0;
    const held = [...this.#pending].map((handshake) => ({ handshake, bytes: handshake.heldBytes() }));
    const maxBytes = this.maxBytes();
    let total = held.reduce((sum, { bytes }) => sum + bytes, 0);
    if (total <= maxBytes) return;
    for (const { handshake, bytes } of held) {
      if (total <= maxBytes * TARGET_FRACTION) return;
      total -= bytes;
      this.#pending.delete(handshake);
      handshake.evict(maxBytes);
    }
  }
}

// The window of one connection: how many QoS 1 and 2 messages may be unacknowledged. It opens while the client keeps up
// and closes when the client lags, so that a fast client is not held back by its round trips, and a slow one does not
// collect messages that others could have. MQTT leaves the size to the sender [MQTT-4.3.2-1], [MQTT-4.3.3-1].
import type { Limits } from '../limits.js';

/** A client that acknowledges a whole window within this time keeps up. */
const KEEPS_UP_MS = 500;
/** A client that takes longer than this lags. */
const LAGS_MS = 2000;

/** In force for a connection; both are 1 to 65,535. */
export type WindowLimits = Pick<Limits, 'initialInflight' | 'maxInflight'>;

const CLOSED: WindowLimits = { initialInflight: 0, maxInflight: 0 };

export class DeliveryWindow {
  #size = 0;
  #limits: WindowLimits = CLOSED;
  #receiveMaximum = 65_535;
  /** Acknowledgements until the present round ends; 0 while the window holds nothing back. */
  #left = 0;
  #roundStartMs = 0;
  #keepsUp = true;

  /** The number of messages that may be unacknowledged now. */
  get size(): number {
    return this.#size;
  }

  /**
   * Begins with `initialInflight`. Limits that change are those of the next round.
   * @param receiveMaximum the most that the client takes, 1 to 65,535 [MQTT5-3.3.4-9].
   */
  open(limits: WindowLimits, receiveMaximum = 65_535): void {
    this.#limits = limits;
    this.#receiveMaximum = receiveMaximum;
    this.#size = this.#initial;
    this.#left = 0;
    this.#keepsUp = true;
  }

  get #max(): number {
    return Math.min(this.#limits.maxInflight, this.#receiveMaximum);
  }

  get #initial(): number {
    return Math.min(this.#limits.initialInflight, this.#max);
  }

  /** Whether the client has kept up in the last round and may still do so in the present one; true before the first. */
  keepsUp(nowMs: number): boolean {
    return this.#keepsUp && (this.#left === 0 || nowMs - this.#roundStartMs <= KEEPS_UP_MS);
  }

  /** The client has returned to a large backlog, so it was not fast enough before: only a round can tell. */
  doubt(): void {
    this.#keepsUp = false;
  }

  /** Messages wait because the window is full. This begins a round, which lasts until a window is acknowledged. */
  held(nowMs: number): void {
    if (this.#left > 0) return;
    this.#left = this.#size;
    this.#roundStartMs = nowMs;
  }

  /** A message has been acknowledged. */
  acknowledged(nowMs: number): void {
    if (this.#left === 0 || --this.#left > 0) return;
    const tookMs = nowMs - this.#roundStartMs;
    this.#keepsUp = tookMs <= KEEPS_UP_MS;
    if (this.#keepsUp) this.#size *= 2;
    else if (tookMs > LAGS_MS) this.#size = Math.max(this.#size >> 1, this.#initial);
    this.#size = Math.min(this.#size, this.#max);
  }
}

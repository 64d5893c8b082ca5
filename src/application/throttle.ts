// Limits on the rate of PUBLISH packets. A client over its rate loses nothing: the broker pauses reading from it, its
// socket fills up, and TCP slows it down. The rate of all clients together is shared in turn: when it recovers, the
// client that has waited longest is read first.
import type { PublishRateLimits } from '../domain/limits.js';
import { Deadline, Deadlines } from '../domain/deadlines.js';
import type { TimerKind } from '../domain/deadlines.js';
import type { Clock, Timer } from '../ports/clock.js';
import { TokenBucket } from './token-bucket.js';

export type ClientRates = Partial<Pick<PublishRateLimits, 'maxPublishRate' | 'maxPublishByteRate'>>;
export type TotalRates = Partial<Pick<PublishRateLimits, 'maxTotalPublishRate' | 'maxTotalPublishByteRate'>>;

/** A message rate and a byte rate, either of which may be unlimited. */
class Meter {
  constructor(
    readonly messages: TokenBucket | undefined,
    readonly bytes: TokenBucket | undefined,
  ) {}

  static of(messagesPerS: number | undefined, bytesPerS: number | undefined, nowMs: number): Meter | undefined {
    if (messagesPerS === undefined && bytesPerS === undefined) return undefined;
    const bucket = (rate: number | undefined): TokenBucket | undefined =>
      rate === undefined ? undefined : new TokenBucket(rate, nowMs);
    return new Meter(bucket(messagesPerS), bucket(bytesPerS));
  }

  waitMs(nowMs: number): number {
    return Math.max(this.messages?.waitMs(nowMs) ?? 0, this.bytes?.waitMs(nowMs) ?? 0);
  }

  take(bytes: number, nowMs: number): void {
    this.messages?.take(1, nowMs);
    this.bytes?.take(bytes, nowMs);
  }
}

export class Throttle<Reader extends object> {
  #total: Meter | undefined;
  readonly #meters = new WeakMap<Reader, { readonly rates: ClientRates; readonly meter: Meter }>();
  /** Paused readers. First each waits for its own rate to recover… */
  readonly #ownTimer: TimerKind<Reader> = { name: 'rate', expired: (reader) => this.#queue.add(reader) };
  readonly #own = new Deadlines();
  readonly #waiting = new Map<Reader, Deadline<Reader>>();
  /** …then in this queue for the total rate. */
  readonly #queue = new Set<Reader>();
  #timer: Timer | undefined;
  #timerAtMs = Infinity;

  constructor(
    readonly clock: Clock,
    /** Called when the reader may be read again. */
    readonly resume: (reader: Reader) => void,
  ) {}

  /** Messages and bytes a second, over all readers. The new buckets start full. */
  set total({ maxTotalPublishRate, maxTotalPublishByteRate }: TotalRates) {
    this.#total = Meter.of(maxTotalPublishRate, maxTotalPublishByteRate, this.clock.nowMs());
  }

  /** Whether the reader must not be read for now; `resume` follows. */
  isWaiting(reader: Reader): boolean {
    return this.#waiting.has(reader);
  }

  /** Counts one message that was read; afterwards `isWaiting` tells whether that used up a rate. */
  record(reader: Reader, rates: ClientRates, bytes: number, nowMs: number): void {
    const own = this.#meterOf(reader, rates, nowMs);
    const total = this.#total;
    own?.take(bytes, nowMs);
    total?.take(bytes, nowMs);
    const ownWaitMs = own?.waitMs(nowMs) ?? 0;
    const totalWaitMs = total?.waitMs(nowMs) ?? 0;
    if (ownWaitMs === 0 && totalWaitMs === 0) return;
    const deadline = new Deadline<Reader>(this.#ownTimer, reader);
    this.#waiting.set(reader, deadline);
    if (ownWaitMs > 0) this.#own.set(deadline, nowMs + ownWaitMs);
    else this.#queue.add(reader);
    this.#wakeAt(nowMs + (ownWaitMs > 0 ? ownWaitMs : totalWaitMs));
  }

  /** The reader's connection has gone. */
  remove(reader: Reader): void {
    const deadline = this.#waiting.get(reader);
    if (deadline === undefined) return;
    this.#own.clear(deadline);
    this.#queue.delete(reader);
    this.#waiting.delete(reader);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #meterOf(reader: Reader, rates: ClientRates, nowMs: number): Meter | undefined {
    const current = this.#meters.get(reader);
    if (current?.rates === rates) return current.meter;
    const meter = Meter.of(rates.maxPublishRate, rates.maxPublishByteRate, nowMs);
    if (meter === undefined) this.#meters.delete(reader);
    else this.#meters.set(reader, { rates, meter });
    return meter;
  }

  #wakeAt(atMs: number): void {
    if (atMs >= this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    this.#timer = this.clock.at(atMs, () => {
      this.#timerAtMs = Infinity;
      this.#due();
    });
  }

  #due(): void {
    const nowMs = this.clock.nowMs();
    for (let due = this.#own.takeDue(nowMs); due !== undefined; due = this.#own.takeDue(nowMs)) due.expire();
    let totalWaitMs = 0;
    // A resumed reader may return to the end of the queue at once, but then it has used up the total rate.
    for (const reader of this.#queue) {
      totalWaitMs = this.#total?.waitMs(nowMs) ?? 0;
      if (totalWaitMs > 0) break;
      this.#queue.delete(reader);
      this.#waiting.delete(reader);
      this.resume(reader);
    }
    if (this.#own.nextMs !== undefined) this.#wakeAt(this.#own.nextMs);
    if (this.#queue.size > 0) this.#wakeAt(nowMs + Math.max(1, totalWaitMs));
  }
}

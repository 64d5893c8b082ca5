// How fast clients may publish. One that is too fast is not refused anything: it is not read for a while, its socket fills up, and it slows down. The
// rates of all together are shared in turn: who has waited longest is read first.
import type { Limits } from '../domain/connect/limits.js';
import { Deadline, Deadlines } from '../domain/deadlines.js';
import type { Clock, Timer } from '../ports/clock.js';
import { TokenBucket } from './token-bucket.js';

export type ClientRates = Partial<Pick<Limits, 'maxPublishRate' | 'maxPublishByteRate'>>;
export type TotalRates = Partial<Pick<Limits, 'maxTotalPublishRate' | 'maxTotalPublishByteRate'>>;

/** Rates of one count each; what is taken is taken from all. */
class Meter {
  constructor(
    readonly messages: TokenBucket | undefined,
    readonly bytes: TokenBucket | undefined,
  ) {}

  static of(perS: number | undefined, bytesPerS: number | undefined, nowMs: number): Meter | undefined {
    if (perS === undefined && bytesPerS === undefined) return undefined;
    const bucket = (rate: number | undefined): TokenBucket | undefined =>
      rate === undefined ? undefined : new TokenBucket(rate, nowMs);
    return new Meter(bucket(perS), bucket(bytesPerS));
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
  /** Those that are not read: until their own rate is paid… */
  readonly #own = new Deadlines<Reader>();
  readonly #waiting = new Map<Reader, Deadline<Reader>>();
  /** …and then until there is something left of the rate of all. */
  readonly #line = new Set<Reader>();
  #timer: Timer | undefined;
  #timerAtMs = Infinity;

  constructor(
    readonly clock: Clock,
    /** May be read again. */
    readonly release: (reader: Reader) => void,
  ) {}

  set total({ maxTotalPublishRate, maxTotalPublishByteRate }: TotalRates) {
    this.#total = Meter.of(maxTotalPublishRate, maxTotalPublishByteRate, this.clock.nowMs());
  }

  isWaiting(reader: Reader): boolean {
    return this.#waiting.has(reader);
  }

  /** A message has been read; whoever has used up a rate with it waits. */
  record(reader: Reader, rates: ClientRates, bytes: number, nowMs: number): void {
    const own = this.#meterOf(reader, rates, nowMs);
    const total = this.#total;
    own?.take(bytes, nowMs);
    total?.take(bytes, nowMs);
    const ownWaitMs = own?.waitMs(nowMs) ?? 0;
    const totalWaitMs = total?.waitMs(nowMs) ?? 0;
    if (ownWaitMs === 0 && totalWaitMs === 0) return;
    const deadline = new Deadline<Reader>(reader);
    this.#waiting.set(reader, deadline);
    if (ownWaitMs > 0) this.#own.set(deadline, nowMs + ownWaitMs);
    else this.#line.add(reader);
    this.#wakeAt(nowMs + (ownWaitMs > 0 ? ownWaitMs : totalWaitMs));
  }

  remove(reader: Reader): void {
    const deadline = this.#waiting.get(reader);
    if (deadline === undefined) return;
    this.#own.clear(deadline);
    this.#line.delete(reader);
    this.#waiting.delete(reader);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #meterOf(reader: Reader, rates: ClientRates, nowMs: number): Meter | undefined {
    const known = this.#meters.get(reader);
    if (known?.rates === rates) return known.meter;
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
    for (let paid = this.#own.takeDue(nowMs); paid !== undefined; paid = this.#own.takeDue(nowMs))
      this.#line.add(paid.owner);
    let totalWaitMs = 0;
    // One that is released may be back at the end of the line at once, but then there is nothing left.
    for (const reader of this.#line) {
      totalWaitMs = this.#total?.waitMs(nowMs) ?? 0;
      if (totalWaitMs > 0) break;
      this.#line.delete(reader);
      this.#waiting.delete(reader);
      this.release(reader);
    }
    if (this.#own.nextMs !== undefined) this.#wakeAt(this.#own.nextMs);
    if (this.#line.size > 0) this.#wakeAt(nowMs + Math.max(1, totalWaitMs));
  }
}

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

/** What the throttle reads of the settings. */
export interface ThrottleSettings {
  readonly current: TotalRates;
  /** Another number after each reload. */
  readonly version: number;
}

/** While readers wait, a reload that changed their rates is noticed within so many milliseconds. */
const LOOK_AGAIN_MS = 1000;

/** A message rate and a byte rate, either of which may be unlimited. */
class Meter {
  #messages: TokenBucket | undefined;
  #bytes: TokenBucket | undefined;

  /** To be called with the rates in force before the others. */
  at(messagesPerS: number | undefined, bytesPerS: number | undefined, nowMs: number): this {
    this.#messages = TokenBucket.at(messagesPerS, this.#messages, nowMs);
    this.#bytes = TokenBucket.at(bytesPerS, this.#bytes, nowMs);
    return this;
  }

  waitMs(nowMs: number): number {
    return Math.max(this.#messages?.waitMs(nowMs) ?? 0, this.#bytes?.waitMs(nowMs) ?? 0);
  }

  take(bytes: number, nowMs: number): void {
    this.#messages?.take(1, nowMs);
    this.#bytes?.take(bytes, nowMs);
  }
}

/** A reader that has published at a limited rate. */
interface Metered {
  /** In force for it: a reload changes what is in them. */
  readonly rates: ClientRates;
  readonly meter: Meter;
}

export class Throttle<Reader extends object> {
  readonly #total = new Meter();
  readonly #metered = new WeakMap<Reader, Metered>();
  #version: number;
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
    readonly settings: ThrottleSettings,
    /** Called when the reader may be read again. */
    readonly resume: (reader: Reader) => void,
  ) {
    this.#version = settings.version;
  }

  /** Whether the reader must not be read for now; `resume` follows. */
  isWaiting(reader: Reader): boolean {
    return this.#waiting.has(reader);
  }

  /**
   * Counts one message that was read; afterwards `isWaiting` tells whether that used up a rate.
   * @param rates in force for the reader; the same object each time.
   */
  record(reader: Reader, rates: ClientRates, bytes: number, nowMs: number): void {
    const own = this.#meterOf(reader, rates, nowMs);
    const total = this.#totalAt(nowMs);
    own.take(bytes, nowMs);
    total.take(bytes, nowMs);
    const ownWaitMs = own.waitMs(nowMs);
    const totalWaitMs = total.waitMs(nowMs);
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

  #meterOf(reader: Reader, rates: ClientRates, nowMs: number): Meter {
    let metered = this.#metered.get(reader);
    if (metered === undefined) this.#metered.set(reader, (metered = { rates, meter: new Meter() }));
    return metered.meter.at(rates.maxPublishRate, rates.maxPublishByteRate, nowMs);
  }

  #totalAt(nowMs: number): Meter {
    const { maxTotalPublishRate, maxTotalPublishByteRate } = this.settings.current;
    return this.#total.at(maxTotalPublishRate, maxTotalPublishByteRate, nowMs);
  }

  #wakeAt(atMs: number): void {
    const wakeAtMs = Math.min(atMs, this.clock.nowMs() + LOOK_AGAIN_MS);
    if (wakeAtMs >= this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = wakeAtMs;
    this.#timer = this.clock.at(wakeAtMs, () => {
      this.#timerAtMs = Infinity;
      this.#due();
    });
  }

  #due(): void {
    const nowMs = this.clock.nowMs();
    if (this.#version !== this.settings.version) this.#waitAgain(nowMs);
    for (let due = this.#own.takeDue(nowMs); due !== undefined; due = this.#own.takeDue(nowMs)) due.expire();
    let totalWaitMs = 0;
    const total = this.#totalAt(nowMs);
    // A resumed reader may return to the end of the queue at once, but then it has used up the total rate.
    for (const reader of this.#queue) {
      totalWaitMs = total.waitMs(nowMs);
      if (totalWaitMs > 0) break;
      this.#queue.delete(reader);
      this.#waiting.delete(reader);
      this.resume(reader);
    }
    if (this.#own.nextMs !== undefined) this.#wakeAt(this.#own.nextMs);
    if (this.#queue.size > 0) this.#wakeAt(nowMs + Math.max(1, totalWaitMs));
  }

  /** After a reload: readers wait for the rates that are in force now, from now on. */
  #waitAgain(nowMs: number): void {
    this.#version = this.settings.version;
    for (const [reader, deadline] of this.#waiting) {
      const metered = this.#metered.get(reader);
      if (!deadline.isSet || metered === undefined) continue;
      this.#own.set(deadline, nowMs + this.#meterOf(reader, metered.rates, nowMs).waitMs(nowMs));
    }
  }
}

// How much may be done before the network is polled again. A turn has two phases with a budget each: the inputs that
// arrive while the network is polled, and the work that was left over, at the end of the turn. A client with little to
// do is then served at once when it sends something, while the work of others waits.
//
// Within a phase, slices keep one client, or one kind of work, from using up the whole budget.
//
// Reading the clock for each step would be expensive. Steps count the work they have done in units (a step, a recorded
// change, a delivery), and the clock is read after so many of them, fewer when they turn out to take long.
import type { Clock } from '../ports/clock.js';

export interface TurnLimits {
  /** Milliseconds of one phase. */
  readonly maxMs: number;
  /** Milliseconds of one slice of a phase. */
  readonly sliceMs: number;
  /** Steps of one phase; for runs in which time stands still during a turn. */
  readonly maxSteps: number;
}

export const DEFAULT_TURN_LIMITS: TurnLimits = { maxMs: 10, sliceMs: 1, maxSteps: Infinity };

/** So much work takes well below a millisecond if nothing about it is unusual. */
export const UNITS_PER_READING = 64;
const SLICES_PER_PHASE = 4;

const NOT_BEGUN = -Infinity;

export class TurnBudget {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #limits: TurnLimits;
  readonly #sliceMaxSteps: number;
  #isSpent = false;
  #isSliceSpent = false;
  #phaseStartMs = NOT_BEGUN;
  #sliceStartMs = NOT_BEGUN;
  #readMs = NOT_BEGUN;
  /** Until the clock is read: 0 or less before the first step of a phase. */
  #unitsLeft = 0;
  #unitsPerReading: number;
  readonly #unitsPerReadingMax: number;
  #phaseSteps = 0;
  #sliceSteps = 0;

  constructor(clock: Pick<Clock, 'nowMs'>, limits: Partial<TurnLimits> = {}) {
    this.#clock = clock;
    this.#limits = { ...DEFAULT_TURN_LIMITS, ...limits };
    this.#sliceMaxSteps = Math.max(1, Math.floor(this.#limits.maxSteps / SLICES_PER_PHASE));
    // Where steps are limited, each of them is counted.
    this.#unitsPerReadingMax = this.#limits.maxSteps === Infinity ? UNITS_PER_READING : 1;
    this.#unitsPerReading = this.#unitsPerReadingMax;
  }

  /** Whether nothing more may be done in this phase. */
  get isSpent(): boolean {
    return this.#isSpent;
  }

  get isSliceSpent(): boolean {
    return this.#isSliceSpent || this.#isSpent;
  }

  /** When the first step of the phase was made; `undefined` if there was none. */
  get phaseStartMs(): number | undefined {
    return this.#phaseStartMs === NOT_BEGUN ? undefined : this.#phaseStartMs;
  }

  /** The phase's time counts from its first step. */
  beginPhase(): void {
    this.#isSpent = false;
    this.#isSliceSpent = false;
    this.#phaseStartMs = NOT_BEGUN;
    this.#unitsLeft = 0;
    this.#phaseSteps = 0;
    this.#sliceSteps = 0;
  }

  beginSlice(nowMs: number): void {
    this.#isSliceSpent = false;
    this.#sliceSteps = 0;
    this.#sliceStartMs = nowMs;
    this.#observe(nowMs);
  }

  /** @param nowMs the time at which the step began, as far as it is known. */
  spend(units: number, nowMs: number): void {
    this.#unitsLeft -= units;
    if (this.#unitsLeft <= 0) this.#check(units, nowMs);
  }

  #check(units: number, nowMs: number): void {
    if (this.#phaseStartMs === NOT_BEGUN) {
      this.#phaseStartMs = nowMs;
      if (this.#sliceStartMs < nowMs) this.#sliceStartMs = nowMs;
      this.#readMs = nowMs;
      this.#unitsLeft = this.#unitsPerReading - units;
    }
    if (++this.#phaseSteps >= this.#limits.maxSteps) this.#isSpent = true;
    if (++this.#sliceSteps >= this.#sliceMaxSteps) this.#isSliceSpent = true;
    if (this.#unitsLeft <= 0) this.#readClock();
  }

  #readClock(): void {
    const nowMs = this.#clock.nowMs();
    const passedMs = nowMs - this.#readMs;
    if (passedMs > 1) this.#unitsPerReading = Math.max(1, this.#unitsPerReading >> 2);
    else if (passedMs === 0) this.#unitsPerReading = Math.min(this.#unitsPerReadingMax, this.#unitsPerReading << 1);
    this.#observe(nowMs);
  }

  #observe(nowMs: number): void {
    this.#readMs = nowMs;
    const hasBegun = this.#phaseStartMs !== NOT_BEGUN;
    this.#unitsLeft = hasBegun ? this.#unitsPerReading : 0;
    if (nowMs - this.#sliceStartMs >= this.#limits.sliceMs) this.#isSliceSpent = true;
    if (hasBegun && nowMs - this.#phaseStartMs >= this.#limits.maxMs) this.#isSpent = true;
  }
}

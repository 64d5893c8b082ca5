// One time limit for many requests. They are in the order in which their times end, because each has the same time, so
// one timer serves all of them: a timer of its own would cost a request that is answered soon more than all the rest.
import type { Clock, Timer } from '../ports/clock.js';

/** Something with a time limit, as part of the list of the others. */
export abstract class Limited {
  endsAtMs = 0;
  earlier: Limited | undefined;
  later: Limited | undefined;
  /** Its time is over; it is in the list no longer. */
  abstract timeIsOver(): void;
}

/** Its time begins when the timer is looked at: what has ended by then costs no look at the clock. */
const NOT_SET = Infinity;

export class TimeLimit {
  readonly #clock: Clock;
  readonly #defer: ((callback: () => void) => void) | undefined;
  #first: Limited | undefined;
  #last: Limited | undefined;
  #timer: Timer | undefined;
  #isDeferred = false;

  /**
   * @param defer calls back soon: until then there is no timer for what begins, and perhaps ends, in between. Default:
   * the timer is there at once, and gone with the last one that needs it.
   */
  constructor(
    readonly ms: number,
    clock: Clock,
    defer?: (callback: () => void) => void,
  ) {
    this.#clock = clock;
    this.#defer = defer;
  }

  begin(one: Limited): void {
    one.endsAtMs = NOT_SET;
    one.earlier = this.#last;
    if (this.#last === undefined) this.#first = one;
    else this.#last.later = one;
    this.#last = one;
    this.#arm();
  }

  /** It needs no limit any more. */
  end(one: Limited): void {
    const { earlier, later } = one;
    if (earlier === undefined) this.#first = later;
    else earlier.later = later;
    if (later === undefined) this.#last = earlier;
    else later.earlier = earlier;
    one.earlier = one.later = undefined;
    if (this.#first === undefined) this.#arm();
  }

  /** The timer is there if something may need it. */
  #arm(): void {
    if (this.#defer === undefined) {
      this.#setTimer();
      return;
    }
    if (this.#isDeferred) return;
    this.#isDeferred = true;
    this.#defer(this.#setTimer);
  }

  readonly #setTimer = (): void => {
    this.#isDeferred = false;
    if (this.#last === undefined || this.#first === undefined) {
      this.#timer?.cancel();
      this.#timer = undefined;
      return;
    }
    if (this.#last.endsAtMs === NOT_SET) this.#setTimes(this.#last);
    this.#timer ??= this.#clock.at(this.#first.endsAtMs, this.#timeIsOver);
  };

  /** @param last the last one whose time has not begun; it begins for all of them. */
  #setTimes(last: Limited): void {
    const endsAtMs = this.#clock.nowMs() + this.ms;
    for (let one: Limited | undefined = last; one?.endsAtMs === NOT_SET; one = one.earlier) one.endsAtMs = endsAtMs;
  }

  readonly #timeIsOver = (): void => {
    this.#timer = undefined;
    const nowMs = this.#clock.nowMs();
    for (let one = this.#first; one !== undefined && one.endsAtMs <= nowMs; one = this.#first) {
      this.end(one);
      one.timeIsOver();
    }
    if (this.#first !== undefined) this.#arm();
  };
}

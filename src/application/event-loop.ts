// The loop around the core: one step at a time, and one end for each turn. All input that is there at once belongs to
// one turn; at its end one commit begins and each connection gets one write. The core's deadlines need one timer.
import type { Input } from '../domain/inputs.js';
import { Fifo } from '../domain/session/fifo.js';
import type { Clock, Timer } from '../ports/clock.js';

/** The core, as far as the loop drives it. */
export interface SteppedCore {
  /** In milliseconds since 1970; `undefined` if nothing is due. */
  readonly nextDeadlineMs: number | undefined;
  handle(input: Input, nowMs: number): void;
}

export interface EventLoopParts {
  readonly clock: Clock;
  /** Calls back when all input that is there now has been handled. */
  readonly atEndOfTurn: (callback: () => void) => void;
}

/** What the loop drives. It is given after the construction, because all of it needs the loop. */
export interface LoopDriven {
  readonly core: SteppedCore;
  /** Changes recorded from here on belong to another step. */
  readonly beginStep: () => void;
  /** Called before deadlines expire, for inputs that may move them. */
  readonly beforeDeadlines: (nowMs: number) => void;
  /** Called when a turn ends. */
  readonly endOfTurn: () => void;
}

export class EventLoop {
  readonly #parts: EventLoopParts;
  #driven: LoopDriven | undefined;
  #isStepping = false;
  #stepMs = 0;
  /** Inputs that the present step has caused. */
  readonly #deferred = new Fifo<Input>();
  #turnIsScheduled = false;
  #timer: Timer | undefined;
  #timerAtMs = Infinity;
  #isStopped = false;
  readonly #endTurn = (): void => {
    this.#endOfTurn();
  };

  constructor(parts: EventLoopParts) {
    this.#parts = parts;
  }

  /** The time of the current step, or of the last one, in milliseconds since 1970. */
  get stepMs(): number {
    return this.#stepMs;
  }

  /** Before the first input. */
  drive(driven: LoopDriven): void {
    this.#driven = driven;
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  nowMs(): number {
    return this.#parts.clock.nowMs();
  }

  /** One step of the core, and the steps for the inputs that it causes, at the same time. */
  step(input: Input, nowMs = this.nowMs()): void {
    if (this.#isStopped || this.#driven === undefined) return;
    if (this.#isStepping) {
      this.#deferred.push(input);
      return;
    }
    this.scheduleTurn();
    this.#isStepping = true;
    this.#stepMs = nowMs;
    try {
      this.#handle(this.#driven, input);
      for (let next = this.#deferred.shift(); next !== undefined; next = this.#deferred.shift())
        this.#handle(this.#driven, next);
    } finally {
      this.#isStepping = false;
    }
  }

  #handle({ core, beginStep }: LoopDriven, input: Input): void {
    beginStep();
    core.handle(input, this.#stepMs);
  }

  /** Makes a turn end soon, even if nothing more happens. */
  scheduleTurn(): void {
    if (this.#turnIsScheduled || this.#isStopped) return;
    this.#turnIsScheduled = true;
    this.#parts.atEndOfTurn(this.#endTurn);
  }

  #endOfTurn(): void {
    this.#turnIsScheduled = false;
    if (this.#isStopped || this.#driven === undefined) return;
    this.#driven.endOfTurn();
    this.#setTimer(this.#driven);
  }

  #setTimer(driven: LoopDriven): void {
    const nextMs = driven.core.nextDeadlineMs ?? Infinity;
    // A timer that comes too early only finds nothing due.
    if (nextMs >= this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = nextMs;
    this.#timer = this.#parts.clock.at(nextMs, () => {
      this.#timerAtMs = Infinity;
      this.#deadlinesDue(driven);
    });
  }

  #deadlinesDue({ core, beforeDeadlines }: LoopDriven): void {
    beforeDeadlines(this.nowMs());
    for (let nowMs = this.nowMs(); (core.nextDeadlineMs ?? Infinity) <= nowMs && !this.#isStopped; nowMs = this.nowMs())
      this.step({ kind: 'tick' }, nowMs);
    this.scheduleTurn();
  }
}

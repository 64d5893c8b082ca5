// The loop around the core: one step at a time, and one end for each turn, when one commit begins and each connection
// gets one write. A turn has a budget, so that no input holds the loop for long, however it is sent: what is left over
// waits for the next turn, and the network is polled in between.
import { haveParted } from '../domain/clock-mark.js';
import type { Input } from '../domain/inputs.js';
import { Fifo } from '../domain/queues/fifo.js';
import type { Clock, Timer } from '../ports/clock.js';
import { TurnBudget, UNITS_PER_READING } from './turn-budget.js';
import type { TurnLimits } from './turn-budget.js';

/** The core, as far as the loop drives it. */
export interface SteppedCore {
  /** In broker time; `undefined` if nothing is due. */
  readonly nextDeadlineMs: number | undefined;
  /** Whether unfinished work waits for the input `continue`. */
  readonly hasWork: boolean;
  handle(input: Input, nowMs: number): void;
}

export interface EventLoopParts {
  readonly clock: Clock;
  /** Calls back when all input that is there now has been handled. */
  readonly atEndOfTurn: (callback: () => void) => void;
  readonly limits?: Partial<TurnLimits> | undefined;
}

/** Work that waits for the end of a turn, in pieces that are small by themselves. */
export interface WorkSource {
  readonly hasWork: boolean;
  /** Does one piece. */
  work(): void;
}

/** The collector of changes, as far as the loop needs it. */
export interface StepChanges {
  /** Changes recorded from here on belong to another step. */
  beginStep(): void;
  /** The number of changes recorded so far. */
  readonly recordedChanges: number;
  /** Whether unfinished work has to wait; when that is over, a turn must be scheduled. */
  readonly isFull: boolean;
}

/**
 * What the loop drives, given after the construction because all of it needs the loop. What each step calls is a method
 * of an object, not a function of its own: the brokers of one process then share the compiled code.
 */
export interface LoopDriven {
  readonly core: SteppedCore;
  readonly changes: StepChanges;
  readonly output: {
    /** The number of deliveries so far. */
    readonly deliveries: number;
  };
  /** Called before deadlines expire, for inputs that may move them. */
  readonly beforeDeadlines: (nowMs: number) => void;
  /** Connections that are to be read on. */
  readonly backlog: WorkSource;
  /** Called when a turn ends. */
  readonly endOfTurn: () => void;
}

interface Task {
  readonly run: () => void;
}

export class EventLoop {
  readonly #parts: EventLoopParts;
  readonly #budget: TurnBudget;
  #driven: LoopDriven | undefined;
  #sources: readonly WorkSource[] = [];
  #isStepping = false;
  #stepMs = 0;
  /** Broker time less the clock's. */
  #shiftMs = 0;
  /** The wall clock less broker time, as the core knows it. */
  #wallAheadMs = 0;
  #watch: Timer | undefined;
  #unitsDone = 0;
  /** Inputs that the present step has caused. */
  readonly #deferred = new Fifo<Input>();
  /** What came while the budget was spent. */
  readonly #tasks = new Fifo<Task>();
  #turnIsScheduled = false;
  /** Turns that have ended, those that used up a budget, and the time from their first steps to their ends. */
  #turns = { count: 0, spent: 0, ms: 0 };
  #timer: Timer | undefined;
  #timerAtMs = Infinity;
  /** Since this time the network has been polled, when a turn ends. */
  #polledSinceMs = -Infinity;
  #isStopped = false;
  #keepsDeadlines = true;
  /** Whether work that was left over is done now, at the end of a turn. */
  #isWorkingOff = false;
  readonly #endTurn = (): void => {
    this.#endOfTurn();
  };

  constructor(parts: EventLoopParts) {
    this.#parts = parts;
    this.#budget = new TurnBudget(parts.clock, parts.limits);
  }

  /** The time of the current step, or of the last one, in broker time. */
  get stepMs(): number {
    return this.#stepMs + this.#shiftMs;
  }

  /** Whether the budget of the present phase is spent: whatever can wait has to. */
  get isSpent(): boolean {
    return this.#budget.isSpent;
  }

  /**
   * Whether the connection that is read has to give way to others. A chunk that arrives is read as long as the phase
   * lasts: only at the end of a turn do connections wait for each other.
   */
  get isSliceSpent(): boolean {
    return this.#isWorkingOff ? this.#budget.isSliceSpent : this.#budget.isSpent;
  }

  /** Whether a connection may be read on before it is its turn: at the end of a turn, others have waited longer. */
  get mayReadOn(): boolean {
    return !this.#isWorkingOff && !this.#budget.isSpent;
  }

  get turns(): { readonly count: number; readonly spent: number; readonly ms: number } {
    return this.#turns;
  }

  /** Before the first input. */
  drive(driven: LoopDriven): void {
    this.#driven = driven;
    const { core, changes } = driven;
    const tasks = this.#tasks;
    const isDue = (): boolean => this.#nextDeadlineMs(core) <= this.#polledSinceMs;
    // Each gets a slice in its turn, so that none holds up another.
    this.#sources = [
      {
        get hasWork() {
          return tasks.length > 0;
        },
        work: () => tasks.shift()?.run(),
      },
      {
        get hasWork() {
          return isDue();
        },
        work: () => {
          this.step({ kind: 'tick' });
        },
      },
      {
        get hasWork() {
          return core.hasWork && !changes.isFull;
        },
        work: () => {
          this.step({ kind: 'continue' });
        },
      },
      driven.backlog,
    ];
  }

  /** It is this time for the core, and the wall clock is so far ahead of it. Before the first input. */
  beginTime(brokerMs: number, wallAheadMs: number): void {
    this.#shiftMs = brokerMs - this.nowMs();
    this.#wallAheadMs = wallAheadMs;
    // While nothing else happens, there are no turns.
    this.#watch = this.#parts.clock.watch?.(() => {
      if (haveParted(this.wallAheadMs(), this.#wallAheadMs)) this.scheduleTurn();
    });
  }

  /** From now on nothing expires: what waits for its time waits for the next process. */
  endDeadlines(): void {
    this.#keepsDeadlines = false;
    this.#timer?.cancel();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#watch?.cancel();
    this.#tasks.clear();
  }

  nowMs(): number {
    return this.#parts.clock.nowMs();
  }

  /** For measurements alone. */
  exactMs(): number {
    return this.#parts.clock.exactMs?.() ?? this.nowMs();
  }

  /** The time for the core: the clock's, shifted. */
  brokerMs(): number {
    return this.nowMs() + this.#shiftMs;
  }

  /** How far the wall clock is ahead of that. */
  wallAheadMs(): number {
    return this.#parts.clock.wallMs() - this.brokerMs();
  }

  /** Begins a slice of the present phase. @returns the time. */
  beginSlice(): number {
    const nowMs = this.nowMs();
    this.#budget.beginSlice(nowMs);
    return nowMs;
  }

  /**
   * Runs a task that makes steps: at once within a step (its inputs are handled behind that step), or while the budget
   * lasts; otherwise at the end of a turn. Tasks run in the order in which they were submitted.
   */
  submit(run: () => void): void {
    if (this.#isStopped) return;
    if (this.#isStepping || (!this.#budget.isSpent && this.#tasks.length === 0)) {
      run();
      return;
    }
    this.#tasks.push({ run });
    this.scheduleTurn();
  }

  /** Submits one step of the core. */
  enqueue(input: Input): void {
    this.submit(() => {
      this.step(input);
    });
  }

  /** One step of the core, and the steps for the inputs that it causes, at the same time. */
  step(input: Input, nowMs = this.nowMs()): void {
    const driven = this.#driven;
    if (this.#isStopped || driven === undefined) return;
    if (this.#isStepping) {
      this.#deferred.push(input);
      return;
    }
    if (!this.#turnIsScheduled) this.scheduleTurn();
    this.#isStepping = true;
    this.#stepMs = nowMs;
    try {
      this.#handle(driven, input);
      while (this.#deferred.length > 0) this.#handle(driven, this.#deferred.shift() as Input);
    } finally {
      this.#isStepping = false;
    }
  }

  #handle({ core, changes, output }: LoopDriven, input: Input): void {
    changes.beginStep();
    core.handle(input, this.#stepMs + this.#shiftMs);
    const done = changes.recordedChanges + output.deliveries;
    const units = 1 + done - this.#unitsDone;
    // A slice may take its time without recording or delivering anything.
    this.#budget.spend(input.kind === 'continue' ? UNITS_PER_READING + units : units, this.#stepMs);
    this.#unitsDone = done;
  }

  /** Makes a turn end soon, even if nothing more happens. */
  scheduleTurn(): void {
    if (this.#turnIsScheduled || this.#isStopped) return;
    this.#turnIsScheduled = true;
    this.#parts.atEndOfTurn(this.#endTurn);
  }

  #endOfTurn(): void {
    if (this.#isStopped || this.#driven === undefined) return;
    const { isSpent, phaseStartMs } = this.#budget;
    this.#budget.beginPhase();
    this.#checkClock();
    const { core, beforeDeadlines, endOfTurn } = this.#driven;
    if (this.#nextDeadlineMs(core) <= this.#polledSinceMs) beforeDeadlines(this.nowMs());
    this.#workOff();
    // Steps up to here belong to this turn, steps from here on to the next.
    this.#turnIsScheduled = false;
    endOfTurn();
    if (this.#sources.some(({ hasWork }) => hasWork)) this.scheduleTurn();
    this.#setTimer(core);
    this.#turns.count++;
    if (isSpent || this.#budget.isSpent) this.#turns.spent++;
    this.#turns.ms += this.#polledSinceMs - (phaseStartMs ?? this.#budget.phaseStartMs ?? this.#polledSinceMs);
    this.#budget.beginPhase();
  }

  #workOff(): void {
    const budget = this.#budget;
    this.#isWorkingOff = true;
    for (let isBusy = true; isBusy && !budget.isSpent;) {
      isBusy = false;
      for (const source of this.#sources) {
        if (!source.hasWork || budget.isSpent) continue;
        isBusy = true;
        this.beginSlice();
        do source.work();
        while (source.hasWork && !budget.isSliceSpent);
      }
    }
    this.#isWorkingOff = false;
  }

  /** Deadlines expire at the end of a turn, when everything that had come by then has been read. */
  #setTimer(core: SteppedCore): void {
    this.#polledSinceMs = this.nowMs();
    const nextMs = this.#nextDeadlineMs(core);
    if (nextMs <= this.#polledSinceMs) {
      this.scheduleTurn();
      return;
    }
    // A timer that comes too early only finds nothing due.
    if (nextMs >= this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = nextMs;
    this.#timer = this.#parts.clock.at(nextMs, () => {
      this.#timerAtMs = Infinity;
      this.#polledSinceMs = this.nowMs();
      this.scheduleTurn();
    });
  }

  #nextDeadlineMs({ nextDeadlineMs = Infinity }: SteppedCore): number {
    return this.#keepsDeadlines ? nextDeadlineMs - this.#shiftMs : Infinity;
  }

  /** Before deadlines expire, and before anything is committed that is stored with its time. */
  #checkClock(): void {
    const wallAheadMs = this.wallAheadMs();
    if (!haveParted(wallAheadMs, this.#wallAheadMs)) return;
    this.#wallAheadMs = wallAheadMs;
    this.step({ kind: 'clock', wallAheadMs });
  }
}

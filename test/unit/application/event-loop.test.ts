// The loop without a core, a network and a storage: when each step is made, and what remains for the next turn.
import { describe, expect, test } from '@jest/globals';
import { EventLoop } from '../../../src/application/event-loop.js';
import type { Input } from '../../../src/domain/inputs.js';
import type { ConnectionId } from '../../../src/domain/identifiers.js';

const closed = (id: number): Input => ({ kind: 'closed', connection: id as ConnectionId });

/** A clock that the test moves. Time that passes within a step fires no timer. */
function manualClock() {
  const timers: { readonly atMs: number; readonly ring: () => void }[] = [];
  const clock = {
    ms: 0,
    nowMs: () => clock.ms,
    wallMs: () => clock.ms,
    at: (atMs: number, ring: () => void) => {
      const timer = { atMs, ring };
      timers.push(timer);
      return { cancel: () => timers.splice(timers.indexOf(timer), 1) };
    },
    advance: (ms: number) => {
      clock.ms += ms;
      for (const timer of timers.filter(({ atMs }) => atMs <= clock.ms)) {
        timers.splice(timers.indexOf(timer), 1);
        timer.ring();
      }
    },
  };
  return clock;
}

function started({ maxSteps = Infinity, stepMs = 0 } = {}) {
  const clock = manualClock();
  const log: string[] = [];
  let turns: (() => void)[] = [];
  const deadlines: number[] = [];
  const core = {
    slices: 0,
    /** The work of a step, besides its log line. */
    onStep: (_input: Input): void => undefined,
    get nextDeadlineMs(): number | undefined {
      return deadlines[0];
    },
    get hasWork(): boolean {
      return core.slices > 0;
    },
    handle: (input: Input, nowMs: number): void => {
      log.push(`${input.kind}${'connection' in input ? ` ${input.connection}` : ''} at ${nowMs}`);
      if (input.kind === 'tick') deadlines.shift();
      if (input.kind === 'continue') core.slices--;
      core.onStep(input);
      clock.ms += stepMs;
    },
  };
  const backlog: (() => void)[] = [];
  const output = { deliveries: 0 };
  const loop = new EventLoop({ clock, atEndOfTurn: (end) => turns.push(end), limits: { maxSteps } });
  loop.drive({
    core,
    changes: { beginStep: () => undefined, recordedChanges: 0, isFull: false },
    output,
    beforeDeadlines: () => log.push('before deadlines'),
    backlog: {
      get hasWork() {
        return backlog.length > 0;
      },
      work: () => {
        backlog.shift()?.();
      },
    },
    endOfTurn: () => log.push('end'),
  });
  /** Ends a turn, if one is to end. */
  const turn = (): boolean => {
    const ends = turns;
    turns = [];
    for (const end of ends) end();
    return ends.length > 0;
  };
  const taken = (): string[] => log.splice(0);
  return { clock, core, loop, deadlines, backlog, output, turn, taken };
}

describe('a step', () => {
  test('an input that a step causes is handled behind that step, at the same time', () => {
    const { core, loop, taken } = started({ stepMs: 5 });
    core.onStep = (input) => {
      if (input.kind !== 'closed' || input.connection > 2) return;
      loop.step(closed(input.connection + 10));
      loop.step(closed(input.connection + 20));
    };
    loop.step(closed(1));
    loop.step(closed(2));
    expect(taken()).toEqual([
      'closed 1 at 0',
      'closed 11 at 0',
      'closed 21 at 0',
      'closed 2 at 15',
      'closed 12 at 15',
      'closed 22 at 15',
    ]);
  });

  test('a step that throws does not keep the loop from the next one', () => {
    const { core, loop, taken } = started();
    core.onStep = () => {
      throw new Error('the test says so');
    };
    expect(() => {
      loop.step(closed(1));
    }).toThrow('the test says so');
    core.onStep = () => undefined;
    loop.step(closed(2));
    expect(taken()).toEqual(['closed 1 at 0', 'closed 2 at 0']);
  });

  test('steps of one turn have one end together', () => {
    const { loop, turn, taken } = started();
    loop.step(closed(1));
    loop.step(closed(2));
    expect(turn()).toBe(true);
    expect(turn()).toBe(false);
    expect(taken()).toEqual(['closed 1 at 0', 'closed 2 at 0', 'end']);
  });

  test('a loop that was stopped makes no step and ends no turn', () => {
    const { clock, loop, deadlines, turn, taken } = started();
    deadlines.push(10);
    loop.step(closed(1));
    turn();
    taken();
    loop.submit(() => undefined);
    loop.stop();
    loop.step(closed(2));
    loop.submit(() => {
      loop.step(closed(3));
    });
    clock.advance(10);
    expect(turn()).toBe(false);
    expect(taken()).toEqual([]);
  });
});

describe('the budget of a turn', () => {
  test('tasks that arrive after the budget is spent run in the next phase, in their order', () => {
    const { loop, turn, taken } = started({ maxSteps: 4 });
    for (let id = 1; id <= 10; id++)
      loop.submit(() => {
        loop.step(closed(id));
      });
    expect(taken()).toEqual(['closed 1 at 0', 'closed 2 at 0', 'closed 3 at 0', 'closed 4 at 0']);
    turn();
    expect(taken()).toEqual(['closed 5 at 0', 'closed 6 at 0', 'closed 7 at 0', 'closed 8 at 0', 'end']);
    turn();
    expect(taken()).toEqual(['closed 9 at 0', 'closed 10 at 0', 'end']);
    expect(turn()).toBe(false);
  });

  test('a task does not overtake one that waits, although the budget is new', () => {
    const { loop, turn, taken } = started({ maxSteps: 1 });
    for (const id of [1, 2, 3])
      loop.submit(() => {
        loop.step(closed(id));
      });
    turn();
    loop.submit(() => {
      loop.step(closed(4));
    });
    while (turn());
    expect(taken().filter((line) => line !== 'end')).toEqual([1, 2, 3, 4].map((id) => `closed ${id} at 0`));
  });

  test('a task that a step submits runs at once, so that its inputs follow the step', () => {
    const { core, loop, taken } = started({ maxSteps: 1 });
    core.onStep = (input) => {
      if (input.kind === 'closed' && input.connection === 1)
        loop.submit(() => {
          loop.step(closed(2));
        });
    };
    loop.step(closed(1));
    expect(taken()).toEqual(['closed 1 at 0', 'closed 2 at 0']);
  });

  test('a step is handled even when the budget is spent', () => {
    const { loop, taken } = started({ maxSteps: 1 });
    loop.step(closed(1));
    loop.step(closed(2));
    expect(loop.isSpent).toBe(true);
    expect(taken()).toHaveLength(2);
  });

  test('the time of the steps counts, and the end of the turn has a budget of its own', () => {
    const { loop, output, core, turn } = started({ stepMs: 4 });
    core.onStep = () => (output.deliveries += 100);
    loop.step(closed(1));
    loop.step(closed(2));
    expect(loop.isSpent).toBe(false);
    loop.step(closed(3));
    expect(loop.isSpent).toBe(true);
    let spentAtEnd: boolean | undefined;
    loop.submit(() => (spentAtEnd = loop.isSpent));
    turn();
    expect(spentAtEnd).toBe(false);
    expect(loop.isSpent).toBe(false);
  });

  test('tasks, deadlines, work of the core and connections take turns, so that none keeps another from going on', () => {
    const { core, loop, deadlines, backlog, turn, taken } = started({ maxSteps: 4 });
    deadlines.push(...Array.from({ length: 10 }, () => 0));
    loop.scheduleTurn();
    turn();
    core.slices = 10;
    for (let id = 1; id <= 14; id++)
      loop.submit(() => {
        loop.step(closed(id));
      });
    for (let id = 101; id <= 110; id++)
      backlog.push(() => {
        loop.step(closed(id));
      });
    taken();
    turn();
    expect(taken()).toEqual([
      'before deadlines',
      'closed 5 at 0',
      'tick at 0',
      'continue at 0',
      'closed 101 at 0',
      'end',
    ]);
    turn();
    expect(taken()).toEqual([
      'before deadlines',
      'closed 6 at 0',
      'tick at 0',
      'continue at 0',
      'closed 102 at 0',
      'end',
    ]);
    while (turn());
    expect([deadlines.length, core.slices, backlog.length]).toEqual([0, 0, 0]);
  });
});

describe('deadlines', () => {
  test('a deadline expires at the end of a turn, when earlier input has been handled', () => {
    const { clock, loop, deadlines, turn, taken } = started();
    deadlines.push(10);
    loop.scheduleTurn();
    turn();
    taken();
    clock.advance(10);
    expect(taken()).toEqual([]);
    loop.step(closed(1));
    turn();
    expect(taken()).toEqual(['closed 1 at 10', 'before deadlines', 'tick at 10', 'end']);
    expect(turn()).toBe(false);
  });

  test('a deadline that becomes due while the loop is busy waits until the network has been polled', () => {
    const { loop, deadlines, backlog, turn, taken } = started({ stepMs: 20 });
    deadlines.push(10);
    loop.scheduleTurn();
    turn();
    taken();
    backlog.push(() => {
      loop.step(closed(1));
    });
    loop.scheduleTurn();
    turn();
    expect(taken()).toEqual(['closed 1 at 0', 'end']);
    turn();
    expect(taken()).toEqual(['before deadlines', 'tick at 20', 'end']);
  });

  test('many deadlines that are due together are one a step, as many a turn as the budget allows', () => {
    const { clock, loop, deadlines, turn, taken } = started({ maxSteps: 3 });
    deadlines.push(...Array.from({ length: 7 }, () => 10));
    loop.scheduleTurn();
    turn();
    taken();
    clock.advance(10);
    const turns: number[] = [];
    while (turn()) turns.push(taken().filter((line) => line.startsWith('tick')).length);
    expect(turns).toEqual([3, 3, 1]);
  });

  test('a deadline that is moved forward is kept', () => {
    const { clock, loop, deadlines, turn, taken } = started();
    deadlines.push(100);
    loop.scheduleTurn();
    turn();
    deadlines[0] = 50;
    loop.scheduleTurn();
    turn();
    taken();
    clock.advance(50);
    turn();
    expect(taken()).toEqual(['before deadlines', 'tick at 50', 'end']);
  });
});

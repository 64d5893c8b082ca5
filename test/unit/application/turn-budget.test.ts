// The budget of a turn: phases and slices end by time or by steps, and the clock is read rarely.
import { describe, expect, test } from '@jest/globals';
import { TurnBudget } from '../../../src/application/turn-budget.js';
import type { TurnLimits } from '../../../src/application/turn-budget.js';

function started(limits: Partial<TurnLimits> = {}) {
  const clock = { nowMs: 1000, readings: 0 };
  const nowMs = (): number => {
    clock.readings++;
    return clock.nowMs;
  };
  const budget = new TurnBudget({ nowMs }, limits);
  /** Steps that take so long together, with the time at which their chunk came. */
  const steps = (count: number, ms: number, units = 1): void => {
    const startMs = clock.nowMs;
    for (let i = 1; i <= count; i++) {
      clock.nowMs = startMs + Math.floor((ms * i) / count);
      budget.spend(units, startMs);
    }
  };
  return { clock, budget, steps };
}

describe('the budget of a phase', () => {
  test('a phase is spent when its time is over, and not before', () => {
    const { budget, steps } = started();
    steps(640, 9);
    expect(budget.isSpent).toBe(false);
    steps(64, 1);
    expect(budget.isSpent).toBe(true);
  });

  test('the time of a phase counts from its first step', () => {
    const { clock, budget, steps } = started();
    clock.nowMs += 60_000;
    steps(64, 1);
    expect(budget.isSpent).toBe(false);
  });

  test('the next phase has a budget of its own', () => {
    const { budget, steps } = started();
    steps(640, 20);
    expect(budget.isSpent).toBe(true);
    budget.beginPhase();
    expect(budget.isSpent).toBe(false);
    steps(64, 5);
    expect(budget.isSpent).toBe(false);
  });

  test('a phase is spent after its number of steps, however little time has passed', () => {
    const { budget, steps } = started({ maxSteps: 8 });
    steps(7, 0);
    expect(budget.isSpent).toBe(false);
    steps(1, 0);
    expect(budget.isSpent).toBe(true);
  });

  test('one step that has done much is noticed at once', () => {
    const { budget, steps } = started();
    steps(1, 400, 10_000);
    expect(budget.isSpent).toBe(true);
  });
});

describe('the slices of a phase', () => {
  test('a slice is spent after a millisecond, and the phase goes on with the next', () => {
    const { clock, budget, steps } = started();
    budget.beginSlice(clock.nowMs);
    steps(64, 1);
    expect([budget.isSliceSpent, budget.isSpent]).toEqual([true, false]);
    budget.beginSlice(clock.nowMs);
    expect(budget.isSliceSpent).toBe(false);
  });

  test('a slice has a quarter of the steps of a phase, and at least one', () => {
    for (const [maxSteps, sliceSteps] of [
      [8, 2],
      [3, 1],
    ] as const) {
      const { clock, budget, steps } = started({ maxSteps });
      budget.beginSlice(clock.nowMs);
      steps(sliceSteps - 1, 0);
      expect(budget.isSliceSpent).toBe(false);
      steps(1, 0);
      expect([budget.isSliceSpent, budget.isSpent]).toEqual([true, false]);
    }
  });

  test('a spent phase leaves nothing for a slice', () => {
    const { clock, budget, steps } = started({ maxSteps: 1 });
    steps(1, 0);
    budget.beginSlice(clock.nowMs);
    expect(budget.isSliceSpent).toBe(true);
  });
});

describe('the readings of the clock', () => {
  test('the clock is read once for 64 steps of the usual kind', () => {
    const { clock, steps } = started();
    steps(6400, 3);
    expect(clock.readings).toBe(100);
  });

  test('the clock is read for each step once steps have turned out to be slow', () => {
    const { clock, budget, steps } = started();
    steps(100, 500);
    budget.beginPhase();
    const before = clock.readings;
    steps(2, 20);
    expect(clock.readings - before).toBe(2);
    expect(budget.isSpent).toBe(true);
  });
});

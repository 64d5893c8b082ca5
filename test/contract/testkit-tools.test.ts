// The kit's clock and randomness do what tests that are built on them take for granted.
import { describe, expect, test } from '@jest/globals';
import { SeededRandom, VirtualClock } from 'hexmq/testkit';

describe('the virtual clock', () => {
  test('timers fire in the order in which they are due, then in the order in which they were created', () => {
    const clock = new VirtualClock(1000);
    const fired: string[] = [];
    const random = new SeededRandom(5);
    const expected: { at: number; name: string }[] = [];
    for (let i = 0; i < 300; i++) {
      const at = 1000 + random.int(0, 40);
      expected.push({ at, name: `${String(at)} ${String(i)}` });
      clock.at(at, () => fired.push(`${String(at)} ${String(i)}`));
    }
    clock.advance(100);
    expect(fired).toEqual(expected.sort((a, b) => a.at - b.at).map(({ name }) => name));
    expect(clock.nowMs()).toBe(1100);
  });

  test('a callback sees the time at which it was due', () => {
    const clock = new VirtualClock(0);
    const seen: number[] = [];
    for (const at of [30, 10, 20]) clock.at(at, () => seen.push(clock.nowMs()));
    clock.advanceTo(25);
    expect(seen).toEqual([10, 20]);
    expect(clock.nextDueMs).toBe(30);
  });

  test('a timer for a time that has passed waits for the next advance', () => {
    const clock = new VirtualClock(100);
    let fired = 0;
    clock.at(50, () => fired++);
    expect(fired).toBe(0);
    clock.advance(0);
    expect(fired).toBe(1);
    expect(clock.nowMs()).toBe(100);
  });

  test('a timer created by a callback fires in the same advance if it is due by then', () => {
    const clock = new VirtualClock(0);
    const seen: number[] = [];
    const again = (): void => {
      seen.push(clock.nowMs());
      clock.at(clock.nowMs() + 10, again);
    };
    clock.at(10, again);
    clock.advance(35);
    expect(seen).toEqual([10, 20, 30]);
  });

  test('a cancelled timer does not fire, and cancelling a fired one does nothing', () => {
    const clock = new VirtualClock(0);
    const fired: string[] = [];
    const first = clock.at(10, () => fired.push('first'));
    const second = clock.at(10, () => fired.push('second'));
    clock.at(20, () => fired.push('third'));
    second.cancel();
    second.cancel();
    expect(clock.pending).toBe(2);
    clock.advance(10);
    first.cancel();
    expect(clock.pending).toBe(1);
    clock.advance(10);
    expect(fired).toEqual(['first', 'third']);
    expect(clock.pending).toBe(0);
    expect(clock.nextDueMs).toBeUndefined();
  });

  test('advanceAsync waits for the asynchronous work of a callback before the next timer', async () => {
    const clock = new VirtualClock(0);
    const seen: string[] = [];
    clock.at(10, () => {
      void Promise.resolve()
        .then(() => new Promise<void>((resolve) => setImmediate(resolve)))
        .then(() => {
          seen.push(`began at ${String(clock.nowMs())}`);
          clock.at(15, () => seen.push('in between'));
        });
    });
    clock.at(20, () => seen.push('second'));
    await clock.advanceAsync(20);
    expect(seen).toEqual(['began at 10', 'in between', 'second']);
  });

  test('the virtual clock does not go back', () => {
    const clock = new VirtualClock(10);
    expect(() => {
      clock.advanceTo(9);
    }).toThrow(RangeError);
  });

  test('a timer that restarts itself without delay is reported', () => {
    const clock = new VirtualClock(0);
    const again = (): void => void clock.at(0, again);
    again();
    expect(() => {
      clock.advance(1);
    }).toThrow('restarts itself');
  });
});

describe('seeded randomness', () => {
  test('the same seed gives the same numbers, and another seed other numbers', () => {
    const draw = (seed: number): number[] => {
      const random = new SeededRandom(seed);
      return Array.from({ length: 50 }, () => random.uint32());
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(new Set(draw(0)).size).toBe(50);
  });

  test('int returns both its bounds and nothing beyond', () => {
    const random = new SeededRandom(9);
    expect(new Set(Array.from({ length: 500 }, () => random.int(-1, 2)))).toEqual(new Set([-1, 0, 1, 2]));
  });

  test('chance returns true with its probability', () => {
    const random = new SeededRandom(11);
    const hits = (probability: number): number =>
      Array.from({ length: 10_000 }, () => random.chance(probability)).filter(Boolean).length;
    expect(hits(0)).toBe(0);
    expect(hits(1)).toBe(10_000);
    expect(Math.abs(hits(0.25) - 2500)).toBeLessThan(200);
  });

  test('bytes returns the requested number of bytes, with every value', () => {
    const bytes = new SeededRandom(13).bytes(10_000);
    expect(bytes).toHaveLength(10_000);
    expect(new Set(bytes).size).toBe(256);
  });

  test('pick returns every element of a list, and nothing from an empty list', () => {
    const random = new SeededRandom(17);
    expect(new Set(Array.from({ length: 100 }, () => random.pick(['a', 'b', 'c'])))).toEqual(new Set(['a', 'b', 'c']));
    expect(() => random.pick([])).toThrow(RangeError);
  });

  test('a fork of a generator is independent of it', () => {
    const random = new SeededRandom(19);
    const fork = random.fork();
    const drawn = Array.from({ length: 10 }, () => fork.uint32());
    expect(drawn).not.toEqual(Array.from({ length: 10 }, () => random.uint32()));
  });
});

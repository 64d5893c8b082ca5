// The system clock and the system source of randomness, as their ports promise.
import { afterEach, expect, jest, test } from '@jest/globals';
import { createClock } from '../../../adapters/system/clock/index.js';
import { createRandom } from '../../../adapters/system/random/index.js';

afterEach(() => {
  jest.useRealTimers();
});

test('the system clock gives the wall-clock time in whole milliseconds and never decreases', () => {
  const clock = createClock();
  expect(Math.abs(clock.nowMs() - Date.now())).toBeLessThan(1000);
  let last = 0;
  for (let index = 0; index < 10_000; index++) {
    const now = clock.nowMs();
    expect(Number.isInteger(now)).toBe(true);
    expect(now).toBeGreaterThanOrEqual(last);
    last = now;
  }
});

test('a timer fires once, at or after its time and never during the call', async () => {
  const clock = createClock();
  for (const delay of [0, 1, 3, 20, -5]) {
    const due = clock.nowMs() + delay;
    let calls = 0;
    await new Promise<void>((resolve) => {
      clock.at(due, () => {
        calls++;
        expect(clock.nowMs()).toBeGreaterThanOrEqual(due);
        resolve();
      });
      expect(calls).toBe(0);
    });
    expect(calls).toBe(1);
  }
});

test('a cancelled timer does not fire', () => {
  jest.useFakeTimers();
  const clock = createClock();
  const fired: string[] = [];
  const dueMs = clock.nowMs() + 5;
  const cancelled = clock.at(dueMs, () => fired.push('cancelled'));
  clock.at(dueMs, () => fired.push('kept'));
  cancelled.cancel();
  jest.advanceTimersByTime(10);
  expect(fired).toEqual(['kept']);
});

test('a timer beyond the longest delay of setTimeout fires at its time, not at once', () => {
  jest.useFakeTimers();
  const clock = createClock();
  const sixtyDaysMs = 60 * 86_400_000;
  let fired = 0;
  clock.at(clock.nowMs() + sixtyDaysMs, () => {
    fired++;
  });
  jest.advanceTimersByTime(sixtyDaysMs - 1000);
  expect(fired).toBe(0);
  jest.advanceTimersByTime(1001);
  expect(fired).toBe(1);
  expect(jest.getTimerCount()).toBe(0);
});

test('random bytes have the requested length and differ between calls', () => {
  const random = createRandom();
  expect(random.bytes(0)).toHaveLength(0);
  const one = random.bytes(16);
  expect(one).toHaveLength(16);
  expect(Buffer.compare(one, random.bytes(16))).not.toBe(0);
});

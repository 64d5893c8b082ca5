// The clock and the randomness of this machine, as their ports promise.
import { afterEach, expect, jest, test } from '@jest/globals';
import { createClock } from '../../../adapters/system/clock/index.js';
import { createRandom } from '../../../adapters/system/random/index.js';

afterEach(() => {
  jest.useRealTimers();
});

test('the time is that of the wall, in whole milliseconds, and never goes back', () => {
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

test('a timer rings once, not before its time and not from within the call', async () => {
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

test('a timer that was cancelled does not ring', async () => {
  const clock = createClock();
  let rang = false;
  clock
    .at(clock.nowMs() + 5, () => {
      rang = true;
    })
    .cancel();
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(rang).toBe(false);
});

test('a timer for a time further away than the runtime can wait rings then, not at once', () => {
  jest.useFakeTimers();
  const clock = createClock();
  const sixtyDaysMs = 60 * 86_400_000;
  let rings = 0;
  clock.at(clock.nowMs() + sixtyDaysMs, () => {
    rings++;
  });
  jest.advanceTimersByTime(sixtyDaysMs - 1000);
  expect(rings).toBe(0);
  jest.advanceTimersByTime(1001);
  expect(rings).toBe(1);
  expect(jest.getTimerCount()).toBe(0);
});

test('random bytes are as many as asked for, and others each time', () => {
  const random = createRandom();
  expect(random.bytes(0)).toHaveLength(0);
  const one = random.bytes(16);
  expect(one).toHaveLength(16);
  expect(Buffer.compare(one, random.bytes(16))).not.toBe(0);
});

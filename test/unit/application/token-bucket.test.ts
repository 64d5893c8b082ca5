// The token bucket: burst, rate, debt, and a clock that does not advance.
import { describe, expect, test } from '@jest/globals';
import { TokenBucket } from '../../../src/application/token-bucket.js';

describe('token bucket', () => {
  test('a bucket passes a burst of one second, then exactly its rate', () => {
    const bucket = new TokenBucket(10, 0);
    let passed = 0;
    for (let nowMs = 0; nowMs < 60_000; nowMs += 7) {
      while (bucket.waitMs(nowMs) === 0) {
        bucket.take(1, nowMs);
        passed++;
      }
    }
    // 59,997 ms at 10 a second, and the burst.
    expect(passed).toBe(599 + 10);
  });

  test('a bucket tells to the millisecond how long to wait', () => {
    const bucket = new TokenBucket(4, 0);
    bucket.take(4, 0);
    const waitMs = bucket.waitMs(0);
    expect(waitMs).toBe(250);
    expect(bucket.waitMs(waitMs - 1)).toBe(1);
    expect(bucket.waitMs(waitMs)).toBe(0);
  });

  test('taking more than is available delays the next token by the debt', () => {
    const bucket = new TokenBucket(100, 0);
    bucket.take(1100, 0);
    expect(bucket.waitMs(0)).toBe(10_010);
    expect(bucket.waitMs(10_010)).toBe(0);
  });

  test('an idle bucket collects no more than one second of tokens', () => {
    const bucket = new TokenBucket(5, 0);
    bucket.take(5, 0);
    expect(bucket.isFull(999)).toBe(false);
    expect(bucket.isFull(1000)).toBe(true);
    bucket.take(5, 3_600_000);
    expect(bucket.waitMs(3_600_000)).toBeGreaterThan(0);
  });

  test('a bucket does not fill when the clock stands still or goes back', () => {
    const bucket = new TokenBucket(1, 500);
    bucket.take(1, 500);
    expect(bucket.waitMs(500)).toBe(bucket.waitMs(400));
  });
});

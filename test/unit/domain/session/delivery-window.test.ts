// The window of a connection: it opens while the client keeps up, and closes when it lags.
import { describe, expect, test } from '@jest/globals';
import { DeliveryWindow } from '../../../../src/domain/session/delivery-window.js';

const FAST_MS = 500;
const SLOW_MS = 2001;

function opened(initial: number, max: number) {
  const window = new DeliveryWindow();
  window.open({ initialInflight: initial, maxInflight: max });
  let nowMs = 0;
  /** Messages wait, and the client acknowledges a whole window in so much time. @returns the size after it. */
  const round = (tookMs: number): number => {
    window.held(nowMs);
    nowMs += tookMs;
    for (let left = window.size; left > 0; left--) window.acknowledged(nowMs);
    return window.size;
  };
  return { window, round };
}

describe('the window of a connection', () => {
  test('it doubles each time the client acknowledges a whole window quickly, up to its limit', () => {
    const { window, round } = opened(50, 300);
    expect(window.size).toBe(50);
    expect([round(0), round(FAST_MS), round(1), round(1)]).toEqual([100, 200, 300, 300]);
  });

  test('it keeps its size while the client is neither fast nor slow', () => {
    const { round } = opened(50, 1000);
    expect([round(FAST_MS + 1), round(SLOW_MS - 1)]).toEqual([50, 50]);
  });

  test('it halves each time the client is slow, and never gets smaller than at its beginning', () => {
    const { round } = opened(50, 1000);
    expect([round(1), round(1), round(SLOW_MS), round(SLOW_MS), round(SLOW_MS)]).toEqual([100, 200, 100, 50, 50]);
  });

  test('it stays as it is while it holds nothing back', () => {
    const { window } = opened(50, 1000);
    for (let count = 0; count < 500; count++) window.acknowledged(0);
    expect(window.size).toBe(50);
  });

  test('it begins with its first size on the next connection, and never with more than its limit', () => {
    const { window, round } = opened(50, 1000);
    round(1);
    window.open({ initialInflight: 50, maxInflight: 20 });
    expect(window.size).toBe(20);
    expect(round(1)).toBe(20);
  });
});

describe('keeping up', () => {
  /** Whether a client that acknowledges `perS` messages a second, one after the other, keeps up after a while. */
  function keepsUpAt(perS: number): boolean {
    const window = new DeliveryWindow();
    window.open({ initialInflight: 50, maxInflight: 1000 });
    let nowMs = 0;
    for (let count = 0; count < 20_000; count++) {
      window.held(nowMs);
      nowMs += 1000 / perS;
      window.acknowledged(nowMs);
    }
    return window.keepsUp(nowMs);
  }

  test('a client that always has messages waiting keeps up if it acknowledges twice maxInflight a second, and not with less', () => {
    expect([100, 500, 1900, 2100, 10_000].map(keepsUpAt)).toEqual([false, false, false, true, true]);
  });

  test('a client with a window that holds nothing back keeps up at any rate', () => {
    const window = new DeliveryWindow();
    window.open({ initialInflight: 50, maxInflight: 1000 });
    for (let nowMs = 0; nowMs < 100_000; nowMs += 1000) window.acknowledged(nowMs);
    expect(window.keepsUp(100_000)).toBe(true);
  });
});

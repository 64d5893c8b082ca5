// The limit on what handshakes before MQTT hold: which of them end, and when they are measured at all.
import { describe, expect, test } from '@jest/globals';
import { HANDSHAKE_BYTES_MAX, HandshakeBudget } from '../../../src/application/handshake-budget.js';
import type { MeasuredHandshake } from '../../../src/application/handshake-budget.js';
import { VirtualClock } from '../../../src/testkit/index.js';

const KIB = 1024;

function withLimit(maxBytes: number) {
  const clock = new VirtualClock();
  const limit = { maxBytes };
  const budget = new HandshakeBudget(clock, () => limit.maxBytes);
  const open = new Map<number, { bytes: number; readonly handshake: MeasuredHandshake }>();
  let measurements = 0;
  const add = (id: number, bytes: number): void => {
    const handshake = {
      heldBytes: () => {
        measurements++;
        return open.get(id)?.bytes ?? 0;
      },
      evict: () => void open.delete(id),
    };
    open.set(id, { bytes, handshake });
    budget.add(handshake);
  };
  const grow = (bytes: number): void => open.forEach((one) => (one.bytes = bytes));
  const complete = (): void => {
    open.forEach(({ handshake }) => budget.remove(handshake));
    open.clear();
  };
  const total = (): number => [...open.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  return { clock, limit, open, add, grow, complete, total, measured: () => measurements };
}

describe('the memory of handshakes', () => {
  test('nothing is measured while so many cannot exceed the limit', () => {
    const { clock, add, measured } = withLimit(10 * HANDSHAKE_BYTES_MAX);
    for (let i = 0; i < 10; i++) add(i, HANDSHAKE_BYTES_MAX);
    clock.advance(10_000);
    expect(measured()).toBe(0);
  });

  test('what arrives at once is bounded before time passes, and the oldest end first', () => {
    const { add, open, total } = withLimit(4 * HANDSHAKE_BYTES_MAX);
    for (let i = 0; i < 100; i++) {
      add(i, 100 * KIB);
      expect(total()).toBeLessThanOrEqual(4 * HANDSHAKE_BYTES_MAX + 2 * 100 * KIB);
    }
    expect([...open.keys()].at(-1)).toBe(99);
    expect(Math.min(...open.keys())).toBeGreaterThan(80);
  });

  test('those that grow later are found, and silent ones may be many', () => {
    const { clock, add, open, grow, total } = withLimit(4 * HANDSHAKE_BYTES_MAX);
    for (let i = 0; i < 50; i++) add(i, 20 * KIB);
    expect(open.size).toBe(50);
    grow(200 * KIB);
    clock.advance(1000);
    expect(open.size).toBe(5);
    expect(total()).toBeLessThanOrEqual(4 * HANDSHAKE_BYTES_MAX);
  });

  test('a lower limit holds from the next measurement on', () => {
    const { clock, limit, add, open } = withLimit(40 * HANDSHAKE_BYTES_MAX);
    for (let i = 0; i < 50; i++) add(i, 100 * KIB);
    clock.advance(1000);
    expect(open.size).toBe(50);
    limit.maxBytes = 1000 * KIB;
    clock.advance(1000);
    expect(open.size).toBe(9);
  });

  test('when all are over, none is measured any more', () => {
    const { clock, add, complete, measured } = withLimit(4 * HANDSHAKE_BYTES_MAX);
    for (let i = 0; i < 50; i++) add(i, 20 * KIB);
    complete();
    const before = measured();
    clock.advance(10_000);
    expect(measured()).toBe(before);
  });
});

// The throttle of publish rates, driven by readers that publish as fast as they may.
import { describe, expect, test } from '@jest/globals';
import { Throttle } from '../../../src/application/throttle.js';
import type { ClientRates, TotalRates } from '../../../src/application/throttle.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';

interface Reader {
  readonly name: string;
  rates: ClientRates;
  published: number;
}

/** Readers that publish whenever they are not paused. */
class Scenario {
  readonly clock = new VirtualClock(0);
  readonly order: string[] = [];
  readonly throttle: Throttle<Reader>;

  constructor(readonly settings: { current: TotalRates; version: number } = { current: {}, version: 0 }) {
    this.throttle = new Throttle(this.clock, settings, (reader) => {
      this.order.push(reader.name);
      this.read(reader);
    });
  }

  reader(name: string, rates: ClientRates = {}): Reader {
    return { name, rates, published: 0 };
  }

  read(reader: Reader, bytes = 10, max = 10_000): void {
    while (!this.throttle.isWaiting(reader) && max-- > 0) {
      reader.published++;
      this.throttle.record(reader, reader.rates, bytes, this.clock.nowMs());
    }
  }
}

describe('publish rate of a client', () => {
  test('without a rate, a client is never paused and no timer is set', () => {
    const scenario = new Scenario();
    const free = scenario.reader('free');
    scenario.read(free, 10, 5000);
    expect(free.published).toBe(5000);
    expect(scenario.clock.pending).toBe(0);
  });

  test('a client publishes a burst of one second, then at its own rate, independently of other clients', () => {
    const scenario = new Scenario();
    const slow = scenario.reader('slow', { maxPublishRate: 5 });
    const fast = scenario.reader('fast', { maxPublishRate: 100 });
    scenario.read(slow);
    scenario.read(fast);
    expect([slow.published, fast.published]).toEqual([5, 100]);
    scenario.clock.advance(10_000);
    expect([slow.published, fast.published]).toEqual([55, 1100]);
  });

  test('a message larger than one second of the byte rate passes and delays the next one accordingly', () => {
    const scenario = new Scenario();
    const reader = scenario.reader('large', { maxPublishByteRate: 1000 });
    scenario.read(reader, 11_000, 1);
    expect(scenario.throttle.isWaiting(reader)).toBe(true);
    scenario.clock.advance(10_000);
    expect(reader.published).toBe(1);
    scenario.clock.advance(1);
    expect(reader.published).toBe(2);
  });

  test('a client that has disconnected is not resumed, and its timer expires without effect', () => {
    const scenario = new Scenario({ current: { maxTotalPublishRate: 1 }, version: 0 });
    const reader = scenario.reader('gone', { maxPublishRate: 1 });
    const other = scenario.reader('other');
    scenario.read(reader);
    scenario.read(other);
    scenario.throttle.remove(reader);
    scenario.throttle.remove(other);
    scenario.clock.advance(60_000);
    expect(scenario.order).toEqual([]);
    expect(scenario.clock.pending).toBe(0);
  });

  test('a changed rate applies to the next message', () => {
    const scenario = new Scenario();
    const reader = scenario.reader('changed', { maxPublishRate: 1 });
    scenario.read(reader);
    scenario.clock.advance(1000);
    expect(reader.published).toBe(2);
    reader.rates = { maxPublishRate: 1000 };
    scenario.clock.advance(1000);
    expect(reader.published).toBe(1002);
  });
});

describe('publish rate of all clients', () => {
  test('clients that wait for the total rate are resumed in turn', () => {
    const scenario = new Scenario({ current: { maxTotalPublishRate: 30 }, version: 0 });
    const readers = ['a', 'b', 'c'].map((name) => scenario.reader(name));
    for (const reader of readers) scenario.read(reader);
    scenario.clock.advance(10_000);
    const [a, b, c] = readers.map(({ published }) => published) as [number, number, number];
    expect(a + b + c).toBeGreaterThanOrEqual(300);
    expect(a + b + c).toBeLessThanOrEqual(335);
    // The burst went to the first client; the rate after it is shared.
    expect(scenario.order.slice(0, 6)).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
    expect(Math.abs(b - c)).toBeLessThanOrEqual(1);
  });

  test('of a total rate and a client rate, the lower one applies', () => {
    const scenario = new Scenario({
      current: { maxTotalPublishRate: 1000, maxTotalPublishByteRate: 1_000_000 },
      version: 0,
    });
    const slow = scenario.reader('slow', { maxPublishRate: 2 });
    const free = scenario.reader('free');
    scenario.read(slow);
    scenario.read(free);
    scenario.clock.advance(10_000);
    expect(slow.published).toBeLessThanOrEqual(23);
    expect(free.published).toBeGreaterThan(9000);
  });
});

describe('rates that a reload changes', () => {
  test('a client that waits is read within a second once its rate is lifted', () => {
    const scenario = new Scenario();
    const rates: { maxPublishByteRate: number | undefined } = { maxPublishByteRate: 1000 };
    const reader = scenario.reader('large', rates);
    scenario.read(reader, 10_000_000, 1);
    scenario.clock.advance(60_000);
    expect(scenario.order).toEqual([]);
    rates.maxPublishByteRate = undefined;
    scenario.settings.version++;
    scenario.clock.advance(1000);
    expect(scenario.order).toEqual(['large']);
  });

  test('clients that wait for the total rate are read within a second once that is lifted', () => {
    const scenario = new Scenario({ current: { maxTotalPublishByteRate: 1000 }, version: 0 });
    scenario.read(scenario.reader('large'), 10_000_000, 1);
    scenario.settings.current = {};
    scenario.settings.version++;
    scenario.clock.advance(1000);
    expect(scenario.order).toEqual(['large']);
  });

  test('a rate that stays the same keeps what it has used up when the limits are replaced', () => {
    const scenario = new Scenario();
    const reader = scenario.reader('slow', { maxPublishRate: 5 });
    scenario.read(reader);
    scenario.settings.version++;
    scenario.clock.advance(1000);
    expect(reader.published).toBe(10);
  });
});

import { describe, expect, test } from '@jest/globals';
import { Throttle } from '../../../src/application/throttle.js';
import type { ClientRates, TotalRates } from '../../../src/application/throttle.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';

interface Reader {
  readonly name: string;
  readonly rates: ClientRates;
  published: number;
}

/** Readers that publish as fast as they are let, from the beginning on. */
class Scene {
  readonly clock = new VirtualClock(0);
  readonly order: string[] = [];
  readonly throttle = new Throttle<Reader>(this.clock, (reader) => {
    this.order.push(reader.name);
    this.read(reader);
  });

  constructor(total: TotalRates = {}) {
    this.throttle.total = total;
  }

  reader(name: string, rates: ClientRates = {}): Reader {
    return { name, rates, published: 0 };
  }

  read(reader: Reader, bytes = 10, most = 10_000): void {
    while (!this.throttle.isWaiting(reader) && most-- > 0) {
      reader.published++;
      this.throttle.record(reader, reader.rates, bytes, this.clock.nowMs());
    }
  }
}

describe('a client', () => {
  test('publishes as much as it likes where no rate is set, and there is no timer', () => {
    const scene = new Scene();
    const free = scene.reader('free');
    scene.read(free, 10, 5000);
    expect(free.published).toBe(5000);
    expect(scene.clock.pending).toBe(0);
  });

  test('publishes a burst of a second and then at its rate, beside others that have another', () => {
    const scene = new Scene();
    const slow = scene.reader('slow', { maxPublishRate: 5 });
    const fast = scene.reader('fast', { maxPublishRate: 100 });
    scene.read(slow);
    scene.read(fast);
    expect([slow.published, fast.published]).toEqual([5, 100]);
    scene.clock.advance(10_000);
    expect([slow.published, fast.published]).toEqual([55, 1100]);
  });

  test('is held to its bytes, and pays for a message that is larger than a second of them', () => {
    const scene = new Scene();
    const reader = scene.reader('large', { maxPublishByteRate: 1000 });
    scene.read(reader, 11_000, 1);
    expect(scene.throttle.isWaiting(reader)).toBe(true);
    scene.clock.advance(10_000);
    expect(reader.published).toBe(1);
    scene.clock.advance(1);
    expect(reader.published).toBe(2);
  });

  test('that has gone is not read again, and leaves no timer for long', () => {
    const scene = new Scene({ maxTotalPublishRate: 1 });
    const reader = scene.reader('gone', { maxPublishRate: 1 });
    const other = scene.reader('other');
    scene.read(reader);
    scene.read(other);
    scene.throttle.remove(reader);
    scene.throttle.remove(other);
    scene.clock.advance(60_000);
    expect(scene.order).toEqual([]);
    expect(scene.clock.pending).toBe(0);
  });

  test('has another rate as soon as it is set', () => {
    const scene = new Scene();
    const reader = scene.reader('changed', { maxPublishRate: 1 });
    scene.read(reader);
    const rates: ClientRates = { maxPublishRate: 1000 };
    scene.clock.advance(1000);
    expect(reader.published).toBe(2);
    const changed = { ...reader, rates, published: 0 };
    scene.read(changed);
    expect(changed.published).toBe(1000);
  });
});

describe('all clients together', () => {
  test('share a rate in turn', () => {
    const scene = new Scene({ maxTotalPublishRate: 30 });
    const readers = ['a', 'b', 'c'].map((name) => scene.reader(name));
    for (const reader of readers) scene.read(reader);
    scene.clock.advance(10_000);
    const [a, b, c] = readers.map(({ published }) => published) as [number, number, number];
    expect(a + b + c).toBeGreaterThanOrEqual(300);
    expect(a + b + c).toBeLessThanOrEqual(335);
    // The burst is the first one's; what came afterwards is shared.
    expect(scene.order.slice(0, 6)).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
    expect(Math.abs(b - c)).toBeLessThanOrEqual(1);
  });

  test('and each by itself: the lower of the two holds', () => {
    const scene = new Scene({ maxTotalPublishRate: 1000, maxTotalPublishByteRate: 1_000_000 });
    const slow = scene.reader('slow', { maxPublishRate: 2 });
    const free = scene.reader('free');
    scene.read(slow);
    scene.read(free);
    scene.clock.advance(10_000);
    expect(slow.published).toBeLessThanOrEqual(23);
    expect(free.published).toBeGreaterThan(9000);
  });
});

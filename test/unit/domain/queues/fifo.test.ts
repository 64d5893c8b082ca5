// The first-in, first-out queue, compared with an array.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Fifo } from '../../../../src/domain/queues/fifo.js';

interface Item {
  readonly name: number;
}

describe('Fifo', () => {
  test('a Fifo returns its items in the order of pushing, whatever its length was in between', () => {
    const step = fc.oneof(
      fc.record({ push: fc.integer({ min: 1, max: 2500 }), shift: fc.constant(0) }),
      fc.record({ push: fc.constant(0), shift: fc.integer({ min: 1, max: 2500 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const fifo = new Fifo<Item>();
        let next = 0;
        let oldest = 0;
        for (const { push, shift } of steps) {
          for (let i = 0; i < push; i++) fifo.push({ name: next++ });
          for (let i = 0; i < shift; i++) {
            const item = fifo.shift();
            if (oldest === next) expect(item).toBeUndefined();
            else if (item?.name !== oldest++) expect(item?.name).toBe(oldest - 1);
          }
          expect(fifo.length).toBe(next - oldest);
          expect(fifo.peek()?.name).toBe(oldest === next ? undefined : oldest);
          expect([...fifo].map(({ name }) => name)).toEqual(
            Array.from({ length: next - oldest }, (_, i) => oldest + i),
          );
        }
        fifo.clear();
        expect([fifo.length, fifo.peek(), fifo.shift(), [...fifo]]).toEqual([0, undefined, undefined, []]);
      }),
      { numRuns: 30 },
    );
  });
});

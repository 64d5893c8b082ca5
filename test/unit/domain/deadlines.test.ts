// The heap of deadlines, compared with a sorted list.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Deadline, Deadlines } from '../../../src/domain/deadlines.js';
import type { TimerKind } from '../../../src/domain/deadlines.js';

interface Owner {
  readonly name: number;
}

const KIND: TimerKind<Owner> = { name: 'test', expired: () => undefined };

describe('Deadlines', () => {
  test('the earliest deadline is known after any history of setting, moving and clearing', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('set' as const), which: fc.nat(9), atMs: fc.nat(50) }),
      fc.record({ kind: fc.constant('clear' as const), which: fc.nat(9), atMs: fc.constant(0) }),
      fc.record({ kind: fc.constant('take' as const), which: fc.constant(0), atMs: fc.nat(50) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const deadlines = new Deadlines();
        const all = Array.from({ length: 10 }, (_, name) => new Deadline<Owner>(KIND, { name }));
        const model = new Map<unknown, number>();
        for (const { kind, which, atMs } of steps) {
          const deadline = all[which] as Deadline<Owner>;
          if (kind === 'set') {
            deadlines.set(deadline, atMs);
            model.set(deadline, atMs);
          } else if (kind === 'clear') {
            deadlines.clear(deadline);
            model.delete(deadline);
          } else {
            const earliest = Math.min(...model.values());
            const taken = deadlines.takeDue(atMs);
            expect(taken === undefined).toBe(!(earliest <= atMs));
            if (taken !== undefined) {
              expect(model.get(taken)).toBe(earliest);
              model.delete(taken);
            }
          }
          const set = all.filter((one) => one.isSet).length;
          const nextMs = model.size === 0 ? undefined : Math.min(...model.values());
          expect({ nextMs: deadlines.nextMs, set }).toEqual({ nextMs, set: model.size });
        }
      }),
      { numRuns: 300 },
    );
  });

  test('deadlines that are due are taken earliest first, and no others', () => {
    const deadlines = new Deadlines();
    const taken: number[] = [];
    const kind: TimerKind<Owner> = { name: 'test', expired: ({ name }) => taken.push(name) };
    for (const atMs of [30, 10, 20, 40]) deadlines.set(new Deadline<Owner>(kind, { name: atMs }), atMs);
    for (let next = deadlines.takeDue(30); next !== undefined; next = deadlines.takeDue(30)) next.expire();
    expect(taken).toEqual([10, 20, 30]);
    expect(deadlines.nextMs).toBe(40);
  });
});

// Bytes that wait for storage leave in the order in which they were promised, and never before what they wait for.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { GatedOutput } from '../../../src/application/gated-output.js';
import { OutputBuffer } from '../../../src/application/output-buffer.js';

function started(): {
  gated: GatedOutput;
  output: OutputBuffer;
  hold: (text: string, ticket: number) => void;
  release: (durable: number) => boolean;
  sent: () => string;
} {
  const gated = new GatedOutput();
  const output = new OutputBuffer();
  return {
    gated,
    output,
    hold: (text, ticket) => {
      gated.buffer.append(Buffer.from(text));
      gated.mark(ticket);
    },
    release: (durable) => gated.release(durable, output),
    sent: () => Buffer.from(output.take()).toString(),
  };
}

describe('gated output', () => {
  test('output leaves in order as its tickets become durable', () => {
    const { gated, hold, release, sent } = started();
    hold('a', 1);
    hold('b', 2);
    hold('c', 2);
    hold('d', 4);
    expect(release(0)).toBe(false);
    expect(release(1)).toBe(true);
    expect(sent()).toBe('a');
    expect(release(3)).toBe(true);
    expect(sent()).toBe('bc');
    expect(gated.isEmpty).toBe(false);
    expect(release(9)).toBe(true);
    expect(sent()).toBe('d');
    expect([gated.isEmpty, gated.bytes]).toEqual([true, 0]);
  });

  test('output waits with what is before it, even if its own ticket is earlier', () => {
    const { hold, release, sent } = started();
    hold('a', 3);
    hold('b', 2);
    expect(release(2)).toBe(false);
    release(3);
    expect(sent()).toBe('ab');
  });

  test('released output goes behind what was written before and in front of what is written later', () => {
    const { output, hold, release, sent } = started();
    output.append(Buffer.from('x'));
    hold('a', 1);
    hold('b', 2);
    release(1);
    hold('c', 3);
    output.append(Buffer.from('y'));
    release(3);
    expect(sent()).toBe('xaybc');
  });

  test('dropped output never leaves', () => {
    const { gated, hold, release, sent } = started();
    hold('a', 1);
    gated.drop();
    expect(release(1)).toBe(false);
    expect([sent(), gated.isEmpty, gated.bytes]).toEqual(['', true, 0]);
  });

  test('any sequence of ascending tickets and releases sends every byte once, in order, and none early', () => {
    const step = fc.record({ texts: fc.array(fc.string({ maxLength: 300 }), { maxLength: 8 }), durableBy: fc.nat(3) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { hold, release, sent } = started();
        let promised = '';
        let got = '';
        let durableSoFar = 0;
        const ends: number[] = [0];
        steps.forEach(({ texts, durableBy }, i) => {
          const ticket = i + 1;
          for (const text of texts) {
            hold(text, ticket);
            promised += Buffer.from(text).toString();
          }
          ends.push(promised.length);
          durableSoFar = Math.max(durableSoFar, ticket - durableBy);
          release(durableSoFar);
          got += sent();
          expect(got).toBe(promised.slice(0, ends[durableSoFar]));
        });
        release(Infinity);
        expect(got + sent()).toBe(promised);
      }),
      { numRuns: 200 },
    );
  });
});

// What clients have sent, as the dashboard shows it: as text that looks like nothing else.
import { describe, expect, test } from '@jest/globals';
import { bytes, duration, interval, milliseconds, payload, visible } from '../../../src/dashboard/format.js';
import { histogram, metricsOf, quantileBetween, total } from '../../../src/dashboard/live/metrics.js';

describe('names of clients', () => {
  test('stay as they are if they can be seen', () => {
    expect(visible('<b>Zähler 7</b> 😀')).toBe('<b>Zähler 7</b> 😀');
  });

  test('have what is invisible, or turns the direction of writing, written out', () => {
    expect(visible('a\u202Egnp.exe\u0000\n\u200b')).toBe('a\\u{202e}gnp.exe\\u{0}\\u{a}\\u{200b}');
  });
});

describe('payloads', () => {
  const of = (...content: number[]) => payload(Uint8Array.from(content));

  test('are text if they are text, with lines and tabs', () => {
    expect(payload(Buffer.from('{"a":\t1}\nß'))).toEqual({ kind: 'text', text: '{"a":\t1}\nß' });
    expect(of()).toEqual({ kind: 'empty', text: '' });
  });

  test('are hexadecimal if they are not UTF-8, or have controls', () => {
    expect(of(0x41, 0xff)).toEqual({ kind: 'hex', text: expect.stringMatching(/^0000 {2}41 ff +A\.$/) });
    expect(of(0x41, 0x00).kind).toBe('hex');
    expect(of(0x1b, 0x5b).kind).toBe('hex');
  });

  test('may end within a character if they are a part', () => {
    const part = Buffer.from('aß').subarray(0, 2);
    expect(payload(part, true)).toEqual({ kind: 'text', text: 'a' });
    expect(payload(part).kind).toBe('hex');
  });
});

test('numbers come with the unit that fits', () => {
  expect([bytes(0), bytes(1536), bytes(5 * 1024 ** 3)]).toEqual(['0 B', '1.5 KiB', '5 GiB']);
  expect([duration(59), duration(3660), duration(90_000)]).toEqual(['59 s', '1 h 1 min', '1 d 1 h']);
  expect([interval(4_294_967_295), milliseconds(0.25), milliseconds(1500)]).toEqual(['never', '250 µs', '1.5 s']);
});

test('a latency is what was measured between two looks at a histogram', () => {
  const look = (counts: readonly number[]) =>
    metricsOf([
      {
        name: 'time',
        help: '',
        type: 'histogram',
        values: [
          ...['0.001', '0.01', '+Inf'].map((le, i) => ({
            labels: { le },
            value: counts[i] ?? 0,
            name: 'time_bucket',
          })),
          { labels: {}, value: 1, name: 'time_sum' },
          { labels: {}, value: counts[2] ?? 0, name: 'time_count' },
        ],
      },
      {
        name: 'things',
        help: '',
        type: 'gauge',
        values: [1, 2].map((value) => ({ labels: { of: String(value) }, value })),
      },
    ]);
  const [before, after] = [look([5, 5, 5]), look([5, 15, 15])].map((one) => histogram(one, 'time'));
  if (before === undefined || after === undefined) throw new Error('there is no histogram');
  expect(quantileBetween(0.5, before, after)).toBeCloseTo(0.0055);
  expect(quantileBetween(0.5, after, after)).toBeUndefined();
  expect(total(look([]), 'things')).toBe(3);
});

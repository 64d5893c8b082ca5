import { describe, expect, test } from '@jest/globals';
import { Link } from '../../../src/application/link.js';
import type { ConnectionId } from '../../../src/domain/identifiers.js';
import type { Channel } from '../../../src/ports/network.js';

const CHANNEL: Channel = {
  peer: { remoteAddress: 'test:1' },
  write: () => true,
  sentBytes: 0,
  pause: () => undefined,
  resume: () => undefined,
  close: () => undefined,
};

function started(): Link {
  return new Link(
    1 as ConnectionId,
    'test',
    undefined,
    CHANNEL,
    { received: () => undefined, drained: () => undefined, closed: () => undefined },
    1000,
  );
}

function hold(link: Link, text: string, batch: number): void {
  link.held.append(Buffer.from(text));
  link.mark(batch);
}

const out = (link: Link): string => Buffer.from(link.out.take()).toString();

describe('what waits on a link', () => {
  test('goes out in order as its batches become durable', () => {
    const link = started();
    hold(link, 'a', 1);
    hold(link, 'b', 2);
    hold(link, 'c', 2);
    hold(link, 'd', 4);
    expect(link.lastHeldBatch).toBe(4);
    expect(link.release(0)).toBe(false);
    expect(link.release(1)).toBe(true);
    expect(out(link)).toBe('a');
    expect(link.release(3)).toBe(true);
    expect(out(link)).toBe('bc');
    expect(link.hasHeld).toBe(true);
    expect(link.release(9)).toBe(true);
    expect(out(link)).toBe('d');
    expect([link.hasHeld, link.lastHeldBatch]).toEqual([false, 0]);
  });

  test('waits with what is before it, also when its own batch is earlier', () => {
    const link = started();
    hold(link, 'a', 3);
    hold(link, 'b', 2);
    expect(link.release(2)).toBe(false);
    link.release(3);
    expect(out(link)).toBe('ab');
  });

  test('is behind what was put out before and before what comes after', () => {
    const link = started();
    link.out.append(Buffer.from('x'));
    hold(link, 'a', 1);
    hold(link, 'b', 2);
    link.release(1);
    hold(link, 'c', 3);
    link.out.append(Buffer.from('y'));
    link.release(3);
    expect(out(link)).toBe('xaybc');
  });

  test('is forgotten when it is dropped', () => {
    const link = started();
    hold(link, 'a', 1);
    link.dropHeld();
    expect(link.release(1)).toBe(false);
    expect([out(link), link.hasHeld]).toEqual(['', false]);
  });

  test('does not hold CONNACK for the next packets once it has gone', () => {
    const link = started();
    hold(link, 'connack', 2);
    link.connackBatch = 2;
    link.release(1);
    expect(link.connackBatch).toBe(2);
    link.release(2);
    expect(link.connackBatch).toBe(0);
  });

  test('survives any amount of it', () => {
    const link = started();
    let expected = '';
    let got = '';
    for (let batch = 1; batch <= 50; batch++) {
      for (let i = 0; i < 20; i++) {
        const text = `${batch}.${i} `.repeat(10);
        expected += text;
        hold(link, text, batch);
      }
      if (batch % 3 === 0) {
        link.release(batch - 1);
        got += out(link);
      }
    }
    link.release(50);
    expect(got + out(link)).toBe(expected);
  });
});

describe('what waits behind CONNACK', () => {
  test('keeps everything later behind it when it has to wait for more than CONNACK did', () => {
    const link = started();
    hold(link, 'connack ', 1);
    link.connackBatch = 1;
    hold(link, 'QoS 2 ', 2);
    hold(link, 'QoS 1 ', link.connackBatch);
    link.release(1);
    expect(out(link)).toBe('connack ');
    expect(link.connackBatch).toBe(2);
    hold(link, 'later', link.connackBatch);
    link.release(2);
    expect(out(link)).toBe('QoS 2 QoS 1 later');
    expect(link.connackBatch).toBe(0);
  });
});

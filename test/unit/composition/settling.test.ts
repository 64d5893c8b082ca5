// Calls of adapters that never settle: the end of the process is emulated by the event that comes before it.
import { expect, jest, test } from '@jest/globals';
import { StorageError } from 'hexmq/ports';
import { settled } from '../../../src/composition/settling.js';

const NEVER = new Promise<never>(() => undefined);

test('a call that settles is what it would be without the wait, and leaves nothing behind', async () => {
  const before = process.listenerCount('beforeExit');
  expect(await settled(Promise.resolve(7), 'open() of x')).toBe(7);
  await expect(settled(Promise.reject(new Error('no')), 'open() of x')).rejects.toThrow('no');
  expect(process.listenerCount('beforeExit')).toBe(before);
});

test('a call that nothing is left to settle is reported by its name', async () => {
  const call = settled(NEVER, 'storage.adapter: open() of x');
  process.emit('beforeExit', 0);
  await expect(call).rejects.toThrow(
    new StorageError(
      'unavailable',
      'storage.adapter: open() of x never settled, expected a promise that resolves or rejects',
    ),
  );
});

test('a call that takes long is reported again and again until it settles', async () => {
  jest.useFakeTimers();
  try {
    const notices: [string, number][] = [];
    let settle!: (value: number) => void;
    const call = settled(new Promise<number>((resolve) => (settle = resolve)), 'open() of x', {
      notice: (...notice) => notices.push(notice),
    });
    jest.advanceTimersByTime(9_999);
    expect(notices).toEqual([]);
    jest.advanceTimersByTime(60_001);
    expect(notices).toEqual([
      ['open() of x', 10],
      ['open() of x', 70],
    ]);
    settle(1);
    expect(await call).toBe(1);
    expect(jest.getTimerCount()).toBe(0);
  } finally {
    jest.useRealTimers();
  }
});

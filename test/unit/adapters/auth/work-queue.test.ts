// The bounded work queue of the auth adapters: how much runs at once, how much waits, and what cancels work.
import { describe, expect, test } from '@jest/globals';
import { WorkQueue } from '../../../../adapters/auth/concurrency/work-queue.js';

interface Work {
  readonly done: Promise<string>;
  readonly end: () => void;
}

/** Work that appends its name to the log when it starts, and ends when the test says so. */
function enqueue(queue: WorkQueue, log: string[], name: string, signal?: AbortSignal): Work {
  let end: () => void = () => undefined;
  const done = queue.run(() => {
    log.push(name);
    return new Promise<string>((resolve) => {
      end = () => {
        resolve(name);
      };
    });
  }, signal);
  done.catch(() => undefined);
  return {
    done,
    end: () => {
      end();
    },
  };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a work queue', () => {
  test('a work queue runs a limited number of tasks at once, in order of arrival', async () => {
    const queue = new WorkQueue(2, 10);
    const log: string[] = [];
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => enqueue(queue, log, name)) as [Work, Work, Work, Work];
    expect(log).toEqual(['a', 'b']);
    b.end();
    await b.done;
    await nextTurn();
    expect(log).toEqual(['a', 'b', 'c']);
    a.end();
    c.end();
    await Promise.all([a.done, c.done]);
    await nextTurn();
    d.end();
    expect(await d.done).toBe('d');
  });

  test('a task that fails does not keep the next one from running', async () => {
    const queue = new WorkQueue(1, 10);
    const failing = queue.run(() => Promise.reject(new Error('no memory')), undefined);
    const next = queue.run(() => 'done', undefined);
    await expect(failing).rejects.toThrow('no memory');
    expect(await next).toBe('done');
  });

  test('a task whose signal is aborted leaves the queue and makes room for another', async () => {
    const queue = new WorkQueue(1, 1);
    const log: string[] = [];
    const first = enqueue(queue, log, 'first');
    const client = new AbortController();
    const cancelled = enqueue(queue, log, 'cancelled', client.signal);
    await expect(enqueue(queue, log, 'too many').done).rejects.toThrow(
      'too many requests at once: 1 running, 1 waiting',
    );
    client.abort();
    await expect(cancelled.done).rejects.toThrow('the request was cancelled');
    const second = enqueue(queue, log, 'second');
    first.end();
    await first.done;
    await nextTurn();
    second.end();
    expect(await second.done).toBe('second');
    expect(log).toEqual(['first', 'second']);
    await expect(enqueue(queue, log, 'late', client.signal).done).rejects.toThrow('the request was cancelled');
  });

  test('closing a work queue rejects waiting and later tasks, and lets running ones end', async () => {
    const queue = new WorkQueue(1, 10);
    const log: string[] = [];
    const first = enqueue(queue, log, 'first');
    const waiting = enqueue(queue, log, 'waiting');
    queue.close();
    await expect(waiting.done).rejects.toThrow('closed');
    await expect(enqueue(queue, log, 'late').done).rejects.toThrow('closed');
    first.end();
    expect(await first.done).toBe('first');
    expect(log).toEqual(['first']);
  });
});

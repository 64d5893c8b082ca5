// Whose slice is next.
import { describe, expect, test } from '@jest/globals';
import { WorkQueue } from '../../../src/domain/work-queue.js';
import type { Task } from '../../../src/domain/work-queue.js';

describe('the queue of work', () => {
  const taskOf = (log: string[], name: string, slices: number, hasPriority = false): Task => {
    let left = slices;
    return {
      hasPriority,
      run: () => {
        log.push(name);
        return --left === 0;
      },
    };
  };

  const runAll = (work: WorkQueue): void => {
    while (!work.isEmpty) work.continue();
  };

  test('tasks take turns, and one that is added twice has one turn', () => {
    const log: string[] = [];
    const work = new WorkQueue();
    const a = taskOf(log, 'a', 3);
    work.add(a);
    work.add(taskOf(log, 'b', 1));
    work.add(a);
    runAll(work);
    expect(log.join('')).toBe('abaa');
  });

  test('a task with priority gets every second slice, however many others there are', () => {
    const log: string[] = [];
    const work = new WorkQueue();
    for (const name of 'abcd') work.add(taskOf(log, name, 2));
    work.add(taskOf(log, 'P', 3, true));
    runAll(work);
    expect(log.join('')).toBe('PaPbPcdabcd');
  });

  test('a task that adds itself while it runs goes on after the others', () => {
    const log: string[] = [];
    const work = new WorkQueue();
    let isFirst = true;
    const again: Task = {
      run: () => {
        log.push('x');
        if (isFirst) work.add(again);
        isFirst = false;
        return true;
      },
    };
    work.add(again);
    work.add(taskOf(log, 'a', 1));
    runAll(work);
    expect(log.join('')).toBe('xax');
  });
});

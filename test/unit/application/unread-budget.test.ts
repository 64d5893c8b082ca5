// The budget for what has arrived and is not read.
import { expect, test } from '@jest/globals';
import { UnreadBudget } from '../../../src/application/unread-budget.js';

function started(): { budget: UnreadBudget<string>; evicted: string[] } {
  const evicted: string[] = [];
  return { budget: new UnreadBudget<string>((sender) => evicted.push(sender)), evicted };
}

test('the budget counts what is held of each sender now', () => {
  const { budget } = started();
  budget.hold('a', 100);
  budget.hold('b', 50);
  budget.hold('a', 300);
  expect([budget.bytes, budget.size]).toEqual([350, 2]);
  budget.release('a');
  budget.release('a');
  budget.release('unknown');
  expect([budget.bytes, budget.size]).toEqual([50, 1]);
});

test('enforcing the budget evicts senders that hold as much as the average until enough memory is free', () => {
  const { budget, evicted } = started();
  for (const name of ['small', 'also small']) budget.hold(name, 10);
  for (const name of ['large 1', 'large 2', 'large 3']) budget.hold(name, 100);
  budget.enforce(320);
  expect(evicted).toEqual([]);
  budget.enforce(319);
  expect(evicted).toEqual(['large 1']);
  budget.enforce(100);
  expect(evicted).toEqual(['large 1', 'large 2', 'large 3']);
  expect(budget.bytes).toBe(20);
});

test('senders that hold equally much are evicted until enough memory is free, also if none holds more', () => {
  const { budget, evicted } = started();
  for (const name of ['a', 'b', 'c']) budget.hold(name, 7);
  budget.enforce(14);
  expect(evicted).toEqual(['a', 'b']);
  budget.enforce(0);
  expect(budget.size).toBe(0);
});

// The budget for partially received packets.
import { expect, test } from '@jest/globals';
import { PartialPacketBudget } from '../../../src/application/partial-packet-budget.js';

test('the budget counts the current size of each partial packet', () => {
  const budget = new PartialPacketBudget<string>(() => undefined);
  budget.track('a', 1, 100);
  budget.track('b', 1, 50);
  budget.track('a', 1, 300);
  expect(budget.bytes).toBe(350);
  budget.track('a', 2, 10);
  expect(budget.bytes).toBe(60);
  budget.untrack('b');
  budget.untrack('b');
  budget.untrack('unknown');
  expect(budget.bytes).toBe(10);
});

test('enforcing the budget evicts the senders whose partial packets began first, until enough memory is free', () => {
  const evicted: string[] = [];
  const budget = new PartialPacketBudget<string>((sender) => evicted.push(sender));
  budget.track('first', 1, 100);
  budget.track('second', 1, 100);
  budget.track('third', 1, 100);
  // The first packet of this sender is complete, and another has begun.
  budget.track('first', 2, 100);
  budget.enforce(300);
  expect(evicted).toEqual([]);
  budget.track('third', 1, 101);
  budget.enforce(300);
  expect(evicted).toEqual(['second']);
  expect(budget.bytes).toBe(201);
  budget.enforce(100);
  expect(evicted).toEqual(['second', 'third', 'first']);
  expect(budget.bytes).toBe(0);
});

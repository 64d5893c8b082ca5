import { expect, test } from '@jest/globals';
import { PartialPacketBudget } from '../../../src/application/partial-packet-budget.js';

test('counts what each holds now', () => {
  const incomplete = new PartialPacketBudget<string>(() => undefined);
  incomplete.track('a', 1, 100);
  incomplete.track('b', 1, 50);
  incomplete.track('a', 1, 300);
  expect(incomplete.bytes).toBe(350);
  incomplete.track('a', 2, 10);
  expect(incomplete.bytes).toBe(60);
  incomplete.untrack('b');
  incomplete.untrack('b');
  incomplete.untrack('nobody');
  expect(incomplete.bytes).toBe(10);
});

test('gives up those that began first, and whoever is still sending last, until there is room', () => {
  const evicted: string[] = [];
  const incomplete = new PartialPacketBudget<string>((sender) => evicted.push(sender));
  incomplete.track('first', 1, 100);
  incomplete.track('second', 1, 100);
  incomplete.track('third', 1, 100);
  // It has finished that packet and begun another.
  incomplete.track('first', 2, 100);
  incomplete.enforce(300);
  expect(evicted).toEqual([]);
  incomplete.track('third', 1, 101);
  incomplete.enforce(300);
  expect(evicted).toEqual(['second']);
  expect(incomplete.bytes).toBe(201);
  incomplete.enforce(100);
  expect(evicted).toEqual(['second', 'third', 'first']);
  expect(incomplete.bytes).toBe(0);
});

import { expect, test } from '@jest/globals';
import { IncompletePackets } from '../../../src/application/incomplete-packets.js';

test('counts what each holds now', () => {
  const incomplete = new IncompletePackets<string>(() => undefined);
  incomplete.holds('a', 1, 100);
  incomplete.holds('b', 1, 50);
  incomplete.holds('a', 1, 300);
  expect(incomplete.bytes).toBe(350);
  incomplete.holds('a', 2, 10);
  expect(incomplete.bytes).toBe(60);
  incomplete.hasNone('b');
  incomplete.hasNone('b');
  incomplete.hasNone('nobody');
  expect(incomplete.bytes).toBe(10);
});

test('gives up those that began first, and whoever is still sending last, until there is room', () => {
  const evicted: string[] = [];
  const incomplete = new IncompletePackets<string>((sender) => evicted.push(sender));
  incomplete.holds('first', 1, 100);
  incomplete.holds('second', 1, 100);
  incomplete.holds('third', 1, 100);
  // It has finished that packet and begun another.
  incomplete.holds('first', 2, 100);
  incomplete.limitTo(300);
  expect(evicted).toEqual([]);
  incomplete.holds('third', 1, 101);
  incomplete.limitTo(300);
  expect(evicted).toEqual(['second']);
  expect(incomplete.bytes).toBe(201);
  incomplete.limitTo(100);
  expect(evicted).toEqual(['second', 'third', 'first']);
  expect(incomplete.bytes).toBe(0);
});

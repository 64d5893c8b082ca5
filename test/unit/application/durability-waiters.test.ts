// Work that waits for a ticket begins when that ticket is durable, in the order of the requests.
import { expect, test } from '@jest/globals';
import { DurabilityWaiters } from '../../../src/application/durability-waiters.js';

function started(durableTicket = 2) {
  const begun: string[] = [];
  const waiters = new DurabilityWaiters({ durableTicket });
  const wait = (after: number, name: string): void => {
    waiters.wait(after, () => begun.push(name));
  };
  return { waiters, begun, wait };
}

test('work that waits for nothing, or for what is durable, begins at once', () => {
  const { begun, wait } = started();
  wait(0, 'now');
  wait(2, 'durable');
  expect(begun).toEqual(['now', 'durable']);
});

test('work begins when its ticket is durable, or a later one, in the order of the requests', () => {
  const { waiters, begun, wait } = started();
  wait(5, 'fifth');
  wait(4, 'fourth');
  wait(3, 'third');
  wait(4, 'fourth again');
  waiters.durable(3);
  expect(begun).toEqual(['third']);
  waiters.durable(6);
  expect(begun).toEqual(['third', 'fifth', 'fourth', 'fourth again']);
});

test('work that was waiting at a stop never begins', () => {
  const { waiters, begun, wait } = started();
  wait(3, 'third');
  waiters.stop();
  waiters.durable(3);
  expect(begun).toEqual([]);
});

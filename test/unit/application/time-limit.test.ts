// A time limit that many requests share: each has its time, and there is one timer.
import { describe, expect, test } from '@jest/globals';
import { Limited, TimeLimit } from '../../../src/application/time-limit.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';

class Request extends Limited {
  constructor(
    readonly name: string,
    readonly over: string[],
  ) {
    super();
  }

  timeIsOver(): void {
    this.over.push(this.name);
  }
}

function scene(isDeferred = false) {
  const clock = new VirtualClock();
  const turns: (() => void)[] = [];
  const limit = new TimeLimit(100, clock, isDeferred ? (callback) => turns.push(callback) : undefined);
  const over: string[] = [];
  const begin = (name: string): Request => {
    const request = new Request(name, over);
    limit.begin(request);
    return request;
  };
  /** The end of a turn. */
  const turn = (): void => {
    for (const callback of turns.splice(0)) callback();
  };
  return { clock, limit, over, begin, turn };
}

test('each request has its own time, and all have one timer', () => {
  const { clock, over, begin } = scene();
  begin('a');
  clock.advance(40);
  begin('b');
  begin('c');
  expect(clock.pending).toBe(1);
  clock.advance(59);
  expect(over).toEqual([]);
  clock.advance(1);
  expect(over).toEqual(['a']);
  clock.advance(40);
  expect({ over, pending: clock.pending }).toEqual({ over: ['a', 'b', 'c'], pending: 0 });
});

test.each([
  [['a', 'b', 'c'], []],
  [['b'], ['a', 'c']],
  [['c', 'a'], ['b']],
])('of those that end in time, %j, none hears that its time is over', (ended, left) => {
  const { clock, limit, over, begin } = scene();
  const requests = new Map(['a', 'b', 'c'].map((name) => [name, begin(name)]));
  for (const name of ended) limit.end(requests.get(name) as Request);
  clock.advance(100);
  expect({ over, pending: clock.pending }).toEqual({ over: left, pending: 0 });
});

describe('a limit that waits for the end of the turn', () => {
  test('sets no timer for what ends before', () => {
    const { clock, limit, begin, turn } = scene(true);
    for (let i = 0; i < 3; i++) limit.end(begin('a'));
    expect(clock.pending).toBe(0);
    turn();
    expect(clock.pending).toBe(0);
  });

  test('has a timer for the rest, until it ends as well', () => {
    const { clock, limit, over, begin, turn } = scene(true);
    const first = begin('a');
    turn();
    clock.advance(40);
    begin('b');
    turn();
    limit.end(first);
    clock.advance(99);
    turn();
    expect({ over, pending: clock.pending }).toEqual({ over: [], pending: 1 });
    clock.advance(1);
    turn();
    expect({ over, pending: clock.pending }).toEqual({ over: ['b'], pending: 0 });
  });

  test('removes its timer with the last one', () => {
    const { clock, limit, begin, turn } = scene(true);
    const request = begin('a');
    turn();
    limit.end(request);
    turn();
    expect(clock.pending).toBe(0);
  });
});

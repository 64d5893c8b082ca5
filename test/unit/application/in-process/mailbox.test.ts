// The queue in front of a handler: one item at a time and in order, bounded, and failures stay where they are.
import { expect, test } from '@jest/globals';
import { HandlerTurns } from '../../../../src/application/in-process/handler-turns.js';
import { Mailbox } from '../../../../src/application/in-process/mailbox.js';
import type { MailboxLimits } from '../../../../src/application/in-process/mailbox.js';
import { VirtualClock } from '../../../../src/testkit/virtual-clock.js';

interface Item {
  readonly name: string;
}

class Bench {
  readonly clock = new VirtualClock();
  readonly log: string[] = [];
  #turns: (() => void)[] = [];
  readonly turns = new HandlerTurns((callback) => this.#turns.push(callback), this.clock);

  mailbox(handle: (item: Item) => unknown, limits: Partial<MailboxLimits> = {}): Mailbox<Item> {
    return new Mailbox({
      turns: this.turns,
      clock: this.clock,
      limits: { maxItems: 100, maxBytes: 1000, drop: 'oldest', ...limits },
      handle,
      bytesOf: ({ name }) => name.length,
      failed: ({ name }, error) => this.log.push(`${name} failed: ${error}`),
      dropped: ({ name }) => this.log.push(`${name} dropped`),
    });
  }

  async settle(): Promise<void> {
    for (;;) {
      for (let i = 0; i < 10; i++) await Promise.resolve();
      const turns = this.#turns;
      this.#turns = [];
      if (turns.length === 0) return;
      for (const turn of turns) turn();
    }
  }
}

const put = (mailbox: Mailbox<Item>, ...names: string[]): void => {
  for (const name of names) mailbox.put({ name });
};

test('a handler is called in a later turn, with each item in order', async () => {
  const bench = new Bench();
  const mailbox = bench.mailbox(({ name }) => bench.log.push(name));
  put(mailbox, 'a', 'b', 'c');
  expect(bench.log).toEqual([]);
  await bench.settle();
  expect(bench.log).toEqual(['a', 'b', 'c']);
});

test('the next item waits until the promise of the one before has settled', async () => {
  const bench = new Bench();
  let finish: (() => void) | undefined;
  const mailbox = bench.mailbox(async ({ name }) => {
    bench.log.push(name);
    await new Promise<void>((resolve) => (finish = resolve));
  });
  put(mailbox, 'a', 'b');
  await bench.settle();
  expect(bench.log).toEqual(['a']);
  finish?.();
  await bench.settle();
  expect(bench.log).toEqual(['a', 'b']);
});

test('an item that a handler fails for is reported, and the next one comes', async () => {
  const bench = new Bench();
  const nothingToShow: unknown = Object.create(null);
  const mailbox = bench.mailbox(({ name }) => {
    if (name === 'a') throw new Error('no');
    if (name === 'b') return Promise.reject(new Error('not now'));
    if (name === 'c') throw nothingToShow;
    return bench.log.push(name);
  });
  put(mailbox, 'a', 'b', 'c', 'd');
  await bench.settle();
  expect(bench.log).toEqual([
    'a failed: no',
    'b failed: not now',
    'c failed: something that cannot be shown was thrown',
    'd',
  ]);
});

test.each([
  ['oldest', ['a dropped', 'b', 'c']],
  ['newest', ['c dropped', 'a', 'b']],
] as const)('beyond the bound, the %s item is dropped and counted', async (drop, expected) => {
  const bench = new Bench();
  const mailbox = bench.mailbox(({ name }) => bench.log.push(name), { maxItems: 2, drop });
  put(mailbox, 'a', 'b', 'c');
  expect(mailbox.dropped).toBe(1);
  await bench.settle();
  expect(bench.log).toEqual(expected);
});

test('the bound in bytes lets one item wait, however large it is', async () => {
  const bench = new Bench();
  const mailbox = bench.mailbox(({ name }) => bench.log.push(name), { maxBytes: 3 });
  put(mailbox, 'large', 'b', 'cc');
  await bench.settle();
  expect(bench.log).toEqual(['large dropped', 'b', 'cc']);
});

test('a call that does not end is reported once, and nothing follows it', async () => {
  const bench = new Bench();
  const mailbox = bench.mailbox(() => new Promise<void>(() => undefined));
  put(mailbox, 'a', 'b');
  await bench.settle();
  bench.clock.advance(100_000);
  await bench.settle();
  expect(bench.log).toEqual(['a failed: it has not ended within 30 s; nothing follows until then']);
  expect(mailbox.length).toBe(1);
});

test('after the end nothing is handled, and the end waits for the call that is running', async () => {
  const bench = new Bench();
  let finish: (() => void) | undefined;
  const mailbox = bench.mailbox(async ({ name }) => {
    bench.log.push(name);
    await new Promise<void>((resolve) => (finish = resolve));
  });
  put(mailbox, 'a', 'b');
  await bench.settle();
  void mailbox.end().then(() => bench.log.push('ended'));
  await bench.settle();
  expect(bench.log).toEqual(['a']);
  finish?.();
  await bench.settle();
  put(mailbox, 'c');
  await bench.settle();
  expect(bench.log).toEqual(['a', 'ended']);
});

test('a handler that causes its own next item does not keep others from their turns', async () => {
  const bench = new Bench();
  let rounds = 0;
  const greedy = bench.mailbox(({ name }) => {
    if (rounds++ < 500) put(greedy, name);
  });
  const modest = bench.mailbox(() => bench.log.push(`after ${rounds}`));
  put(greedy, 'again');
  put(modest, 'once');
  await bench.settle();
  expect(bench.log).toEqual(['after 64']);
});

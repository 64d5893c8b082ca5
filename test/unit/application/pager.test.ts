// Reads of pages: their order, their tickets and their repetition after failures.
import { describe, expect, test } from '@jest/globals';
import { DurabilityWaiters } from '../../../src/application/durability-waiters.js';
import { Pager } from '../../../src/application/pager.js';
import { StorageError } from '../../../src/ports/storage.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';
import { HandStorage, noticed } from '../../support/hand-storage.js';

function started(): {
  pager: Pager;
  waiters: DurabilityWaiters;
  committed: { durableTicket: number };
  clock: VirtualClock;
  log: string[];
  read: (name: string, ...errors: Error[]) => void;
  readAfter: (ticket: number, name: string, ...errors: Error[]) => void;
} {
  const clock = new VirtualClock();
  const committed = { durableTicket: 0 };
  const log: string[] = [];
  const reports = {
    failing: ({ kind }: StorageError, attempt: number) => log.push(`failing ${kind} ${attempt}`),
    recovered: (attempts: number) => log.push(`recovered ${attempts}`),
    fatal: (error: Error) => log.push(`fatal ${error.message}`),
  };
  const waiters = new DurabilityWaiters(committed);
  const pager = new Pager(new HandStorage(), clock, waiters, reports);
  const readAfter = (ticket: number, name: string, ...errors: Error[]): void => {
    pager.read(
      ticket,
      () => {
        log.push(`read ${name}`);
        const error = errors.shift();
        return error === undefined ? Promise.resolve(name) : Promise.reject(error);
      },
      (result) => result,
      (result) => log.push(`done ${result}`),
    );
  };
  const read = (name: string, ...errors: Error[]): void => {
    readAfter(0, name, ...errors);
  };
  return { pager, waiters, committed, clock, log, read, readAfter };
}

const unavailable = (): StorageError => new StorageError('unavailable', 'gone');

describe('the pager', () => {
  test('the pager reads at once when nothing is pending', async () => {
    const { log, read } = started();
    read('a');
    expect(log).toEqual(['read a']);
    await noticed();
    expect(log).toEqual(['read a', 'done a']);
  });

  test('the pager limits concurrent reads, and starts waiting reads in the order of the requests', async () => {
    const { log, read } = started();
    for (let i = 0; i < 40; i++) read(`${i}`);
    expect(log).toEqual(Array.from({ length: 16 }, (_, i) => `read ${i}`));
    await noticed();
    expect(log.filter((line) => line.startsWith('read'))).toEqual(Array.from({ length: 40 }, (_, i) => `read ${i}`));
    expect(log.filter((line) => line.startsWith('done'))).toEqual(Array.from({ length: 40 }, (_, i) => `done ${i}`));
  });

  test('a read that failed and waits for its next attempt does not delay other reads', async () => {
    const { log, read, clock } = started();
    for (let i = 0; i < 16; i++) read(`${i}`, unavailable());
    read('last');
    await noticed();
    expect(log).toContain('done last');
    expect(log).not.toContain('done 0');
    await clock.advanceAsync(50);
    expect(log.filter((line) => line.startsWith('done'))).toHaveLength(17);
  });

  test('a page is read when its ticket is durable, in the order of the requests', async () => {
    const { waiters, committed, log, readAfter } = started();
    committed.durableTicket = 2;
    readAfter(4, 'fourth');
    readAfter(3, 'third');
    readAfter(2, 'second');
    readAfter(0, 'nothing');
    readAfter(4, 'fourth again');
    expect(log).toEqual(['read second', 'read nothing']);
    waiters.durable(3);
    expect(log.slice(2)).toEqual(['read third']);
    waiters.durable(4);
    await noticed();
    expect(log.slice(3)).toEqual([
      'read fourth',
      'read fourth again',
      'done second',
      'done nothing',
      'done third',
      'done fourth',
      'done fourth again',
    ]);
  });

  test('the pager repeats a read after a temporary failure, with growing delays', async () => {
    const { clock, log, read } = started();
    read('a', unavailable(), unavailable());
    await noticed();
    clock.advance(49);
    await noticed();
    expect(log).toEqual(['read a', 'failing unavailable 1']);
    clock.advance(1);
    await noticed();
    clock.advance(100);
    await noticed();
    expect(log.slice(2)).toEqual(['read a', 'failing unavailable 2', 'read a', 'recovered 3', 'done a']);
  });

  test.each([
    new StorageError('fenced', 'another has it'),
    new StorageError('corrupt', 'broken'),
    new TypeError('a mistake'),
  ])('the pager reports %s as fatal', async (error) => {
    const { clock, log, read } = started();
    read('a', error);
    await noticed();
    clock.advance(60_000);
    await noticed();
    expect(log).toEqual(['read a', `fatal ${error.message}`]);
  });

  test('the pager does not report a read that fails because storage was closed', async () => {
    const { pager, log, readAfter } = started();
    readAfter(0, 'a', unavailable());
    pager.stop();
    await noticed();
    expect(log).toEqual(['read a']);
  });

  test('the pager neither reads nor answers after a stop', async () => {
    const { pager, waiters, clock, log, read, readAfter } = started();
    read('a', unavailable());
    read('b');
    readAfter(1, 'c');
    await Promise.resolve();
    pager.stop();
    await noticed();
    waiters.durable(1);
    clock.advance(60_000);
    await noticed();
    expect(log.filter((line) => line.startsWith('read'))).toEqual(['read a', 'read b']);
  });
});

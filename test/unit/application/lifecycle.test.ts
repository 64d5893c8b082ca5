// Parts start in order and stop in reverse, and one that fails hides neither its own error nor the others.
import { describe, expect, test } from '@jest/globals';
import { Lifecycle } from '../../../src/application/lifecycle.js';
import type { Part } from '../../../src/application/lifecycle.js';

/** A part that logs what happens to it, and fails where an error is given. */
const part = (name: string, log: string[], errors: { start?: Error; stop?: unknown } = {}): Part => ({
  name,
  start: () => {
    log.push(`start ${name}`);
    return errors.start === undefined ? Promise.resolve() : Promise.reject(errors.start);
  },
  stop: () => {
    log.push(`stop ${name}`);
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- adapters reject with anything
    return errors.stop === undefined ? Promise.resolve() : Promise.reject(errors.stop);
  },
});

describe('a lifecycle', () => {
  test('a lifecycle starts its parts in order and stops them in reverse', async () => {
    const log: string[] = [];
    const lifecycle = new Lifecycle([part('a', log), part('b', log), part('c', log)]);
    await lifecycle.start();
    expect(await lifecycle.stop()).toEqual([]);
    expect(log).toEqual(['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a']);
  });

  test('a part without hooks is skipped', async () => {
    const log: string[] = [];
    const lifecycle = new Lifecycle([{ name: 'idle' }, part('a', log)]);
    await lifecycle.start();
    await lifecycle.stop();
    expect(log).toEqual(['start a', 'stop a']);
  });

  test('a start that fails rejects with its cause, and only the parts before it are stopped', async () => {
    const log: string[] = [];
    const cause = new Error('taken');
    const lifecycle = new Lifecycle([part('a', log), part('b', log, { start: cause }), part('c', log)]);
    await expect(lifecycle.start()).rejects.toBe(cause);
    expect(await lifecycle.stop()).toEqual([]);
    expect(log).toEqual(['start a', 'start b', 'stop a']);
  });

  test('every part is stopped even if one fails, and the failure is returned with its name', async () => {
    const log: string[] = [];
    const lifecycle = new Lifecycle([part('a', log), part('b', log, { stop: 'busy' }), part('c', log)]);
    await lifecycle.start();
    expect(await lifecycle.stop()).toEqual([{ part: 'b', error: new Error('busy') }]);
    expect(log.slice(3)).toEqual(['stop c', 'stop b', 'stop a']);
  });

  test('a second stop does nothing', async () => {
    const log: string[] = [];
    const lifecycle = new Lifecycle([part('a', log)]);
    await lifecycle.start();
    await lifecycle.stop();
    expect(await lifecycle.stop()).toEqual([]);
    expect(log).toEqual(['start a', 'stop a']);
  });
});

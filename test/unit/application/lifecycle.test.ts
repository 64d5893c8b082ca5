// Parts start in order and stop in reverse, and one that fails hides neither its own error nor the others.
import { describe, expect, test } from '@jest/globals';
import { Lifecycle, StartInterrupted } from '../../../src/application/lifecycle.js';
import type { Part } from '../../../src/application/lifecycle.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';

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

const lifecycleOf = (...parts: Part[]): Lifecycle => new Lifecycle(parts, new VirtualClock());

describe('a lifecycle', () => {
  test('a lifecycle starts its parts in order and stops them in reverse', async () => {
    const log: string[] = [];
    const lifecycle = lifecycleOf(part('a', log), part('b', log), part('c', log));
    await lifecycle.start();
    expect(await lifecycle.stop()).toEqual([]);
    expect(log).toEqual(['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a']);
  });

  test('a part without hooks is skipped', async () => {
    const log: string[] = [];
    const lifecycle = lifecycleOf({ name: 'idle' }, part('a', log));
    await lifecycle.start();
    await lifecycle.stop();
    expect(log).toEqual(['start a', 'stop a']);
  });

  test('a start that fails rejects with its cause, and only the parts before it are stopped', async () => {
    const log: string[] = [];
    const cause = new Error('taken');
    const lifecycle = lifecycleOf(part('a', log), part('b', log, { start: cause }), part('c', log));
    await expect(lifecycle.start()).rejects.toBe(cause);
    expect(await lifecycle.stop()).toEqual([]);
    expect(log).toEqual(['start a', 'start b', 'stop a']);
  });

  test('every part is stopped even if one fails, and the failure is returned with its name', async () => {
    const log: string[] = [];
    const lifecycle = lifecycleOf(part('a', log), part('b', log, { stop: 'busy' }), part('c', log));
    await lifecycle.start();
    expect(await lifecycle.stop()).toEqual([{ part: 'b', error: new Error('busy') }]);
    expect(log.slice(3)).toEqual(['stop c', 'stop b', 'stop a']);
  });

  test('a second stop does nothing', async () => {
    const log: string[] = [];
    const lifecycle = lifecycleOf(part('a', log));
    await lifecycle.start();
    await lifecycle.stop();
    expect(await lifecycle.stop()).toEqual([]);
    expect(log).toEqual(['start a', 'stop a']);
  });

  test('a part that goes on starting when it is interrupted is given up after 5 seconds, and stopped as the others', async () => {
    const log: string[] = [];
    const clock = new VirtualClock();
    const hanging: Part = { ...part('b', log), start: () => new Promise<never>(() => undefined) };
    const lifecycle = new Lifecycle([part('a', log), hanging, part('c', log)], clock);
    const started = lifecycle.start().catch((error: unknown) => log.push((error as Error).name));
    await clock.advanceAsync(0);
    lifecycle.interruptStart();
    await clock.advanceAsync(4_999);
    expect(log).toEqual(['start a']);
    await clock.advanceAsync(1);
    await started;
    await lifecycle.stop();
    expect(log).toEqual(['start a', StartInterrupted.name, 'stop b', 'stop a']);
  });

  test('a part whose start ends soon after it was interrupted is waited for, and the next one does not start', async () => {
    const log: string[] = [];
    let begun!: () => void;
    const slow: Part = { ...part('b', log), start: () => new Promise((resolve) => (begun = resolve)) };
    const lifecycle = lifecycleOf(slow, part('c', log));
    const started = lifecycle.start();
    lifecycle.interruptStart();
    begun();
    await expect(started).rejects.toThrow(StartInterrupted);
    await lifecycle.stop();
    expect(log).toEqual(['stop b']);
  });

  test('a part that does not stop within the limit has failed, and the others are stopped', async () => {
    const log: string[] = [];
    const clock = new VirtualClock();
    const hanging: Part = { ...part('b', log), stop: () => new Promise<never>(() => undefined) };
    const lifecycle = new Lifecycle([part('a', log), hanging], clock);
    await lifecycle.start();
    const stopped = lifecycle.stop(10_000);
    await clock.advanceAsync(10_000);
    expect(await stopped).toEqual([{ part: 'b', error: new Error('no answer within 10000 ms') }]);
    expect(log).toContain('stop a');
  });
});

// What a plugin is offered: its scheduler and its log.
import { describe, expect, test } from '@jest/globals';
import { PluginLog } from '../../../src/application/plugins/plugin-log.js';
import { PluginScheduler } from '../../../src/application/plugins/plugin-scheduler.js';
import type { LifecycleEvent } from '../../../src/ports/index.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the scheduler of a plugin', () => {
  function scheduler() {
    const clock = new VirtualClock();
    const failures: string[] = [];
    return { clock, failures, scheduler: new PluginScheduler(clock, (error) => failures.push(error)) };
  }

  test('a task runs once after its delay, and not if it was cancelled before', async () => {
    const { clock, scheduler: one } = scheduler();
    const runs: string[] = [];
    one.after(100, () => void runs.push('a'));
    const cancelled = one.after(100, () => void runs.push('b'));
    cancelled.cancel();
    clock.advance(99);
    expect(runs).toEqual([]);
    clock.advance(1000);
    await settled();
    expect(runs).toEqual(['a']);
  });

  test('a repeated task runs again an interval after the run before has ended, also if that failed', async () => {
    const { clock, failures, scheduler: one } = scheduler();
    let runs = 0;
    let end = (): void => undefined;
    one.every(100, () => {
      if (++runs === 1) throw new Error('the first run');
      return new Promise<void>((resolve) => (end = resolve));
    });
    clock.advance(100);
    await settled();
    expect([runs, failures]).toEqual([1, ['the first run']]);
    clock.advance(100);
    await settled();
    clock.advance(10_000);
    await settled();
    expect(runs).toBe(2);
    end();
    await settled();
    clock.advance(100);
    expect(runs).toBe(3);
  });

  test('what is scheduled ends with the plugin, also a task that was running, and later calls have no effect', async () => {
    const { clock, scheduler: one } = scheduler();
    const runs: string[] = [];
    one.every(10, () => {
      runs.push('every');
      one.close();
    });
    one.after(20, () => void runs.push('after'));
    clock.advance(10);
    await settled();
    one.after(0, () => void runs.push('late'));
    clock.advance(1000);
    await settled();
    expect(runs).toEqual(['every']);
  });

  test.each([
    ['after', -1, 'delayMs: -1 is not valid, expected 0 to 2147483647 milliseconds'],
    ['after', Number.NaN, 'delayMs: NaN is not valid, expected 0 to 2147483647 milliseconds'],
    ['every', 0, 'intervalMs: 0 is not valid, expected 1 to 2147483647 milliseconds'],
    ['every', 2 ** 31, 'intervalMs: 2147483648 is not valid, expected 1 to 2147483647 milliseconds'],
  ] as const)('%s refuses the time %d', (method, time, problem) => {
    expect(() => scheduler().scheduler[method](time, () => undefined)).toThrow(new RangeError(problem));
  });
});

describe('the log of a plugin', () => {
  function log() {
    const clock = new VirtualClock();
    const events: LifecycleEvent[] = [];
    return { clock, events, log: new PluginLog('p', clock, (event) => events.push(event)) };
  }

  test('a line is an event with its severity, and its fields as they were', () => {
    const { events, log: one } = log();
    const fields = { list: [1], big: 5n, error: new Error('why') };
    one.debug('a');
    one.error('b', fields);
    fields.list.push(2);
    expect(events).toEqual([
      { kind: 'plugin-log', plugin: 'p', severity: 'debug', text: 'a', fields: undefined },
      { kind: 'plugin-log', plugin: 'p', severity: 'error', text: 'b', fields: '{"list":[1],"big":"5","error":"why"}' },
    ]);
  });

  test('long text is cut off, and fields that cannot be written do no harm', () => {
    const { events, log: one } = log();
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    one.warn('x'.repeat(10_000), { text: 'y'.repeat(10_000) });
    one.warn('cycle', cycle);
    expect(events.map((event) => 'text' in event && [event.text.length, event.fields?.length])).toEqual([
      [4096, 4096],
      [5, 26],
    ]);
  });

  test('lines beyond 100 in ten seconds are left out, and the next line says how many', () => {
    const { clock, events, log: one } = log();
    for (let i = 0; i < 150; i++) one.info(String(i));
    expect(events).toHaveLength(100);
    clock.advance(10_000);
    one.info('again');
    expect(events.at(-1)).toMatchObject({ text: 'again', suppressed: 50 });
    one.info('and again');
    expect(events.at(-1)).not.toHaveProperty('suppressed');
  });
});

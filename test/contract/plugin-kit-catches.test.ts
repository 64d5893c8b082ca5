// Tests of the contract kit: plugins with one defect each, and the laws that have to fail because of it.
import { afterAll, describe, expect, test } from '@jest/globals';
import type { ServiceIdentifier } from 'inversify';
import {
  Clock,
  EVENT_NAMES,
  EventListener,
  Interceptor,
  OptionReader,
  Scheduler,
  Startable,
  Storage,
} from 'hexmq/ports';
import { ContractViolation, pluginContract } from 'hexmq/testkit';
import type { PluginContractOptions } from 'hexmq/testkit';
import { ContainerModule, definePlugin } from '../../src/plugin/index.js';
import type { Plugin, PluginDefinition } from '../../src/plugin/index.js';

const timers: NodeJS.Timeout[] = [];

afterAll(() => {
  for (const timer of timers) clearInterval(timer);
});

interface Outcome {
  readonly broken: readonly string[];
  readonly notAsked: ReadonlyMap<string, string>;
}

async function outcomeOf(plugin: Plugin, more: Partial<PluginContractOptions> = {}): Promise<Outcome> {
  const laws: { text: string; body: () => Promise<void> }[] = [];
  const notAsked = new Map<string, string>();
  pluginContract({
    name: 'subject',
    plugin,
    describe: (_, body) => {
      body();
    },
    test: (text, body) => void laws.push({ text, body }),
    notAsked: (law, why) => notAsked.set(law, why),
    ...more,
  });
  const broken: string[] = [];
  for (const { text, body } of laws) {
    try {
      await body();
    } catch (error) {
      if (!(error instanceof ContractViolation)) throw error;
      broken.push(text);
    }
  }
  return { broken, notAsked };
}

const pluginOf = (port: ServiceIdentifier, value: () => object, more: Partial<PluginDefinition> = {}): Plugin =>
  definePlugin({
    name: 'subject',
    version: '1.0.0',
    api: 1,
    provides: [port],
    module: () =>
      new ContainerModule(({ bind }) => {
        bind(port).toDynamicValue(value);
      }),
    ...more,
  });

const life = (steps: Partial<Startable>): Plugin => pluginOf(Startable, () => steps);

/** Written by hand. */
const withoutMark = (plugin: Plugin): Plugin => Object.fromEntries(Object.entries(plugin)) as unknown as Plugin;

/** It takes an option, schedules work, and listens to every event. */
const complete = definePlugin<{ everyMs: number }>({
  name: 'complete',
  version: '1.0.0',
  api: 1,
  provides: [Startable, EventListener],
  options: (given) => {
    const reader = new OptionReader(given);
    return reader.readAll({ everyMs: () => reader.integer('everyMs', { min: 1, max: 9, fallback: 1 }) });
  },
  module: ({ everyMs }) =>
    new ContainerModule(({ bind }) => {
      bind(Startable).toResolvedValue(
        (scheduler) => ({
          start: () => {
            scheduler.every(everyMs, () => undefined);
            return Promise.resolve();
          },
          stop: () => Promise.resolve(),
        }),
        [Scheduler],
      );
      bind(EventListener).toConstantValue({ name: 'all', wants: EVENT_NAMES, handle: () => undefined });
    }),
});

describe('the plugin contract', () => {
  test('the plugin contract passes, and asks everything of a plugin that has everything', async () => {
    const outcome = await outcomeOf(complete, {
      options: { everyMs: 2 },
      accepted: [{}, { everyMs: 9 }],
      refused: [
        { options: { everyMs: 'often' }, option: 'everyMs' },
        { options: { unknown: 1 }, option: 'unknown' },
      ],
    });
    expect(outcome).toEqual({ broken: [], notAsked: new Map() });
  });

  test('what there is nothing to ask about is reported with the reason', async () => {
    const { broken, notAsked } = await outcomeOf(
      pluginOf(Interceptor, () => ({ name: 'x', publish: () => undefined })),
    );
    expect(broken).toEqual([]);
    expect([...new Set(notAsked.values())]).toEqual([
      'there is no `accepted`',
      'there is no `refused`',
      'nothing that it binds has a `stop`',
      'it binds no EventListener',
    ]);
  });

  test.each<[string, RegExp, Plugin, Partial<PluginContractOptions>]>([
    ['was not made by definePlugin', /^it was made by definePlugin/, withoutMark(life({})), {}],
    ['promises what it does not bind', /^its module binds/, { ...life({}), provides: [Startable, Interceptor] }, {}],
    ['binds what hexmq offers', /^its module binds/, pluginOf(Clock, () => ({}), { provides: [Startable] }), {}],
    ['binds something of another shape', /^its module binds/, pluginOf(Storage, () => ({})), {}],
    [
      'starts a timer in its module',
      /^its module opens nothing/,
      pluginOf(Startable, () => {
        timers.push(setInterval(() => undefined, 60_000));
        return {};
      }),
      {},
    ],
    ['refuses valid options', /^other valid options/, complete, { accepted: [{ everyMs: 10 }] }],
    ['accepts wrong options', /^wrong options/, complete, { refused: [{ options: {}, option: 'everyMs' }] }],
    [
      'does not name the wrong option',
      /^wrong options/,
      complete,
      { refused: [{ options: { everyMs: 0 }, option: 'other' }] },
    ],
    ['does not start', /^it starts with a broker/, life({ start: () => Promise.reject(new Error('no')) }), {}],
    ['does not stop', /^it starts with a broker/, life({ stop: () => Promise.reject(new Error('no')) }), {}],
    [
      'does not stop without a start',
      /^what it binds stops/,
      life({ stop: () => Promise.reject(new Error('no')) }),
      {},
    ],
    [
      'wants events that there are not',
      /^listeners of events want/,
      pluginOf(EventListener, () => ({ name: 'x', wants: ['connected'], handle: () => undefined })),
      {},
    ],
    [
      'fails at an event without a user',
      /^listeners of events handle/,
      pluginOf(EventListener, () => ({
        name: 'x',
        wants: ['connection-ended'],
        handle: ({ userName }: { userName: string }) => userName.length,
      })),
      {},
    ],
  ])('the plugin contract fails for one that %s', async (_, law, plugin, more) => {
    const { broken } = await outcomeOf(plugin, more);
    expect(broken).toEqual(expect.arrayContaining([expect.stringMatching(law)]));
  });
});

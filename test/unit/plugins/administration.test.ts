// What a plugin adds to the administration: operations under its name, and metrics.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { PluginMetrics } from '../../../src/application/plugins/plugin-metrics.js';
import { checkAdapters } from '../../../src/composition/check.js';
import { composeBroker } from '../../../src/composition/container.js';
import type { BrokerService } from '../../../src/composition/container.js';
import { resolveConfig } from '../../../src/composition/resolve-config.js';
import type { Config } from '../../../src/composition/config.js';
import type { Administration } from '../../../src/ports/index.js';
import { PluginDirectory } from './plugin-directory.js';

const READER = { name: 'ann', role: 'read' } as const;
const WRITER = { name: 'bob', role: 'write' } as const;

const PLUGIN = `export default definePlugin({ name: 'tool', version: '1', api: 1, provides: [ports.PluginOperation],
  module: () => new ContainerModule(({ bind }) => {
    bind(ports.PluginOperation).toResolvedValue((metrics) => {
      const calls = metrics.counter('calls_total', 'Calls.', ['by']);
      return { name: 'add', kind: 'query', summary: 'Adds.',
        request: { type: 'object', properties: { a: { type: 'integer', minimum: 1 } }, required: ['a'], additionalProperties: false },
        handle: ({ a }, { name }) => { calls.increment(2, { by: name }); return { sum: a + 1 }; } };
    }, [ports.MetricsRegistry]);
    bind(ports.PluginOperation).toConstantValue({ name: 'fail', kind: 'command', summary: 'Fails.',
      handle: async () => { throw new Error('no luck'); } });
    bind(ports.PluginOperation).toConstantValue({ name: 'refuse', kind: 'command', summary: 'Refuses.',
      handle: () => { throw new ports.AdministrationError('not-found', 'there is none'); } });
  }) });`;

let directory: PluginDirectory;
let broker: BrokerService | undefined;

beforeEach(() => {
  directory = new PluginDirectory();
});

afterEach(async () => {
  await broker?.stop();
  broker = undefined;
  directory.remove();
});

const configOf = (source: string): Config => ({
  ...resolveConfig({
    storage: { adapter: 'memory' },
    listeners: [{ type: 'tcp', port: 0 }],
    plugins: [{ package: directory.write('plugin.js', source), name: 'my-tool' }],
  }),
  directory: directory.path,
});

async function administration(): Promise<Administration> {
  broker = await composeBroker(configOf(PLUGIN), { telemetry: [] });
  await broker.start();
  return broker.administration as Administration;
}

describe('the operations of a plugin', () => {
  test('an operation of a plugin is called under the name of the plugin, with a checked request', async () => {
    const { call } = bound(await administration());
    expect(await call('plugins/my-tool/add', { a: 2 }, READER)).toEqual({ sum: 3 });
    await expect(call('plugins/my-tool/add', { a: 0 }, READER)).rejects.toMatchObject({
      kind: 'invalid',
      problems: [{ parameter: 'a', detail: 'Too small: expected number to be >=1' }],
    });
    await expect(call('plugins/my-tool/add', { a: 1, b: 1 }, READER)).rejects.toMatchObject({
      problems: [{ parameter: 'b', detail: 'there is no such parameter' }],
    });
  });

  test('a command of a plugin needs the role write, and its errors name what was wrong', async () => {
    const { call } = bound(await administration());
    await expect(call('plugins/my-tool/fail', {}, READER)).rejects.toMatchObject({ kind: 'forbidden' });
    await expect(call('plugins/my-tool/fail', {}, WRITER)).rejects.toMatchObject({
      kind: 'unavailable',
      message: 'the plugin my-tool failed: no luck',
    });
    await expect(call('plugins/my-tool/refuse', {}, WRITER)).rejects.toMatchObject({
      kind: 'not-found',
      message: 'there is none',
    });
    await expect(call('plugins/my-tool/none', {}, WRITER)).rejects.toMatchObject({ kind: 'unknown-operation' });
  });

  test('the operations of a plugin are described with those of the broker', async () => {
    const { operations, openApi } = await administration();
    expect(operations.get('plugins/my-tool/fail')).toEqual({
      name: 'plugins/my-tool/fail',
      kind: 'command',
      role: 'write',
      summary: 'Fails.',
      request: { type: 'object', properties: {}, additionalProperties: false },
      answer: {},
    });
    expect((openApi as { paths: object }).paths).toHaveProperty(['/api/v1/plugins/my-tool/add', 'get']);
    expect(operations.has('status')).toBe(true);
  });

  test.each([
    [`{ name: 'A b', kind: 'query', summary: '', handle() {} }`, 'the operation "A b": the name is not valid'],
    [
      `{ name: 'a', kind: 'query', summary: '', request: { type: 'string' }, handle() {} }`,
      'the operation "a": request: expected the JSON Schema of an object',
    ],
    [
      `{ name: 'a', kind: 'query', summary: '' }`,
      'what it binds as PluginOperation is an object without handle(), expected an operation',
    ],
  ])('the operation %s is refused when the configuration is checked', async (operation, problem) => {
    const source = `export default definePlugin({ name: 'p', version: '1', api: 1, provides: [ports.PluginOperation],
      module: bound(ports.PluginOperation, ${operation}) });`;
    await expect(checkAdapters(configOf(source))).rejects.toThrow(problem);
  });
});

const bound = (of: Administration): Pick<Administration, 'call'> => ({ call: of.call.bind(of) });

describe('the metrics of a plugin', () => {
  test('metrics of a plugin are in the exposition, from the moment on at which they are made', async () => {
    await administration();
    expect((await broker?.administration?.metrics())?.body).not.toContain('by="ann"');
    await broker?.administration?.call('plugins/my-tool/add', { a: 2 }, READER);
    const { body = '' } = (await broker?.administration?.metrics()) ?? {};
    expect(body).toContain('# HELP hexmq_plugin_my_tool_calls_total Calls.\n');
    expect(body).toContain('# TYPE hexmq_plugin_my_tool_calls_total counter\n');
    expect(body).toContain('hexmq_plugin_my_tool_calls_total{by="ann"} 2\n');
  });

  test('a counter only grows, a gauge is set, and a histogram has its buckets', () => {
    const metrics = new PluginMetrics();
    const made = metrics.of('p');
    const counter = made.counter('a_total', 'A.');
    counter.increment();
    counter.increment(1.5);
    expect(() => {
      counter.increment(-1);
    }).toThrow('metric "a_total": -1 is not valid, expected a number from 0 on');
    made.gauge('b', 'B.').set(-7);
    made.histogram('c', 'C.', [1, 2]).observe(1.5);
    expect([...metrics.all].map((metric) => [metric.name, metric.type, metric.read()])).toEqual([
      ['hexmq_plugin_p_a_total', 'counter', [{ labels: {}, value: 2.5 }]],
      ['hexmq_plugin_p_b', 'gauge', [{ labels: {}, value: -7 }]],
      ['hexmq_plugin_p_c', 'histogram', { bounds: [1, 2], counts: [0, 1, 0], sum: 1.5 }],
    ]);
  });

  test('a metric with more than 1,000 time series counts what belongs to the others together', () => {
    const metrics = new PluginMetrics();
    const counter = metrics.of('p').counter('a_total', 'A.', ['client']);
    for (let i = 0; i < 3000; i++) counter.increment(1, { client: String(i) });
    const [metric] = metrics.all;
    const samples = metric?.read() as { labels: object; value: number }[];
    expect(samples).toHaveLength(1000);
    expect(samples.at(-1)).toEqual({ labels: { client: 'other' }, value: 2001 });
  });

  test.each([
    ['A_total', 'A.', 'metric "A_total": expected lower case letters, digits and underscores'],
    ['a', 'A.', 'metric "a": expected a name that ends with _total'],
    ['a_total', '', 'metric "a_total": the help is empty, expected a sentence'],
  ])('the counter %s with the help "%s" is refused', (name, help, problem) => {
    expect(() => new PluginMetrics().of('p').counter(name, help)).toThrow(new TypeError(problem));
  });

  test('a name is used once by a plugin, and may be used by another one', () => {
    const metrics = new PluginMetrics();
    const one = metrics.of('one');
    one.gauge('a', 'A.');
    expect(() => one.gauge('a', 'A.')).toThrow('metric "a": there is one already');
    metrics.of('two').gauge('a', 'A.');
  });
});

// The host of plugins: what it takes, what it refuses and with which words, and the life of what is bound.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { checkAdapters } from '../../../src/composition/check.js';
import { ConfigError } from '../../../src/composition/config-error.js';
import { composeBroker } from '../../../src/composition/container.js';
import type { BrokerService } from '../../../src/composition/container.js';
import { resolveConfig } from '../../../src/composition/resolve-config.js';
import type { Config, ConfigInput } from '../../../src/composition/config.js';
import { definePlugin } from '../../../src/plugin/index.js';
import type { PluginDefinition } from '../../../src/plugin/index.js';
import type { BrokerEvent, LifecycleEvent } from '../../../src/ports/index.js';
import { PluginDirectory } from './plugin-directory.js';

let directory: PluginDirectory;
let events: (BrokerEvent | LifecycleEvent)[];
let broker: BrokerService | undefined;

beforeEach(() => {
  directory = new PluginDirectory();
  events = [];
  broker = undefined;
});

afterEach(async () => {
  await broker?.stop();
  directory.remove();
});

const configOf = (input: ConfigInput): Config => ({
  ...resolveConfig({ storage: { adapter: 'memory' }, listeners: [{ type: 'tcp', port: 0 }], ...input }),
  directory: directory.path,
});

const compose = async (input: ConfigInput): Promise<BrokerService> =>
  (broker = await composeBroker(configOf(input), { telemetry: [{ emit: (event) => events.push(event) }] }));

const kinds = (plugin: string): string[] =>
  events.flatMap((event) => ('plugin' in event && event.plugin === plugin ? [event.kind] : []));

async function problemsOf(input: ConfigInput): Promise<string> {
  return checkAdapters(configOf(input)).then(
    () => 'nothing',
    (error: unknown) => {
      if (!(error instanceof ConfigError)) throw error;
      return error.message
        .replaceAll(directory.path, 'DIRECTORY')
        .replaceAll(process.cwd(), 'WORKING')
        .replace(/plugin-\d+\.js/g, 'plugin.js');
    },
  );
}

let written = 0;

/** Each source has a file of its own: Node loads a module once. */
const withPlugin = (source: string, more: object = {}): ConfigInput => ({
  plugins: [{ package: directory.write(`plugin-${String(++written)}.js`, source), ...more }],
});

const INTERCEPTOR = `{ name: 'x', publish: () => ({ kind: 'pass' }) }`;
const good = (more = '') => `export default definePlugin({ name: 'good', version: '1.2.3', api: 1,
  provides: [ports.Interceptor], module: bound(ports.Interceptor, ${INTERCEPTOR}), ${more} });`;

describe('a plugin of the configuration', () => {
  test('a plugin is started with the broker, and what it bound is reported', async () => {
    await (await compose(withPlugin(good()))).start();
    expect(events.find(({ kind }) => kind === 'plugin-started')).toEqual({
      kind: 'plugin-started',
      plugin: 'good',
      version: '1.2.3',
      package: expect.stringContaining('plugin-'),
      provides: ['Interceptor'],
    });
  });

  test('a plugin runs under the name that the configuration gives it, so a package can be there twice', async () => {
    const path = directory.write('plugin.js', good());
    const plugins = [{ package: path }, { package: path, name: 'second' }];
    await (await compose({ plugins })).start();
    expect([kinds('good'), kinds('second')]).toEqual([['plugin-started'], ['plugin-started']]);
  });

  test('a plugin starts and stops what it bound, in order and in reverse, and a failure to stop is an event', async () => {
    const said: string[] = [];
    (globalThis as { said?: string[] }).said = said;
    const source = (name: string): string => `
      const part = (which) => ({ start: async () => said.push('start ' + which), stop: async () => {
        said.push('stop ' + which);
        if (which === 'b2') throw new Error('no way');
      } });
      export default definePlugin({ name: '${name}', version: '1', api: 1, provides: [ports.Startable],
        module: () => new ContainerModule(({ bind }) => {
          bind(ports.Startable).toConstantValue(part('${name}1'));
          bind(ports.Startable).toConstantValue(part('${name}2'));
        }) });`;
    const plugins = ['a', 'b'].map((name) => ({ package: directory.write(`${name}.js`, source(name)) }));
    await (await compose({ plugins })).start();
    await broker?.stop();
    expect(said).toEqual(['start a1', 'start a2', 'start b1', 'start b2', 'stop b2', 'stop b1', 'stop a2', 'stop a1']);
    expect(events.find(({ kind }) => kind === 'plugin-failed')).toEqual({
      kind: 'plugin-failed',
      plugin: 'b',
      what: 'stop',
      error: 'no way',
    });
  });

  test.each([
    ['rejects', `async () => { throw new Error('no database'); }`, {}, 'no database'],
    ['throws', `() => { throw new Error('at once'); }`, {}, 'at once'],
    ['hangs', `() => new Promise(() => undefined)`, { startTimeoutMs: 20 }, 'no answer within 20 ms'],
  ])('a plugin whose start %s ends the start of the broker, and is stopped', async (_how, start, more, why) => {
    const stopped: string[] = [];
    (globalThis as { said?: string[] }).said = stopped;
    const source = `export default definePlugin({ name: 'slow', version: '1', api: 1, provides: [ports.Startable],
      module: bound(ports.Startable, { start: ${start}, stop: async () => said.push('stopped') }) });`;
    await compose(withPlugin(source, more));
    await expect(broker?.start()).rejects.toThrow(new RegExp(`^the plugin slow \\(.*\\) did not start: ${why}$`));
    expect(stopped).toEqual(['stopped']);
  });

  test('a plugin uses its log, its scheduler, the operations of the broker and its own name', async () => {
    const source = `
      class Tool {
        constructor(info, log, scheduler, operations) { Object.assign(this, { info, log, scheduler, operations }); }
        async start() {
          const before = await this.operations.call('retained-message', { topic: 'a' }).catch(({ kind }) => kind);
          await this.operations.call('publish', { topic: 'a', payload: 'x', retain: true });
          const { topic } = await this.operations.call('retained-message', { topic: 'a' });
          this.log.info(this.info.name + ' is ready', { before, topic, actor: this.operations.actor.name });
          this.scheduler.after(0, () => { throw new Error('a task failed'); });
        }
      }
      export default definePlugin({ name: 'tool', version: '1', api: 1, provides: [ports.Startable],
        module: () => new ContainerModule(({ bind }) => {
          bind(ports.Startable).toResolvedValue((...parts) => new Tool(...parts),
            [ports.PluginInfo, ports.PluginLogger, ports.Scheduler, ports.Operations]);
        }) });`;
    await (await compose(withPlugin(source))).start();
    const failed = (): boolean => events.some(({ kind }) => kind === 'plugin-failed');
    while (!failed()) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(events.filter((event) => 'plugin' in event).map(({ kind: _kind, ...event }) => event)).toEqual([
      {
        plugin: 'tool',
        severity: 'info',
        text: 'tool is ready',
        fields: '{"before":"not-found","topic":"a","actor":"plugin tool"}',
      },
      { plugin: 'tool', version: '1', package: expect.stringContaining('plugin-'), provides: ['Startable'] },
      { plugin: 'tool', what: 'scheduled task', error: 'a task failed' },
    ]);
  });

  test('a plugin publishes, subscribes, and listens to events in the process', async () => {
    const source = `
      export default definePlugin({ name: 'echo', version: '1', api: 1, provides: [ports.Startable, ports.EventListener],
        module: () => new ContainerModule(({ bind }) => {
          bind(ports.EventListener).toResolvedValue((log) => ({ name: 'e', wants: ['listening'],
            handle: ({ listener }) => log.info('heard ' + listener) }), [ports.PluginLogger]);
          bind(ports.Startable).toResolvedValue((messaging, events, log, clients) => ({ async start() {
            events.on('ready', () => messaging.publish({ topic: 'a', payload: 'x' }));
            const { name } = await messaging.subscribe('#', ({ topic, payload }) =>
              log.info(topic + ' ' + Buffer.from(payload)), { name: 'all' });
            const { sessions } = await clients.counts();
            log.info(name + ' ' + sessions);
          } }), [ports.Messaging, ports.BrokerEvents, ports.PluginLogger, ports.Clients]);
        }) });`;
    await (await compose(withPlugin(source))).start();
    const texts = (): string[] => events.flatMap((event) => (event.kind === 'plugin-log' ? [event.text] : []));
    while (texts().length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(texts().sort()).toEqual(['a x', 'heard tcp', 'plugin echo/all 0']);
  });

  test('a service that needs the broker says so when it is used before the start', async () => {
    const source = `export default definePlugin({ name: 'early', version: '1', api: 1, provides: [ports.Startable],
      module: () => new ContainerModule(({ bind }) => {
        bind(ports.Startable).toResolvedValue(async (operations) => {
          await operations.call('status');
          return {};
        }, [ports.Operations]);
      }) });`;
    expect(await problemsOf(withPlugin(source))).toBe(
      'plugins[0]: Startable of the plugin early cannot be created: the broker does not run',
    );
  });
});

describe('the options of a plugin', () => {
  const withSchema = (check: string): string =>
    `export default definePlugin({ name: 'p', version: '1', api: 1, provides: [ports.Startable], options: ${check},
      module: (options) => new ContainerModule(({ bind }) => {
        if (options.url !== 'checked') throw new Error('not the checked options');
        bind(ports.Startable).toConstantValue({});
      }) });`;
  const STANDARD = `{ '~standard': { version: 1, vendor: 'test', validate: async (given) =>
    given.url === 1 ? { value: { url: 'checked' } } : { issues: [
      { message: 'has to be 1', path: ['url'] }, { message: 'is odd', path: [{ key: 'list' }, 0] }, { message: 'is too long' },
    ] } } }`;

  test('the module gets what the schema or the function has made of the options', async () => {
    expect(await problemsOf(withPlugin(withSchema(STANDARD), { options: { url: 1 } }))).toBe('nothing');
    expect(await problemsOf(withPlugin(withSchema(`() => ({ url: 'checked' })`)))).toBe('nothing');
  });

  test('options that a schema refuses are named with their keys, all of them', async () => {
    expect(await problemsOf(withPlugin(withSchema(STANDARD), { options: { url: 2 } }))).toBe(
      [
        'plugins[0].options.url: has to be 1',
        'plugins[0].options.list[0]: is odd',
        'plugins[0].options: is too long',
      ].join('\n'),
    );
  });

  test('options that a function refuses are named, all of them', async () => {
    const check = `() => { throw new AggregateError([new Error('url: missing'), new Error('port: missing')]); }`;
    expect(await problemsOf(withPlugin(withSchema(check)))).toBe(
      'plugins[0].options: refused by p: url: missing\nplugins[0].options: refused by p: port: missing',
    );
  });

  test('options are refused by a plugin that takes none', async () => {
    expect(await problemsOf(withPlugin(good(), { options: { colour: 'red' } }))).toBe(
      'plugins[0].options.colour: unknown key, the plugin good takes no options',
    );
  });

  test('a schema that throws refuses the options', async () => {
    const check = `{ '~standard': { validate: () => { throw new Error('a bug'); } } }`;
    expect(await problemsOf(withPlugin(withSchema(check)))).toBe('plugins[0].options: refused by p: a bug');
  });
});

describe('a plugin that cannot be used', () => {
  const plugin = (fields: string): string =>
    `export default definePlugin({ name: 'p', version: '1', api: 1, ${fields} });`;
  const forged = (fields: string): string =>
    `export default { [Symbol.for('hexmq.plugin')]: true, name: 'p', version: '1', api: 1, ${fields} };`;

  test.each([
    [
      'is no plugin',
      'export default {};',
      `plugins[0].package: ./plugin.js has a default export that was not made by definePlugin of hexmq/plugin, expected a plugin`,
    ],
    [
      'exports nothing',
      '',
      `plugins[0].package: ./plugin.js has no default export made by definePlugin of hexmq/plugin, expected a plugin`,
    ],
    [
      'throws while it is loaded',
      `throw new Error('no such table');`,
      /^plugins\[0\]\.package: \.\/plugin\.js cannot be loaded: no such table \(.*plugin\.js:\d+:\d+\)$/,
    ],
    [
      'wants another plugin API',
      forged('...{ api: 2 }, provides: [], module() {}'),
      'plugins[0]: the plugin ./plugin.js cannot be used: api: 2, expected 1, the plugin API of this version of hexmq',
    ],
    [
      'has no module',
      forged('provides: [ports.Startable]'),
      'plugins[0]: the plugin ./plugin.js cannot be used: module: undefined, expected a function',
    ],
    [
      'provides a port of its own',
      plugin(`provides: [Symbol.for('mine')], module: bound(Symbol.for('mine'), 1)`),
      'plugins[0]: the plugin p promises mine, expected ports of hexmq: Interceptor, EventListener, Telemetry, PluginOperation, Startable, Storage, Authenticator, Authorizer, Listener',
    ],
    [
      'binds less than it promises',
      plugin('provides: [ports.Interceptor, ports.Startable], module: bound(ports.Startable, {})'),
      'plugins[0]: the plugin p promises Interceptor and does not bind it, expected both or neither',
    ],
    [
      'binds more than it promises',
      plugin(`provides: [ports.Startable], module: () => new ContainerModule(({ bind }) => {
        bind(ports.Startable).toConstantValue({}); bind(ports.Telemetry).toConstantValue({ emit() {} }); })`),
      'plugins[0]: the plugin p binds Telemetry, which it does not promise, expected it in its provides',
    ],
    [
      'replaces what is offered',
      plugin(`provides: [ports.Startable], module: () => new ContainerModule(({ bind }) => {
        bind(ports.Startable).toConstantValue({}); bind(ports.Clock).toConstantValue({}); })`),
      'plugins[0]: the plugin p binds Clock, which hexmq offers, expected it to be used as it is',
    ],
    [
      'has a module that throws',
      plugin(`provides: [ports.Startable], module: () => { throw new Error('no module'); }`),
      'plugins[0]: refused by p: no module',
    ],
    [
      'has no container module',
      plugin('provides: [ports.Startable], module: () => undefined'),
      'plugins[0]: module() of the plugin p returned undefined, expected a ContainerModule',
    ],
    [
      'has a container module that rejects',
      plugin(
        `provides: [ports.Startable], module: () => new ContainerModule(async () => { throw new Error('later'); })`,
      ),
      'plugins[0]: the module of the plugin p cannot be loaded: later',
    ],
    [
      'makes nonsense',
      plugin(`provides: [ports.Interceptor], module: bound(ports.Interceptor, { name: 'x', publish: true })`),
      'plugins[0]: the plugin p: what it binds as Interceptor is an interceptor whose publish is no function, expected a function, or none',
    ],
    [
      'makes nothing',
      plugin('provides: [ports.Startable], module: bound(ports.Startable, null)'),
      'plugins[0]: the plugin p: what it binds as Startable is null, expected something to start and stop',
    ],
    [
      'provides what has a key of its own',
      plugin('provides: [ports.Storage], module: bound(ports.Storage, {})'),
      'plugins[0]: the plugin ./plugin.js provides Storage, expected its package at storage.adapter',
    ],
  ])('a plugin that %s is refused by name', async (_what, source, expected) => {
    if (typeof expected === 'string') expect(await problemsOf(withPlugin(source))).toBe(expected);
    else expect(await problemsOf(withPlugin(source))).toMatch(expected);
  });

  test('a plugin that is loaded twice under one name is refused', async () => {
    const path = directory.write('plugin.js', good());
    expect(await problemsOf({ plugins: [{ package: path }, { package: path }] })).toBe(
      'plugins[1]: "good" is also the name of plugins[0], expected another, given with the key name',
    );
  });

  test('everything that is wrong with plugins and adapters is reported at once', async () => {
    const input = { plugins: [{ package: './no' }, { package: 'not-installed' }], storage: { adapter: 'neither' } };
    expect(await problemsOf(input)).toBe(
      [
        'plugins[0].package: "./no" is a path where there is nothing (DIRECTORY/no, WORKING/no), expected the name of an installed npm package, or a path that begins with ./',
        'plugins[1].package: "not-installed" is not installed, expected the name of an installed npm package, or a path that begins with ./',
        'storage.adapter: "neither" is not installed, expected memory, file, mongodb, the name of an installed npm package, or a path that begins with ./',
      ].join('\n'),
    );
  });
});

describe('where packages are found', () => {
  const STORAGE = `const names = ['open', 'openReadOnly', 'load', 'commit', 'readQueue', 'readRetained', 'close'];
    const storage = { traits: { durable: false, fencing: false, preferredBatchChanges: 1 },
      ...Object.fromEntries(names.map((name) => [name, async () => {}])) };`;
  const asPlugin = `${STORAGE} export default definePlugin({ name: 's', version: '1', api: 1, provides: [ports.Storage],
    module: bound(ports.Storage, storage) });`;

  test('an adapter may be a plugin that provides its port, a module with its function, and stand at a path', async () => {
    directory.write('a.js', asPlugin);
    directory.write('b.js', `${STORAGE} export const createStorage = () => storage;`);
    for (const adapter of ['./a.js', './b.js', `${directory.path}/a.js`])
      expect(await problemsOf({ storage: { adapter } })).toBe('nothing');
  });

  test('what an adapter has scheduled ends with the broker', async () => {
    const runs: string[] = [];
    (globalThis as { runs?: string[] }).runs = runs;
    directory.write(
      'scheduling.js',
      `const name = 'scheduling';
      export default definePlugin({ name, version: '1', api: 1, provides: [ports.Authenticator],
        module: () => new ContainerModule(({ bind }) => {
          bind(ports.Authenticator).toResolvedValue((scheduler) => ({ name, authenticate() {},
            async start() { scheduler.every(1, () => void runs.push('run')); } }), [ports.Scheduler]);
        }) });`,
    );
    await (await compose({ authentication: [{ adapter: './scheduling.js' }] })).start();
    while (runs.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    await broker?.stop();
    const before = runs.length;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(runs).toHaveLength(before);
  });

  test('an adapter that is a plugin provides its port alone, once', async () => {
    directory.write('a.js', asPlugin.replaceAll('ports.Storage', 'ports.Startable'));
    expect(await problemsOf({ storage: { adapter: './a.js' } })).toBe(
      'storage.adapter: the plugin s provides Startable, expected Storage alone, once',
    );
  });

  test('a package is found beside the configuration file, also if it exports for import alone', async () => {
    directory.write('node_modules/hexmq-a/lib/index.js', good());
    directory.writeJson('node_modules/hexmq-a/package.json', {
      name: 'hexmq-a',
      type: 'module',
      exports: { '.': { import: './lib/index.js' } },
    });
    expect(await problemsOf({ plugins: [{ package: 'hexmq-a' }] })).toBe('nothing');
  });

  test('a directory is a package: its package.json says what it exports', async () => {
    directory.write('with-exports/lib.js', good());
    directory.writeJson('with-exports/package.json', { name: 'x', type: 'module', exports: './lib.js' });
    directory.write('with-main/lib.js', good());
    directory.writeJson('with-main/package.json', { type: 'module', main: 'lib.js' });
    directory.writeJson('with-nothing/package.json', { type: 'module' });
    for (const name of ['with-exports', 'with-main'])
      expect(await problemsOf({ plugins: [{ package: `./${name}` }] })).toBe('nothing');
    expect(await problemsOf({ plugins: [{ package: './with-nothing' }] })).toContain(
      'is a directory without an entry point (DIRECTORY/with-nothing): its package.json has none',
    );
  });
});

describe('a listener of a plugin', () => {
  const listener = (module: string): string =>
    `export default definePlugin({ name: 'l', version: '1', api: 1, provides: [ports.Listener], module: ${module} });`;

  test('a listener of a plugin opens under the name that the configuration gives it', async () => {
    const path = directory.write(
      'listener.js',
      listener(`bound(ports.Listener, { name: 'mine', listen: async () => 'nowhere', close: async () => {} })`),
    );
    const authentication = [{ adapter: 'anonymous' }];
    await (await compose({ authentication, listeners: [{ type: 'plugin', name: 'other', package: path }] })).start();
    expect(broker?.addresses).toEqual(new Map([['other', 'nowhere']]));
  });

  test('a listener of a plugin is refused without authentication, because nothing is known of who reaches it', () => {
    expect(() => configOf({ listeners: [{ type: 'plugin', package: './x' }] })).toThrow(
      'listeners[0].authentication: missing, expected who may connect',
    );
  });

  test('a listener that lacks a method is refused', async () => {
    const path = directory.write('listener.js', listener(`bound(ports.Listener, { name: 'x', listen() {} })`));
    const authentication = [{ adapter: 'anonymous' }];
    expect(await problemsOf({ authentication, listeners: [{ type: 'plugin', package: path }] })).toBe(
      'listeners[0]: the plugin l: what it binds as Listener is an object without close(), expected a listener',
    );
  });
});

describe('definePlugin', () => {
  const fields = { name: 'p', version: '1', api: 1, provides: [Symbol('x')], module: () => undefined };

  test.each([
    [{ name: 'P' }, 'name: "P" is not valid, expected lower case letters, digits and hyphens, at most 64'],
    [{ name: undefined }, 'name: undefined is not valid, expected lower case letters, digits and hyphens, at most 64'],
    [{ version: 1 }, 'version: 1, expected a text such as 1.0.0'],
    [{ api: '1' }, 'api: "1", expected 1, the plugin API of this version of hexmq'],
    [{ options: 3 }, 'options: 3, expected a schema with the key ~standard, a function, or nothing'],
    [{ options: {} }, 'options: an object, expected a schema with the key ~standard, a function, or nothing'],
    [{ provides: [] }, 'provides: expected a list of at least one port, such as [Interceptor]'],
    [{ provides: ['Interceptor'] }, 'provides: expected a list of at least one port, such as [Interceptor]'],
    [{ module: {} }, 'module: an object, expected a function'],
  ])('the definition %o is refused with the field and what was expected', (wrong, problem) => {
    expect(() => definePlugin({ ...fields, ...wrong } as unknown as PluginDefinition)).toThrow(
      new TypeError(`definePlugin: ${problem}`),
    );
  });

  test('a port that is named twice is refused', () => {
    const port = Symbol('x');
    expect(() => definePlugin({ ...fields, provides: [port, port] } as unknown as PluginDefinition)).toThrow(
      'provides: a port is named twice, expected each once',
    );
  });
});

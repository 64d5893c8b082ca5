// The contract of plugins as tests, for any plugin and under any test runner: one test for each law. The host of the
// broker makes the plugin, and a broker in memory starts and stops it. What it is for is tested by the contracts of the
// ports that it binds.
import type { BrokerOnTrial, HostedPlugin, Trial } from '../../composition/plugin-trial.js';
import { definitionProblem, isPlugin } from '../../plugin/definition.js';
import type { Plugin } from '../../plugin/definition.js';
import { EVENT_NAMES, EventListener } from '../../ports/index.js';
import type { BrokerEvent, LifecycleEvent, Startable } from '../../ports/index.js';
import { messageOf } from '../../application/timeout.js';
import { askOnlyIf, reportTo, testOf, thenDisposed } from '../asking.js';
import type { NotAskedReport, TestBody } from '../asking.js';
import { ContractViolation, ensure, report, show } from '../compare.js';
import { eventsOf } from './events.js';

type Options = Readonly<Record<string, unknown>>;

/** What the contract needs to test a plugin. */
export interface PluginContractOptions {
  /** The name of the plugin in the report. */
  readonly name: string;
  /** What `definePlugin` returned: the default export of the package. */
  readonly plugin: Plugin;
  /** Options with which it can start here. Default: none. */
  readonly options?: Options;
  /** Other options that it has to accept. They are checked, and the plugin is not started with them. */
  readonly accepted?: readonly Options[];
  /** Options that it has to refuse, each with the name of the option that the message has to have. */
  readonly refused?: readonly { readonly options: Options; readonly option: string }[];
  /** How long the start may take, in milliseconds. Default: 30,000, as in the broker. */
  readonly startTimeoutMs?: number;
  /** The functions of the test runner: `describe` calls its body synchronously, `test` awaits it. */
  readonly describe: (name: string, body: () => void) => void;
  readonly test: (name: string, body: TestBody) => void;
  /** Told of each law that was not asked. Default: a line on standard error. */
  readonly notAsked?: NotAskedReport;
}

type Law = (text: string, body: () => Promise<void>) => void;

const START_MS = 30_000;
const STOP_MS = 5000;
/** What an open resource is called by Node; a test runner has others of its own. */
const RESOURCES = /^(Timeout|TCP|UDP|Pipe|TLS|FSEvent|StatWatcher|ChildProcess|Process|Worker|MessagePort)/;

const KNOWN: readonly string[] = EVENT_NAMES;

/** Loaded by the first law, because it brings the composition of the broker. */
const trial = () => import('../../composition/plugin-trial.js');

/** Declares the contract's tests. */
export function pluginContract(options: PluginContractOptions): void {
  const { name, describe, test } = options;
  const { notAsked = reportTo(`plugin contract: ${name}`) } = options;
  const law: Law = (text, body) => {
    test(text, testOf(text, notAsked, body));
  };
  describe(`plugin contract: ${name}`, () => {
    describe('definition', () => {
      definitionLaws(law, options);
    });
    describe('options', () => {
      optionLaws(law, options);
    });
    describe('life', () => {
      lifeLaws(law, options);
    });
    describe('events', () => {
      eventLaws(law, options);
    });
  });
}

function definitionLaws(law: Law, options: PluginContractOptions): void {
  const { plugin } = options;
  law('it was made by definePlugin, and is valid', () => {
    ensure(isPlugin(plugin), `expected what definePlugin returns, got ${show(plugin)}`);
    const problem = definitionProblem(plugin);
    ensure(problem === undefined, problem ?? '');
    return Promise.resolve();
  });

  law('its module binds what it promises, and nothing else that the broker would use', async () => {
    await made(trialOf(options));
  });

  law('its module opens nothing, because a check of the configuration calls it too', async () => {
    const before = resources();
    await made(trialOf(options));
    await made(trialOf(options));
    const opened = [...resources()].filter(([resource, count]) => count > (before.get(resource) ?? 0));
    report(
      'opened by module(), expected in start()',
      opened.map(([resource]) => resource),
    );
  });
}

function optionLaws(law: Law, options: PluginContractOptions): void {
  const { accepted, refused } = options;
  law('other valid options are accepted', async () => {
    askOnlyIf(accepted !== undefined, 'there is no `accepted`');
    for (const other of accepted) await made({ ...trialOf(options), options: other });
  });

  law('wrong options are refused, with the name of the option', async () => {
    askOnlyIf(refused !== undefined, 'there is no `refused`');
    const { hostPlugin, ConfigError } = await trial();
    const problems: string[] = [];
    for (const { options: wrong, option } of refused) {
      const outcome = await hostPlugin({ ...trialOf(options), options: wrong }).catch((error: unknown) => error);
      if (!(outcome instanceof Error)) problems.push(`${show(wrong)}: expected to be refused, it was accepted`);
      else if (!(outcome instanceof ConfigError) || !outcome.message.includes(option))
        problems.push(`${show(wrong)}: expected a message that names ${option}, got: ${outcome.message}`);
    }
    report('options', problems);
  });
}

function lifeLaws(law: Law, options: PluginContractOptions): void {
  const { startTimeoutMs = START_MS } = options;
  law('it starts with a broker, and stops with it, twice in a row', async () => {
    await askIfListed(trialOf(options));
    for (let run = 0; run < 2; run++) {
      const { events } = await inBroker(options, () => Promise.resolve());
      const started = events.some(({ kind }) => kind === 'plugin-started');
      ensure(started, 'expected it to have started, the broker did not say so');
      report('failures', failuresIn(events));
    }
  });

  law('it starts within its time', async () => {
    await askIfListed(trialOf(options));
    const began = Date.now();
    await inBroker(options, () => Promise.resolve());
    const tookMs = Date.now() - began;
    ensure(tookMs <= startTimeoutMs + STOP_MS, `expected the start within ${startTimeoutMs} ms, it took ${tookMs} ms`);
  });

  law('what it binds stops without having started, within 5 seconds, also a second time', async () => {
    const { provided } = await made(trialOf(options));
    const startables = [...provided.values()].flat() as readonly Startable[];
    const stopping = startables.filter((one) => one.stop !== undefined);
    askOnlyIf(stopping.length > 0, 'nothing that it binds has a `stop`');
    for (const one of [...stopping, ...stopping].reverse()) await stopped(one);
  });
}

function eventLaws(law: Law, options: PluginContractOptions): void {
  law('listeners of events want events that there are', async () => {
    const { provided } = await made(trialOf(options));
    for (const { name, wants } of listenersIn(provided)) {
      const list: unknown = wants;
      ensure(Array.isArray(list), `${name}: wants: expected a list of events, got ${show(list)}`);
      const unknown = list.filter((kind: string) => !KNOWN.includes(kind));
      ensure(unknown.length === 0, `${name}: wants: there is no event ${unknown.join(', ')}`);
    }
  });

  law('listeners of events handle each kind that they want without an error', async () => {
    const { provided } = await made(trialOf(options));
    listenersIn(provided);
    await askIfListed(trialOf(options));
    await inBroker(options, async ({ eventListeners }) => {
      const problems: string[] = [];
      for (const listener of eventListeners)
        for (const kind of listener.wants)
          for (const event of eventsOf(kind)) problems.push(...(await problemsOf(listener, event)));
      report('events', problems);
    });
  });
}

const trialOf = ({ plugin, options = {} }: PluginContractOptions): Trial => ({ plugin, options });

/** @throws ContractViolation with what the host says. */
async function made(asked: Trial): Promise<HostedPlugin> {
  const { hostPlugin } = await trial();
  try {
    return await hostPlugin(asked);
  } catch (error) {
    throw new ContractViolation(messageOf(error));
  }
}

async function askIfListed(asked: Trial): Promise<void> {
  const { reasonAgainstList } = await trial();
  const reason = reasonAgainstList(asked);
  askOnlyIf(reason === undefined, `the list \`plugins\` cannot have it: it ${reason ?? ''}`);
}

/** The broker runs meanwhile. @returns what it has emitted. */
async function inBroker(
  options: PluginContractOptions,
  use: (running: BrokerOnTrial) => Promise<void>,
): Promise<{ events: readonly (BrokerEvent | LifecycleEvent)[] }> {
  const events: (BrokerEvent | LifecycleEvent)[] = [];
  const { brokerWith } = await trial();
  const telemetry = { emit: (event: BrokerEvent | LifecycleEvent) => void events.push(event) };
  const running = await brokerWith(trialOf(options), telemetry).catch((error: unknown) => {
    throw new ContractViolation(messageOf(error));
  });
  await thenDisposed(
    async () => running.broker.stop(),
    async () => {
      try {
        await running.broker.start();
      } catch (error) {
        throw new ContractViolation(messageOf(error));
      }
      await use(running);
    },
  );
  return { events };
}

const failuresIn = (events: readonly (BrokerEvent | LifecycleEvent)[]): string[] =>
  events.flatMap((event) =>
    event.kind === 'plugin-failed'
      ? [`${event.what}: ${event.error}`]
      : event.kind === 'close-failed'
        ? [`stop: ${event.error}`]
        : [],
  );

async function stopped(one: Startable): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new ContractViolation(`stop: expected it to be over within ${STOP_MS} ms`));
    }, STOP_MS);
  });
  try {
    await Promise.race([one.stop?.(), late]);
  } catch (error) {
    throw error instanceof ContractViolation ? error : new ContractViolation(`stop: ${messageOf(error)}`);
  } finally {
    clearTimeout(timer);
  }
}

function listenersIn(provided: HostedPlugin['provided']): readonly EventListener[] {
  const listeners = (provided.get(EventListener) ?? []) as readonly EventListener[];
  askOnlyIf(listeners.length > 0, 'it binds no EventListener');
  return listeners;
}

async function problemsOf(listener: EventListener, event: BrokerEvent | LifecycleEvent): Promise<string[]> {
  try {
    await listener.handle(event);
    return [];
  } catch (error) {
    return [`${listener.name} at ${event.kind}: ${messageOf(error)}`];
  }
}

function resources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const resource of process.getActiveResourcesInfo())
    if (RESOURCES.test(resource)) counts.set(resource, (counts.get(resource) ?? 0) + 1);
  return counts;
}

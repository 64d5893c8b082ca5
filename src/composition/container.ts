// The composition root: from a checked configuration to whatever is resolved from it, a whole broker or a storage
// alone. The container imports and creates an adapter when something that depends on it is resolved; nothing here opens
// a socket or a store.
import 'reflect-metadata';
import { Container } from 'inversify';
import { BrokerService } from '../application/service.js';
import type { Checkable } from '../ports/index.js';
import { adminSocketOf } from './admin-socket.js';
import type { AdminSocket } from './admin-schema.js';
import type { Config } from './config.js';
import { collectErrors, ConfigError } from './config-error.js';
import { logFileProblem } from './log-file.js';
import { adaptersIn, underKey } from './injection.js';
import type { ConfiguredAdapter } from './injection.js';
import { administrationModule } from './modules/administration.js';
import { authModule } from './modules/auth.js';
import { brokerModule } from './modules/broker.js';
import { engineModule } from './modules/engine.js';
import { eventsModule, inProcessModule } from './modules/in-process.js';
import { interceptionModule } from './modules/interception.js';
import { measurementsModule } from './modules/measurements.js';
import { networkModule } from './modules/network.js';
import { observabilityModule } from './modules/observability.js';
import { overridesModule } from './modules/overrides.js';
import type { Overrides } from './modules/overrides.js';
import { loadPluginsInto, pluginHostModule, pluginsModule } from './modules/plugins.js';
import { storageModule } from './modules/storage.js';
import { sysModule } from './modules/sys.js';
import { systemModule } from './modules/system.js';
import { LoadedPlugins } from './plugins/host.js';
import type { PluginDefinitions } from './plugins/load.js';
import { LateServices } from './plugins/late-services.js';

/** An adapter and its key in the configuration, such as `listeners[0]`. */
export interface CreatedAdapter {
  readonly key: string;
  readonly adapter: Checkable;
}

/** In the order of starting: parts of the broker's life start in the order in which their modules are loaded. */
const MODULES = [
  systemModule,
  observabilityModule,
  eventsModule,
  pluginHostModule,
  authModule,
  interceptionModule,
  storageModule,
  engineModule,
  inProcessModule,
  brokerModule,
  measurementsModule,
  sysModule,
  pluginsModule,
  networkModule,
];

/**
 * One container per broker: a singleton is shared by the parts of one broker, and by no other broker of the process.
 * Plugins that cannot be loaded are reported by `createAdapters`.
 * @param definitions of plugins, by the name of their package, that are not imported.
 */
export async function createContainer(
  config: Config,
  overrides: Overrides = {},
  adminSocket = configuredSocket(config),
  definitions?: PluginDefinitions,
): Promise<Container> {
  const container = new Container({ defaultScope: 'Singleton' });
  container.load(
    ...MODULES.map((module) => module(config)),
    administrationModule(config, adminSocket),
    overridesModule(overrides),
  );
  await loadPluginsInto(container, config, definitions);
  return container;
}

/**
 * Creates the adapters of the configuration, or some of them, and has them look at what a start would need.
 * @throws ConfigError with what is wrong with every one of them, where resolving what depends on them would report the
 * first.
 */
export async function createAdapters(
  container: Container,
  config: Config,
  isMeant: (adapter: ConfiguredAdapter) => boolean = () => true,
): Promise<readonly CreatedAdapter[]> {
  const created = await collectErrors([
    lookAtLogFile(config),
    refuseFaultyPlugins(container),
    ...adaptersIn(config)
      .filter(isMeant)
      .map(async ({ token, key }): Promise<CreatedAdapter[]> => {
        const adapters = (await container.getAllAsync(token, underKey(key))) as readonly Checkable[];
        const problems = await Promise.all(adapters.map(async (adapter) => (await adapter.problems?.()) ?? []));
        if (problems.some((some) => some.length > 0))
          throw new ConfigError(problems.flat().map((problem) => `${key}: ${problem}`));
        return adapters.map((adapter) => ({ key, adapter }));
      }),
  ]);
  return created.flat();
}

/** A program that embeds a broker has only the socket that it asks for. */
function configuredSocket(config: Config): AdminSocket | undefined {
  const socket = adminSocketOf(config);
  return socket?.isConfigured === true ? socket : undefined;
}

function refuseFaultyPlugins(container: Container): Promise<CreatedAdapter[]> {
  const { problems } = container.get(LoadedPlugins);
  return problems.length === 0 ? Promise.resolve([]) : Promise.reject(new ConfigError(problems));
}

/** The log is made when everything else is right; what would prevent it is reported with what else is wrong. */
function lookAtLogFile({ logging }: Config): Promise<CreatedAdapter[]> {
  const problem = logFileProblem(logging.file);
  return problem === undefined ? Promise.resolve([]) : Promise.reject(new ConfigError([problem]));
}

/**
 * Creates a broker, which is not started.
 * @param adminSocket default: the one that the configuration names.
 * @throws ConfigError when an adapter cannot be loaded, refuses its options, or knows that it cannot start.
 */
export async function composeBroker(
  config: Config,
  overrides: Overrides = {},
  adminSocket?: AdminSocket,
): Promise<BrokerService> {
  const container = await createContainer(config, overrides, adminSocket);
  await createAdapters(container, config);
  return startableBroker(container);
}

/** The broker of a container whose adapters were created. */
export async function startableBroker(container: Container): Promise<BrokerService> {
  const broker = await container.getAsync(BrokerService);
  // The last access to the container: from here on objects know each other.
  await container.get(LateServices).connect(container);
  return broker;
}

export { StartInterrupted } from '../application/lifecycle.js';
export type { ReloadResult } from '../ports/index.js';
export type { BrokerService } from '../application/service.js';
export type { Overrides } from './modules/overrides.js';

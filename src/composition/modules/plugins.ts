// Plugins: the host, what they are offered of the broker, and what they bind. The list `plugins` is loaded before the
// broker is put together, because only then is it known what it binds.
import { ContainerModule } from 'inversify';
import type { Container, ServiceIdentifier } from 'inversify';
import { PluginLife } from '../../application/plugins/plugin-life.js';
import { PluginMetrics } from '../../application/plugins/plugin-metrics.js';
import { Clock, PluginOperation, Random, Startable } from '../../ports/index.js';
import type { AdapterComponents } from '../adapter-table.js';
import type { Config } from '../config.js';
import { ConfigError } from '../config-error.js';
import { byName, Components, LifecyclePart } from '../injection.js';
import { AdapterFactory } from '../plugins/adapters.js';
import { LoadedPlugins, PluginHost } from '../plugins/host.js';
import type { HostedPlugin } from '../plugins/host.js';
import type { PluginDefinitions } from '../plugins/load.js';
import { LateServices } from '../plugins/late-services.js';
import { portName } from '../plugins/plugin-ports.js';

interface LifeDependencies {
  readonly loaded: LoadedPlugins;
  readonly clock: Clock;
  readonly components: AdapterComponents;
}

/** To be loaded before all modules of adapters: what these were offered ends when they have stopped. */
export const pluginHostModule = ({ directory }: Config): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(LateServices).toDynamicValue(() => new LateServices());
    bind(PluginMetrics).toDynamicValue(() => new PluginMetrics());
    bind(PluginHost).toResolvedValue(
      (components, random, services, metrics) => new PluginHost({ components, random, services, metrics }),
      [Components, Random, LateServices, PluginMetrics],
    );
    bind(AdapterFactory).toResolvedValue((host) => new AdapterFactory(host, directory), [PluginHost]);
    bind(LifecyclePart).toResolvedValue(
      (adapters) => ({ name: 'services of adapters', stop: () => adapters.release() }),
      [AdapterFactory],
    );
  });

/** To be loaded before the module of the network: plugins start before clients can connect. */
export const pluginsModule = ({ plugins }: Config): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(LifecyclePart).toResolvedValue(
      ...byName(
        ({ loaded, clock, components: { emit } }: LifeDependencies) =>
          new PluginLife({
            plugins: loaded.plugins.map((plugin, index) => living(plugin, plugins[index]?.startTimeoutMs ?? 0)),
            clock,
            emit,
          }),
        { loaded: LoadedPlugins, clock: Clock, components: Components },
      ),
    );
  });

const living = ({ provided, ...plugin }: HostedPlugin, startTimeoutMs: number) => ({
  ...plugin,
  provides: [...provided.keys()].map(portName),
  startables: (provided.get(Startable) ?? []) as readonly Startable[],
  startTimeoutMs,
});

/**
 * Loads the plugins that the configuration lists, and binds what they provide behind what is bound already. What is
 * wrong with them is kept until the adapters are created, so that everything is reported together.
 */
export async function loadPluginsInto(
  container: Container,
  config: Config,
  definitions?: PluginDefinitions,
): Promise<void> {
  const loaded =
    config.plugins.length === 0 ? { plugins: [], problems: [] } : await load(container, config, definitions);
  container.bind(LoadedPlugins).toConstantValue(loaded);
  for (const { provided } of loaded.plugins)
    for (const [port, values] of provided)
      // Their life is that of the plugin, and their place is its name.
      if (port !== Startable && port !== PluginOperation) for (const value of values) bindValue(container, port, value);
}

const bindValue = (container: Container, port: ServiceIdentifier, value: unknown): void => {
  container.bind(port).toConstantValue(value);
};

async function load(
  container: Container,
  config: Config,
  definitions: PluginDefinitions | undefined,
): Promise<LoadedPlugins> {
  // Most brokers have none.
  const { loadPlugins } = await import('../plugins/load.js');
  try {
    return { plugins: await loadPlugins(config, await container.getAsync(PluginHost), definitions), problems: [] };
  } catch (error) {
    if (error instanceof ConfigError) return { plugins: [], problems: error.problems };
    throw error;
  }
}

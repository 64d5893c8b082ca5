// Plugins on trial, for the contract of plugins in hexmq/testkit: the host of the broker makes them, and a broker in
// memory, without listeners, starts and stops them. The definition is given, so that nothing is imported.
import { EventListener } from '../ports/index.js';
import type { Telemetry } from '../ports/index.js';
import type { GivenOptions, Plugin, PluginDefinition } from '../plugin/definition.js';
import type { Config } from './config.js';
import { createAdapters, createContainer, startableBroker } from './container.js';
import type { BrokerService } from './container.js';
import { PluginHost } from './plugins/host.js';
import type { HostedPlugin } from './plugins/host.js';
import { misplacement, portName } from './plugins/plugin-ports.js';
import { resolveConfig } from './resolve-config.js';

export { ConfigError } from './config-error.js';
export { portName };
export type { HostedPlugin };

export interface Trial {
  readonly plugin: Plugin;
  readonly options: GivenOptions;
}

export interface BrokerOnTrial {
  readonly broker: BrokerService;
  /** Those that the plugin has bound. */
  readonly eventListeners: readonly EventListener[];
}

/** As the configuration names the plugin. */
const PACKAGE = './plugin-under-test.js';

/** Why the list `plugins` cannot have it, because it has a key of its own. */
export const reasonAgainstList = ({ plugin }: Trial): string | undefined =>
  plugin.provides.map(misplacement).find((problem) => problem !== undefined);

/** @throws ConfigError as a start of the broker does. */
export async function hostPlugin({ plugin, options }: Trial): Promise<HostedPlugin> {
  const container = await createContainer(configOf([]), { listeners: [] });
  const host = await container.getAsync(PluginHost);
  return host.host({ definition: plugin as PluginDefinition, package: PACKAGE, options, path: ['plugins', 0] });
}

/** A broker with this plugin, not yet started. @throws ConfigError */
export async function brokerWith({ plugin, options }: Trial, telemetry: Telemetry): Promise<BrokerOnTrial> {
  const config = configOf([{ package: PACKAGE, options }]);
  const overrides = { listeners: [], telemetry: [telemetry] };
  const definitions = new Map([[PACKAGE, plugin as PluginDefinition]]);
  const container = await createContainer(config, overrides, undefined, definitions);
  await createAdapters(container, config);
  const eventListeners = container.isBound(EventListener) ? await container.getAllAsync(EventListener) : [];
  return { broker: await startableBroker(container), eventListeners };
}

const configOf = (plugins: readonly { readonly package: string; readonly options: GivenOptions }[]): Config =>
  resolveConfig({ storage: { adapter: 'memory' }, listeners: [{ type: 'tcp', port: 0 }], plugins: [...plugins] });

// The plugins that the configuration lists: each is imported, checked and made, and everything that is wrong with any
// of them is reported at once.
import { checkedOperations } from '../../administration/plugin-operations.js';
import { PluginOperation } from '../../ports/index.js';
import type { Config, PluginConfig } from '../config.js';
import { collectErrors, ConfigError } from '../config-error.js';
import { formatPath } from '../config-path.js';
import { construct } from './construct.js';
import type { HostedPlugin, PluginHost } from './host.js';
import type { PluginDefinition } from '../../plugin/definition.js';
import { importPlugin } from './packages.js';
import { misplacement } from './plugin-ports.js';

/** Definitions by the name of the package that the configuration has. */
export type PluginDefinitions = ReadonlyMap<string, PluginDefinition>;

/**
 * @param definitions of plugins that are not imported.
 * @throws ConfigError with what is wrong with every one of them.
 */
export async function loadPlugins(
  { plugins, directory }: Config,
  host: PluginHost,
  definitions: PluginDefinitions = new Map(),
): Promise<readonly HostedPlugin[]> {
  const hosted = await collectErrors(
    plugins.map((plugin, index) => loadOne(plugin, index, { directory, host, definitions })),
  );
  const problems = hosted.flatMap(({ name }, index) => {
    const first = hosted.findIndex((other) => other.name === name);
    const rule = `expected another, given with the key name`;
    return first < index ? [`plugins[${index}]: "${name}" is also the name of plugins[${first}], ${rule}`] : [];
  });
  if (problems.length > 0) throw new ConfigError(problems);
  return hosted;
}

interface Loading {
  readonly directory: string | undefined;
  readonly host: PluginHost;
  readonly definitions: PluginDefinitions;
}

async function loadOne(
  { package: from, name, options }: PluginConfig,
  index: number,
  { directory, host, definitions }: Loading,
): Promise<HostedPlugin> {
  const path = ['plugins', index];
  const key = formatPath(path);
  const definition = definitions.get(from) ?? (await importPlugin({ name: from, key: `${key}.package`, directory }));
  for (const port of definition.provides) {
    const problem = misplacement(port);
    if (problem !== undefined) throw new ConfigError([`${key}: the plugin ${from} ${problem}`]);
  }
  const hosted = await host.host({ definition, package: from, name, options, path });
  const operations = (hosted.provided.get(PluginOperation) ?? []) as readonly PluginOperation[];
  // Their schemas are those of the plugin.
  construct(key, hosted.name, () =>
    checkedOperations(operations.map((operation) => ({ plugin: hosted.name, operation }))),
  );
  return hosted;
}

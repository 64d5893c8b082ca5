// The host of plugins: each gets a container of its own, which holds what hexmq offers and what the plugin binds. What
// comes out is exactly what the plugin has promised, or an error that names the plugin and says what was wrong.
import { Container } from 'inversify';
import type { ContainerModule, ServiceIdentifier } from 'inversify';
import { port as token } from '../../ports/index.js';
import { definitionProblem } from '../../plugin/definition.js';
import type { GivenOptions, OptionsIssue, PluginDefinition } from '../../plugin/definition.js';
import { PORTS_FOR_PLUGINS, portName } from './plugin-ports.js';
import { ConfigError } from '../config-error.js';
import { formatPath } from '../config-path.js';
import { construct } from './construct.js';
import { OFFERED, offeredTo } from './offered.js';
import type { OfferedParts } from './offered.js';
import { shapeProblem } from './shapes.js';

/** A plugin, and how the configuration asks for it. */
export interface AskedPlugin {
  readonly definition: PluginDefinition;
  /** Its package or path. */
  readonly package: string;
  /** Under which it runs. Default: the one that it has given itself. */
  readonly name?: string | undefined;
  readonly options: GivenOptions;
  /** Where it stands in the configuration. */
  readonly path: readonly PropertyKey[];
}

/** A plugin whose parts were made. */
export interface HostedPlugin {
  readonly name: string;
  readonly version: string;
  readonly package: string;
  /** What it bound, by port, in the order of binding. */
  readonly provided: ReadonlyMap<ServiceIdentifier, readonly unknown[]>;
  readonly release: () => Promise<void>;
}

/** The plugins of the list `plugins`, and what is wrong with them. */
export interface LoadedPlugins {
  readonly plugins: readonly HostedPlugin[];
  readonly problems: readonly string[];
}

export const LoadedPlugins: ServiceIdentifier<LoadedPlugins> = token<LoadedPlugins>('LoadedPlugins');

export class PluginHost {
  readonly #parts: OfferedParts;

  constructor(parts: OfferedParts) {
    this.#parts = parts;
  }

  /** @throws ConfigError that says what is wrong with the plugin or its options, and what was expected. */
  async host(asked: AskedPlugin): Promise<HostedPlugin> {
    const { definition, path } = asked;
    const key = formatPath(path);
    const problem = definitionProblem(definition);
    if (problem !== undefined)
      throw new ConfigError([`${key}: the plugin ${asked.package} cannot be used: ${problem}`]);
    const { version, provides } = definition;
    const name = asked.name ?? definition.name;
    const options = await checkedOptions(asked);
    const { container: parent, release } = offeredTo({ name, version }, this.#parts);
    const container = new Container({ defaultScope: 'Singleton', parent });
    await load(
      container,
      construct(key, definition.name, () => definition.module(options)),
      key,
      definition.name,
    );
    const wrong = bindingProblem(container, provides);
    if (wrong !== undefined) throw new ConfigError([`${key}: the plugin ${definition.name} ${wrong}`]);
    const provided = new Map<ServiceIdentifier, readonly unknown[]>();
    for (const port of provides) provided.set(port, await this.#made(container, port, asked));
    return { name, version, package: asked.package, provided, release };
  }

  async #made(container: Container, port: ServiceIdentifier, asked: AskedPlugin): Promise<readonly unknown[]> {
    const { definition, path } = asked;
    const subject = `${formatPath(path)}: the plugin ${definition.name}`;
    const values = await attempt(
      () => container.getAllAsync(port),
      (why) => `${formatPath(path)}: ${portName(port)} of the plugin ${definition.name} cannot be created: ${why}`,
    );
    for (const value of values) {
      const problem = shapeProblem(port, value, `what it binds as ${portName(port)} is`);
      if (problem !== undefined) throw new ConfigError([`${subject}: ${problem}`]);
    }
    return values;
  }
}

async function load(container: Container, module: ContainerModule, key: string, name: string): Promise<void> {
  if (typeof (module as Partial<ContainerModule> | undefined)?.load !== 'function')
    throw new ConfigError([
      `${key}: module() of the plugin ${name} returned ${typeof module}, expected a ContainerModule`,
    ]);
  await attempt(
    () => container.loadAsync(module),
    (why) => `${key}: the module of the plugin ${name} cannot be loaded: ${why}`,
  );
}

/** @throws ConfigError with what the step threw, unless that was one. */
async function attempt<T>(step: () => Promise<T>, sentence: (why: string) => string): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new ConfigError([sentence(message.split('\n', 1)[0] ?? '')]);
  }
}

/** What is bound has to be what was promised: no more, because nothing would use it, and no less. */
function bindingProblem(container: Container, provides: readonly ServiceIdentifier[]): string | undefined {
  const unknown = provides.filter((port) => !PORTS_FOR_PLUGINS.includes(port));
  const known = PORTS_FOR_PLUGINS.map(portName).join(', ');
  if (unknown.length > 0) return `promises ${names(unknown)}, expected ports of hexmq: ${known}`;
  const missing = provides.filter((port) => !container.isCurrentBound(port));
  if (missing.length > 0) return `promises ${names(missing)} and does not bind it, expected both or neither`;
  const more = PORTS_FOR_PLUGINS.filter((port) => !provides.includes(port) && container.isCurrentBound(port));
  if (more.length > 0) return `binds ${names(more)}, which it does not promise, expected it in its provides`;
  const replaced = OFFERED.filter((token) => container.isCurrentBound(token));
  return replaced.length === 0
    ? undefined
    : `binds ${names(replaced)}, which hexmq offers, expected it to be used as it is`;
}

const names = (tokens: readonly ServiceIdentifier[]): string => tokens.map(portName).join(', ');

async function checkedOptions(asked: AskedPlugin): Promise<unknown> {
  const { definition, options: given, path } = asked;
  const { options: check, name } = definition;
  const at = [...path, 'options'];
  if (check === undefined) {
    const [first] = Object.keys(given);
    if (first === undefined) return undefined;
    throw new ConfigError([`${formatPath([...at, first])}: unknown key, the plugin ${name} takes no options`]);
  }
  if (!('~standard' in check)) return construct(formatPath(at), name, () => check(given));
  const result = await attempt(
    async () => check['~standard'].validate(given),
    (why) => `${formatPath(at)}: refused by ${name}: ${why}`,
  );
  if (result.issues === undefined) return result.value;
  throw new ConfigError(result.issues.map((issue) => `${formatPath([...at, ...keysOf(issue)])}: ${issue.message}`));
}

const keysOf = ({ path = [] }: OptionsIssue): PropertyKey[] =>
  path.map((key) => (typeof key === 'object' ? key.key : key));

// Adapters are plugins that bind one port: built-in ones, and packages, which export a plugin or a function such as
// `createStorage`. All of them are made in a container of their own by the host.
import { ContainerModule } from 'inversify';
import type { ServiceIdentifier } from 'inversify';
import { isPlugin, PLUGIN_API } from '../../plugin/definition.js';
import type { GivenOptions, PluginDefinition } from '../../plugin/definition.js';
import { Authenticator, Authorizer, Listener, Storage } from '../../ports/index.js';
import { adapterNames, AUTHENTICATION_ADAPTERS, AUTHORIZATION_ADAPTERS, STORAGE_ADAPTERS } from '../adapter-table.js';
import type { AdapterComponents, AdapterTable } from '../adapter-table.js';
import { ConfigError } from '../config-error.js';
import { formatPath } from '../config-path.js';
import { redactCredentials } from '../config-schema.js';
import type { PluginListenerConfig } from '../config-schema.js';
import type { AdapterConfig } from '../config.js';
import { Components } from '../injection.js';
import { suggestion } from '../nearest.js';
import { construct } from './construct.js';
import type { AskedPlugin, HostedPlugin, PluginHost } from './host.js';
import { NamedListener } from './named-listener.js';
import { importPackage, importPlugin, loaded } from './packages.js';
import type { Exports } from './packages.js';
import { portName } from './plugin-ports.js';
import { shapeProblem } from './shapes.js';

/** A port whose adapter the configuration names. */
interface AdapterKind<Port> {
  readonly port: ServiceIdentifier<Port>;
  /** The function that a module may export in place of a plugin. */
  readonly factory: string;
  readonly builtIn: AdapterTable<object>;
}

export const STORAGE: AdapterKind<Storage> = { port: Storage, factory: 'createStorage', builtIn: STORAGE_ADAPTERS };
export const AUTHENTICATOR: AdapterKind<Authenticator> = {
  port: Authenticator,
  factory: 'createAuthenticator',
  builtIn: AUTHENTICATION_ADAPTERS,
};
export const AUTHORIZER: AdapterKind<Authorizer> = {
  port: Authorizer,
  factory: 'createAuthorizer',
  builtIn: AUTHORIZATION_ADAPTERS,
};

const FACTORIES: readonly string[] = [STORAGE, AUTHENTICATOR, AUTHORIZER].map(({ factory }) => factory);

type Factory = (options: GivenOptions, components: AdapterComponents) => unknown;

/** Creates adapters that the configuration names. */
export class AdapterFactory {
  readonly #host: PluginHost;
  readonly #directory: string | undefined;
  readonly #releases: (() => Promise<void>)[] = [];

  /** @param directory of the configuration file. */
  constructor(host: PluginHost, directory: string | undefined) {
    this.#host = host;
    this.#directory = directory;
  }

  /**
   * @param path where the adapter stands in the configuration.
   * @throws ConfigError when no such adapter is installed, when it refuses its options, or does not bind its port.
   */
  async create<Port>(
    kind: AdapterKind<Port>,
    { adapter, options }: AdapterConfig,
    path: readonly PropertyKey[],
  ): Promise<Port> {
    const module = await this.#moduleOf(kind, adapter, path);
    const plugin = module['default'];
    const key = formatPath([...path, 'adapter']);
    if (!isPlugin(plugin)) {
      const definition = asPlugin(kind, adapter, factoryOf(kind, adapter, key, module), path);
      const hosted = await this.#made({ ...asked(adapter, options, path), definition });
      return hosted.provided.get(kind.port)?.[0] as Port;
    }
    const definition = plugin as PluginDefinition;
    const hosted = await this.#made({ ...asked(adapter, options, path), definition });
    return onlyOne(kind.port, hosted.provided, `${key}: the plugin ${hosted.name}`);
  }

  /**
   * A listener of a plugin. It bears the name that the configuration gives it.
   * @throws ConfigError as `create`.
   */
  async createListener(
    { package: from, name, options = {} }: PluginListenerConfig,
    path: readonly PropertyKey[],
  ): Promise<Listener> {
    const key = formatPath(path);
    const wanted = { name: from, key: `${key}.package`, directory: this.#directory };
    const definition = await importPlugin(wanted);
    const hosted = await this.#made({ definition, package: from, name, options, path });
    return new NamedListener(name, onlyOne(Listener, hosted.provided, `${key}: the plugin ${definition.name}`));
  }

  /** Ends what the adapters have scheduled, subscribed and listened to. */
  async release(): Promise<void> {
    await Promise.all(this.#releases.splice(0).map((release) => release()));
  }

  async #made(plugin: AskedPlugin): Promise<HostedPlugin> {
    const hosted = await this.#host.host(plugin);
    this.#releases.push(hosted.release);
    return hosted;
  }

  #moduleOf(kind: AdapterKind<unknown>, name: string, path: readonly PropertyKey[]): Promise<Exports> {
    const { builtIn } = kind;
    const key = formatPath([...path, 'adapter']);
    const entry = Object.hasOwn(builtIn, name) ? builtIn[name] : undefined;
    if (entry !== undefined) return loaded(key, name, async () => (await entry.load()) as Exports);
    return importPackage({
      name,
      key,
      directory: this.#directory,
      refuse: (why) =>
        new ConfigError([
          `${key}: "${redactCredentials(name)}" ${why}, expected ${adapterNames(builtIn)}, the name of an installed ` +
            `npm package, or a path that begins with ./${suggestion(name, Object.keys(builtIn))}`,
        ]),
    });
  }
}

const asked = (adapter: string, options: GivenOptions, path: readonly PropertyKey[]) => ({
  package: adapter,
  options,
  path,
});

/** @throws ConfigError unless the plugin has bound this port once, and nothing else. */
export function onlyOne<Port>(
  port: ServiceIdentifier<Port>,
  provided: ReadonlyMap<ServiceIdentifier, readonly unknown[]>,
  subject: string,
): Port {
  const bound = [...provided].flatMap(([token, values]) => values.map(() => portName(token)));
  if (bound.length !== 1 || bound[0] !== portName(port))
    throw new ConfigError([`${subject} provides ${bound.join(', ')}, expected ${portName(port)} alone, once`]);
  return provided.get(port)?.[0] as Port;
}

/** A module that exports a function is a plugin that binds what the function returns. */
const asPlugin = (
  { port, factory }: AdapterKind<unknown>,
  adapter: string,
  create: Factory,
  path: readonly PropertyKey[],
): PluginDefinition => ({
  // The name of a package is not checked further.
  name: factory.toLowerCase(),
  version: 'unknown',
  api: PLUGIN_API,
  provides: [port],
  options: (given) => given,
  module: (options) =>
    new ContainerModule(({ bind }) => {
      bind(port).toResolvedValue(
        (components) => {
          const made = construct(formatPath([...path, 'options']), adapter, () =>
            create(options as GivenOptions, components),
          );
          const problem = shapeProblem(port, made, `${factory} returned`);
          if (problem === undefined) return made;
          throw new ConfigError([`${formatPath([...path, 'adapter'])}: ${adapter}: ${problem}`]);
        },
        [Components],
      );
    }),
});

function factoryOf(kind: AdapterKind<unknown>, adapter: string, key: string, module: Exports): Factory {
  const found = module[kind.factory];
  if (typeof found === 'function') return found as Factory;
  throw new ConfigError([
    `${key}: the package ${adapter} exports neither a plugin (as default) nor a function ${kind.factory}, ` +
      `expected an adapter made for hexmq/ports${instead(kind.factory, module)}`,
  ]);
}

/** What a package exports in place of what was expected. */
function instead(factory: string, module: Exports): string {
  if (module[factory] !== undefined) return `; its ${factory} is no function`;
  if (factory in module) return `; its ${factory} is undefined`;
  const defaults = module['default'] as Exports | undefined;
  if (typeof defaults?.[factory] === 'function') return `; its default export has one, which is not looked at`;
  const other = FACTORIES.find((name) => name in module);
  if (other !== undefined) return `; it exports ${other}, so it is an adapter for something else`;
  return 'default' in module ? '; its default export was not made by definePlugin' : '';
}

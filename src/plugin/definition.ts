// What a plugin says of itself, and what is checked of it: also when it was made by another copy of hexmq, by another
// version, or by hand.
import type { ContainerModule, ServiceIdentifier } from 'inversify';

/** The version of everything that plugins are written against: `definePlugin`, the ports, and the services. */
export const PLUGIN_API = 1;

/** The same in every copy of hexmq. */
const MARK = Symbol.for('hexmq.plugin');

/** Short enough for log lines and metrics. */
export const NAME = /^[a-z][a-z0-9-]{0,63}$/;

/** Options as they stand in the configuration. */
export type GivenOptions = Readonly<Record<string, unknown>>;

/** One thing that is wrong with the options, as Standard Schema has it. */
export interface OptionsIssue {
  readonly message: string;
  /** Where: the keys, from the outside in. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema says of the options it was given. */
export type OptionsResult<Options> =
  { readonly value: Options; readonly issues?: undefined } | { readonly issues: readonly OptionsIssue[] };

/** A schema of zod, valibot, arktype or another library that implements Standard Schema. */
export interface OptionsSchema<Options> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (given: unknown) => OptionsResult<Options> | Promise<OptionsResult<Options>>;
    readonly types?: { readonly input: unknown; readonly output: Options } | undefined;
  };
}

/**
 * A function that checks options, such as one that uses `OptionReader` of `hexmq/ports`.
 * @throws Error that names the option, what was found and what was expected; an AggregateError has several.
 */
export type OptionsCheck<Options> = (given: GivenOptions) => Options;

/** What `definePlugin` takes. */
export interface PluginDefinition<Options = unknown> {
  /** Lower case letters, digits and hyphens, at most 64, beginning with a letter. */
  readonly name: string;
  /** Of the plugin, for log lines. */
  readonly version: string;
  /** The plugin API that it is written for. */
  readonly api: typeof PLUGIN_API;
  /** Checks its options. Default: it takes none. */
  readonly options?: OptionsSchema<Options> | OptionsCheck<Options>;
  /** The ports that its module binds: all of them, and no others. */
  readonly provides: readonly ServiceIdentifier[];
  /**
   * Binds the ports, and whatever else the plugin needs for them. The container of a plugin has nothing in it but what
   * the module binds and the services that hexmq offers. It is called before the broker starts, also by commands that
   * only check a configuration: what opens connections or starts timers belongs into `start` of what is bound.
   */
  readonly module: (options: Options) => ContainerModule;
}

/** A plugin that was defined. */
export interface Plugin {
  readonly name: string;
  readonly version: string;
  readonly api: number;
  readonly provides: readonly ServiceIdentifier[];
}

/**
 * Defines a plugin; it is the default export of its package.
 *
 * ```ts
 * export default definePlugin({
 *   name: 'shout',
 *   version: '1.0.0',
 *   api: 1,
 *   provides: [Interceptor],
 *   module: () => new ContainerModule(({ bind }) => {
 *     bind(Interceptor).toConstantValue({ name: 'shout', publish: … });
 *   }),
 * });
 * ```
 * @throws TypeError naming the field that is wrong, what was found and what was expected.
 */
export function definePlugin<Options = undefined>(definition: PluginDefinition<Options>): Plugin {
  const problem = definitionProblem(definition);
  if (problem !== undefined) throw new TypeError(`definePlugin: ${problem}`);
  return Object.freeze({ ...definition, [MARK]: true });
}

/** Whether a value was made by `definePlugin`, of this copy of hexmq or another one. */
export const isPlugin = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && (value as { readonly [MARK]?: unknown })[MARK] === true;

/** @returns what is wrong with the definition and what was expected; `undefined` if nothing is. */
export function definitionProblem(definition: object): string | undefined {
  const { name, version, api, options, provides, module } = definition as Readonly<Record<string, unknown>>;
  // First: a later version may have other fields.
  if (api !== PLUGIN_API) return `api: ${shown(api)}, expected ${PLUGIN_API}, the plugin API of this version of hexmq`;
  if (typeof name !== 'string' || !NAME.test(name))
    return `name: ${shown(name)} is not valid, expected lower case letters, digits and hyphens, at most 64`;
  if (typeof version !== 'string' || version === '') return `version: ${shown(version)}, expected a text such as 1.0.0`;
  if (options !== undefined && typeof options !== 'function' && !isSchema(options))
    return `options: ${shown(options)}, expected a schema with the key ~standard, a function, or nothing`;
  if (!Array.isArray(provides) || provides.length === 0 || !provides.every(isToken))
    return 'provides: expected a list of at least one port, such as [Interceptor]';
  if (new Set(provides).size < provides.length) return 'provides: a port is named twice, expected each once';
  return typeof module === 'function' ? undefined : `module: ${shown(module)}, expected a function`;
}

const isToken = (value: unknown): boolean => typeof value === 'symbol' || typeof value === 'function';

function isSchema(value: unknown): boolean {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  const { '~standard': standard } = value as { readonly '~standard'?: { readonly validate?: unknown } };
  return typeof standard?.validate === 'function';
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 100));
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}

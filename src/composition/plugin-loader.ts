// Finds adapters: in the table of built-in ones, or as npm packages, which are refused by name if they are not what the
// configuration expects. This is also the place for a plugin host: docs/architecture/dependency-injection.md.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError } from './config-error.js';
import { redactCredentials } from './config-schema.js';
import { isFactory, shapeProblem } from './adapter-shape.js';
import type { Factory } from './adapter-shape.js';
import { adapterNames } from './adapter-table.js';
import { formatPath } from './config-path.js';
import { suggestion } from './nearest.js';
import type { AdapterTable } from './adapter-table.js';
import { isWorkingDirectoryGone } from './working-directory.js';

/**
 * Loads the module of the adapter that the configuration names at `path`.
 * @param factory the function that the module has to export.
 * @throws ConfigError when no such adapter is installed, or it lacks that function.
 */
export async function loadAdapter<Module extends object>(
  table: AdapterTable<Module>,
  name: string,
  factory: keyof Module & string,
  path: readonly PropertyKey[],
): Promise<Module> {
  const key = formatPath([...path, 'adapter']);
  const entry = Object.hasOwn(table, name) ? table[name] : undefined;
  if (entry !== undefined) return loaded(key, name, () => entry.load());
  const module = await importPackage(key, name, (why) => {
    const available = adapterNames(table);
    return new ConfigError([
      `${key}: "${redactCredentials(name)}" ${why}, ` +
        `expected ${available} or the name of an installed npm package${suggestion(name, Object.keys(table))}`,
    ]);
  });
  if (typeof module[factory] === 'function') return module as Module;
  throw new ConfigError([
    `${key}: the package ${name} exports no function ${factory}, expected an adapter made for hexmq/ports` +
      instead(factory, module),
  ]);
}

/** What a package exports in place of what was expected. */
function instead(factory: string, module: Readonly<Record<string, unknown>>): string {
  if (module[factory] !== undefined) return `; its ${factory} is no function`;
  if (factory in module) return `; its ${factory} is undefined`;
  const defaults = module['default'] as Readonly<Record<string, unknown>> | undefined;
  if (typeof defaults?.[factory] === 'function') return `; its default export has one, which is not looked at`;
  const other = Object.keys(module).find(isFactory);
  if (other !== undefined) return `; it exports ${other}, so it is an adapter for something else`;
  return 'default' in module ? '; it has a default export, which is not looked at' : '';
}

/** @throws ConfigError in place of what a module throws while it is loaded. */
async function loaded<Module>(key: string, name: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (error) {
    throw new ConfigError([`${key}: ${name} cannot be loaded: ${reasonOf(error)}`]);
  }
}

/** The message, and where a mistake of the author is. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = /(?:file:\/\/)?\/[^\s()]+:\d+(?::\d+)?/.exec(error.stack ?? '')?.[0];
  const message = error.message.split('\n', 1)[0] ?? '';
  return place === undefined || (error as NodeJS.ErrnoException).code !== undefined ? message : `${message} (${place})`;
}

/** Looks beside hexmq itself, then in the working directory. */
async function importPackage(
  key: string,
  name: string,
  refuse: (why: string) => ConfigError,
): Promise<Record<string, unknown>> {
  // A path or a URL would execute the file it names; only installed packages may be named.
  if (!/^(@[a-z0-9][\w.-]*\/)?[a-z0-9][\w.-]*$/i.test(name)) throw refuse('is not the name of an adapter');
  const besideHexmq = await loaded(key, name, () => ifInstalled(name, () => import(name) as Promise<Exports>));
  if (besideHexmq !== undefined) return besideHexmq;
  let resolved: string;
  try {
    resolved = createRequire(join(process.cwd(), 'package.json')).resolve(name);
  } catch (error) {
    if (isWorkingDirectoryGone(error)) throw error;
    // On this version of Node, `require.resolve` does not find a package that exports nothing for `require`.
    if ((error as NodeJS.ErrnoException).code === 'ERR_PACKAGE_PATH_NOT_EXPORTED')
      throw refuse('has to be installed beside hexmq');
    throw refuse(isMissing(error, name) ? 'is not installed' : `cannot be loaded (${reasonOf(error)})`);
  }
  return loaded(key, name, () => import(pathToFileURL(resolved).href) as Promise<Exports>);
}

type Exports = Record<string, unknown>;

async function ifInstalled(name: string, load: () => Promise<Exports>): Promise<Exports | undefined> {
  try {
    return await load();
  } catch (error) {
    if (isMissing(error, name)) return undefined;
    throw error;
  }
}

/** Whether the package itself is missing, as opposed to one of its dependencies. */
function isMissing(error: unknown, name: string): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') && message.includes(`'${name}'`);
}

/**
 * Runs the constructor of an adapter. An error about the adapter's options is an error about the configuration; an
 * AggregateError has several.
 * @param key where the options stand in the configuration.
 * @throws ConfigError in place of what `create` throws.
 */
export function construct<T>(key: string, adapter: string, create: () => T): T {
  try {
    return create();
  } catch (error) {
    if (isWorkingDirectoryGone(error)) throw error;
    const causes: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
    throw new ConfigError(
      causes.map((cause) => `${key}: refused by ${adapter}: ${cause instanceof Error ? cause.message : String(cause)}`),
    );
  }
}

/**
 * Runs the constructor of an adapter that may be of another author.
 * @param path where the adapter stands in the configuration.
 * @throws ConfigError also if it does not return what the port needs.
 */
export function constructChecked<T>(
  path: readonly PropertyKey[],
  adapter: string,
  factory: Factory,
  create: () => T,
): T {
  const made = construct(formatPath([...path, 'options']), adapter, create);
  const problem = shapeProblem(factory, made);
  if (problem === undefined) return made;
  throw new ConfigError([`${formatPath([...path, 'adapter'])}: ${adapter}: ${problem}`]);
}

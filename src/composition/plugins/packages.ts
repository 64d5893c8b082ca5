// Finds and imports packages by their name or path: beside the configuration file, in the working directory, and beside
// hexmq itself. What cannot be loaded is an error of the configuration, named by its key.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isPlugin } from '../../plugin/definition.js';
import type { PluginDefinition } from '../../plugin/definition.js';
import { ConfigError } from '../config-error.js';
import { redactCredentials } from '../config-schema.js';
import { missingPackage } from '../optional-packages.js';
import { offerOwnPackage } from './own-package.js';
import { isWorkingDirectoryGone } from '../working-directory.js';

/** What a module exports. */
export type Exports = Readonly<Record<string, unknown>>;

const PACKAGE_NAME = /^(@[a-z0-9][\w.-]*\/)?[a-z0-9][\w.-]*$/i;

export const isPath = (name: string): boolean => /^\.{1,2}[/\\]/.test(name) || isAbsolute(name);

export interface Wanted {
  /** Of a package, or a path that begins with `./`, `../` or `/`. */
  readonly name: string;
  /** Where it stands in the configuration, for error messages. */
  readonly key: string;
  /** Of the configuration file, where packages and paths are looked for before the working directory. */
  readonly directory: string | undefined;
  /** The error for a name that is not valid or not installed. */
  readonly refuse: (why: string) => ConfigError;
}

/**
 * Imports a package as `import` would, so that packages with exports for `import` alone are found too.
 * @throws ConfigError when it is not installed, or throws while it is loaded.
 */
export async function importPackage(wanted: Wanted): Promise<Exports> {
  const { name, key, refuse } = wanted;
  const url = isPath(name) ? await pathUrl(wanted) : await packageUrl(wanted);
  if (url !== undefined) {
    offerOwnPackage();
    forgetPipes();
    return loaded(key, name, () => import(url) as Promise<Exports>);
  }
  throw refuse('is not installed');
}

/**
 * Node resolves no symbolic link of a module after the last file that it looked at synchronously was a pipe or a
 * socket, as the streams of a broker are, and then does not find the dependencies of a linked package: those of
 * `npm link` and pnpm are all linked. What it looks at here is neither.
 */
function forgetPipes(): void {
  statSync(process.execPath, { throwIfNoEntry: false });
}

/**
 * The plugin that a package exports.
 * @throws ConfigError when there is none.
 */
export async function importPlugin({ name, key, directory }: Omit<Wanted, 'refuse'>): Promise<PluginDefinition> {
  const refuse = (why: string): ConfigError =>
    new ConfigError([
      `${key}: "${redactCredentials(name)}" ${why}, ` +
        'expected the name of an installed npm package, or a path that begins with ./',
    ]);
  const exports = await importPackage({ name, key, directory, refuse });
  const definition = exports['default'];
  if (isPlugin(definition)) return definition as PluginDefinition;
  const found = 'default' in exports ? 'a default export that was not made by' : 'no default export made by';
  throw new ConfigError([`${key}: ${name} has ${found} definePlugin of hexmq/plugin, expected a plugin`]);
}

async function pathUrl({ name, directory, refuse }: Wanted): Promise<string> {
  const paths = [...new Set([resolve(directory ?? '', name), resolve(name)])];
  const path = paths.find((one) => existsSync(one));
  if (path === undefined) throw refuse(`is a path where there is nothing (${paths.join(', ')})`);
  if (!statSync(path).isDirectory()) return pathToFileURL(path).href;
  const entry = await entryOf(path);
  if (entry === undefined) throw refuse(`is a directory without an entry point (${path}): its package.json has none`);
  return entry;
}

/** The module that a directory exports, by its package.json. */
async function entryOf(directory: string): Promise<string | undefined> {
  const { moduleResolve } = await import('import-meta-resolve');
  try {
    // As if the directory were installed; of the directory alone, `import` knows nothing.
    const parent = pathToFileURL(join(directory, 'package.json'));
    const { name, exports, main } = JSON.parse(readFileSync(parent, 'utf8')) as PackageJson;
    if (exports !== undefined && name !== undefined) return moduleResolve(name, parent, CONDITIONS).href;
    const file = join(directory, main ?? 'index.js');
    return existsSync(file) ? pathToFileURL(file).href : undefined;
  } catch {
    return undefined;
  }
}

interface PackageJson {
  readonly name?: string;
  readonly exports?: unknown;
  readonly main?: string;
}

/** As `import` has them in Node. */
const CONDITIONS = new Set(['node', 'import', 'node-addons']);

async function packageUrl({ name, directory, refuse }: Wanted): Promise<string | undefined> {
  if (!PACKAGE_NAME.test(name)) throw refuse('is not the name of an adapter');
  const { moduleResolve } = await import('import-meta-resolve');
  for (const parent of places(directory)) {
    try {
      return moduleResolve(name, parent, CONDITIONS).href;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') continue;
      throw refuse(`cannot be loaded (${messageOf(error)})`);
    }
  }
  // Where one of the places is gone, what is not found may be there: that is said instead.
  process.cwd();
  return undefined;
}

function places(directory: string | undefined): URL[] {
  const working = inWorkingDirectory();
  return [
    ...(directory === undefined ? [] : [pathToFileURL(join(resolve(directory), 'package.json'))]),
    ...(working === undefined ? [] : [working]),
    new URL(import.meta.url),
  ];
}

function inWorkingDirectory(): URL | undefined {
  try {
    return pathToFileURL(join(process.cwd(), 'package.json'));
  } catch (error) {
    if (isWorkingDirectoryGone(error)) return undefined;
    throw error;
  }
}

/** @throws ConfigError in place of what a module throws while it is loaded. */
export async function loaded<Module>(key: string, name: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (error) {
    throw new ConfigError([missingPackage(key, name, error) ?? `${key}: ${name} cannot be loaded: ${reasonOf(error)}`]);
  }
}

/** The message, and where a mistake of the author is. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = /(?:file:\/\/)?\/[^\s()]+:\d+(?::\d+)?/.exec(error.stack ?? '')?.[0];
  const message = messageOf(error);
  return place === undefined || (error as NodeJS.ErrnoException).code !== undefined ? message : `${message} (${place})`;
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error);

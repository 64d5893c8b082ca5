// Finds adapters: in the table of built-in ones, or as npm packages, which are refused by name if they are not what the
// configuration expects. This is also the place for a plugin host: docs/architecture/dependency-injection.md.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError } from './config-error.js';
import { redactCredentials } from './config-schema.js';
import { adapterNames } from './adapter-table.js';
import { formatPath } from './config-path.js';
import { suggestion } from './nearest.js';
import type { AdapterTable } from './adapter-table.js';

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
  const entry = Object.hasOwn(table, name) ? table[name] : undefined;
  if (entry !== undefined) return entry.load();
  const key = formatPath([...path, 'adapter']);
  const module = await importPackage(name, (why) => {
    const available = adapterNames(table);
    return new ConfigError([
      `${key}: "${redactCredentials(name)}" ${why}, ` +
        `expected ${available} or the name of an installed npm package${suggestion(name, Object.keys(table))}`,
    ]);
  });
  if (typeof module[factory] === 'function') return module as Module;
  throw new ConfigError([
    `${key}: the package ${name} exports no function ${factory}, expected an adapter made for hexmq/ports`,
  ]);
}

/** Looks beside hexmq itself, then in the working directory. */
async function importPackage(name: string, refuse: (why: string) => ConfigError): Promise<Record<string, unknown>> {
  // A path or a URL would execute the file it names; only installed packages may be named.
  if (!/^(@[a-z0-9][\w.-]*\/)?[a-z0-9][\w.-]*$/i.test(name)) throw refuse('is not the name of an adapter');
  try {
    return (await import(name)) as Record<string, unknown>;
  } catch (error) {
    if (!isMissing(error, name)) throw error;
  }
  try {
    const resolved = createRequire(join(process.cwd(), 'package.json')).resolve(name);
    return (await import(pathToFileURL(resolved).href)) as Record<string, unknown>;
  } catch (error) {
    // On this version of Node, `require.resolve` does not find a package that exports nothing for `require`.
    if ((error as NodeJS.ErrnoException).code === 'ERR_PACKAGE_PATH_NOT_EXPORTED')
      throw refuse('has to be installed beside hexmq');
    if (!isMissing(error, name)) throw error;
    throw refuse('is not installed');
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
    const causes: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
    throw new ConfigError(
      causes.map((cause) => `${key}: refused by ${adapter}: ${cause instanceof Error ? cause.message : String(cause)}`),
    );
  }
}

// The configuration of a command: defaults, then the file, then the environment, then flags, each replacing what comes
// before it.
import { dirname, resolve } from 'node:path';
import { withProblemsOfAdapters } from '../composition/check.js';
import { STORAGE_ADAPTERS } from '../composition/adapter-table.js';
import { resolveConfig } from '../composition/resolve-config.js';
import type { Config } from '../composition/config.js';
import type { Override } from '../composition/config-override.js';
import { ConfigError } from '../composition/config-error.js';
import { readConfigFile } from '../composition/config-file.js';
import { environmentOverrides, valueOf } from '../composition/environment.js';
import type { Environment } from '../composition/environment.js';
import { NOT_REGULAR, readRegularFileSync } from '../ports/regular-file.js';

/** As commander parses them. */
export interface Flags {
  readonly config?: string;
  readonly host?: string;
  readonly port?: string;
  readonly storage?: string;
  readonly data?: string;
  readonly ackLevel?: string;
  readonly logLevel?: string;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Flags and variables that have no effect, one sentence each. */
  readonly warnings: readonly string[];
}

/** @throws ConfigError naming every wrong key, flag, variable and adapter. */
export async function loadCheckedConfig(flags: Flags, environment: Environment): Promise<LoadedConfig> {
  try {
    return loadConfig(flags, environment);
  } catch (error) {
    throw error instanceof ConfigError ? await withProblemsOfAdapters(error) : error;
  }
}

/** @throws ConfigError naming every wrong key, flag and variable. */
export function loadConfig(flags: Flags, environment: Environment): LoadedConfig {
  const problems: string[] = [];
  const path = flags.config ?? environment['HEXMQ_CONFIG'];
  const input = path === undefined ? undefined : attempt(() => readConfigFile(path), problems);
  const overrides = [...(attempt(() => environmentOverrides(environment), problems) ?? []), ...flagOverrides(flags)];
  const options = attempt(() => storageOptions(flags, environment), problems) ?? [];
  // Without its file, the rest means something else.
  if (path !== undefined && input === undefined && problems.length > 0) throw new ConfigError(problems);
  try {
    const loaded = within(path, resolveWithOptions(input, overrides, options));
    if (problems.length === 0) return loaded;
    throw new ConfigError([], { config: loaded.config, isWritten: () => true });
  } catch (error) {
    if (error instanceof ConfigError)
      throw new ConfigError([...problems, ...error.problems], error.remainder && within(path, error.remainder));
    throw error;
  }
}

/** Packages are looked for from the configuration file. */
const within = <Loaded extends { readonly config: Config }>(path: string | undefined, loaded: Loaded): Loaded =>
  path === undefined ? loaded : { ...loaded, config: { ...loaded.config, directory: dirname(resolve(path)) } };

/** Adds the problems of a step that fails to those of the others. */
function attempt<T>(step: () => T, problems: string[]): T | undefined {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}

function resolveWithOptions(
  input: unknown,
  given: readonly Override[],
  options: readonly StorageOption[],
): LoadedConfig {
  if (options.length === 0) return { config: resolveConfig(input, given), warnings: [] };
  // Which options apply depends on the storage that file, environment and flags result in.
  const { adapter } = resolveConfig(input, given).storage;
  const overrides = [...given];
  const warnings: string[] = [];
  for (const { option, value, source } of options) {
    if (takesOption(adapter, option)) overrides.push({ path: ['storage', 'options', option], value, source });
    else warnings.push(`${source} has no effect: the ${adapter} storage has no option ${option}`);
  }
  return { config: resolveConfig(input, overrides), warnings };
}

function takesOption(adapter: string, option: string): boolean {
  const entry = Object.hasOwn(STORAGE_ADAPTERS, adapter) ? STORAGE_ADAPTERS[adapter] : undefined;
  // The options of a package are unknown here.
  return entry === undefined || Object.hasOwn(entry.defaults ?? {}, option);
}

function flagOverrides({ host, port, storage, ackLevel, logLevel }: Flags): Override[] {
  const overrides: Override[] = [];
  if (host !== undefined) overrides.push({ path: ['listeners', 0, 'host'], value: host, source: '--host' });
  if (port !== undefined) overrides.push({ path: ['listeners', 0, 'port'], value: valueOf(port), source: '--port' });
  if (storage !== undefined) overrides.push({ path: ['storage', 'adapter'], value: storage, source: '--storage' });
  if (ackLevel !== undefined) overrides.push({ path: ['storage', 'ackLevel'], value: ackLevel, source: '--ack-level' });
  if (logLevel !== undefined) overrides.push({ path: ['logging', 'level'], value: logLevel, source: '--log-level' });
  return overrides;
}

interface StorageOption {
  readonly option: 'directory' | 'url' | 'database';
  readonly value: string;
  readonly source: string;
}

function storageOptions(flags: Flags, environment: Environment): StorageOption[] {
  const options: StorageOption[] = [];
  const add = (option: StorageOption['option'], value: string | undefined, source: string): void => {
    if (value !== undefined) options.push({ option, value, source });
  };
  if (flags.data === undefined) add('directory', environment['HEXMQ_DATA'], 'HEXMQ_DATA');
  else add('directory', flags.data, '--data');
  add('url', environment['HEXMQ_STORAGE_URL'], 'HEXMQ_STORAGE_URL');
  const urlFile = environment['HEXMQ_STORAGE_URL_FILE'];
  if (urlFile !== undefined) {
    if (environment['HEXMQ_STORAGE_URL'] !== undefined)
      throw new ConfigError(['HEXMQ_STORAGE_URL_FILE: HEXMQ_STORAGE_URL is set as well, expected one of them']);
    add('url', readSecret(urlFile, 'HEXMQ_STORAGE_URL_FILE'), 'HEXMQ_STORAGE_URL_FILE');
  }
  add('database', environment['HEXMQ_STORAGE_DATABASE'], 'HEXMQ_STORAGE_DATABASE');
  return options;
}

/** Reads a secret the way service managers and containers provide it: a file with the value alone. */
function readSecret(path: string, variable: string): string {
  let text: string;
  try {
    text = readRegularFileSync(path).toString('utf8').trim();
  } catch (error) {
    const { code = 'no reason given', message } = error as NodeJS.ErrnoException;
    throw new ConfigError([
      `${variable}: cannot read ${path} (${code === NOT_REGULAR ? message : code}), ` +
        'expected a file that the user who runs hexmq can read',
    ]);
  }
  if (text === '') throw new ConfigError([`${variable}: ${path} is empty, expected a connection string`]);
  return text;
}

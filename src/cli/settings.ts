// What the command was told, put together: defaults, then the configuration file, then the environment, then flags; each replaces what
// comes before it. What the values mean is the composition's.
import { resolveConfig } from '../composition/config.js';
import type { Config, Override } from '../composition/config.js';
import { readConfigFile } from '../composition/config-file.js';
import { environmentOverrides, valueOf } from '../composition/environment.js';
import type { Environment } from '../composition/environment.js';

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

export interface Settings {
  readonly config: Config;
  /** What was asked for and does nothing. */
  readonly warnings: readonly string[];
}

/** @throws ConfigError */
export function readSettings(flags: Flags, environment: Environment): Settings {
  const path = flags.config ?? environment['HEXMQ_CONFIG'];
  const input = path === undefined ? undefined : readConfigFile(path);
  const overrides = [...environmentOverrides(environment), ...flagOverrides(flags)];
  const data = dataDirectory(flags, environment);
  if (data === undefined) return { config: resolveConfig(input, overrides), warnings: [] };
  const config = resolveConfig(input, overrides);
  if (config.storage.adapter === 'memory') {
    return { config, warnings: [`${data.source} has no effect: the memory storage keeps nothing on disk`] };
  }
  return { config: resolveConfig(input, [...overrides, data]), warnings: [] };
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

function dataDirectory(flags: Flags, environment: Environment): Override | undefined {
  const path = ['storage', 'options', 'directory'];
  if (flags.data !== undefined) return { path, value: flags.data, source: '--data' };
  const value = environment['HEXMQ_DATA'];
  return value === undefined ? undefined : { path, value, source: 'HEXMQ_DATA' };
}

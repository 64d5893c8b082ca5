// What is wrong with a configuration, as far as it can be said without opening anything.
import { Storage } from '../ports/index.js';
import type { StorageTraits } from '../ports/index.js';
import { resolveConfig } from './resolve-config.js';
import type { Config } from './config.js';
import { ConfigError } from './config-error.js';
import { createAdapters, createContainer } from './container.js';

/**
 * @returns what the storage claims to keep; `undefined` if it claims nothing, with which no broker would start.
 * @throws ConfigError with every adapter that cannot be loaded or refuses its options.
 */
export async function checkAdapters(config: Config): Promise<StorageTraits | undefined> {
  const container = createContainer(config);
  await createAdapters(container, config);
  return (await container.getAsync(Storage)).traits;
}

/**
 * What is wrong with the adapters of a configuration that was refused for something else.
 * @returns one sentence for each problem.
 */
export async function problemsInRemainder({ remainder }: ConfigError): Promise<readonly string[]> {
  let config: Config;
  try {
    config = resolveConfig(remainder);
  } catch {
    // What is missing in the remainder was left out because it is wrong.
    return [];
  }
  try {
    await checkAdapters(config);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

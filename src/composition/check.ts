// What the adapters of a configuration say about it, as far as they can without being opened. Every command that reads
// a configuration and every start go through the same checks: those of the text (`resolve-config.ts`), then those of
// the adapters (`createAdapters`).
import { Storage } from '../ports/index.js';
import type { StorageTraits } from '../ports/index.js';
import type { Config } from './config.js';
import { ConfigError } from './config-error.js';
import { createAdapters, createContainer } from './container.js';

export interface AdapterCheck {
  /** What will surprise, one sentence for each thing, beginning with its key. */
  readonly warnings: readonly string[];
  /** What the storage claims to keep; `undefined` if it claims nothing, with which no broker would start. */
  readonly traits: StorageTraits | undefined;
}

/**
 * Creates the adapters of a configuration and has them look at what a start would need.
 * @throws ConfigError with everything that is wrong.
 */
export async function checkAdapters(config: Config): Promise<AdapterCheck> {
  const container = await createContainer(config, { telemetry: [] });
  const adapters = await createAdapters(container, config);
  const warnings = adapters.flatMap(({ key, adapter }) =>
    (adapter.warnings?.() ?? []).map((warning) => `${key}: ${warning}`),
  );
  return { warnings, traits: (await container.getAsync(Storage)).traits };
}

/** Adds to what is wrong with the text of a configuration what is wrong with its adapters. */
export async function withProblemsOfAdapters(error: ConfigError): Promise<ConfigError> {
  const { problems, remainder } = error;
  if (remainder === undefined) return error;
  const { config, isWritten } = remainder;
  try {
    await createAdapters(await createContainer(config, { telemetry: [] }), config, ({ key }) => isWritten(key));
    return error;
  } catch (further) {
    if (further instanceof ConfigError) return new ConfigError([...problems, ...further.problems]);
    throw further;
  }
}

// Runs code of an adapter's author: what it throws is an error about the configuration, named by its key.
import { ConfigError } from '../config-error.js';
import { isWorkingDirectoryGone } from '../working-directory.js';

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

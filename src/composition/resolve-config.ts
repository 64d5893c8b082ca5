// From what was written (file, environment, flags) to a complete configuration: merged, checked, with every default
// filled in.
import type { Config } from './config.js';
import { checkAdapterOptions, checkAdmin, checkListeners } from './config-checks.js';
import { withDefaults } from './config-defaults.js';
import { applyOverride } from './config-override.js';
import type { Override } from './config-override.js';
import { ConfigProblems } from './config-problems.js';
import { configSchema } from './config-schema.js';
import { isMapping } from './mapping.js';

/**
 * @param input the parsed file, or the argument of `createBroker`; `undefined` gives the defaults.
 * @param overrides each replaces those before it.
 * @throws ConfigError naming every wrong key.
 */
export function resolveConfig(input: unknown, overrides: readonly Override[] = []): Config {
  const merged = overrides.reduce(applyOverride, withoutEmptySections(input));
  const problems = new ConfigProblems(overrides);
  const parsed = configSchema.safeParse(merged);
  if (!parsed.success) for (const issue of parsed.error.issues) problems.addIssue(issue);
  checkAdapterOptions(problems, merged);
  checkListeners(problems, merged);
  checkAdmin(problems, merged);
  problems.throwIfAny(merged);
  return withDefaults(configSchema.parse(merged));
}

/** Treats `limits:` with nothing below it as absent: a section looks like that when all its lines are commented out. */
function withoutEmptySections(input: unknown): unknown {
  if (input === null || input === undefined) return {};
  if (!isMapping(input)) return input;
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null));
}

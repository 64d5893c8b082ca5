// The error for a wrong configuration. It is the user's to correct, so it names every key at once and is shown without
// a stack.
import { brand } from '../ports/branded.js';
import type { Remainder } from './remainder.js';

/**
 * A configuration that cannot be used. `problems` has one sentence for each wrong key, flag or variable: which one, the
 * value found, and what was expected; `message` has them line by line.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  static {
    brand(this, 'ConfigError');
  }

  constructor(
    readonly problems: readonly string[],
    /** What is left of the configuration without these problems, so that further checks can run on it. */
    readonly remainder?: Remainder,
  ) {
    super(problems.join('\n'));
  }
}

/**
 * Waits until every promise has settled.
 * @throws ConfigError with the problems of all that rejected with one; any other rejection as it is.
 */
export async function collectErrors<Values extends readonly unknown[]>(promises: {
  readonly [Place in keyof Values]: Promise<Values[Place]>;
}): Promise<Values> {
  const settled = await Promise.allSettled(promises);
  const problems: string[] = [];
  for (const one of settled) {
    if (one.status === 'fulfilled') continue;
    if (!(one.reason instanceof ConfigError)) throw one.reason;
    problems.push(...one.reason.problems);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return settled.map((one) => (one as PromiseFulfilledResult<unknown>).value) as unknown as Values;
}

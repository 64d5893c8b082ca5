// A configuration that cannot be: the user's to mend, so it says what is wrong with which key, all of it at once, and shows no stack.

export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  /** One sentence for each thing that is wrong, beginning with its key, flag or variable. */
  constructor(
    readonly problems: readonly string[],
    /** Of a configuration: the sections that nothing is wrong with so far. */
    readonly remainder?: unknown,
  ) {
    super(problems.join('\n'));
  }
}

/** All of them, when each has settled. @throws ConfigError with what is wrong with any of them; anything else as it came. */
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

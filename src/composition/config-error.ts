// A configuration that cannot be: the user's to mend, so it says what is wrong with which key, all of it at once, and shows no stack.

export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  /** One sentence for each thing that is wrong, beginning with its key, flag or variable. */
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
  }
}

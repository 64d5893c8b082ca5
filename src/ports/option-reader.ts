// Validation of an adapter's options. The adapter reads each option by its key and says what it may be. An invalid
// value is reported with its key, the value and what was expected; a key that the adapter never read is an error too.
// Secrets may come from environment variables and never appear in a message.

type Options = Readonly<Record<string, unknown>>;
type Environment = Readonly<Record<string, string | undefined>>;

/** The range and the default of a whole number. */
export interface NumberRange {
  /** Inclusive. */
  readonly min: number;
  /** Inclusive. */
  readonly max: number;
  /** The value when the option is left out. */
  readonly fallback: number;
}

/** By the name of the value, what reads it. */
type Reads = Readonly<Record<string, () => unknown>>;
type Values<R extends Reads> = { readonly [Name in keyof R]: ReturnType<R[Name]> };

const ENVIRONMENT_REFERENCE = /\$\{ENV:([A-Za-z_][A-Za-z0-9_]*)\}/g;

/**
 * Reads the options of one adapter. Every method throws a `TypeError` that names the option if its value is not valid;
 * an option that is `null` counts as left out. `readAll` tells what is wrong with any of them at once:
 *
 * ```ts
 * const options = new OptionReader(given);
 * const { path, timeoutMs } = options.readAll({
 *   path: () => options.requireString('path', 'the path of a file'),
 *   timeoutMs: () => options.integer('timeoutMs', { min: 1, max: 60_000, fallback: 3000 }),
 * });
 * ```
 *
 * An adapter that reads its options one by one stops at the first problem, and calls `rejectUnknown` after the last.
 */
export class OptionReader {
  readonly #options: Options;
  readonly #path: string;
  readonly #environment: Environment;
  readonly #readKeys = new Set<string>();

  /** @param path prefix of the keys in messages, for options inside a mapping: `cache.`. */
  constructor(options: unknown, path = '', environment: Environment = process.env) {
    if (options !== undefined && options !== null && !isMapping(options)) {
      throw new TypeError(
        `${path === '' ? '' : `${path.slice(0, -1)}: `}${shown(options)} is not valid, expected a mapping of options`,
      );
    }
    this.#options = options ?? {};
    this.#path = path;
    this.#environment = environment;
  }

  /** Whether the option has a value. */
  has(key: string): boolean {
    return (this.#options[key] ?? undefined) !== undefined;
  }

  /** A string that is not empty, or `undefined` if the option is left out. */
  string(key: string, expected = 'a string'): string | undefined {
    const value = this.#take(key);
    if (value === undefined) return undefined;
    if (typeof value !== 'string' || value === '')
      this.refuse(key, `${shown(value)} is not valid, expected ${expected}`);
    return value;
  }

  requireString(key: string, expected = 'a string'): string {
    return this.string(key, expected) ?? this.refuse(key, `missing, expected ${expected}`);
  }

  /** A string that no message shows. `${ENV:NAME}` in it is replaced by the environment variable. */
  secret(key: string, expected = 'a string'): string | undefined {
    const value = this.#take(key);
    if (value === undefined) return undefined;
    if (typeof value !== 'string' || value === '') this.refuse(key, `not valid, expected ${expected}`);
    return value.replaceAll(ENVIRONMENT_REFERENCE, (_reference, name: string) => {
      const found = this.#environment[name];
      if (found === undefined || found === '')
        this.refuse(key, `the environment variable ${name} is not set, expected ${expected} in it`);
      return found;
    });
  }

  requireSecret(key: string, expected = 'a string'): string {
    return this.secret(key, expected) ?? this.refuse(key, `missing, expected ${expected}`);
  }

  /**
   * The URL of a server, treated as a secret because its query may hold one. `http:` is accepted only for a loopback
   * address or with `allowHttp`.
   */
  requireUrl(key: string, allowHttp: boolean): URL {
    const expected = 'a URL such as https://auth.example/mqtt, without a user name, a password and a fragment';
    const text = this.requireSecret(key, expected);
    if (!URL.canParse(text)) this.refuse(key, `not a URL, expected ${expected}`);
    const url = new URL(text);
    if (url.protocol !== 'https:' && url.protocol !== 'http:')
      this.refuse(key, `${url.protocol} is not valid, expected ${expected}`);
    if (url.username !== '' || url.password !== '' || url.hash !== '')
      this.refuse(key, `not valid, expected ${expected}`);
    if (url.protocol === 'http:' && !allowHttp && !isLoopback(url.hostname)) {
      this.refuse(
        key,
        `http to ${url.hostname} can be read and changed in transit, expected https, or allowHttp: true`,
      );
    }
    return url;
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.#take(key) ?? fallback;
    if (typeof value !== 'boolean') this.refuse(key, `${shown(value)} is not valid, expected true or false`);
    return value;
  }

  integer(key: string, { min, max, fallback }: NumberRange): number {
    const value = this.#take(key) ?? fallback;
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    const problem = Number.isInteger(value) ? 'out of range' : 'not valid';
    return this.refuse(key, `${shown(value)} is ${problem}, expected a whole number from ${min} to ${max}`);
  }

  /** One of the choices. Without a fallback, `undefined` if the option is left out. */
  oneOf<const Choice extends string>(key: string, choices: readonly Choice[], fallback: Choice): Choice;
  oneOf<const Choice extends string>(key: string, choices: readonly Choice[]): Choice | undefined;
  oneOf<const Choice extends string>(key: string, choices: readonly Choice[], fallback?: Choice): Choice | undefined {
    const value = this.#take(key) ?? fallback;
    if (value === undefined) return undefined;
    return (
      choices.find((choice) => choice === value) ??
      this.refuse(key, `${shown(value)} is not valid, expected one of ${choices.join(', ')}`)
    );
  }

  /** A string or a list of strings; a single one becomes a list of one. `undefined` if the option is left out. */
  strings(key: string, expected = 'a string or a list of strings'): readonly string[] | undefined {
    const value = this.#take(key);
    if (value === undefined) return undefined;
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (values.length === 0) this.refuse(key, `an empty list is not valid, expected ${expected}`);
    return values.map((each) => {
      if (typeof each === 'string' && each !== '') return each;
      return this.refuse(key, `${shown(each)} is not valid, expected ${expected}`);
    });
  }

  /** A reader for a mapping inside the options, empty if it is left out. It needs its own `rejectUnknown`. */
  mapping(key: string): OptionReader {
    return new OptionReader(this.#take(key), `${this.#path}${key}.`, this.#environment);
  }

  /** The keys that have a value, for a mapping whose keys the user chooses. */
  get keys(): readonly string[] {
    return Object.keys(this.#options).filter((key) => this.has(key));
  }

  /**
   * Reads every option, also if one before it is not valid, and rejects those that were never read.
   * @throws TypeError for a single problem, AggregateError of all for several.
   */
  readAll<R extends Reads>(reads: R): Values<R> {
    const problems: unknown[] = [];
    const values = readInto(problems, reads);
    collect(problems, () => {
      this.rejectUnknown();
    });
    throwAll(problems);
    return values;
  }

  /** As `readAll`, for some of the options. */
  readEach<R extends Reads>(reads: R): Values<R> {
    const problems: unknown[] = [];
    const values = readInto(problems, reads);
    throwAll(problems);
    return values;
  }

  /** Reads options that depend on each other. If that stops at a problem, none of the keys counts as never read. */
  part<T>(keys: readonly string[], read: () => T): T {
    try {
      return read();
    } catch (error) {
      for (const key of keys) this.#readKeys.add(key);
      throw error;
    }
  }

  /** @throws TypeError if there is a key that was never read, AggregateError if there are several. */
  rejectUnknown(): void {
    const unknown = this.keys.filter((key) => !this.#readKeys.has(key));
    const expected = [...this.#readKeys].join(', ') || 'none';
    throwAll(unknown.map((key) => this.#problem(key, `unknown key, expected ${expected}`)));
  }

  /** @throws TypeError with the full path of the key and the problem. */
  refuse(key: string, problem: string): never {
    throw this.#problem(key, problem);
  }

  #problem(key: string, problem: string): TypeError {
    return new TypeError(`${this.#path}${key}: ${problem}`);
  }

  #take(key: string): unknown {
    this.#readKeys.add(key);
    return this.#options[key] ?? undefined;
  }
}

/** The values as far as there are any. */
function readInto<R extends Reads>(problems: unknown[], reads: R): Values<R> {
  const values: [string, unknown][] = [];
  for (const [name, read] of Object.entries(reads))
    collect(problems, () => {
      values.push([name, read()]);
    });
  return Object.fromEntries(values) as Values<R>;
}

/** Adds what the body throws to the problems, each once: options that depend on each other are read again. */
function collect(problems: unknown[], body: () => void): void {
  try {
    body();
  } catch (error) {
    const found: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
    for (const one of found) if (!problems.some((known) => messageOf(known) === messageOf(one))) problems.push(one);
  }
}

function throwAll(problems: readonly unknown[]): void {
  if (problems.length === 0) return;
  if (problems.length === 1) throw problems[0];
  throw new AggregateError(problems, problems.map(messageOf).join('\n'));
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const isMapping = (value: unknown): value is Options =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);

/** The value as YAML would show it, at most 60 characters long. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a mapping';
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  return String(value);
}

// How an adapter takes its options: each is asked for by its key, with what it may be; whatever is wrong is told with the key, the value and what
// was expected, and a key that nobody has asked for is wrong too. Secrets may stand in the environment, and are never shown.

type Given = Readonly<Record<string, unknown>>;
type Environment = Readonly<Record<string, string | undefined>>;

export interface NumberRange {
  readonly least: number;
  readonly most: number;
  readonly fallback: number;
}

const ENVIRONMENT_REFERENCE = /\$\{ENV:([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** Every reader throws a TypeError for a value that does not fit. */
export class OptionReader {
  readonly #given: Given;
  readonly #path: string;
  readonly #environment: Environment;
  readonly #asked = new Set<string>();

  /** @param path of the mapping itself, for messages: `cache.`. */
  constructor(given: unknown, path = '', environment: Environment = process.env) {
    if (given !== undefined && given !== null && !isMapping(given)) {
      throw new TypeError(
        `${path === '' ? '' : `${path.slice(0, -1)}: `}${shown(given)} is not valid, expected a mapping of options`,
      );
    }
    this.#given = given ?? {};
    this.#path = path;
    this.#environment = environment;
  }

  /** A key without a value is as if it was not there. */
  has(key: string): boolean {
    return (this.#given[key] ?? undefined) !== undefined;
  }

  /** Text that is not empty. */
  text(key: string, expected = 'a text'): string | undefined {
    const value = this.#take(key);
    if (value === undefined) return undefined;
    if (typeof value !== 'string' || value === '')
      this.refuse(key, `${shown(value)} is not valid, expected ${expected}`);
    return value;
  }

  requiredText(key: string, expected = 'a text'): string {
    return this.text(key, expected) ?? this.refuse(key, `missing, expected ${expected}`);
  }

  /** Text that is never shown; `${ENV:NAME}` in it stands for a variable of the environment. */
  secret(key: string, expected = 'a text'): string | undefined {
    const value = this.#take(key);
    if (value === undefined) return undefined;
    if (typeof value !== 'string' || value === '') this.refuse(key, `not valid, expected ${expected}`);
    return value.replaceAll(ENVIRONMENT_REFERENCE, (_reference, name: string) => {
      const found = this.#environment[name];
      if (found === undefined || found === '')
        this.refuse(key, `the environment has no ${name}, expected it to hold ${expected}`);
      return found;
    });
  }

  requiredSecret(key: string, expected = 'a text'): string {
    return this.secret(key, expected) ?? this.refuse(key, `missing, expected ${expected}`);
  }

  /** Of a server that is asked: by https, unless it is this machine or `allowHttp`. It is not shown, for what it may hold. */
  requiredUrl(key: string, allowHttp: boolean): URL {
    const expected = 'a URL such as https://auth.example/mqtt, without a user name, a password and a fragment';
    const text = this.requiredSecret(key, expected);
    if (!URL.canParse(text)) this.refuse(key, `no URL, expected ${expected}`);
    const url = new URL(text);
    if (url.protocol !== 'https:' && url.protocol !== 'http:')
      this.refuse(key, `${url.protocol} is not valid, expected ${expected}`);
    if (url.username !== '' || url.password !== '' || url.hash !== '')
      this.refuse(key, `not valid, expected ${expected}`);
    if (url.protocol === 'http:' && !allowHttp && !isLoopback(url.hostname)) {
      this.refuse(
        key,
        `http to ${url.hostname} can be read and changed on its way, expected https, or allowHttp: true`,
      );
    }
    return url;
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.#take(key) ?? fallback;
    if (typeof value !== 'boolean') this.refuse(key, `${shown(value)} is not valid, expected true or false`);
    return value;
  }

  wholeNumber(key: string, { least, most, fallback }: NumberRange): number {
    const value = this.#take(key) ?? fallback;
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    return this.refuse(
      key,
      `${shown(value)} is ${typeof value === 'number' ? 'out of range' : 'not valid'}, expected a whole number from ${least} to ${most}`,
    );
  }

  oneOf<Word extends string>(key: string, words: readonly Word[], fallback: Word): Word {
    const value = this.#take(key) ?? fallback;
    return (
      words.find((word) => word === value) ??
      this.refuse(key, `${shown(value)} is not valid, expected one of ${words.join(', ')}`)
    );
  }

  /** One text, or a list of them. */
  texts(key: string, expected = 'a text or a list of texts'): readonly string[] | undefined {
    const value = this.#take(key);
    if (value === undefined) return undefined;
    const texts: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (texts.length === 0) this.refuse(key, `an empty list is not valid, expected ${expected}`);
    return texts.map((text) => {
      if (typeof text === 'string' && text !== '') return text;
      return this.refuse(key, `${shown(text)} is not valid, expected ${expected}`);
    });
  }

  /** The options in a mapping; none where there is no mapping. Its `end` is its own to call. */
  mapping(key: string): OptionReader {
    return new OptionReader(this.#take(key), `${this.#path}${key}.`, this.#environment);
  }

  /** The keys of this mapping, where they are the user's own. */
  get keys(): readonly string[] {
    return Object.keys(this.#given).filter((key) => this.has(key));
  }

  /** After the last question. */
  end(): void {
    const unknown = this.keys.find((key) => !this.#asked.has(key));
    if (unknown !== undefined) this.refuse(unknown, `unknown key, expected ${[...this.#asked].join(', ')}`);
  }

  refuse(key: string, problem: string): never {
    throw new TypeError(`${this.#path}${key}: ${problem}`);
  }

  #take(key: string): unknown {
    this.#asked.add(key);
    return this.#given[key] ?? undefined;
  }
}

const isMapping = (value: unknown): value is Given =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);

/** As it would be written, short enough for a sentence. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a mapping';
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  return String(value);
}

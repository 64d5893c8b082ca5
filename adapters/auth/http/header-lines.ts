// The headers of every request: those of the configuration, and those of a file that is read again on reload. Headers
// carry secrets, so no error message shows a value.
import { boundedRead } from '../fetching/bounded-read.js';

export type HeaderLine = readonly [name: string, value: string];

const FILE_BYTES_MAX = 64 * 1024;
/** Set by the request itself or by the connection. */
const RESERVED = new Set([
  'accept',
  'content-type',
  'content-length',
  'host',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'expect',
  'te',
  'trailer',
]);

export class HeaderLines {
  readonly #fixed: readonly HeaderLine[];
  readonly #file: string | undefined;
  #lines: readonly HeaderLine[];

  /** @throws TypeError if the file cannot be read or is invalid. */
  constructor(fixed: readonly HeaderLine[], file?: string) {
    this.#fixed = fixed;
    this.#file = file;
    this.#lines = this.#read();
  }

  get lines(): readonly HeaderLine[] {
    return this.#lines;
  }

  reload(): void {
    this.#lines = this.#read();
  }

  #read(): readonly HeaderLine[] {
    return this.#file === undefined ? this.#fixed : [...this.#fixed, ...parseFile(this.#file)];
  }
}

/** What is wrong with the header, without its value; `undefined` if it is valid. */
export function headerProblem([name, value]: HeaderLine): string | undefined {
  if (RESERVED.has(name.toLowerCase())) return `${name} cannot be set`;
  try {
    new Headers([[name, value]]);
  } catch {
    return `${JSON.stringify(name)} is not a valid header name, or its value is not valid`;
  }
  return undefined;
}

/** @throws TypeError that names the file and, for an invalid line, its number. */
function parseFile(path: string): HeaderLine[] {
  let bytes: Buffer;
  try {
    bytes = boundedRead(path, FILE_BYTES_MAX);
  } catch (error) {
    throw new TypeError(`${path}: ${(error as Error).message}`, { cause: error });
  }
  return bytes
    .toString('utf8')
    .split('\n')
    .flatMap((text, index): HeaderLine[] => {
      if (/^\s*(#.*)?$/.test(text)) return [];
      const [, name = '', value = ''] = /^([^:\s]+):\s*(.*?)\s*$/.exec(text) ?? [];
      const problem = name === '' ? 'expected Name: value' : headerProblem([name, value]);
      if (problem !== undefined) throw new TypeError(`${path}, line ${index + 1}: ${problem}`);
      return [[name, value]];
    });
}

// Headers of every question: those of the configuration, and those in a file, which is read again on request. They are where secrets are, so no
// value of one is ever shown.
import { readFileSync } from 'node:fs';

export type HeaderLine = readonly [name: string, value: string];

const FILE_BYTES_MAX = 64 * 1024;
/** Said by the question itself, or by the connection. */
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

  /** @throws TypeError when the file cannot be read, or has something else in it. */
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
    return this.#file === undefined ? this.#fixed : [...this.#fixed, ...linesIn(this.#file)];
  }
}

/** What is wrong with it, for people; nothing of its value. */
export function headerProblem([name, value]: HeaderLine): string | undefined {
  if (RESERVED.has(name.toLowerCase())) return `${name} is not to be chosen`;
  try {
    new Headers([[name, value]]);
  } catch {
    return `${JSON.stringify(name)} is no name of a header, or its value cannot be sent`;
  }
  return undefined;
}

function linesIn(path: string): HeaderLine[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new TypeError(
      `${path}: ${code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'not permitted; let the user who runs hexmq read it' : message}`,
      { cause: error },
    );
  }
  if (bytes.length > FILE_BYTES_MAX)
    throw new TypeError(`${path}: ${bytes.length} bytes, expected at most ${FILE_BYTES_MAX}`);
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

// The fields of one JSON object, read by name and type. An error names the field, what was expected and what is there;
// the caller adds the line.
import { TransferError } from './transfer-error.js';

const SHOWN_MAX = 60;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const BASE64_PIECE = 1024 * 1024;

export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #unread: Set<string>;

  /** @param path the position of the object, for messages: '' for the line itself, `properties.` for its properties. */
  constructor(
    value: unknown,
    readonly path = '',
  ) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new TransferError(
        `${path === '' ? '' : `${path.slice(0, -1)}: `}expected a JSON object, got ${shown(value)}`,
      );
    }
    this.#values = value as Readonly<Record<string, unknown>>;
    this.#unread = new Set(Object.keys(value));
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#values, name);
  }

  string(name: string): string {
    const value = this.#take(name);
    return isText(value) ? value : this.#refuse(name, 'text', value);
  }

  boolean(name: string): boolean {
    const value = this.#take(name);
    return typeof value === 'boolean' ? value : this.#refuse(name, 'true or false', value);
  }

  integer(name: string, min = 0, max = Number.MAX_SAFE_INTEGER): number {
    const value = this.#take(name);
    return isWithin(value, min, max) ? value : this.#refuse(name, `a whole number from ${min} to ${max}`, value);
  }

  bytes(name: string): Uint8Array {
    const value = this.#take(name);
    return typeof value === 'string' && isBase64(value)
      ? Buffer.from(value, 'base64')
      : this.#refuse(name, 'bytes in base64', value);
  }

  integers(name: string, min: number, max: number): number[] {
    const value = this.#take(name);
    const isList = Array.isArray(value) && value.every((each) => isWithin(each, min, max));
    return isList ? value : this.#refuse(name, `a list of whole numbers from ${min} to ${max}`, value);
  }

  pairs(name: string): [string, string][] {
    const value = this.#take(name);
    const isPair = (each: unknown): boolean => Array.isArray(each) && each.length === 2 && each.every(isText);
    return Array.isArray(value) && value.every(isPair)
      ? (value as [string, string][])
      : this.#refuse(name, 'a list of pairs of text', value);
  }

  oneOf<Value extends string | number>(name: string, values: readonly Value[]): Value {
    const value = this.#take(name);
    return values.includes(value as Value)
      ? (value as Value)
      : this.#refuse(name, `one of ${values.join(', ')}`, value);
  }

  object(name: string): Fields {
    return new Fields(this.#take(name), `${this.path}${name}.`);
  }

  /** @throws TransferError if there is a field that was not read. */
  rejectUnknown(): void {
    const [name] = this.#unread;
    if (name !== undefined) throw new TransferError(`${this.path}${name}: unknown key`);
  }

  #take(name: string): unknown {
    this.#unread.delete(name);
    return this.has(name) ? this.#values[name] : undefined;
  }

  #refuse(name: string, expected: string, value: unknown): never {
    throw new TransferError(`${this.path}${name}: expected ${expected}, got ${shown(value)}`);
  }
}

/** A lone surrogate cannot be encoded as UTF-8, so no store could return it. */
const isText = (value: unknown): value is string => typeof value === 'string' && !/\p{Surrogate}/u.test(value);
const isWithin = (value: unknown, min: number, max: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;

/** In pieces, because a regular expression overflows its stack on 300 MiB. */
function isBase64(text: string): boolean {
  if (text.length % 4 !== 0) return false;
  for (let from = 0; from < text.length; from += BASE64_PIECE) {
    const piece = text.slice(from, from + BASE64_PIECE);
    if (!BASE64.test(piece) || (piece.endsWith('=') && from + BASE64_PIECE < text.length)) return false;
  }
  return true;
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}

// Comparison of values for the kit: every difference with its path, as readable text. The caller decides what has to
// be equal. No assertion library, because the kit runs under any test runner.
import { brand } from '../ports/branded.js';

const SHOWN_MAX = 72;
const DIFFERENCES_MAX = 20;

/** Thrown by a contract test: one broken law, with all the evidence. */
export class ContractViolation extends Error {
  override readonly name = 'ContractViolation';

  static {
    brand(this, 'ContractViolation');
  }
}

/** Throws if there is anything to report. */
export function report(law: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  const shown = problems.slice(0, DIFFERENCES_MAX).map((problem) => `\n  - ${problem}`);
  const rest = problems.length > DIFFERENCES_MAX ? `\n  - and ${String(problems.length - DIFFERENCES_MAX)} more` : '';
  throw new ContractViolation(`${law}:${shown.join('')}${rest}`);
}

export function ensure(condition: boolean, problem: string): asserts condition {
  if (!condition) throw new ContractViolation(problem);
}

/** Every difference; a missing field and an undefined one are the same. */
export function differences(expected: unknown, actual: unknown, path = ''): string[] {
  // Most compared values are equal, and need no path.
  if (path === '' || Array.isArray(expected)) if (equal(expected, actual)) return [];
  if (Object.is(expected, actual)) return [];
  if (expected instanceof Uint8Array && actual instanceof Uint8Array) {
    return sameBytes(expected, actual) ? [] : [differ(path, expected, actual)];
  }
  if (expected instanceof Map && actual instanceof Map) {
    return keysOf(expected, actual).flatMap((key) =>
      differences(expected.get(key), actual.get(key), `${path}[${show(key)}]`),
    );
  }
  if (Array.isArray(expected) && Array.isArray(actual)) {
    const found: string[] = [];
    if (expected.length !== actual.length)
      found.push(`${path}: expected ${String(expected.length)} of them, got ${String(actual.length)}`);
    for (let i = 0; i < Math.min(expected.length, actual.length) && found.length <= DIFFERENCES_MAX; i++) {
      found.push(...differences(expected[i], actual[i], `${path}[${String(i)}]`));
    }
    return found;
  }
  if (isRecord(expected) && isRecord(actual)) {
    const keys = new Set([...Object.keys(expected), ...Object.keys(actual)]);
    return [...keys].flatMap((key) => differences(expected[key], actual[key], path === '' ? key : `${path}.${key}`));
  }
  return [differ(path, expected, actual)];
}

/** A value as readable text; long text and bytes are shown by their beginning and length. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value instanceof Uint8Array) {
    const hex = [...value.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    return `${String(value.byteLength)} bytes${hex === '' ? '' : ` (${hex}${value.byteLength > 16 ? ' …' : ''})`}`;
  }
  if (value instanceof Map) return `a map of ${String(value.size)}`;
  const text =
    typeof value === 'object'
      ? JSON.stringify(value, (_, part: unknown) => (part instanceof Uint8Array ? show(part) : part))
      : JSON.stringify(value);
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}… (${String(text.length)} characters)` : text;
}

const differ = (path: string, expected: unknown, actual: unknown): string =>
  `${path === '' ? 'value' : path}: expected ${show(expected)}, got ${show(actual)}`;

function equal(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return sameBytes(a, b);
  if (a instanceof Map && b instanceof Map)
    return a.size === b.size && [...a].every(([key, value]) => b.has(key) && equal(value, b.get(key)));
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => equal(item, b[i]));
  if (!isRecord(a) || !isRecord(b)) return false;
  for (const key in a) if (!equal(a[key], b[key])) return false;
  for (const key in b) if (!(key in a) && b[key] !== undefined) return false;
  return true;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !(value instanceof Map) &&
  !(value instanceof Uint8Array);

const keysOf = (a: ReadonlyMap<unknown, unknown>, b: ReadonlyMap<unknown, unknown>): unknown[] => [
  ...new Set([...a.keys(), ...b.keys()]),
];

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

// The values of a configuration as zod schemas: each has one message for everything that can be wrong with it.
import * as z from 'zod';

/**
 * One message for every check of a value, so that a wrong value is reported once, with everything that was expected.
 */
export function expected(what: string): {
  error: (issue: { code?: string | undefined; input?: unknown; keys?: unknown }) => string | undefined;
} {
  return {
    error: ({ code, input }) => {
      if (code === 'unrecognized_keys') return undefined;
      if (input === undefined) return `missing, expected ${what}`;
      const isOutOfRange = typeof input === 'number' && (code === 'too_small' || code === 'too_big');
      return `${formatValue(input)} is ${isOutOfRange ? 'out of range' : 'not valid'}, expected ${what}`;
    },
  };
}

/** A value as the configuration would have it, short enough for a sentence and without credentials. */
export function formatValue(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object' && value !== null) return 'a mapping';
  if (typeof value === 'string') return quote(redactCredentials(value));
  return String(value);
}

const quote = (text: string): string => (text.length > 60 ? `"${text.slice(0, 57)}..."` : JSON.stringify(text));

/** Connection strings may appear in any value, also where none is expected. */
export const redactCredentials = (text: string): string => text.replace(/:\/\/.*@/s, '://…@');

export function integer(min: number, max: number, remark = '') {
  const rule = expected(`a whole number from ${min} to ${max}${remark}`);
  return z.number(rule).min(min, rule).max(max, rule).int(rule);
}

/** A limit that can be switched off. */
export function offOrInteger(min: number, max: number, remark = '') {
  const what = `off, or a whole number from ${min} to ${max}${remark}`;
  return z.union([integer(min, max, remark), z.literal('off')], expected(what));
}

export const boolean = () => z.boolean(expected('true or false'));

export function oneOf<const Word extends string>(...words: Word[]) {
  return z.enum(words, expected(`${words.length > 1 ? 'one of ' : ''}${words.join(', ')}`));
}

export const text = (what: string) => z.string(expected(what)).min(1, expected(what));

// The parameters of a URL as the values that an operation expects: everything in a URL is text. What cannot be
// converted stays text, and the operation says what it expected.
import type { JsonSchema } from 'hexmq/ports';

export function parametersOf(query: unknown, { properties = {} }: JsonSchema): Record<string, unknown> {
  const schemas = properties as Readonly<Record<string, JsonSchema | undefined>>;
  return Object.fromEntries(
    Object.entries(query as Record<string, unknown>).map(([name, value]) => [
      name,
      typeof value === 'string' ? valueOf(value, schemas[name]?.['type']) : value,
    ]),
  );
}

function valueOf(text: string, type: unknown): unknown {
  if ((type === 'integer' || type === 'number') && /^-?\d{1,15}$/.test(text)) return Number(text);
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

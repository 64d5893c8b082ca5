// A mapping in input that is not checked yet.

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A part of a configuration while it is put together. */
export type MappingDraft = Record<string, unknown>;

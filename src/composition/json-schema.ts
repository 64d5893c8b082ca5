// The configuration's shape as a JSON Schema, for completion and checks in editors. Rules that span keys cannot be
// expressed in it.
import { z } from 'zod';
import { DEFAULT_LIMITS } from '../domain/connect/limits.js';
import type { Limits } from '../domain/connect/limits.js';
import { configSchema } from './config-schema.js';

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** Draft 7, which the editors' language servers support. */
export function configJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7' });
  const limits = propertiesOf(schema)['limits'];
  for (const [key, property] of Object.entries(limits === undefined ? {} : propertiesOf(limits))) {
    property.default = DEFAULT_LIMITS[key as keyof Limits] ?? 'off';
  }
  return { title: 'hexmq configuration', ...schema };
}

function propertiesOf({ properties = {} }: JsonSchema): Record<string, JsonSchema> {
  return properties as Record<string, JsonSchema>;
}

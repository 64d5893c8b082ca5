// The configuration's shape as a JSON Schema, for completion and checks in editors. Rules that span keys cannot be
// expressed in it.
import * as z from 'zod';
import { DEFAULT_LOGIN_THROTTLE } from '../application/login-throttle.js';
import { DEFAULT_LIMITS } from '../domain/limits.js';
import { configSchema } from './config-schema.js';
import { FAILED_ATTEMPTS_DESCRIPTIONS, LIMIT_DESCRIPTIONS } from './descriptions.js';

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** Draft 7, which the editors' language servers support. */
export function configJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7' });
  document(schema, 'limits', DEFAULT_LIMITS, LIMIT_DESCRIPTIONS);
  document(schema, 'failedAttempts', DEFAULT_LOGIN_THROTTLE, FAILED_ATTEMPTS_DESCRIPTIONS);
  return { title: 'hexmq configuration', ...schema };
}

/** Adds the default and the meaning of each key of a section. */
function document<Section extends object>(
  schema: JsonSchema,
  section: string,
  defaults: Section,
  descriptions: Readonly<Record<keyof Section, string>>,
): void {
  for (const [name, property] of Object.entries(propertiesOf(propertiesOf(schema)[section] ?? {}))) {
    const key = name as keyof Section;
    property.default = defaults[key] ?? 'off';
    property.description = descriptions[key];
  }
}

function propertiesOf({ properties = {} }: JsonSchema): Record<string, JsonSchema> {
  return properties as Record<string, JsonSchema>;
}

// One JSON Schema, compiled: what is wrong with a value, in a sentence that is short whatever the value is.
import { Ajv } from 'ajv';
import type { ErrorObject, Options } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';

/** @returns what is wrong with the value; `undefined` if it matches. */
export type Validate = (value: unknown) => string | undefined;

/** Of a reason, in characters. */
const REASON_MAX = 200;

/** The first problem is enough: looking for all of them lets a client choose how long that takes. */
const OPTIONS: Options = { strict: true, allErrors: false, logger: false, strictTypes: false, strictRequired: false };

/**
 * Compiles a schema of draft 7, or of draft 2020-12 if its `$schema` says so.
 * @throws Error that says what is wrong with the schema. Schemas elsewhere (`$ref` to a URL) are not fetched.
 */
export function compileSchema(schema: Readonly<Record<string, unknown>>): Validate {
  const { $schema: dialect } = schema;
  const ajv = typeof dialect === 'string' && dialect.includes('2020-12') ? new Ajv2020(OPTIONS) : new Ajv(OPTIONS);
  const validate = ajv.compile(schema);
  return (value) => (validate(value) ? undefined : describeError(validate.errors?.[0]));
}

function describeError(error: ErrorObject | undefined): string {
  if (error === undefined) return 'does not match the schema';
  const { instancePath, message = 'does not match the schema', params } = error;
  const unexpected = (params as { readonly additionalProperty?: unknown }).additionalProperty;
  const name = typeof unexpected === 'string' ? ` (${JSON.stringify(unexpected)})` : '';
  return bounded(`${instancePath === '' ? 'the payload' : instancePath} ${message}${name}`);
}

/** Names may come from the client, so control characters are taken out as well. */
export const bounded = (text: string): string => {
  const clean = text.replace(/\p{C}/gu, '\ufffd');
  return clean.length > REASON_MAX ? `${clean.slice(0, REASON_MAX - 1)}…` : clean;
};

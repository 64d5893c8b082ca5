// The options of a configuration. Schemas are read and compiled here, so that `hexmq check-config` refuses a bad one.
import { OptionReader, readRegularFileSync, topicFilterProblem } from 'hexmq/ports';
import { compileSchema } from './schema.js';
import type { Validate } from './schema.js';

const RULES_EXPECTED = 'a list of mappings with topicFilter and schema';
const SCHEMA_EXPECTED = 'the path of a JSON file, or a schema as a mapping';

export interface SchemaRule {
  readonly topicFilter: string;
  readonly validate: Validate;
}

export interface SchemaOptions {
  readonly rules: readonly SchemaRule[];
  /** What happens to messages that no rule is for. */
  readonly others: 'pass' | 'deny';
  /** Payloads that are longer are denied unread, because parsing takes time in which the broker does nothing else. */
  readonly maxPayloadBytes: number;
}

/** @throws TypeError or AggregateError that names the options that are wrong. */
export function optionsOf(given: Readonly<Record<string, unknown>>): SchemaOptions {
  const options = new OptionReader({ ...given, rules: undefined });
  return options.readAll({
    rules: () => rulesOf(options, given['rules']),
    others: () => options.oneOf('others', ['pass', 'deny'], 'pass'),
    maxPayloadBytes: () => options.integer('maxPayloadBytes', { min: 1, max: 16_777_216, fallback: 262_144 }),
  });
}

function rulesOf(options: OptionReader, given: unknown): readonly SchemaRule[] {
  // Counts as read: OptionReader has no lists of mappings.
  options.string('rules');
  if (!Array.isArray(given) || given.length === 0) options.refuse('rules', `expected ${RULES_EXPECTED}`);
  const problems: unknown[] = [];
  const rules = (given as readonly unknown[]).flatMap((rule, i) => {
    try {
      return [ruleOf(rule, `rules[${i}]`)];
    } catch (error) {
      problems.push(error);
      return [];
    }
  });
  if (problems.length === 0) return rules;
  throw new AggregateError(problems, problems.map((problem) => (problem as Error).message).join('\n'));
}

function ruleOf(given: unknown, path: string): SchemaRule {
  if (!isMapping(given)) throw new TypeError(`${path}: expected a mapping with topicFilter and schema`);
  const options = new OptionReader(given, `${path}.`);
  return options.readAll({
    topicFilter: () => topicFilterOf(options),
    validate: () => validateOf(options, given['schema']),
  });
}

function topicFilterOf(options: OptionReader): string {
  const filter = options.requireString('topicFilter', 'a Topic Filter such as sensors/+/temperature');
  const problem = topicFilterProblem(filter);
  if (problem !== undefined) options.refuse('topicFilter', `"${filter}" is not valid: ${problem}`);
  return filter;
}

function validateOf(options: OptionReader, given: unknown): Validate {
  if (isMapping(given)) {
    options.mapping('schema');
    return compiled(options, '', () => given);
  }
  const file = options.requireString('schema', SCHEMA_EXPECTED);
  return compiled(options, `${file}: `, () => schemaOfFile(file));
}

function compiled(options: OptionReader, file: string, read: () => Readonly<Record<string, unknown>>): Validate {
  try {
    return compileSchema(read());
  } catch (error) {
    return options.refuse('schema', `${file}${(error as Error).message}`);
  }
}

function schemaOfFile(path: string): Readonly<Record<string, unknown>> {
  const schema: unknown = JSON.parse(readRegularFileSync(path).toString());
  if (!isMapping(schema)) throw new TypeError('not valid, expected a schema that is a JSON object');
  return schema;
}

const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

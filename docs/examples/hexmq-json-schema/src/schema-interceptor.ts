// Denies messages whose payloads do not match the schemas of their topics.
import { ReasonCode } from 'hexmq/ports';
import type { Interceptor, PublishRequest, VerdictOf } from 'hexmq/ports';
import type { SchemaOptions } from './options.js';
import { bounded } from './schema.js';
import type { Validate } from './schema.js';
import { TopicMatch } from './topic-match.js';

type Verdict = VerdictOf<'publish'>;

const PASS: Verdict = { decision: 'pass' };

export class SchemaInterceptor implements Interceptor {
  readonly name = 'json-schema';
  readonly #rules: readonly { readonly filter: TopicMatch; readonly validate: Validate }[];
  readonly #options: SchemaOptions;
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  constructor(options: SchemaOptions) {
    this.#options = options;
    this.#rules = options.rules.map(({ topicFilter, validate }) => ({ filter: new TopicMatch(topicFilter), validate }));
  }

  publish({ topic, payload, retain }: PublishRequest): Verdict {
    const rules = this.#rules.filter(({ filter }) => filter.matches(topic));
    if (rules.length === 0)
      return this.#options.others === 'pass' ? PASS : deny(ReasonCode.notAuthorized, 'no schema is for this topic');
    // It removes a retained message, and carries nothing.
    if (retain && payload.length === 0) return PASS;
    const problem = this.#problemOf(payload, rules);
    return problem === undefined ? PASS : deny(ReasonCode.payloadFormatInvalid, problem);
  }

  #problemOf(payload: Uint8Array, rules: readonly { readonly validate: Validate }[]): string | undefined {
    const { maxPayloadBytes } = this.#options;
    if (payload.length > maxPayloadBytes) return `the payload has more than ${maxPayloadBytes} bytes`;
    try {
      const value: unknown = JSON.parse(this.#utf8.decode(payload));
      for (const { validate } of rules) {
        const problem = validate(value);
        if (problem !== undefined) return problem;
      }
      return undefined;
    } catch (error) {
      // A RangeError: a schema that refers to itself, and a value that is nested too deeply for it.
      return error instanceof RangeError
        ? 'the payload is nested too deeply'
        : `the payload is not JSON${where(error)}`;
    }
  }
}

/** JSON.parse quotes the payload, which may be private: only the place is of use. */
const where = (error: unknown): string =>
  error instanceof SyntaxError ? (/ at position \d+/.exec(error.message)?.[0] ?? '') : ', because it is not UTF-8';

const deny = (reasonCode: number, reason: string): Verdict => ({
  decision: 'deny',
  reasonCode,
  reason: bounded(reason),
});

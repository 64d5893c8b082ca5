// The configuration's shape: every key, its range, and what is said when a value does not fit. Defaults and rules between keys are
// `config.ts`'s; what the limits mean is the domain's.
import { z } from 'zod';
import type { FailedAttemptsSettings } from '../application/failed-attempts.js';
import type { Limits } from '../domain/connect/limits.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** More messages than this in one place is a slip of the keyboard. */
const MANY_MESSAGES = 1_000_000_000;

/** Every check of one value gives the same sentence, so that a wrong value is told once, with all that was expected. */
function expected(what: string): { error: (issue: { code?: string | undefined; input?: unknown; keys?: unknown }) => string | undefined } {
  return {
    error: ({ code, input }) => {
      if (code === 'unrecognized_keys') return undefined;
      if (input === undefined) return `missing, expected ${what}`;
      const isOutOfRange = typeof input === 'number' && (code === 'too_small' || code === 'too_big');
      return `${show(input)} is ${isOutOfRange ? 'out of range' : 'not valid'}, expected ${what}`;
    },
  };
}

/** A value as it would be written in the configuration, short enough for a sentence. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object' && value !== null) return 'a mapping';
  if (typeof value === 'string') return value.length > 60 ? `"${value.slice(0, 57)}..."` : JSON.stringify(value);
  return String(value);
}

function wholeNumber(least: number, most: number, remark = '') {
  const rule = expected(`a whole number from ${least} to ${most}${remark}`);
  return z.number(rule).min(least, rule).max(most, rule).int(rule);
}

const trueOrFalse = () => z.boolean(expected('true or false'));

function oneOf<const Word extends string>(...words: Word[]) {
  return z.enum(words, expected(`${words.length > 1 ? 'one of ' : ''}${words.join(', ')}`));
}

/** A key for each limit, by the compiler's watch. */
type LimitsShape = { [Key in keyof Limits]: z.ZodOptional<z.ZodType<Limits[Key] | OffWord<Key>>> };
type OffWord<Key extends keyof Limits> = undefined extends Limits[Key] ? 'off' : never;

const limits = {
  // 128 bytes: less would shut out every ordinary CONNECT.
  maxPacketSize: wholeNumber(128, 268_435_460).optional(),
  maxClientIdLength: wholeNumber(1, 65_535).optional(),
  strict31ClientId: trueOrFalse().optional(),
  assignClientId: trueOrFalse().optional(),
  maxTopicLength: wholeNumber(1, 65_535).optional(),
  maxTopicLevels: wholeNumber(1, 1000).optional(),
  maxQueueSize: wholeNumber(1, MANY_MESSAGES).optional(),
  maxQueueBytes: wholeNumber(1, Number.MAX_SAFE_INTEGER).optional(),
  maxTransientQueueBytes: wholeNumber(1, Number.MAX_SAFE_INTEGER).optional(),
  queueFullPolicy: oneOf('discard', 'discard-oldest').optional(),
  maxInflight: wholeNumber(1, 65_535).optional(),
  receiveMaximum: wholeNumber(1, 65_535).optional(),
  retainedMessages: trueOrFalse().optional(),
  maxRetainedMessages: wholeNumber(0, MANY_MESSAGES).optional(),
  retainedQueueSize: wholeNumber(1, MANY_MESSAGES).optional(),
  sessionExpiryMax: wholeNumber(0, 4_294_967_295, ' (seconds; the last is never)').optional(),
  messageExpiryMax: z
    .union([wholeNumber(1, 4_294_967_295), z.literal('off')], expected('off, or a whole number from 1 to 4294967295 (seconds)'))
    .optional(),
  keepAliveMax: wholeNumber(1, 65_535, ' (seconds)').optional(),
  keepAliveUnlimited: trueOrFalse().optional(),
  maxQos: z.union([z.literal(0), z.literal(1), z.literal(2)], expected('0, 1 or 2')).optional(),
  wildcardSubscriptions: trueOrFalse().optional(),
  sharedSubscriptions: trueOrFalse().optional(),
  connectTimeoutMs: wholeNumber(1, DAY_MS, ' (milliseconds)').optional(),
  authTimeoutMs: wholeNumber(1, DAY_MS, ' (milliseconds)').optional(),
  maxConnections: z
    .union([z.literal(-1), wholeNumber(1, 10_000_000)], expected('a whole number from 1 to 10000000, or -1 for no limit'))
    .optional(),
  maxBufferedQos0Messages: wholeNumber(0, MANY_MESSAGES).optional(),
  maxBufferedQos0Bytes: wholeNumber(0, Number.MAX_SAFE_INTEGER).optional(),
  drainTimeoutMs: wholeNumber(1, DAY_MS, ' (milliseconds)').optional(),
  willGraceAfterRestartMs: wholeNumber(0, DAY_MS, ' (milliseconds)').optional(),
} satisfies LimitsShape;

const adapterName = () => z.string(expected('the name of an adapter')).min(1, expected('the name of an adapter'));
const adapterOptions = () => z.record(z.string(), z.unknown(), expected('the options of the adapter, a mapping'));

/** What is said of every adapter that is asked about clients. */
const askedAdapter = { adapter: adapterName(), options: adapterOptions().optional(), timeoutMs: wholeNumber(1, DAY_MS, ' (milliseconds)').optional() };
const anAdapter = (example: string) => expected(`an adapter and its options, such as { adapter: ${example} }`);
const aListOf = (example: string) => expected(`a list of adapters, such as [{ adapter: ${example} }]`);

const authenticator = z.strictObject({ ...askedAdapter, onFailure: oneOf('deny', 'abstain').optional() }, anAdapter('anonymous'));
const authorizer = z.strictObject(askedAdapter, anAdapter('acl-file'));
const authenticators = () =>
  z.array(authenticator, aListOf('anonymous')).min(1, expected('at least one adapter; [{ adapter: anonymous }] admits everyone')).optional();

const listener = z.strictObject(
  {
    type: oneOf('tcp'),
    name: z.string(expected('a name')).min(1, expected('a name')).optional(),
    host: z.string(expected('a host name or an address')).min(1, expected('a host name or an address')).optional(),
    port: wholeNumber(0, 65_535, ' (0: any free one)').optional(),
    backlog: wholeNumber(1, 65_535).optional(),
    authentication: authenticators(),
  },
  expected('a listener, such as { type: tcp, port: 1883 }'),
);

const failedAttempts = {
  allowed: wholeNumber(1, 1000).optional(),
  delayMs: wholeNumber(1, DAY_MS, ' (milliseconds)').optional(),
  maxDelayMs: wholeNumber(0, DAY_MS, ' (milliseconds; 0: nobody is slowed)').optional(),
  forgetAfterMs: wholeNumber(1000, 7 * DAY_MS, ' (milliseconds)').optional(),
  maxWaiting: wholeNumber(0, 1_000_000).optional(),
  maxWaitingPerAddress: wholeNumber(0, 1_000_000).optional(),
  maxTracked: wholeNumber(1, 10_000_000).optional(),
} satisfies { [Key in keyof FailedAttemptsSettings]: z.ZodOptional<z.ZodType<number>> };

export const configSchema = z.strictObject(
  {
    listeners: z
      .array(listener, expected('a list of listeners, such as [{ type: tcp, port: 1883 }]'))
      .min(1, expected('at least one listener'))
      .optional(),
    storage: z
      .strictObject(
        { adapter: adapterName().optional(), ackLevel: oneOf('received', 'stored', 'flushed').optional(), options: adapterOptions().optional() },
        expected('an adapter and its options, such as { adapter: file }'),
      )
      .optional(),
    authentication: authenticators(),
    failedAttempts: z.strictObject(failedAttempts, expected('a mapping, such as { maxDelayMs: 10000 }')).optional(),
    authorization: z.array(authorizer, aListOf('acl-file')).min(1, expected('at least one adapter; leave it out to let everyone do everything')).optional(),
    limits: z.strictObject(limits, expected('a mapping of limits, such as { maxInflight: 50 }')).optional(),
    logging: z
      .strictObject(
        { level: oneOf('debug', 'info', 'warn', 'error', 'fatal', 'silent').optional() },
        expected('a mapping, such as { level: info }'),
      )
      .optional(),
  },
  expected('a mapping of listeners, storage, authentication, failedAttempts, authorization, limits and logging'),
);

/** The configuration as people write it. */
export type ConfigInput = z.input<typeof configSchema>;

export const LIMIT_KEYS = Object.keys(limits) as (keyof Limits)[];
export const FAILED_ATTEMPTS_KEYS = Object.keys(failedAttempts) as (keyof FailedAttemptsSettings)[];

/** The keys that a mapping may have, by its path (`listeners[0]`, `limits`); for suggestions. */
export function keysAt(path: readonly PropertyKey[]): readonly string[] {
  const [section] = path;
  if (section === undefined) return Object.keys(configSchema.shape);
  switch (section) {
    case 'limits':
      return LIMIT_KEYS;
    case 'failedAttempts':
      return FAILED_ATTEMPTS_KEYS;
    case 'listeners':
      return path.includes('authentication') ? Object.keys(authenticator.shape) : Object.keys(listener.shape);
    case 'storage':
      return ['adapter', 'ackLevel', 'options'];
    case 'authentication':
      return Object.keys(authenticator.shape);
    case 'authorization':
      return Object.keys(authorizer.shape);
    case 'logging':
      return ['level'];
    default:
      return [];
  }
}

/** Listener types of the documented configuration that this version does not have yet. */
export const LATER_LISTENERS: ReadonlySet<string> = new Set(['tls', 'ws', 'wss']);

// The shape of the configuration: every key, its range, and the message for a value that does not fit. Defaults and
// rules that span keys are in `config-checks.ts`; what the limits mean is the domain's.
import * as z from 'zod';
import type { LoginThrottleSettings } from '../application/login-throttle.js';
import { LISTENER_LIMIT_KEYS } from '../domain/limits.js';
import type { Limits } from '../domain/limits.js';
import { UNIX_PATH_BYTES_MAX } from '../ports/index.js';
import { boolean, expected, formatValue, integer, offOrInteger, oneOf, text } from './config-values.js';
import { hostAndPort, tls, TLS_KEYS } from './address-schema.js';
import { ADMIN_KEYS, adminSchema, CERTIFICATE_KEYS } from './admin-schema.js';
import { fromPackage, PLUGIN_KEYS, pluginsSchema } from './plugin-schema.js';
import { SYS_KEYS, sysSchema } from './sys-schema.js';

export { formatValue, redactCredentials } from './config-values.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Upper bounds that no deployment needs: a greater number is a typing mistake. */
const COUNT_MAX = 1_000_000_000;
const RATE_MAX = 1_000_000_000;
const BYTE_RATE_MAX = 1_000_000_000_000;

/** The longest text of MQTT is 65,535 bytes; these are for a CONNACK. */
const TEXT_CHARACTERS_MAX = 1000;

function offOrText(isValid: (text: string) => boolean, what: string) {
  const rule = expected(`off, or ${what}`);
  const isWhole = (text: string): boolean =>
    text.length <= TEXT_CHARACTERS_MAX && !/\p{Surrogate}/u.test(text) && isValid(text);
  return z.union([z.literal('off'), z.string(rule).refine(isWhole, rule)], rule);
}

/** Each client must get one of its own, which no other name can lead out of. */
const isResponseTopic = (topic: string): boolean => /%[cu]/.test(topic) && !/[+#\0]|^\$/.test(topic);
const isReference = (reference: string): boolean => /^[^\s\0]+( [^\s\0]+)*$/.test(reference);

/** The compiler refuses a schema that lacks a limit or has one too many. */
type LimitsShape = { [Key in keyof Limits]: z.ZodOptional<z.ZodType<Limits[Key] | OffWord<Key>>> };
type OffWord<Key extends keyof Limits> = undefined extends Limits[Key] ? 'off' : never;

const limits = {
  // Below 128 bytes an ordinary CONNECT would be refused.
  maxPacketSize: integer(128, 268_435_460).optional(),
  maxClientIdLength: integer(1, 65_535).optional(),
  strict31ClientId: boolean().optional(),
  assignClientId: boolean().optional(),
  maxTopicLength: integer(1, 65_535).optional(),
  maxTopicLevels: integer(1, 1000).optional(),
  maxPropertyBytes: integer(0, Number.MAX_SAFE_INTEGER).optional(),
  maxFiltersPerPacket: integer(1, COUNT_MAX).optional(),
  maxQueueSize: integer(1, COUNT_MAX).optional(),
  maxQueueBytes: integer(1, Number.MAX_SAFE_INTEGER).optional(),
  maxStoredQueueBytes: offOrInteger(1_048_576, Number.MAX_SAFE_INTEGER).optional(),
  maxTransientQueueBytes: integer(1, Number.MAX_SAFE_INTEGER).optional(),
  queueFullPolicy: oneOf('discard', 'discard-oldest', 'refuse').optional(),
  maxInflight: integer(1, 65_535).optional(),
  initialInflight: integer(1, 65_535).optional(),
  receiveMaximum: integer(1, 65_535).optional(),
  topicAliasMax: integer(0, 65_535).optional(),
  responseTopic: offOrText(
    isResponseTopic,
    'a topic with %c or %u and without wildcards, such as responses/%c',
  ).optional(),
  serverReference: offOrText(isReference, 'servers with a space between them, such as other.example:1883').optional(),
  serverRedirect: oneOf('at-stop', 'use-another-server', 'server-moved').optional(),
  retainedMessages: boolean().optional(),
  maxRetainedMessages: integer(0, COUNT_MAX).optional(),
  maxRetainedTopicBytes: integer(0, Number.MAX_SAFE_INTEGER).optional(),
  maxRetainedBytes: integer(0, Number.MAX_SAFE_INTEGER).optional(),
  retainedQueueSize: integer(1, COUNT_MAX).optional(),
  sessionExpiryMax: integer(0, 4_294_967_295, ' (seconds; the last is never)').optional(),
  messageExpiryMax: offOrInteger(1, 4_294_967_295, ' (seconds)').optional(),
  keepAliveMax: integer(1, 65_535, ' (seconds)').optional(),
  keepAliveUnlimited: boolean().optional(),
  deniedPublish: oneOf('disconnect', 'ignore').optional(),
  deniedSubscription: oneOf('refuse', 'grant').optional(),
  maxQos: z.union([z.literal(0), z.literal(1), z.literal(2)], expected('0, 1 or 2')).optional(),
  wildcardSubscriptions: boolean().optional(),
  sharedSubscriptions: boolean().optional(),
  subscriptionIdentifiers: boolean().optional(),
  checkPayloadFormat: boolean().optional(),
  connectTimeoutMs: integer(1, DAY_MS, ' (milliseconds)').optional(),
  packetTimeoutMs: integer(1, DAY_MS, ' (milliseconds)').optional(),
  authTimeoutMs: integer(1, DAY_MS, ' (milliseconds)').optional(),
  storageTimeoutMs: integer(1, DAY_MS, ' (milliseconds)').optional(),
  shutdownGraceMs: integer(0, 60_000, ' (milliseconds)').optional(),
  maxConnections: z
    .union([z.literal(-1), integer(1, 10_000_000)], expected('a whole number from 1 to 10000000, or -1 for no limit'))
    .optional(),
  maxPendingConnections: offOrInteger(1, 10_000_000).optional(),
  maxConnectionsPerAddress: offOrInteger(1, 10_000_000).optional(),
  maxConnectRate: offOrInteger(1, RATE_MAX, ' (a second)').optional(),
  maxConnectRatePerAddress: offOrInteger(1, RATE_MAX, ' (a second)').optional(),
  maxPublishRate: offOrInteger(1, RATE_MAX, ' (messages a second)').optional(),
  maxPublishByteRate: offOrInteger(1, BYTE_RATE_MAX, ' (bytes a second)').optional(),
  maxTotalPublishRate: offOrInteger(1, RATE_MAX, ' (messages a second)').optional(),
  maxTotalPublishByteRate: offOrInteger(1, BYTE_RATE_MAX, ' (bytes a second)').optional(),
  maxWaitingBytes: integer(16_777_216, Number.MAX_SAFE_INTEGER).optional(),
  maxIncompleteBytes: integer(65_536, Number.MAX_SAFE_INTEGER).optional(),
  maxUnreadBytes: integer(1_048_576, Number.MAX_SAFE_INTEGER).optional(),
  maxSessions: integer(1, COUNT_MAX).optional(),
  // Below 64 KiB not even one client with a long identifier would fit.
  maxSessionBytes: integer(65_536, Number.MAX_SAFE_INTEGER).optional(),
  maxSubscriptionsPerClient: integer(1, COUNT_MAX).optional(),
  maxSubscriptionBytesPerClient: integer(1, Number.MAX_SAFE_INTEGER).optional(),
  maxSubscriptions: integer(1, COUNT_MAX).optional(),
  maxSubscriptionBytes: integer(1, Number.MAX_SAFE_INTEGER).optional(),
  maxBufferedQos0Messages: integer(0, COUNT_MAX).optional(),
  maxBufferedQos0Bytes: integer(0, Number.MAX_SAFE_INTEGER).optional(),
  ackDelayMax: offOrInteger(1, 86_400, ' (seconds)').optional(),
  drainTimeoutMs: integer(1, DAY_MS, ' (milliseconds)').optional(),
  fullQueueTimeoutMs: integer(1, DAY_MS, ' (milliseconds)').optional(),
  willGraceAfterRestartMs: integer(0, DAY_MS, ' (milliseconds)').optional(),
} satisfies LimitsShape;

type LimitsOfListenerShape = Pick<typeof limits, (typeof LISTENER_LIMIT_KEYS)[number]>;

const limitsOfListener = Object.fromEntries(
  LISTENER_LIMIT_KEYS.map((key) => [key, limits[key]]),
) as unknown as LimitsOfListenerShape;

const adapterName = () => text('the name of an adapter');
const adapterOptions = () => z.record(z.string(), z.unknown(), expected('the options of the adapter, a mapping'));

/** Keys of every authenticator and authorizer. */
const accessAdapter = {
  adapter: adapterName(),
  options: adapterOptions().optional(),
  timeoutMs: integer(1, DAY_MS, ' (milliseconds)').optional(),
};
const anAdapter = (example: string) => expected(`an adapter and its options, such as { adapter: ${example} }`);
const aListOf = (example: string) => expected(`a list of adapters, such as [{ adapter: ${example} }]`);

const authenticator = z.strictObject(
  { ...accessAdapter, onFailure: oneOf('deny', 'abstain').optional() },
  anAdapter('anonymous'),
);
const authorizer = z.strictObject(accessAdapter, anAdapter('acl-file'));
const authenticators = () =>
  z
    .array(authenticator, aListOf('anonymous'))
    .min(1, expected('at least one adapter; [{ adapter: anonymous }] admits everyone'))
    .optional();

/** Keys of every listener, whatever its type. */
const everyListener = {
  name: text('a name').optional(),
  authentication: authenticators(),
  limits: z
    .strictObject(limitsOfListener, expected('a mapping of limits of a listener, such as { maxConnections: 100 }'))
    .optional(),
};

const trustedPeers = (what: string) =>
  z.strictObject(
    {
      trusted: z
        .array(text('an address or a network such as 10.0.0.0/8'), expected('a list of addresses and networks'))
        .min(1, expected('at least one address or network')),
    },
    expected(`${what}, such as { trusted: [10.0.0.0/8] }`),
  );

/** Keys of listeners on a TCP port. */
const onPort = {
  ...hostAndPort,
  backlog: integer(1, 65_535).optional(),
  proxyProtocol: trustedPeers('the proxies that send a PROXY header').optional(),
};

const overWebSocket = {
  path: z
    .string(expected('a path such as /mqtt'))
    .regex(/^\/[^\s?#]*$/, expected('a path such as /mqtt'))
    .optional(),
  forwardedFor: trustedPeers('the proxies whose X-Forwarded-For is taken').optional(),
};

/** In quotes, because YAML 1.2 reads 0660 as a decimal number. */
const OCTAL_MODE = 'the octal mode of a file in quotes, such as "0660"';

const unixPath = expected(`the path of a socket, ${UNIX_PATH_BYTES_MAX} bytes at most`);

/** Each type has its own keys. Files and networks are checked by the adapter when it is created. */
const LISTENERS = {
  tcp: z.strictObject({ type: z.literal('tcp'), ...everyListener, ...onPort }),
  tls: z.strictObject({ type: z.literal('tls'), ...everyListener, ...onPort, tls }),
  ws: z.strictObject({ type: z.literal('ws'), ...everyListener, ...onPort, ...overWebSocket }),
  wss: z.strictObject({ type: z.literal('wss'), ...everyListener, ...onPort, ...overWebSocket, tls }),
  unix: z.strictObject({
    type: z.literal('unix'),
    ...everyListener,
    backlog: onPort.backlog,
    path: z
      .string(unixPath)
      .min(1, unixPath)
      .refine((path) => Buffer.byteLength(path) <= UNIX_PATH_BYTES_MAX, unixPath),
    mode: z
      .string(expected(OCTAL_MODE))
      .regex(/^0?[0-7]{3}$/, expected(OCTAL_MODE))
      .optional(),
  }),
  // A transport of its author's own.
  plugin: z.strictObject({
    type: z.literal('plugin'),
    ...everyListener,
    ...fromPackage,
  }),
};

export type ListenerType = keyof typeof LISTENERS;

export const LISTENER_TYPES = Object.keys(LISTENERS) as ListenerType[];

const listener = z.discriminatedUnion(
  'type',
  [LISTENERS.tcp, LISTENERS.tls, LISTENERS.ws, LISTENERS.wss, LISTENERS.unix, LISTENERS.plugin],
  {
    error: ({ code, input }) => {
      if (code !== 'invalid_union' || typeof input !== 'object' || input === null)
        return `${formatValue(input)} is not valid, expected a listener, such as { type: tcp, port: 1883 }`;
      return expected(`one of ${LISTENER_TYPES.join(', ')}`).error({ code, input: (input as { type?: unknown }).type });
    },
  },
);

const failedAttempts = {
  allowed: integer(1, 1000).optional(),
  delayMs: integer(1, DAY_MS, ' (milliseconds)').optional(),
  maxDelayMs: integer(0, DAY_MS, ' (milliseconds; 0: no delay)').optional(),
  forgetAfterMs: integer(1000, 7 * DAY_MS, ' (milliseconds)').optional(),
  maxWaiting: integer(0, 1_000_000).optional(),
  maxWaitingPerAddress: integer(0, 1_000_000).optional(),
  maxTracked: integer(1, 10_000_000).optional(),
} satisfies { [Key in keyof LoginThrottleSettings]: z.ZodOptional<z.ZodType<number>> };

export const configSchema = z.strictObject(
  {
    listeners: z
      .array(listener, expected('a list of listeners, such as [{ type: tcp, port: 1883 }]'))
      .min(1, expected('at least one listener'))
      .optional(),
    storage: z
      .strictObject(
        {
          adapter: adapterName().optional(),
          ackLevel: oneOf('received', 'stored', 'flushed').optional(),
          options: adapterOptions().optional(),
        },
        expected('an adapter and its options, such as { adapter: file }'),
      )
      .optional(),
    authentication: authenticators(),
    failedAttempts: z.strictObject(failedAttempts, expected('a mapping, such as { maxDelayMs: 10000 }')).optional(),
    authorization: z
      .array(authorizer, aListOf('acl-file'))
      .min(1, expected('at least one adapter; without this key, authenticated clients may do everything'))
      .optional(),
    limits: z.strictObject(limits, expected('a mapping of limits, such as { maxInflight: 50 }')).optional(),
    logging: z
      .strictObject(
        {
          level: oneOf('debug', 'info', 'warn', 'error', 'fatal', 'silent').optional(),
          userNames: boolean().optional(),
          format: oneOf('json', 'text').optional(),
          file: text('the path of a file').optional(),
        },
        expected('a mapping, such as { level: info }'),
      )
      .optional(),
    sys: sysSchema.optional(),
    plugins: pluginsSchema.optional(),
    admin: adminSchema.optional(),
  },
  expected(
    'a mapping of listeners, storage, authentication, failedAttempts, authorization, limits, logging, sys, plugins ' +
      'and admin',
  ),
);

type ParsedListener = z.output<typeof listener>;
type OnPort = Exclude<ParsedListener, { readonly type: 'unix' | 'plugin' }>;

export type PluginListenerConfig = Extract<ParsedListener, { readonly type: 'plugin' }> & { readonly name: string };

export type PortListenerConfig = OnPort & { readonly name: string; readonly host: string; readonly port: number };

/** As in the configuration, with name, host and port filled in; the other defaults are the adapter's. */
export type ListenerConfig = PortListenerConfig | (Exclude<ParsedListener, OnPort> & { readonly name: string });

/** The configuration as it is written, in a file or as an argument of `createBroker`. Every key is optional. */
export type ConfigInput = z.input<typeof configSchema>;

export const LIMIT_KEYS = Object.keys(limits) as (keyof Limits)[];
export const FAILED_ATTEMPTS_KEYS = Object.keys(failedAttempts) as (keyof LoginThrottleSettings)[];

const unique = (keys: readonly string[]): readonly string[] => [...new Set(keys)];

/** The keys that a listener of this type accepts. */
export const keysOfListener = (type: ListenerType): readonly string[] => Object.keys(LISTENERS[type].shape);

/**
 * The keys that the mapping at a path (`listeners[0].tls`, `limits`) accepts, whatever the type of the listener. For
 * suggestions.
 */
export function keysAt([section, within, part]: readonly PropertyKey[]): readonly string[] {
  if (section === undefined) return Object.keys(configSchema.shape);
  switch (section) {
    case 'limits':
      return LIMIT_KEYS;
    case 'failedAttempts':
      return FAILED_ATTEMPTS_KEYS;
    case 'listeners':
      if (part === 'tls') return TLS_KEYS;
      if (part === 'limits') return LISTENER_LIMIT_KEYS;
      if (part === 'authentication') return Object.keys(authenticator.shape);
      return part === undefined ? unique(LISTENER_TYPES.flatMap(keysOfListener)) : ['trusted'];
    case 'admin':
      if (within === 'tls') return TLS_KEYS;
      return within === 'certificates' ? CERTIFICATE_KEYS : ADMIN_KEYS;
    case 'storage':
      return ['adapter', 'ackLevel', 'options'];
    case 'authentication':
      return Object.keys(authenticator.shape);
    case 'authorization':
      return Object.keys(authorizer.shape);
    case 'logging':
      return ['level', 'userNames', 'format', 'file'];
    case 'sys':
      return SYS_KEYS;
    case 'plugins':
      return PLUGIN_KEYS;
    default:
      return [];
  }
}

// The shapes of requests and answers of the administration, as zod schemas: validation, the OpenAPI document and the
// types of the command line all come from them. Names are those of MQTT where it has one.
import * as z from 'zod';
import { topicFilterProblem } from '../ports/index.js';

/** Bounds of a page. */
const LIMIT_MAX = 1000;
const LIMIT_DEFAULT = 100;
const PAYLOAD_MAX = 65_536;
const PAYLOAD_DEFAULT = 32;
/** Of a name in MQTT, in bytes; a string has at most as many characters. */
const NAME_MAX = 65_535;
/** Of a payload in a request: it comes as text or in base64. */
const PUBLISHED_MAX = 524_288;
const INTERVAL_MAX = 4_294_967_295;

/** One message for every check of a value, so that a wrong value is reported once, with what was expected. */
const expected = (what: string) => ({
  error: ({ input, code }: { readonly input?: unknown; readonly code?: string | undefined }): string | undefined => {
    if (code === 'unrecognized_keys') return undefined;
    return input === undefined ? `missing, expected ${what}` : `${shown(input)} is not valid, expected ${what}`;
  },
});

function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

export const integer = (min: number, max: number, meaning: string) => {
  const rule = expected(`a whole number from ${min} to ${max}`);
  return z.int(rule).min(min, rule).max(max, rule).describe(meaning);
};

export const oneOf = <const Word extends string>(words: readonly Word[], meaning: string) =>
  z.enum(words, expected(`one of ${words.join(', ')}`)).describe(meaning);

export const text = (meaning: string, what = `a string of at most ${NAME_MAX} characters`, max = NAME_MAX) =>
  z.string(expected(what)).max(max, expected(what)).describe(meaning);

export const flag = (meaning: string) => z.boolean(expected('true or false')).describe(meaning);

export const clientId = () => text('The Client Identifier.').min(1, expected('a Client Identifier'));
const TOPIC = 'a Topic Name: at least one character, no wildcards';
export const topic = () =>
  text('The Topic Name.', TOPIC)
    .min(1, expected(TOPIC))
    .refine((name) => !/[+#]/.test(name), expected(TOPIC));
export const topicFilter = () =>
  text('A Topic Filter.', 'a Topic Filter such as sensors/+/state or #').refine(
    (filter) => topicFilterProblem(filter) === undefined,
    expected('a Topic Filter such as sensors/+/state or #'),
  );

/** A request: an unknown key is a mistake of the caller. */
export const request = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z.strictObject(shape, expected('an object'));

/** A request for a page. */
export const pageRequest = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  request({
    ...shape,
    limit: integer(1, LIMIT_MAX, 'The most items of the page; it may have fewer, and more may follow.').default(
      LIMIT_DEFAULT,
    ),
    cursor: text(
      'From the page before; the other parameters have to be the same. A cursor can be used once, within a minute.',
      'a cursor of the page before',
      64,
    ).optional(),
  });

export const maxPayloadBytes = () =>
  integer(0, PAYLOAD_MAX, 'How much of each payload to show.').default(PAYLOAD_DEFAULT);

export const page = <Item extends z.ZodType>(item: Item) =>
  z.strictObject({
    items: z.array(item),
    cursor: z.string().optional().describe('For the next page, which may be empty; absent on the last page.'),
  });

const instant = (meaning: string) => z.iso.datetime().describe(meaning);
const count = (meaning: string) => z.int().min(0).describe(meaning);
const qos = () => z.union([z.literal(0), z.literal(1), z.literal(2)]);

export const caller = z.strictObject({ name: z.string(), role: z.enum(['read', 'write']) });

export const client = z.strictObject({
  clientId: z.string().optional().describe('Absent until CONNECT is received.'),
  connection: z.int().describe('The number of the network connection.'),
  state: z.string().describe('connected, or a state on the way there or to the end.'),
  stateSince: instant('For a connected client, since when it is.'),
  listener: z.string(),
  remoteAddress: z.string(),
  protocolVersion: z.int().describe('3 for MQTT 3.1, 4 for 3.1.1, 5.'),
  keepAlive: count('In seconds; 0: the client may be silent without a limit.'),
  isCongested: z.boolean().describe('Whether the client reads more slowly than the broker writes.'),
});

export const session = z.strictObject({
  clientId: z.string(),
  isStored: z.boolean().describe('Whether it was begun as a session that outlives its connection.'),
  isConnected: z.boolean(),
  sessionExpiryInterval: count(`How long it outlives its connection, in seconds; ${INTERVAL_MAX}: without a limit.`),
  disconnectedAt: instant('Absent while the client is connected.').optional(),
  subscriptions: count('Their number.'),
  outboundInFlight: count('QoS 1 and 2 messages that were sent and are not acknowledged.'),
  inboundInFlight: count('QoS 2 messages of the client that wait for its PUBREL.'),
  queued: count('Messages that wait to be sent.'),
  queuedBytes: count('Of payload, in flight and waiting.'),
  hasWill: z.boolean(),
  connection: client.optional().describe('Absent while the client is not connected.'),
});

export const will = z.strictObject({
  topic: z.string(),
  qos: qos(),
  retain: z.boolean(),
  payloadBytes: count('The length of the payload.'),
  willDelayInterval: count('In seconds.'),
  dueAt: instant('When the delay ends; absent while the client is connected.').optional(),
});

export const sessionInFull = session.extend({ will: will.optional() });

export const subscription = z.strictObject({
  clientId: z.string(),
  topicFilter: z.string().describe('As subscribed, with $share/<ShareName>/ if it is shared.'),
  qos: qos().describe('As granted.'),
  noLocal: z.boolean(),
  retainAsPublished: z.boolean(),
  subscriptionIdentifier: z.int().optional(),
});

export const recipient = z.strictObject({
  clientId: z.string(),
  topicFilter: z.string(),
  qos: qos(),
  isShared: z.boolean().describe('One member of the shared group gets the message.'),
  isConnected: z.boolean(),
  mayReceive: z.boolean().describe('Whether permissions let the client receive the topic; true while it is away.'),
});

export const sharedGroup = z.strictObject({
  shareName: z.string(),
  topicFilter: z.string(),
  members: count('Subscriptions.'),
  connectedMembers: count('Those of clients that are connected.'),
  queued: count('Messages that wait for a member.'),
  queuedBytes: count('Of payload.'),
});

export const queue = z.strictObject({
  clientId: z.string().optional().describe('Absent for a shared group.'),
  sharedGroup: z.string().optional().describe('$share/<ShareName>/<filter>; absent for a client.'),
  isConnected: z.boolean(),
  inFlight: count('Messages that were sent and are not acknowledged.'),
  queued: count('Messages that wait.'),
  queuedBytes: count('Of payload.'),
});

const message = {
  topic: z.string().optional(),
  payloadBytes: count('The length of the payload.').optional(),
  payload: z.base64().optional().describe('The beginning of the payload, in base64.'),
  publisher: z.string().optional().describe('The client that published it.'),
  acceptedAt: instant('When the broker took it.').optional(),
  expiresAt: instant('Absent if it does not expire.').optional(),
};

const OWNER = 'clientId or sharedGroup, one of them';

export const queueRequest = pageRequest({
  clientId: clientId().optional(),
  sharedGroup: text('A shared group, as $share/<ShareName>/<Topic Filter>.').optional(),
  maxPayloadBytes: maxPayloadBytes(),
}).refine(({ clientId: client, sharedGroup }) => (client === undefined) !== (sharedGroup === undefined), {
  error: `expected ${OWNER}`,
});

export const queuedMessage = z.strictObject({
  seq: count('Its place in the queue.'),
  packetId: z.int().optional().describe('Absent for a shared group: the message gets that of a member.'),
  qos: qos(),
  state: z
    .enum(['sent', 'released', 'resend', 'waiting'])
    .describe(
      'released: the client has it, and PUBCOMP is missing; resend: it was sent on a connection that has ended, and ' +
        'goes again on the next one.',
    ),
  ...message,
});

export const retained = z.strictObject({
  topic: z.string(),
  payloadBytes: count('The length of the payload.'),
  expiresAt: instant('Absent if it does not expire.').optional(),
});

export const retainedMessage = z.strictObject({ ...message, topic: z.string(), qos: qos() });

const limitValue = z.union([z.number(), z.boolean(), z.string()]);
export const limits = z.strictObject({
  limits: z.record(z.string(), limitValue).describe('As in the configuration; off for one that does not apply.'),
  listeners: z.array(z.strictObject({ listener: z.string(), limits: z.record(z.string(), limitValue) })),
});

export const storage = z.strictObject({
  adapter: z.string().describe('file, mongodb, memory, or the name of a package.'),
  isDurable: z.boolean().describe('Whether what is stored survives a restart.'),
  ackLevel: z.enum(['received', 'stored', 'flushed']),
  isWriting: z.boolean().describe('False while writes fail; acknowledgements then wait.'),
  isReading: z.boolean().describe('False while reads fail; delivery of stored messages then waits.'),
  error: z.string().optional().describe('Of the last attempt that failed.'),
  uncommittedChanges: count('Changes that are not stored yet.'),
});

export const status = z.strictObject({
  version: z.string(),
  pid: z.int(),
  startedAt: instant('When the broker started.'),
  now: instant('The date of the machine.'),
  logLevel: z.string(),
  listeners: z.array(
    z.strictObject({
      listener: z.string(),
      address: z.string(),
      type: z.string().describe('As in the configuration: tcp, tls, ws, wss, unix.').optional(),
      path: z.string().describe('Of the URL, for WebSocket.').optional(),
    }),
  ),
  storage,
  connections: count('Clients that are connected.'),
  sessions: count('With a connection or without.'),
  subscriptions: count('Of all sessions.'),
  retainedMessages: count('Their number.'),
  retainedBytes: count('Of their payloads.'),
  waitingBytes: count('Held in memory for clients that do not take it, of maxWaitingBytes.'),
  messages: z
    .strictObject({
      accepted: count('From clients, operators and wills.'),
      denied: count('Not allowed.'),
      deliveriesStarted: count('Deliveries that they became.'),
      deliveriesRestored: count('Found in the store at start.'),
      delivered: count('Handed to the network at QoS 0, acknowledged at QoS 1 and 2.'),
      transferred: count('Passed on within shared groups.'),
      waiting: count('In a queue or in flight.'),
      dropped: z.record(z.string(), z.int()).describe('By reason.'),
    })
    .describe('Since the start.'),
});

const EVENT_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal'] as const;
const EVENT = 'the name of an event such as client-connected, or a list of at most 50';
const eventName = () => z.string(expected(EVENT)).max(64, expected(EVENT));

export const eventsRequest = request({
  level: oneOf(EVENT_LEVELS, 'The least severe level.').default('info'),
  clientId: clientId().optional(),
  event: z
    .union([eventName(), z.array(eventName()).max(50, expected(EVENT))], expected(EVENT))
    .describe('Only these events.')
    .optional(),
});

export const eventRecord = z
  .looseObject({
    time: instant('When it happened.'),
    level: z.string().optional(),
    event: z
      .string()
      .describe(
        'The name of the event (docs/events.md); stream-overflow: so many (missed) were left out here, because they ' +
          'were not read fast enough; stream-ended: the last one, with a reason.',
      ),
    msg: z.string().optional().describe('The event in words, constant for each kind of event.'),
  })
  .describe('The fields of the event, as in the log.');

const TRACE_SECONDS_MAX = 3600;
const TRACE_LIMIT_MAX = 1_000_000;
const SUBJECT = 'topicFilter or clientId, one of them';

export const traceRequest = request({
  topicFilter: topicFilter().optional(),
  clientId: clientId().optional(),
  seconds: integer(1, TRACE_SECONDS_MAX, 'How long it lasts.').default(60),
  limit: integer(1, TRACE_LIMIT_MAX, 'The most records; then it ends.').default(10_000),
}).refine(({ topicFilter: filter, clientId: client }) => (filter === undefined) !== (client === undefined), {
  error: `expected ${SUBJECT}`,
});

export const traceRecord = z
  .looseObject({
    time: instant('When it happened.'),
    step: z
      .string()
      .describe(
        'received, refused, repeated, accepted, retained, retained-removed, matched, excluded, queued, sent, ' +
          'acknowledged, dropped, routed, answered, stored; event: an event of the client; trace-begun, ' +
          'stream-overflow (missed: so many were left out here), stream-ended (with a reason).',
      ),
    messageId: z.int().optional().describe('The number of the message.'),
    topic: z.string().optional(),
    publisher: z.string().optional().describe('The client that published the message.'),
    clientId: z.string().optional().describe('The client that the step is about.'),
    sharedGroup: z.string().optional().describe('The shared group that the step is about.'),
    packetId: z.int().optional(),
    qos: qos().optional(),
    reason: z.string().optional(),
    detail: z.string().optional().describe('The rule that decided, if one did.'),
  })
  .describe('A step of a message; what is not known is left out.');

const accessRule = z.strictObject({
  effect: z.enum(['allow', 'deny']),
  actions: z.array(z.string()),
  topicFilter: z.string(),
  source: z.string().describe('Where the rule stands.'),
});

export const explanation = z.strictObject({
  isAllowed: z.boolean(),
  rule: accessRule.describe('The rule that decides; absent if none does.').optional(),
  reason: z.string().describe('Why, where no rule decides.').optional(),
  skippedRules: z
    .array(z.strictObject({ rule: accessRule, reason: z.string() }))
    .describe('Rules before it that do not decide, and why.'),
  skippedCount: count('How many those are; the list has the first of them.'),
  delivery: z.array(accessRule).describe('Of an allowed subscription: the rules for its messages, in order.'),
  deliveryDefault: z.enum(['allow', 'deny']).describe('For topics that none of them covers.').optional(),
});

export const ACCESS_ACTIONS = ['publish', 'subscribe', 'receive'] as const;

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const PAYLOAD = `a string of at most ${PUBLISHED_MAX} characters`;
const BASE64 = `base64 of at most ${PUBLISHED_MAX} characters`;

export const publication = request({
  topic: topic(),
  payload: text('The payload as text. Default: empty.', PAYLOAD, PUBLISHED_MAX).optional(),
  payloadBase64: z
    .base64(expected(BASE64))
    .max(PUBLISHED_MAX, expected(BASE64))
    .describe('The payload in base64, in place of payload.')
    .optional(),
  qos: z.union([z.literal(0), z.literal(1), z.literal(2)], expected('0, 1 or 2')).default(0),
  retain: flag('Whether the message is retained.').default(false),
  messageExpiryInterval: integer(0, INTERVAL_MAX, 'In seconds.').optional(),
  contentType: text('The Content Type.').optional(),
  responseTopic: topic().optional(),
}).refine(({ payload, payloadBase64 }) => payload === undefined || payloadBase64 === undefined, {
  error: 'payload and payloadBase64 are both set, expected one of them',
  path: ['payloadBase64'],
});

export const metric = z.strictObject({
  name: z.string(),
  help: z.string(),
  type: z.string().describe('counter, gauge, histogram or summary.'),
  values: z.array(
    z.strictObject({
      name: z.string().optional().describe('Where it is another: of a histogram, with _bucket, _sum or _count.'),
      labels: z.record(z.string(), z.string()),
      value: z.number().nullable().describe('null if it is no number, such as a limit that is not set.'),
    }),
  ),
});

export const health = z.strictObject({
  isReady: z.boolean().describe('Whether all checks succeed.'),
  checks: z.array(z.strictObject({ check: z.string(), isOk: z.boolean(), detail: z.string() })),
});

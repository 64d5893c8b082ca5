// Test data: changes as the core makes them, and the names and payloads that stores are most likely to get wrong.
import { UserProperties } from '../../ports/index.js';
import type {
  Change,
  ClientId,
  Message,
  MessageDraft,
  Properties,
  QoS,
  QueueAppend,
  QueueId,
  Seq,
  SessionRecord,
  SubscriptionRecord,
  TopicFilter,
  TopicName,
  WillRecord,
} from '../../ports/index.js';

export const clientId = (id: string): ClientId => id as ClientId;
export const topic = (name: string): TopicName => name as TopicName;
export const seq = (value: number): Seq => value as Seq;
export const queueOf = (id: string): QueueId => `c:${id}` as QueueId;
export const groupQueueOf = (group: string, filter: string): QueueId => `g:${group}/${filter}` as QueueId;

/** Bytes that are neither uniform nor text. */
export function payloadOf(byteLength: number, salt = 0): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  for (let i = 0; i < byteLength; i++) bytes[i] = (i * 31 + (i >>> 8) * 7 + salt * 13 + 0x80) & 0xff;
  return bytes;
}

export interface MessageParts {
  readonly topic?: string;
  readonly payload?: Uint8Array;
  readonly qos?: QoS;
  readonly retain?: boolean;
  readonly properties?: Properties | undefined;
  readonly publisher?: ClientId | undefined;
  readonly expiresAtMs?: number | undefined;
}

export const messageOf = (id: number, parts: MessageParts = {}): Message => ({
  id: id as Message['id'],
  topic: topic(parts.topic ?? 'a/topic'),
  payload: parts.payload ?? payloadOf(5, id),
  qos: parts.qos ?? 1,
  retain: parts.retain ?? false,
  properties: parts.properties,
  publisher: 'publisher' in parts ? parts.publisher : clientId('publisher'),
  acceptedAtMs: 1_700_000_000_000 + id,
  expiresAtMs: parts.expiresAtMs,
});

export const appendOf = (
  queue: QueueId,
  at: number,
  message: Message,
  parts: Partial<Pick<QueueAppend, 'qos' | 'retain' | 'identifiers'>> = {},
): QueueAppend => ({
  kind: 'queue.append',
  queue,
  seq: seq(at),
  message,
  qos: parts.qos ?? 1,
  retain: parts.retain ?? false,
  identifiers: parts.identifiers,
});

export const sessionOf = (id: string, parts: Partial<Omit<SessionRecord, 'clientId'>> = {}): SessionRecord => ({
  clientId: clientId(id),
  expiryIntervalS: parts.expiryIntervalS ?? 3600,
  disconnectedAtMs: parts.disconnectedAtMs,
  sentBelow: parts.sentBelow,
  doubtBelow: parts.doubtBelow,
});

export const subscriptionOf = (
  id: string,
  filter: string,
  parts: Partial<Omit<SubscriptionRecord, 'clientId' | 'topicFilter'>> = {},
): SubscriptionRecord => ({
  clientId: clientId(id),
  topicFilter: filter as TopicFilter,
  qos: parts.qos ?? 1,
  noLocal: parts.noLocal ?? false,
  retainAsPublished: parts.retainAsPublished ?? false,
  retainHandling: parts.retainHandling ?? 0,
  identifier: parts.identifier,
});

export const willOf = (
  id: string,
  { topic, payload, qos, retain, properties }: MessageDraft,
  parts: Partial<Pick<WillRecord, 'delayS' | 'dueAtMs'>> = {},
): WillRecord => ({
  clientId: clientId(id),
  message: { topic, payload, qos, retain, properties },
  delayS: parts.delayS ?? 0,
  dueAtMs: parts.dueAtMs,
});

export const put = {
  session: (id: string, parts?: Partial<Omit<SessionRecord, 'clientId'>>): Change => ({
    kind: 'session.put',
    session: sessionOf(id, parts),
  }),
  subscription: (
    id: string,
    filter: string,
    parts?: Partial<Omit<SubscriptionRecord, 'clientId' | 'topicFilter'>>,
  ): Change => ({
    kind: 'subscription.put',
    subscription: subscriptionOf(id, filter, parts),
  }),
  inbound: (id: string, packetId: number): Change => ({ kind: 'inbound.put', clientId: clientId(id), packetId }),
  retained: (message: Message): Change => ({ kind: 'retained.put', message }),
  will: (id: string, message: MessageDraft, parts?: Partial<Pick<WillRecord, 'delayS' | 'dueAtMs'>>): Change => ({
    kind: 'will.put',
    will: willOf(id, message, parts),
  }),
};

export const drop = {
  session: (id: string): Change => ({ kind: 'session.drop', clientId: clientId(id), queue: queueOf(id) }),
  subscription: (id: string, filter: string): Change => ({
    kind: 'subscription.drop',
    clientId: clientId(id),
    topicFilter: filter as TopicFilter,
  }),
  inbound: (id: string, packetId: number): Change => ({ kind: 'inbound.drop', clientId: clientId(id), packetId }),
  retained: (name: string): Change => ({ kind: 'retained.drop', topic: topic(name) }),
  will: (id: string): Change => ({ kind: 'will.drop', clientId: clientId(id) }),
  queue: (queue: QueueId): Change => ({ kind: 'queue.drop', queue }),
};

export const release = (queue: QueueId, at: number): Change => ({ kind: 'queue.release', queue, seq: seq(at) });
export const remove = (queue: QueueId, at: number): Change => ({
  kind: 'queue.remove',
  queue,
  seq: seq(at),
});
export const trim = (queue: QueueId, through: number): Change => ({
  kind: 'queue.trim',
  queue,
  through: seq(through),
});

/**
 * Every property of a PUBLISH that is forwarded, with the details that are easily lost: order, repeated names, empty
 * strings, bytes that are not text.
 */
export const EVERY_PROPERTY: Properties = {
  payloadFormatIndicator: 1,
  messageExpiryInterval: 4_294_967_295,
  contentType: 'application/json; charset=utf-8',
  responseTopic: 'réponse/à/moi',
  correlationData: new Uint8Array([0, 255, 128, 10, 13, 0]),
  userProperties: UserProperties.of([
    ['name', 'second comes second'],
    ['a', ''],
    ['name', 'the same name again'],
    ['', 'no name'],
    ['__proto__', 'constructor'],
    ['0', 'a number'],
    ['name', 'the same name again'],
  ]),
};

const ofBytes = (unit: string, bytes: number): string =>
  unit.repeat(Math.floor(bytes / new TextEncoder().encode(unit).byteLength));

/**
 * Names that are easily confused, cut off or interpreted: each must stay distinct. Any text without U+0000 of up to
 * 65,535 UTF-8 bytes is a legal Client Identifier or topic in MQTT [MQTT-1.5.3-2].
 */
export const AWKWARD_NAMES: readonly string[] = [
  'a',
  'A',
  'aa',
  'a/',
  '/a',
  '/',
  '//',
  'a/b',
  'a:b',
  'a:',
  ':',
  'c:a',
  'g:a',
  'a\u0001',
  'a\u0001b',
  '\u0001',
  '\u007f',
  '\u0080',
  '\u00ff',
  'a b',
  'a ',
  ' a',
  '\t',
  '\n',
  '.',
  '..',
  'a.b',
  '$a',
  'a$b',
  '$',
  '%',
  '%00',
  '\\0',
  '\\',
  '"',
  "'",
  '`',
  '{}',
  'null',
  'undefined',
  '0',
  '00',
  '1e3',
  '__proto__',
  'constructor',
  'é',
  'e\u0301',
  'ß',
  'ss',
  'İ',
  '\ufeffa',
  'a\ufeff',
  '\uffff',
  '\ufffd',
  '\ue000',
  '😀',
  '😀😀',
  '\u{10ffff}',
  '\u{10000}',
  ofBytes('x', 255),
  ofBytes('x', 256),
  ofBytes('x', 1024),
  ofBytes('x', 1979),
  ofBytes('é', 4096),
  ofBytes('x', 65_534),
  ofBytes('x', 65_535),
  ofBytes('😀', 65_535),
];

/** One name for each of the characters U+0001 to U+00FF, so that every byte value of an encoding occurs. */
export const NAMES_OF_EVERY_BYTE: readonly string[] = Array.from(
  { length: 255 },
  (_, i) => `n${String.fromCharCode(i + 1)}`,
);

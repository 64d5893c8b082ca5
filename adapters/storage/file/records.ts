// What each record of the store says, as bytes, and the version of all of it. It decides the order of the fields; `test/contract` has each record
// as a hex dump, so that none changes unnoticed. When one has to change, so does FORMAT_VERSION, and what reads the old one is written beside it.
// When records are written and removed is decided in `ledger.ts`.
import type { Message, Properties, QoS, QueueAppend, SessionRecord, SubscriptionRecord, WillRecord } from 'hexmq/ports';
import { DamagedRecord } from './errors.js';
import { RecordReader, RecordWriter } from './record-bytes.js';

/** 1 was of the time before the first release, with other keys. */
export const FORMAT_VERSION = 2;
const FORMAT_NAME = 'hexmq file storage';

type SessionFields = Omit<SessionRecord, 'clientId'>;

/** A client that has anything: a session, or subscriptions and inbound ids without one. */
export interface ClientRecord {
  /** Its subscriptions and inbound ids are kept under it. */
  readonly number: number;
  readonly session: SessionFields | undefined;
}

export interface QueueRecord {
  readonly number: number;
  /** No entry is below. */
  readonly head: number;
  /** No entry is at or above. */
  readonly tail: number;
  readonly count: number;
  /** Of the payloads not yet released. */
  readonly bytes: number;
}

export interface RetainedRecord {
  readonly body: number;
  readonly id: number;
  readonly bytes: number;
  readonly expiresAtMs: number | undefined;
}

export interface Counters {
  readonly lastMessageId: number;
  /** The next number of a queue or client, and of a body. No number is given twice. */
  readonly nextNumber: number;
  readonly nextBody: number;
  /** How often the store has been opened: who finds another number than its own has lost it. */
  readonly opening: number;
}

export type DroppedOwner = 'client' | 'queue';

/** An entry, with its message in it or the number of the body that has it. */
export interface EntryRecord {
  readonly qos: QoS;
  readonly retain: boolean;
  readonly identifiers: readonly number[] | undefined;
  /** Of the payload. */
  readonly bytes: number;
  /** 0: the message is here. */
  readonly body: number;
  readonly message: Message | undefined;
}

const writer = new RecordWriter();

// ---- format and counters

export const encodeFormat = (version = FORMAT_VERSION): Buffer =>
  writer.begin().text(FORMAT_NAME).uint16(version).end();

/** @returns the version; `undefined`: this is none of ours. */
export function decodeFormat(bytes: Buffer): number | undefined {
  // A length and a name, as every version has it; others may seal it in another way.
  const isOurs =
    bytes.length > FORMAT_NAME.length && bytes.toString('latin1', 1, 1 + FORMAT_NAME.length) === FORMAT_NAME;
  return isOurs ? bytes.readUInt16BE(1 + FORMAT_NAME.length) : undefined;
}

/** Whose number a dropped one was, and so where its records are. */
export const encodeDropped = (owner: DroppedOwner): Buffer =>
  writer
    .begin()
    .byte(owner === 'client' ? 1 : 0)
    .end();
export const decodeDropped = (record: Buffer): DroppedOwner =>
  new RecordReader(record).byte() === 1 ? 'client' : 'queue';

/** -1, there was none, is written as 0, and every id as one more. */
export const encodeCounters = ({ lastMessageId, nextNumber, nextBody, opening }: Counters): Buffer =>
  writer
    .begin()
    .uint53(lastMessageId + 1)
    .uint48(nextNumber)
    .uint48(nextBody)
    .uint48(opening)
    .end();

export function decodeCounters(bytes: Buffer): Counters {
  const reader = new RecordReader(bytes);
  return {
    lastMessageId: reader.uint53() - 1,
    nextNumber: reader.uint48(),
    nextBody: reader.uint48(),
    opening: reader.uint48(),
  };
}

// ---- clients and what is theirs

const ClientFlag = { session: 1, disconnected: 2 } as const;

export function encodeClient({ number, session }: ClientRecord): Buffer {
  const disconnectedAtMs = session?.disconnectedAtMs;
  writer
    .begin()
    .byte(
      (session === undefined ? 0 : ClientFlag.session) | (disconnectedAtMs === undefined ? 0 : ClientFlag.disconnected),
    )
    .uint48(number);
  if (session !== undefined) writer.uint32(session.expiryIntervalS);
  if (disconnectedAtMs !== undefined) writer.time(disconnectedAtMs);
  return writer.end();
}

export function decodeClient(bytes: Buffer): ClientRecord {
  const reader = new RecordReader(bytes);
  const flags = reader.byte();
  const number = reader.uint48();
  if ((flags & ClientFlag.session) === 0) return { number, session: undefined };
  const expiryIntervalS = reader.uint32();
  return {
    number,
    session: { expiryIntervalS, disconnectedAtMs: (flags & ClientFlag.disconnected) === 0 ? undefined : reader.time() },
  };
}

const SubscriptionFlag = {
  noLocal: 1 << 2,
  retainAsPublished: 1 << 3,
  retainHandlingShift: 4,
  identifier: 1 << 6,
} as const;

/** The filter is in the key; the client is there by its number only, so its name is here. */
export function encodeSubscription(record: SubscriptionRecord): Buffer {
  const { clientId, qos, noLocal, retainAsPublished, retainHandling, identifier } = record;
  writer
    .begin()
    .byte(
      qos |
        (noLocal ? SubscriptionFlag.noLocal : 0) |
        (retainAsPublished ? SubscriptionFlag.retainAsPublished : 0) |
        (retainHandling << SubscriptionFlag.retainHandlingShift) |
        (identifier === undefined ? 0 : SubscriptionFlag.identifier),
    );
  if (identifier !== undefined) writer.length(identifier);
  return writer.text(clientId).end();
}

export function decodeSubscription(bytes: Buffer, topicFilter: string): SubscriptionRecord {
  const reader = new RecordReader(bytes);
  const flags = reader.byte();
  const identifier = (flags & SubscriptionFlag.identifier) === 0 ? undefined : reader.length();
  return {
    clientId: reader.text() as SubscriptionRecord['clientId'],
    topicFilter: topicFilter as SubscriptionRecord['topicFilter'],
    qos: (flags & 3) as QoS,
    noLocal: (flags & SubscriptionFlag.noLocal) !== 0,
    retainAsPublished: (flags & SubscriptionFlag.retainAsPublished) !== 0,
    retainHandling: ((flags >> SubscriptionFlag.retainHandlingShift) & 3) as 0 | 1 | 2,
    identifier,
  };
}

export const encodeInbound = (clientId: string): Buffer => writer.begin().text(clientId).end();
export const decodeInbound = (bytes: Buffer): string => new RecordReader(bytes).text();

export function encodeWill({ message, delayS, dueAtMs }: WillRecord): Buffer {
  writer
    .begin()
    .byte(dueAtMs === undefined ? 0 : 1)
    .uint32(delayS);
  if (dueAtMs !== undefined) writer.time(dueAtMs);
  return writeMessage(message).end();
}

export function decodeWill(bytes: Buffer, clientId: string): WillRecord {
  const reader = new RecordReader(bytes);
  const isDue = reader.byte() === 1;
  const delayS = reader.uint32();
  const dueAtMs = isDue ? reader.time() : undefined;
  return { clientId: clientId as WillRecord['clientId'], message: readMessage(reader), delayS, dueAtMs };
}

// ---- queues

export const encodeQueue = ({ number, head, tail, count, bytes }: QueueRecord): Buffer =>
  writer.begin().uint48(number).uint53(head).uint53(tail).uint53(count).uint53(bytes).end();

export function decodeQueue(record: Buffer): QueueRecord {
  const reader = new RecordReader(record);
  return {
    number: reader.uint48(),
    head: reader.uint53(),
    tail: reader.uint53(),
    count: reader.uint53(),
    bytes: reader.uint53(),
  };
}

const EntryFlag = { retain: 1 << 2, identifiers: 1 << 3, body: 1 << 4 } as const;

/** @param body 0: the message goes into the entry. */
export function encodeEntry({ message, qos, retain, identifiers }: QueueAppend, body: number): Buffer {
  writer
    .begin()
    .byte(
      qos |
        (retain ? EntryFlag.retain : 0) |
        (identifiers === undefined ? 0 : EntryFlag.identifiers) |
        (body === 0 ? 0 : EntryFlag.body),
    )
    .uint32(message.payload.byteLength);
  if (identifiers !== undefined) {
    writer.length(identifiers.length);
    for (const identifier of identifiers) writer.length(identifier);
  }
  return body === 0 ? writeMessage(message).end() : writer.uint48(body).end();
}

export function decodeEntry(record: Buffer): EntryRecord {
  const reader = new RecordReader(record);
  const flags = reader.byte();
  const bytes = reader.uint32();
  let identifiers: number[] | undefined;
  if ((flags & EntryFlag.identifiers) !== 0) {
    identifiers = [];
    for (let left = reader.length(); left > 0; left--) identifiers.push(reader.length());
  }
  const isInBody = (flags & EntryFlag.body) !== 0;
  const body = isInBody ? reader.uint48() : 0;
  return {
    qos: (flags & 3) as QoS,
    retain: (flags & EntryFlag.retain) !== 0,
    identifiers,
    bytes,
    body,
    message: isInBody ? undefined : readMessage(reader),
  };
}

/** What of an entry its removal needs to know. */
export function entryWeight(record: Buffer): { readonly bytes: number; readonly body: number } {
  const reader = new RecordReader(record);
  const flags = reader.byte();
  const bytes = reader.uint32();
  if ((flags & EntryFlag.body) === 0) return { bytes, body: 0 };
  if ((flags & EntryFlag.identifiers) !== 0) for (let left = reader.length(); left > 0; left--) reader.length();
  return { bytes, body: reader.uint48() };
}

// ---- messages

export const encodeBody = (message: Message): Buffer => {
  writer.begin();
  return writeMessage(message).end();
};
export const decodeBody = (record: Buffer): Message => readMessage(new RecordReader(record));

export const encodeReferences = (count: number): Buffer => writer.begin().uint48(count).end();
export const decodeReferences = (record: Buffer): number => new RecordReader(record).uint48();

export function encodeRetained({ body, id, bytes, expiresAtMs }: RetainedRecord): Buffer {
  writer
    .begin()
    .byte(expiresAtMs === undefined ? 0 : 1)
    .uint48(body)
    .uint53(id)
    .uint32(bytes);
  if (expiresAtMs !== undefined) writer.time(expiresAtMs);
  return writer.end();
}

export function decodeRetained(record: Buffer): RetainedRecord {
  const reader = new RecordReader(record);
  const expires = reader.byte() === 1;
  return {
    body: reader.uint48(),
    id: reader.uint53(),
    bytes: reader.uint32(),
    expiresAtMs: expires ? reader.time() : undefined,
  };
}

const MessageFlag = { retain: 1 << 2, publisher: 1 << 3, expires: 1 << 4, properties: 1 << 5 } as const;

function writeMessage(message: Message): RecordWriter {
  const { id, topic, payload, qos, retain, properties, publisher, acceptedAtMs, expiresAtMs } = message;
  writer
    .byte(
      qos |
        (retain ? MessageFlag.retain : 0) |
        (publisher === undefined ? 0 : MessageFlag.publisher) |
        (expiresAtMs === undefined ? 0 : MessageFlag.expires) |
        (properties === undefined ? 0 : MessageFlag.properties),
    )
    .uint53(id)
    .time(acceptedAtMs);
  if (expiresAtMs !== undefined) writer.time(expiresAtMs);
  writer.text(topic);
  if (publisher !== undefined) writer.text(publisher);
  if (properties !== undefined) writeProperties(properties);
  return writer.rest(payload);
}

function readMessage(reader: RecordReader): Message {
  const flags = reader.byte();
  const id = reader.uint53() as Message['id'];
  const acceptedAtMs = reader.time();
  const expiresAtMs = (flags & MessageFlag.expires) === 0 ? undefined : reader.time();
  const topic = reader.text() as Message['topic'];
  const publisher =
    (flags & MessageFlag.publisher) === 0 ? undefined : (reader.text() as NonNullable<Message['publisher']>);
  const properties = (flags & MessageFlag.properties) === 0 ? undefined : readProperties(reader);
  return {
    id,
    topic,
    payload: reader.rest(),
    qos: (flags & 3) as QoS,
    retain: (flags & MessageFlag.retain) !== 0,
    properties,
    publisher,
    acceptedAtMs,
    expiresAtMs,
  };
}

// ---- properties

type PropertyKind = 'byte' | 'uint16' | 'uint32' | 'text' | 'binary' | 'pairs' | 'lengths';

/**
 * Every property there is, under its number in MQTT 5: a message carries only some of them, and which those are is not for a storage to know.
 */
const PROPERTIES: { readonly [Name in keyof Required<Properties>]: readonly [number: number, kind: PropertyKind] } = {
  payloadFormatIndicator: [0x01, 'byte'],
  messageExpiryInterval: [0x02, 'uint32'],
  contentType: [0x03, 'text'],
  responseTopic: [0x08, 'text'],
  correlationData: [0x09, 'binary'],
  subscriptionIdentifiers: [0x0b, 'lengths'],
  sessionExpiryInterval: [0x11, 'uint32'],
  assignedClientIdentifier: [0x12, 'text'],
  serverKeepAlive: [0x13, 'uint16'],
  authenticationMethod: [0x15, 'text'],
  authenticationData: [0x16, 'binary'],
  requestProblemInformation: [0x17, 'byte'],
  willDelayInterval: [0x18, 'uint32'],
  requestResponseInformation: [0x19, 'byte'],
  responseInformation: [0x1a, 'text'],
  serverReference: [0x1c, 'text'],
  reasonString: [0x1f, 'text'],
  receiveMaximum: [0x21, 'uint16'],
  topicAliasMaximum: [0x22, 'uint16'],
  topicAlias: [0x23, 'uint16'],
  maximumQos: [0x24, 'byte'],
  retainAvailable: [0x25, 'byte'],
  userProperties: [0x26, 'pairs'],
  maximumPacketSize: [0x27, 'uint32'],
  wildcardSubscriptionAvailable: [0x28, 'byte'],
  subscriptionIdentifierAvailable: [0x29, 'byte'],
  sharedSubscriptionAvailable: [0x2a, 'byte'],
};

const PROPERTY_LIST = (Object.keys(PROPERTIES) as (keyof Properties)[]).map((name) => {
  const [number, kind] = PROPERTIES[name];
  return { name, number, kind };
});

/** Ended by a 0, which no property has for a number. */
function writeProperties(properties: Properties): void {
  for (const { name, number, kind } of PROPERTY_LIST) {
    const value = properties[name];
    if (value === undefined) continue;
    writer.byte(number);
    writeProperty(kind, value);
  }
  writer.byte(0);
}

function writeProperty(kind: PropertyKind, value: NonNullable<Properties[keyof Properties]>): void {
  switch (kind) {
    case 'byte':
      writer.byte(value as number);
      return;
    case 'uint16':
      writer.uint16(value as number);
      return;
    case 'uint32':
      writer.uint32(value as number);
      return;
    case 'text':
      writer.text(value as string);
      return;
    case 'binary':
      writer.binary(value as Uint8Array);
      return;
    case 'pairs': {
      const pairs = value as NonNullable<Properties['userProperties']>;
      writer.length(pairs.length);
      for (const [name, text] of pairs) writer.text(name).text(text);
      return;
    }
    case 'lengths': {
      const lengths = value as readonly number[];
      writer.length(lengths.length);
      for (const each of lengths) writer.length(each);
      return;
    }
  }
}

function readProperties(reader: RecordReader): Properties {
  const properties: Record<string, unknown> = {};
  for (let number = reader.byte(); number !== 0; number = reader.byte()) {
    const found = PROPERTY_LIST.find((each) => each.number === number);
    if (found === undefined) throw new DamagedRecord(`there is no property ${String(number)}`);
    properties[found.name] = readProperty(reader, found.kind);
  }
  return properties;
}

function readProperty(reader: RecordReader, kind: PropertyKind): unknown {
  switch (kind) {
    case 'byte':
      return reader.byte();
    case 'uint16':
      return reader.uint16();
    case 'uint32':
      return reader.uint32();
    case 'text':
      return reader.text();
    case 'binary':
      return reader.binary();
    case 'pairs':
      return Array.from({ length: reader.length() }, () => [reader.text(), reader.text()]);
    case 'lengths':
      return Array.from({ length: reader.length() }, () => reader.length());
  }
}

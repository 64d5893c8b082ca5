// Reads facts from lines of JSON (docs/export-format.md). Every field is checked before it is used, and a file that was
// cut off or changed is refused. Errors name the line.
import type { SessionRecord, SubscriptionRecord, WillRecord } from '../../domain/changes.js';
import type { Message, MessageDraft } from '../../domain/messages/message.js';
import type { StoredEntry } from '../../domain/inputs.js';
import type { ClientId, QueueId, Seq, TopicFilter, TopicName } from '../../domain/identifiers.js';
import { utf8Length } from '../../domain/topics/topic-name.js';
import type { Properties, QoS } from '../../protocol/packets.js';
import { UserProperties } from '../../protocol/user-properties.js';
import { Digest } from './digest.js';
import type { Counts, Hash } from './digest.js';
import { FORMAT, FORMAT_VERSION, OLDEST_FORMAT_VERSION } from './export-format.js';
import { Fields } from './fields.js';
import type { Line } from './lines.js';
import { PROPERTY_KINDS, PROPERTY_NAMES } from './plain.js';
import type { StoredFact } from './stored-fact.js';
import { TransferError } from './transfer-error.js';

const KINDS = [
  'message',
  'session',
  'subscription',
  'inbound',
  'will',
  'entry',
  'retained',
  'last-message-id',
  'end',
] as const;
const QOS: readonly QoS[] = [0, 1, 2];
const UINT32_MAX = 4_294_967_295;
/** The longest UTF-8 string of MQTT, in bytes (section 1.5.3); the name of a queue has up to two of them. */
const NAME_BYTES_MAX = 65_535;
const QUEUE_BYTES_MAX = 131_080;
const SUBSCRIPTION_IDENTIFIER_MAX = 268_435_455;

/** @throws TransferError */
export async function* importFacts(lines: AsyncIterable<Line>, hash: Hash): AsyncGenerator<StoredFact> {
  const parser = new FactParser(hash);
  let last = 0;
  for await (const line of lines) {
    last = line.number;
    const fact = atLine(line.number, () => parser.parse(line.text));
    if (fact !== undefined) yield fact;
  }
  if (!parser.isAtEnd)
    throw new TransferError(`line ${last + 1}: the last line (kind "end") is missing: the export is incomplete`);
}

function atLine<Result>(number: number, parse: () => Result): Result {
  try {
    return parse();
  } catch (error) {
    if (error instanceof TransferError) throw new TransferError(`line ${number}: ${error.message}`);
    throw error;
  }
}

class FactParser {
  readonly #digest: Digest;
  #state: 'header' | 'facts' | 'ended' = 'header';
  #message: Message | undefined;
  #version = FORMAT_VERSION;

  constructor(hash: Hash) {
    this.#digest = new Digest(hash);
  }

  get isAtEnd(): boolean {
    return this.#state === 'ended';
  }

  /** @returns the fact, or `undefined` for a line that is none (header, message, end). */
  parse(text: string): StoredFact | undefined {
    if (this.#state === 'ended') throw new TransferError('expected nothing after the line of kind "end"');
    const fields = new Fields(parseJson(text));
    if (this.#state === 'header') {
      this.#version = readHeader(fields);
      this.#state = 'facts';
      return undefined;
    }
    const fact = this.#fact(fields);
    fields.rejectUnknown();
    if (fact?.kind === 'will' && this.#version === 1) this.#addEarlierWill(fact.will);
    else if (fact !== undefined) this.#digest.add(fact);
    return fact;
  }

  #fact(fields: Fields): StoredFact | undefined {
    const kind = fields.oneOf('kind', KINDS);
    switch (kind) {
      case 'message':
        this.#message = readMessage(fields);
        return undefined;
      case 'session':
        return { kind, session: readSession(fields) };
      case 'subscription':
        return { kind, subscription: readSubscription(fields) };
      case 'inbound':
        return { kind, clientId: readClientId(fields), packetId: fields.integer('packetId', 1, 65_535) };
      case 'will':
        return { kind, will: readWill(fields, this.#version === 1 ? this.#messageAbove(fields) : readDraft(fields)) };
      case 'entry':
        return {
          kind,
          queue: readName(fields, 'queue', 1, QUEUE_BYTES_MAX) as QueueId,
          entry: readEntry(fields, this.#messageAbove(fields)),
        };
      case 'retained':
        return { kind, message: this.#messageAbove(fields) };
      case 'last-message-id':
        return { kind, id: fields.integer('id') as Message['id'] };
      case 'end':
        this.#readEnd(fields);
        return undefined;
    }
  }

  /** The digest of version 1 is that of its lines. */
  #addEarlierWill({ clientId, delayS, dueAtMs }: WillRecord): void {
    const message = this.#message;
    this.#digest.addPlain('will', { kind: 'will', clientId, delayS, dueAtMs, message: message?.id }, message);
  }

  #messageAbove(fields: Fields): Message {
    const id = fields.integer('message');
    if (this.#message?.id === id) return this.#message;
    const above = this.#message === undefined ? 'there is none' : `it has ${this.#message.id}`;
    throw new TransferError(
      `message: expected the id of the nearest line of kind "message" above (${above}), got ${id}`,
    );
  }

  #readEnd(fields: Fields): void {
    const counts = fields.object('counts');
    const kinds = Object.keys(this.#digest.counts) as (keyof Counts)[];
    for (const kind of kinds) {
      const count = counts.integer(kind);
      if (count !== this.#digest.counts[kind])
        throw new TransferError(
          `counts.${kind}: the export says ${count}, but has ${this.#digest.counts[kind]}: it is incomplete`,
        );
    }
    counts.rejectUnknown();
    const digest = fields.string('digest');
    if (digest !== this.#digest.text)
      throw new TransferError(
        `digest: the export says ${digest}, but its facts have ${this.#digest.text}: it was changed`,
      );
    this.#state = 'ended';
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TransferError(`not JSON, expected an object (${(error as Error).message})`);
  }
}

/** @returns the version of the format. */
function readHeader(fields: Fields): number {
  const isHeader =
    fields.has('kind') &&
    fields.has('format') &&
    fields.oneOf('kind', ['header', ...KINDS]) === 'header' &&
    fields.string('format') === FORMAT;
  if (!isHeader)
    throw new TransferError(
      `expected the header of an export, {"kind":"header","format":"${FORMAT}","version":${FORMAT_VERSION},…}`,
    );
  const version = fields.integer('version', 1);
  if (version > FORMAT_VERSION) {
    const read = `${OLDEST_FORMAT_VERSION} to ${FORMAT_VERSION}`;
    throw new TransferError(`version: this hexmq reads versions ${read} of the format, got ${version}`);
  }
  fields.integer('createdAtMs');
  fields.rejectUnknown();
  return version;
}

function readName(fields: Fields, name: string, bytesMin = 0, bytesMax = NAME_BYTES_MAX): string {
  const text = fields.string(name);
  const bytes = utf8Length(text);
  if (bytes < bytesMin || bytes > bytesMax)
    throw new TransferError(`${name}: expected ${bytesMin} to ${bytesMax} bytes of UTF-8, got ${bytes}`);
  return text;
}

const readClientId = (fields: Fields): ClientId => readName(fields, 'clientId') as ClientId;
const optionalTime = (fields: Fields, name: string): number | undefined =>
  fields.has(name) ? fields.integer(name) : undefined;
const optionalSeq = (fields: Fields, name: string): Seq | undefined =>
  fields.has(name) ? (fields.integer(name) as Seq) : undefined;

const readSession = (fields: Fields): SessionRecord => ({
  clientId: readClientId(fields),
  expiryIntervalS: fields.integer('expiryIntervalS', 0, UINT32_MAX),
  disconnectedAtMs: optionalTime(fields, 'disconnectedAtMs'),
  sentBelow: optionalSeq(fields, 'sentBelow'),
  doubtBelow: optionalSeq(fields, 'doubtBelow'),
});

const readSubscription = (fields: Fields): SubscriptionRecord => ({
  clientId: readClientId(fields),
  topicFilter: readName(fields, 'topicFilter', 1) as TopicFilter,
  qos: fields.oneOf('qos', QOS),
  noLocal: fields.boolean('noLocal'),
  retainAsPublished: fields.boolean('retainAsPublished'),
  retainHandling: fields.oneOf('retainHandling', [0, 1, 2] as const),
  identifier: fields.has('identifier') ? fields.integer('identifier', 1, SUBSCRIPTION_IDENTIFIER_MAX) : undefined,
});

const readWill = (fields: Fields, { topic, payload, qos, retain, properties }: MessageDraft): WillRecord => ({
  clientId: readClientId(fields),
  delayS: fields.integer('delayS', 0, UINT32_MAX),
  dueAtMs: optionalTime(fields, 'dueAtMs'),
  message: { topic, payload, qos, retain, properties },
});

const readEntry = (fields: Fields, message: Message): StoredEntry => ({
  seq: fields.integer('seq', 0, Number.MAX_SAFE_INTEGER - 1) as Seq,
  qos: fields.oneOf('qos', QOS),
  retain: fields.boolean('retain'),
  identifiers: fields.has('identifiers') ? fields.integers('identifiers', 1, SUBSCRIPTION_IDENTIFIER_MAX) : undefined,
  released: fields.boolean('released'),
  message,
});

const readDraft = (fields: Fields): MessageDraft => ({
  topic: readName(fields, 'topic', 1) as TopicName,
  qos: fields.oneOf('qos', QOS),
  retain: fields.boolean('retain'),
  properties: fields.has('properties') ? readProperties(fields.object('properties')) : undefined,
  payload: fields.bytes('payload'),
});

function readMessage(fields: Fields): Message {
  return {
    ...readDraft(fields),
    id: fields.integer('id') as Message['id'],
    publisher: fields.has('publisher') ? (readName(fields, 'publisher') as ClientId) : undefined,
    acceptedAtMs: fields.integer('acceptedAtMs'),
    expiresAtMs: optionalTime(fields, 'expiresAtMs'),
  };
}

function readProperties(fields: Fields): Properties {
  const properties: Record<string, unknown> = {};
  for (const name of PROPERTY_NAMES) if (fields.has(name)) properties[name] = readProperty(fields, name);
  fields.rejectUnknown();
  return properties;
}

function readUserProperties(fields: Fields, name: string): UserProperties {
  const pairs = fields.pairs(name);
  try {
    return UserProperties.of(pairs);
  } catch (error) {
    if (error instanceof RangeError) throw new TransferError(`${name}: ${error.message}`);
    throw error;
  }
}

function readProperty(fields: Fields, name: keyof Properties): unknown {
  switch (PROPERTY_KINDS[name]) {
    case 'number':
      return fields.integer(name, 0, UINT32_MAX);
    case 'text':
      return readName(fields, name);
    case 'binary':
      return fields.bytes(name);
    case 'numbers':
      return fields.integers(name, 1, SUBSCRIPTION_IDENTIFIER_MAX);
    case 'pairs':
      return readUserProperties(fields, name);
  }
}

// Checks of a message that a program passes, field by field. What depends on the limits in force, the core checks.
import type { OperatorMessage } from '../../domain/commands.js';
import { hasWildcard } from '../../domain/topics/topic-filter.js';
import { utf8Length } from '../../domain/topics/topic-name.js';
import type { Properties, QoS } from '../../protocol/packets.js';
import { isUtf8Payload } from '../../protocol/payload-format.js';
import { UserProperties } from '../../protocol/user-properties.js';
import type { UserProperty } from '../../protocol/user-properties.js';

const FIELDS = ['topic', 'payload', 'qos', 'retain', 'properties'];
const PROPERTIES = [
  'payloadFormatIndicator',
  'messageExpiryInterval',
  'contentType',
  'responseTopic',
  'correlationData',
  'userProperties',
];

/** Of a text or of binary data of MQTT (section 1.5). */
const LENGTH_MAX = 65_535;
const EXPIRY_MAX = 0xffff_ffff;

const encoder = new TextEncoder();

/** @throws TypeError or RangeError that names the field. */
export function operatorMessageOf(given: unknown): OperatorMessage {
  const message = objectOf('message', given, FIELDS);
  const topic = textOf('message.topic', message['topic']);
  if (topic === '') throw new RangeError('message.topic: a Topic Name needs at least one character');
  if (hasWildcards(topic)) throw new RangeError(`message.topic: a Topic Name has no wildcards, got ${shown(topic)}`);
  const payload = payloadOf(message['payload']);
  const properties = propertiesOf(message['properties']);
  if (properties?.payloadFormatIndicator === 1 && !isUtf8Payload(payload))
    throw new RangeError('message.payload: UTF-8 is expected, as its payloadFormatIndicator says');
  const retain = message['retain'] ?? false;
  if (typeof retain !== 'boolean') throw new TypeError(`message.retain: a boolean is expected, got ${typeof retain}`);
  const qos = integerOf('message.qos', message['qos'] ?? 0, 0, 2) as QoS;
  return { topic, payload, qos, retain, properties };
}

/** @throws TypeError or RangeError that names the field. */
export function integerOf(field: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number') throw new TypeError(`${field}: a number is expected, got ${typeof value}`);
  if (!Number.isInteger(value) || value < min || value > max)
    throw new RangeError(`${field}: an integer from ${min} to ${max} is expected, got ${value}`);
  return value;
}

function payloadOf(payload: unknown): Uint8Array {
  if (payload === undefined) return new Uint8Array();
  if (typeof payload === 'string') return encoder.encode(payload);
  // No Buffer: `slice`, which copies the bytes of a message that has to wait, would not copy those of a Buffer.
  if (payload instanceof Uint8Array) return new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength);
  throw new TypeError(`message.payload: a text or a Uint8Array is expected, got ${typeof payload}`);
}

function propertiesOf(given: unknown): Properties | undefined {
  if (given === undefined) return undefined;
  const { payloadFormatIndicator, messageExpiryInterval, contentType, responseTopic, correlationData, userProperties } =
    objectOf('message.properties', given, PROPERTIES);
  const field = (name: string): string => `message.properties.${name}`;
  const properties: { -readonly [Name in keyof Properties]: Properties[Name] } = {};
  if (payloadFormatIndicator !== undefined)
    properties.payloadFormatIndicator = integerOf(field('payloadFormatIndicator'), payloadFormatIndicator, 0, 1) as
      0 | 1;
  if (messageExpiryInterval !== undefined)
    properties.messageExpiryInterval = integerOf(field('messageExpiryInterval'), messageExpiryInterval, 0, EXPIRY_MAX);
  if (contentType !== undefined) properties.contentType = textOf(field('contentType'), contentType);
  if (responseTopic !== undefined) {
    properties.responseTopic = textOf(field('responseTopic'), responseTopic);
    if (properties.responseTopic === '' || hasWildcards(properties.responseTopic))
      throw new RangeError(`${field('responseTopic')}: a Topic Name is expected, got ${shown(responseTopic)}`);
  }
  if (correlationData !== undefined) {
    if (!(correlationData instanceof Uint8Array))
      throw new TypeError(`${field('correlationData')}: a Uint8Array is expected, got ${typeof correlationData}`);
    if (correlationData.byteLength > LENGTH_MAX)
      throw new RangeError(`${field('correlationData')}: at most ${LENGTH_MAX} bytes are expected`);
    properties.correlationData = correlationData;
  }
  if (userProperties !== undefined)
    properties.userProperties = userPropertiesOf(field('userProperties'), userProperties);
  return Object.keys(properties).length === 0 ? undefined : properties;
}

function userPropertiesOf(field: string, given: unknown): UserProperties {
  if (given instanceof UserProperties) return given;
  if (typeof given !== 'object' || given === null)
    throw new TypeError(`${field}: pairs of texts, or an object, are expected, got ${typeof given}`);
  const pairs = Symbol.iterator in given ? (given as Iterable<unknown>) : Object.entries(given);
  const checked: UserProperty[] = [];
  for (const pair of pairs) {
    if (!Array.isArray(pair) || pair.length !== 2)
      throw new TypeError(`${field}: [name, value] is expected for each, got ${shown(pair)}`);
    checked.push([textOf(field, pair[0]), textOf(field, pair[1])]);
  }
  return UserProperties.of(checked);
}

function objectOf(field: string, value: unknown, names: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null)
    throw new TypeError(`${field}: an object is expected, got ${value === null ? 'null' : typeof value}`);
  const unknown = Object.keys(value).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new TypeError(`${field}.${unknown}: expected one of ${names.join(', ')}`);
  return value as Readonly<Record<string, unknown>>;
}

function textOf(field: string, value: unknown): string {
  if (typeof value !== 'string') throw new TypeError(`${field}: a text is expected, got ${typeof value}`);
  if (value.includes('\0') || /[\ud800-\udfff]/u.test(value))
    throw new RangeError(`${field}: a text of MQTT has no U+0000 and no unpaired surrogates`);
  if (utf8Length(value) > LENGTH_MAX) throw new RangeError(`${field}: at most ${LENGTH_MAX} bytes are expected`);
  return value;
}

const hasWildcards = (topic: string): boolean => topic.includes('#') || hasWildcard(topic);

const shown = (value: unknown): string => String(JSON.stringify(value)).slice(0, 100);

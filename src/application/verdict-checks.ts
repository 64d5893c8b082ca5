// Checks of what interceptors answer, before any of it is used: what they put in place of a packet has to be as valid
// as if a client had sent it.
import { isDenial } from '../domain/interception/verdict.js';
import type {
  ConnectRequest,
  DeliveryVerdict,
  Denial,
  RequestOf,
  Stage,
  VerdictOf,
} from '../domain/interception/verdict.js';
import type { TopicName } from '../domain/identifiers.js';
import type { Limits } from '../domain/limits.js';
import { propertyBytes } from '../domain/messages/content-bytes.js';
import type { MessageDraft } from '../domain/messages/message.js';
import { hasWildcard, parseTopicFilter } from '../domain/topics/topic-filter.js';
import { topicNameProblem } from '../domain/topics/topic-name.js';
import { ByteReader } from '../protocol/byte-reader.js';
import { ByteWriter } from '../protocol/byte-writer.js';
import { isUtf8Payload } from '../protocol/payload-format.js';
import { PropertyPlace, readProperties, writeProperties } from '../protocol/properties.js';
import type { Properties, SubscriptionRequest } from '../protocol/packets.js';
import { ReasonCode } from '../protocol/reason-codes.js';
import { UserProperties } from '../protocol/user-properties.js';
import type { UserProperty } from '../protocol/user-properties.js';
import { AnswerFault, mappingOf, requireKeys, requireOneOf, requireString } from './answer-checks.js';
import type { Mapping } from './answer-checks.js';

const { unspecifiedError, implementationSpecificError, notAuthorized, quotaExceeded } = ReasonCode;
const EVERYWHERE = [unspecifiedError, implementationSpecificError, notAuthorized];

/** The Reason Codes that a denial may have: those that the answers to the packet may carry (MQTT 5 section 2.4). */
const DENIALS: Readonly<Record<Stage, readonly number[]>> = {
  connect: [
    ...EVERYWHERE,
    ReasonCode.clientIdentifierNotValid,
    ReasonCode.badUserNameOrPassword,
    ReasonCode.serverUnavailable,
    ReasonCode.serverBusy,
    ReasonCode.banned,
    quotaExceeded,
    ReasonCode.connectionRateExceeded,
  ],
  publish: [...EVERYWHERE, ReasonCode.topicNameInvalid, quotaExceeded, ReasonCode.payloadFormatInvalid],
  subscribe: [...EVERYWHERE, ReasonCode.topicFilterInvalid, quotaExceeded],
  unsubscribe: [...EVERYWHERE, ReasonCode.topicFilterInvalid],
};

const DECISIONS: Readonly<Record<Stage, readonly string[]>> = {
  connect: ['pass', 'replace', 'deny'],
  publish: ['pass', 'replace', 'deny', 'drop'],
  subscribe: ['pass', 'replace', 'deny'],
  unsubscribe: ['pass', 'replace', 'deny'],
};

const PASS = { decision: 'pass' } as const;
const BINARY_BYTES_MAX = 65_535;
const KEEP_ALIVE_MAX = 65_535;
/** Of a reason; it may quote what a client has sent. */
const REASON_CHARACTERS_MAX = 1024;

/**
 * @param request what the interceptor was shown.
 * @returns the verdict, made of values of its own.
 * @throws AnswerFault
 */
export function requireVerdict<S extends Stage>(
  stage: S,
  answer: unknown,
  request: RequestOf<S>,
  limits: Limits,
): VerdictOf<S> {
  // The most frequent one.
  if ((answer as { decision?: unknown } | null | undefined)?.decision === 'pass') return PASS;
  const mapping = mappingOf(answer, '', '{ decision: "pass" }, "replace" or "deny"');
  const { decision } = mapping;
  requireOneOf('decision', decision, DECISIONS[stage]);
  if (decision === 'deny') return { decision, ...denialOf(mapping, '', DENIALS[stage], ['decision']) };
  if (decision === 'drop') {
    requireKeys(mapping, '', ['decision', 'reason']);
    return { decision, reason: reasonOf('reason', mapping['reason']) };
  }
  requireKeys(mapping, '', ['decision', 'with']);
  return { decision, with: REPLACEMENTS[stage](mapping['with'], request as never, limits) } as VerdictOf<S>;
}

/** @param answer of an interceptor of deliveries, which cannot be a promise. @throws AnswerFault */
export function requireDeliveryVerdict(answer: unknown, limits: Limits): DeliveryVerdict {
  if ((answer as { decision?: unknown } | null | undefined)?.decision === 'pass') return PASS;
  const expected = '{ decision: "pass" }, "replace" or "drop", at once';
  const mapping = mappingOf(answer, '', expected);
  const { decision, reason } = mapping;
  if (decision !== 'replace' && decision !== 'drop') throw new AnswerFault('decision', decision, expected);
  requireKeys(mapping, '', ['decision', decision === 'drop' ? 'reason' : 'with']);
  if (decision === 'drop') return { decision, reason: reasonOf('reason', reason) };
  const { topic, payload, properties, ...rest } = mappingOf(mapping['with'], 'with', '{ topic, payload, properties }');
  requireKeys(rest, 'with.', ['qos', 'retain', 'publisher']);
  const draft = draftOf({ topic, payload, properties, qos: 0, retain: false }, 'with', false, limits);
  return { decision, with: { topic: draft.topic, payload: draft.payload, properties: draft.properties } };
}

type Replacement = (value: unknown, request: never, limits: Limits) => unknown;

const REPLACEMENTS: Readonly<Record<Stage, Replacement>> = {
  connect: (value, _request, limits) => connectOf(value, limits),
  publish: (value, { isWill }: RequestOf<'publish'>, limits) => draftOf(value, 'with', isWill, limits),
  subscribe: (value, { subscriptions }: RequestOf<'subscribe'>, limits) =>
    entriesOf(value, subscriptions.length, DENIALS.subscribe, (entry, place) => subscriptionOf(entry, place, limits)),
  unsubscribe: (value, { topicFilters }: RequestOf<'unsubscribe'>, limits) =>
    entriesOf(value, topicFilters.length, DENIALS.unsubscribe, (entry, place) => filterOf(entry, place, limits)),
};

function denialOf(mapping: Mapping, path: string, codes: readonly number[], more: readonly string[] = []): Denial {
  const { reasonCode, reason } = mapping;
  requireKeys(mapping, path, [...more, 'reasonCode', 'reason']);
  if (!codes.includes(reasonCode as number))
    throw new AnswerFault(`${path}reasonCode`, reasonCode, `one of ${codes.map(hex).join(', ')}`);
  return { reasonCode: reasonCode as number, reason: reasonOf(`${path}reason`, reason) };
}

/** As text that any answer can carry. */
function reasonOf(field: string, value: unknown): string {
  requireString(field, value);
  return (value as string).slice(0, REASON_CHARACTERS_MAX).replace(/[\p{Surrogate}\0]/gu, '\ufffd');
}

const hex = (code: number): string => `0x${code.toString(16)}`;

function connectOf(value: unknown, limits: Limits): ConnectRequest {
  const mapping = mappingOf(value, 'with', 'a request as it was shown');
  const { clientId, clean, keepAlive, userName, password, will, properties } = mapping;
  requireKeys(mapping, 'with.', ['clientId', 'clean', 'keepAlive', 'userName', 'password', 'will', 'properties']);
  requireText('with.clientId', clientId);
  requireBoolean('with.clean', clean);
  requireWithin('with.keepAlive', keepAlive, KEEP_ALIVE_MAX);
  if (userName !== undefined) requireText('with.userName', userName);
  if (password !== undefined) requireBytes('with.password', password, BINARY_BYTES_MAX);
  return {
    clientId: clientId as string,
    clean: clean as boolean,
    keepAlive: keepAlive as number,
    userName: userName as string | undefined,
    password: password as Uint8Array | undefined,
    will: will === undefined ? undefined : draftOf(will, 'with.will', true, limits),
    properties: propertiesOf(properties, 'with.properties', PropertyPlace.connect),
  };
}

function draftOf(value: unknown, field: string, isWill: boolean, limits: Limits): MessageDraft {
  const mapping = mappingOf(value, field, 'a message: { topic, payload, qos, retain, properties }');
  const { topic, payload, qos, retain, properties } = mapping;
  requireKeys(mapping, `${field}.`, ['topic', 'payload', 'qos', 'retain', 'properties', 'isWill']);
  requireText(`${field}.topic`, topic);
  const problem = topicNameProblem(topic as string, limits);
  if (problem !== undefined) throw new AnswerFault(`${field}.topic`, topic, `a Topic Name: ${problem}`);
  requireBytes(`${field}.payload`, payload, limits.maxPacketSize);
  requireWithin(`${field}.qos`, qos, limits.maxQos);
  requireBoolean(`${field}.retain`, retain);
  if (retain === true && !limits.retainedMessages)
    throw new AnswerFault(`${field}.retain`, retain, 'false: retained messages are not supported');
  const place = isWill ? PropertyPlace.will : PropertyPlace.publishFromClient;
  const checked = propertiesOf(properties, `${field}.properties`, place);
  if (checked?.responseTopic !== undefined && hasWildcard(checked.responseTopic))
    throw new AnswerFault(`${field}.properties.responseTopic`, checked.responseTopic, 'a Topic Name');
  if (checked !== undefined && propertyBytes(checked) > limits.maxPropertyBytes)
    throw new AnswerFault(`${field}.properties`, properties, `at most ${limits.maxPropertyBytes} bytes`);
  if (limits.checkPayloadFormat && checked?.payloadFormatIndicator === 1 && !isUtf8Payload(payload as Uint8Array))
    throw new AnswerFault(`${field}.payload`, payload, 'UTF-8, as its Payload Format Indicator says');
  return {
    topic: topic as TopicName,
    payload: payload as Uint8Array,
    qos: qos as MessageDraft['qos'],
    retain: retain as boolean,
    properties: checked,
  };
}

/** Encodes and decodes them: what comes out is what a client could have sent, in objects of its own. */
function propertiesOf(value: unknown, field: string, place: number): Properties | undefined {
  if (value === undefined) return undefined;
  const mapping = mappingOf(value, field, 'properties of MQTT 5 by name, or none');
  const { userProperties } = mapping;
  try {
    const own = userProperties === undefined ? undefined : UserProperties.of(userProperties as Iterable<UserProperty>);
    const { topicAlias: _, ...given } = mapping as Properties;
    const properties: Properties = own === undefined ? given : { ...given, userProperties: own };
    const writer = new ByteWriter();
    writeProperties(writer, properties, place);
    const bytes = writer.view().slice();
    return readProperties(new ByteReader(bytes, 0, bytes.length), place);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new AnswerFault(field, value, `properties that this packet may carry: ${why}`);
  }
}

function entriesOf<T>(
  value: unknown,
  count: number,
  codes: readonly number[],
  entryOf: (entry: unknown, place: string) => T,
): readonly (T | Denial)[] {
  if (!Array.isArray(value) || value.length !== count)
    throw new AnswerFault('with', value, `a list of ${count}, one for each entry that was shown`);
  return Array.from(value, (entry: unknown, index) => {
    const place = `with[${index}]`;
    return isDenial(entry as Denial) ? denialOf(entry as Mapping, `${place}.`, codes) : entryOf(entry, place);
  });
}

function subscriptionOf(value: unknown, place: string, limits: Limits): SubscriptionRequest {
  const mapping = mappingOf(value, place, 'a subscription, or { reasonCode, reason } to deny it');
  const { topicFilter, qos, noLocal, retainAsPublished, retainHandling } = mapping;
  const path = `${place}.`;
  requireKeys(mapping, path, ['topicFilter', 'qos', 'noLocal', 'retainAsPublished', 'retainHandling']);
  requireWithin(`${path}qos`, qos, 2);
  requireBoolean(`${path}noLocal`, noLocal);
  requireBoolean(`${path}retainAsPublished`, retainAsPublished);
  requireWithin(`${path}retainHandling`, retainHandling, 2);
  const filter = filterOf(topicFilter, `${path}topicFilter`, limits);
  if (noLocal === true && filter.startsWith('$share/'))
    throw new AnswerFault(`${path}noLocal`, noLocal, 'false for a shared subscription'); // [MQTT5-3.8.3-4]
  return {
    topicFilter: filter,
    qos: qos as SubscriptionRequest['qos'],
    noLocal: noLocal as boolean,
    retainAsPublished: retainAsPublished as boolean,
    retainHandling: retainHandling as SubscriptionRequest['retainHandling'],
  };
}

function filterOf(value: unknown, field: string, limits: Limits): string {
  requireText(field, value);
  const parsed = parseTopicFilter(value as string, limits);
  if (typeof parsed === 'string') throw new AnswerFault(field, value, `a Topic Filter: ${parsed}`);
  return value as string;
}

/** A lone surrogate has no UTF-8, so no client could have sent it, and none could receive it. */
function requireText(field: string, value: unknown): void {
  requireString(field, value);
  if (/\p{Surrogate}|\0/u.test(value as string)) throw new AnswerFault(field, value, 'text that UTF-8 can encode');
}

function requireBoolean(field: string, value: unknown): void {
  if (typeof value !== 'boolean') throw new AnswerFault(field, value, 'true or false');
}

function requireWithin(field: string, value: unknown, max: number): void {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > max)
    throw new AnswerFault(field, value, `an integer from 0 to ${max}`);
}

function requireBytes(field: string, value: unknown, max: number): void {
  if (!(value instanceof Uint8Array) || value.length > max)
    throw new AnswerFault(field, value, `a Uint8Array of at most ${max} bytes`);
}

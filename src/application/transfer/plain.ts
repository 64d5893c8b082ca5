// A fact as plain JSON data with its keys in a fixed order, whichever store it came from: exports and digests are made
// of it. A message is separate from the facts that refer to it by its id.
import type { Message } from '../../domain/messages/message.js';
import type { Properties } from '../../protocol/packets.js';
import type { StoredFact } from './stored-fact.js';

export type Plain = Readonly<Record<string, unknown>>;

export type PropertyKind = 'number' | 'text' | 'binary' | 'pairs' | 'numbers';

/** Every property: which of them a message carries is not for a file format to know. */
export const PROPERTY_KINDS: { readonly [Name in keyof Required<Properties>]: PropertyKind } = {
  payloadFormatIndicator: 'number',
  messageExpiryInterval: 'number',
  contentType: 'text',
  responseTopic: 'text',
  correlationData: 'binary',
  subscriptionIdentifiers: 'numbers',
  sessionExpiryInterval: 'number',
  assignedClientIdentifier: 'text',
  serverKeepAlive: 'number',
  authenticationMethod: 'text',
  authenticationData: 'binary',
  requestProblemInformation: 'number',
  willDelayInterval: 'number',
  requestResponseInformation: 'number',
  responseInformation: 'text',
  serverReference: 'text',
  reasonString: 'text',
  receiveMaximum: 'number',
  topicAliasMaximum: 'number',
  topicAlias: 'number',
  maximumQos: 'number',
  retainAvailable: 'number',
  userProperties: 'pairs',
  maximumPacketSize: 'number',
  wildcardSubscriptionAvailable: 'number',
  subscriptionIdentifierAvailable: 'number',
  sharedSubscriptionAvailable: 'number',
};

export const PROPERTY_NAMES = Object.keys(PROPERTY_KINDS) as (keyof Properties)[];

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

/** Fields that are `undefined` are left out of the JSON. */
export function plainFact(fact: StoredFact): Plain {
  switch (fact.kind) {
    case 'session': {
      const { clientId, expiryIntervalS, disconnectedAtMs, sentBelow, doubtBelow } = fact.session;
      return { kind: 'session', clientId, expiryIntervalS, disconnectedAtMs, sentBelow, doubtBelow };
    }
    case 'subscription': {
      const { clientId, topicFilter, qos, noLocal, retainAsPublished, retainHandling, identifier } = fact.subscription;
      return {
        kind: 'subscription',
        clientId,
        topicFilter,
        qos,
        noLocal,
        retainAsPublished,
        retainHandling,
        identifier,
      };
    }
    case 'inbound':
      return { kind: 'inbound', clientId: fact.clientId, packetId: fact.packetId };
    case 'will': {
      const { clientId, delayS, dueAtMs, message } = fact.will;
      const { topic, qos, retain } = message;
      const properties = plainProperties(message.properties);
      return {
        kind: 'will',
        clientId,
        delayS,
        dueAtMs,
        topic,
        qos,
        retain,
        properties,
        payload: base64(message.payload),
      };
    }
    case 'entry': {
      const { seq, qos, retain, identifiers, released, message } = fact.entry;
      return { kind: 'entry', queue: fact.queue, seq, qos, retain, identifiers, released, message: message.id };
    }
    case 'retained':
      return { kind: 'retained', message: fact.message.id };
    case 'last-message-id':
      return { kind: 'last-message-id', id: fact.id };
  }
}

export function plainMessage({
  id,
  topic,
  payload,
  qos,
  retain,
  properties,
  publisher,
  acceptedAtMs,
  expiresAtMs,
}: Message): Plain {
  return {
    kind: 'message',
    id,
    topic,
    qos,
    retain,
    publisher,
    acceptedAtMs,
    expiresAtMs,
    properties: plainProperties(properties),
    payload: base64(payload),
  };
}

export function plainProperties(properties: Properties | undefined): Plain | undefined {
  if (properties === undefined) return undefined;
  const plain: Record<string, unknown> = {};
  for (const name of PROPERTY_NAMES) {
    const value = properties[name];
    if (value !== undefined) plain[name] = value instanceof Uint8Array ? base64(value) : value;
  }
  return plain;
}

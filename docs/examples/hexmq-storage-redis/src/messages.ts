// Messages as they are stored: everything but the payload as JSON, which can be read with redis-cli, and the payload as
// it is.
import { UserProperties } from 'hexmq/ports';
import type { ClientId, Message, MessageDraft, MessageId, Properties, QoS, TopicName } from 'hexmq/ports';

/** A message without its payload, in JSON. What is `undefined` is left out. */
export interface Head {
  readonly id?: number;
  readonly topic: string;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly publisher?: string | undefined;
  readonly acceptedAtMs?: number;
  readonly expiresAtMs?: number | undefined;
  readonly properties?: PropertyFields | undefined;
}

/** Correlation Data in base64, User Properties as pairs. */
type PropertyFields = Omit<Properties, 'correlationData' | 'userProperties'> & {
  readonly correlationData?: string;
  readonly userProperties?: readonly (readonly [string, string])[];
};

export const draftHead = ({ topic, qos, retain, properties }: MessageDraft): Head => ({
  topic,
  qos,
  retain,
  properties: properties && propertyFields(properties),
});

export const messageHead = (message: Message): Head => ({
  id: message.id,
  ...draftHead(message),
  publisher: message.publisher,
  acceptedAtMs: message.acceptedAtMs,
  expiresAtMs: message.expiresAtMs,
});

export const draftFrom = ({ topic, qos, retain, properties }: Head, payload: Uint8Array): MessageDraft => ({
  topic: topic as TopicName,
  payload,
  qos,
  retain,
  properties: properties && propertiesFrom(properties),
});

export const messageFrom = (head: Head, payload: Uint8Array): Message => ({
  ...draftFrom(head, payload),
  id: head.id as MessageId,
  publisher: head.publisher as ClientId | undefined,
  acceptedAtMs: head.acceptedAtMs ?? 0,
  expiresAtMs: head.expiresAtMs,
});

function propertyFields({ correlationData, userProperties, ...others }: Properties): PropertyFields {
  return {
    ...others,
    ...(correlationData && { correlationData: Buffer.from(correlationData).toString('base64') }),
    ...(userProperties && { userProperties: [...userProperties] }),
  };
}

function propertiesFrom({ correlationData, userProperties, ...others }: PropertyFields): Properties {
  return {
    ...others,
    ...(correlationData !== undefined && { correlationData: new Uint8Array(Buffer.from(correlationData, 'base64')) }),
    ...(userProperties && { userProperties: UserProperties.of(userProperties) }),
  };
}

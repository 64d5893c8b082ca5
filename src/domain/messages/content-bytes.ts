// How much memory the contents of a message take: its payload, its topic and, in MQTT 5, its properties.
import type { Properties } from '../../protocol/packets.js';
import type { DeliveryOptions } from './delivery-options.js';

interface Content {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly properties: Properties | undefined;
}

/** Memory of a property besides its contents. */
const PROPERTY_BYTES = 32;
/** Memory of a Subscription Identifier, in a list that grew while a route was searched. */
const IDENTIFIER_BYTES = 12;

export const contentBytes = ({ topic, payload, properties }: Content): number =>
  payload.byteLength + topic.length + (properties === undefined ? 0 : propertyBytes(properties));

/** The same for a message on its way to one subscriber, which carries the identifiers of all that it matched. */
export const deliveryBytes = (content: Content, { identifiers }: DeliveryOptions): number =>
  contentBytes(content) + (identifiers === undefined ? 0 : identifiers.length * IDENTIFIER_BYTES);

export function propertyBytes({ contentType, responseTopic, correlationData, userProperties }: Properties): number {
  let bytes = PROPERTY_BYTES;
  if (contentType !== undefined) bytes += PROPERTY_BYTES + contentType.length;
  if (responseTopic !== undefined) bytes += PROPERTY_BYTES + responseTopic.length;
  if (correlationData !== undefined) bytes += PROPERTY_BYTES + correlationData.byteLength;
  if (userProperties !== undefined) bytes += PROPERTY_BYTES + userProperties.bytes.byteLength;
  return bytes;
}

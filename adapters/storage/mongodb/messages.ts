// Messages as documents refer to them, put together again.
import type { ClientId, Message, MessageDraft, TopicName } from 'hexmq/ports';
import type { DraftFields, MessageFields, MessagePlace } from './collections.js';
import type { Documents } from './documents.js';
import { DamagedDocument } from './errors.js';
import { partId } from './message-placement.js';
import { propertiesFrom } from './property-fields.js';

export const EMPTY_PAYLOAD = new Uint8Array(0);

/** The messages of the collection `messages` that the documents refer to, by id, with their parts joined. */
export async function sharedMessages(
  documents: Documents,
  places: readonly MessagePlace<DraftFields>[],
): Promise<ReadonlyMap<string, Message>> {
  const messages = new Map<string, Message>();
  const ids = new Set<string>();
  for (const { shared } of places) if (shared !== undefined) ids.add(shared);
  if (ids.size === 0) return messages;
  for await (const { _id, message, payload, parts } of documents.messages([...ids])) {
    if (message === undefined) throw new DamagedDocument(`the message ${_id} has no header`);
    const pieces = [payload];
    for (let part = 1; part < parts; part++) {
      const further = await documents.message(partId(_id, part));
      if (further === undefined) throw new DamagedDocument(`part ${String(part)} of the message ${_id} is missing`);
      pieces.push(further.payload);
    }
    messages.set(_id, messageFrom(message as MessageFields, pieces.length === 1 ? payload : Buffer.concat(pieces)));
  }
  return messages;
}

/** @param messages what `sharedMessages` returned for the document. */
export function messageOf({ message, shared }: MessagePlace, messages: ReadonlyMap<string, Message>): Message {
  if (message !== undefined) return messageFrom(message, message.payload ?? EMPTY_PAYLOAD);
  const found = shared === undefined ? undefined : messages.get(shared);
  if (found === undefined) throw new DamagedDocument(`the message ${shared ?? ''} is missing`);
  return found;
}

/** The same for a will. Nothing else of it is kept, whatever was stored. */
export function draftOf(place: MessagePlace<DraftFields>, messages: ReadonlyMap<string, Message>): MessageDraft {
  const { topic, payload, qos, retain, properties } = messageOf(place as MessagePlace, messages);
  return { topic, payload, qos, retain, properties };
}

function messageFrom(fields: MessageFields, payload: Uint8Array): Message {
  const { id, topic, qos, retain, properties, publisher, acceptedAtMs, expiresAtMs } = fields;
  return {
    id: id as Message['id'],
    topic: topic as TopicName,
    payload,
    qos,
    retain,
    properties: properties === undefined ? undefined : propertiesFrom(properties),
    publisher: publisher as ClientId | undefined,
    acceptedAtMs,
    expiresAtMs,
  };
}

// What the names that clients give make the broker hold in memory: the text, as often as it is there, and the objects
// around it. Limits of numbers alone would leave the length of names without one.
import type { Properties } from '../protocol/packets.js';
import { contentBytes } from './messages/content-bytes.js';
import type { ClientId, TopicFilter, TopicName } from './identifiers.js';
import { USER_NAME_KEPT_MAX } from './user-name.js';

/** Measured with short names, in bytes: the session, its queue, and its place in the tables. */
const SESSION = 900;
/** With two nodes of the tree. */
const SUBSCRIPTION = 450;
/** With the group, which may have no other member, and its queue. */
const SHARED_SUBSCRIPTION = 1200;
const RETAINED = 600;
const WILL = 650;
/** Of a Packet Identifier that a client has not released; of a stored session, storage may have it in memory, too. */
const INBOUND = 32;
const STORED_INBOUND = 64;

export const inboundBytes = (isStored: boolean): number => (isStored ? STORED_INBOUND : INBOUND);

export const sessionBytes = (clientId: ClientId): number => SESSION + 2 * textBytes(clientId);

/** @param topicFilter as subscribed. */
export const subscriptionBytes = (topicFilter: TopicFilter, isShared: boolean): number =>
  isShared ? SHARED_SUBSCRIPTION + 4 * textBytes(topicFilter) : SUBSCRIPTION + 2 * textBytes(topicFilter);

/** Without the payload, which is in storage. */
export const retainedBytes = (topic: TopicName): number => RETAINED + 2 * textBytes(topic);

export const willBytes = (will: {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly properties: Properties | undefined;
}): number => WILL + textBytes(will.topic) + contentBytes(will);

/** Of a connected client: authorizers may have to decide again. Short ones are part of what its session counts for. */
export const userNameBytes = (userName: string | undefined): number =>
  userName === undefined || userName.length <= USER_NAME_KEPT_MAX ? 0 : 2 * textBytes(userName);

/** One character beyond U+00FF makes V8 hold all of a text in two bytes each. */
export function textBytes(text: string): number {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return 2 * text.length;
  return text.length;
}

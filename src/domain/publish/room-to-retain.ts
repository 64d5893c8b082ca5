// Whether a message can be retained: the limits on the number of topics, on their bytes and on those of the payloads.
import type { Limits } from '../limits.js';
import type { Message } from '../messages/message.js';
import { retainedBytes } from '../name-bytes.js';
import type { DropReason } from '../reasons.js';
import type { RetainedTree } from '../topics/retained-tree.js';

export type RetainedFull = Extract<DropReason, 'retained-full' | 'retained-bytes-full' | 'retained-payloads-full'>;

/** Why the message cannot be retained; a topic that is retained already takes room for what its payload grows. */
export function noRoomToRetain(
  tree: RetainedTree,
  { topic, payload }: Message,
  { maxRetainedMessages, maxRetainedTopicBytes, maxRetainedBytes }: Limits,
): RetainedFull | undefined {
  const { size, bytes, payloadBytes: retained } = tree;
  const isCountFull = size >= maxRetainedMessages;
  const areTopicsFull = bytes + retainedBytes(topic) > maxRetainedTopicBytes;
  const arePayloadsFull = retained + payload.byteLength > maxRetainedBytes;
  if (!isCountFull && !areTopicsFull && !arePayloadsFull) return undefined;
  const present = tree.get(topic);
  if (present === undefined)
    return isCountFull ? 'retained-full' : areTopicsFull ? 'retained-bytes-full' : 'retained-payloads-full';
  const growth = payload.byteLength - present.bytes;
  return growth > 0 && retained + growth > maxRetainedBytes ? 'retained-payloads-full' : undefined;
}

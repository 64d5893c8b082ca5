// The mark of a store that is being filled: one entry in a queue whose name no client and no shared group can have. It
// is written before the first fact and removed when everything has been read back and compared. No broker starts on a
// store that has it, and no transfer reads it as a source.
//
// The mark also carries the last message id: a store knows ids from the messages that it gets, and the message with the
// highest id may be long delivered.
import type { Change, QueueAppend, RestoredFact } from '../../domain/changes.js';
import type { Message } from '../../domain/messages/message.js';
import type { QueueId, Seq, TopicName } from '../../domain/identifiers.js';
import { StorageError } from '../../ports/storage.js';
import type { Storage } from '../../ports/storage.js';

/** The ids of session queues begin with `c:`, those of group queues with `g:`. */
const UNFINISHED = 't:unfinished' as QueueId;

export const isUnfinishedMark = (fact: RestoredFact): boolean => fact.kind === 'queue' && fact.queue === UNFINISHED;

/** @throws StorageError `corrupt` if the fact is the mark of an unfinished store. */
export function refuseUnfinished(fact: RestoredFact): void {
  if (isUnfinishedMark(fact)) throw unfinished();
}

/** The same check before anything is loaded. @throws StorageError `corrupt` */
export async function refuseUnfinishedStore(storage: Pick<Storage, 'readQueue'>): Promise<void> {
  const [mark] = await storage.readQueue(UNFINISHED, 0 as Seq, { maxEntries: 1, maxBytes: 1 });
  if (mark !== undefined) throw unfinished();
}

const unfinished = (): StorageError =>
  new StorageError(
    'corrupt',
    'the storage is the target of a hexmq migrate or import that was interrupted: ' +
      'run that command again, it starts over',
  );

export function markUnfinished(lastMessageId: Message['id']): QueueAppend {
  const message: Message = {
    id: lastMessageId,
    topic: '$hexmq/unfinished' as TopicName,
    payload: new Uint8Array(0),
    qos: 1,
    retain: false,
    properties: undefined,
    publisher: undefined,
    acceptedAtMs: 0,
    expiresAtMs: undefined,
  };
  return {
    kind: 'queue.append',
    queue: UNFINISHED,
    seq: 0 as Seq,
    message,
    qos: 1,
    retain: false,
    identifiers: undefined,
  };
}

export const markFinished = (): Change => ({ kind: 'queue.drop', queue: UNFINISHED });

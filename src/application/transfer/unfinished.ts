// The mark of a store that is being filled: one entry in a queue whose name no client and no shared group can have. It is there before the first fact
// and goes with the last, when what was written has been read back and compared. A store that bears it is never started, nor read as a source.
//
// The mark also carries the last message id over: a store learns of ids from the messages that it is given, and the message that had the highest may be
// long delivered.
import type { Change, QueueAppend, RestoredFact } from '../../domain/changes.js';
import type { Message } from '../../domain/delivery/message.js';
import type { QueueId, Seq, TopicName } from '../../domain/identifiers.js';
import { StorageError } from '../../ports/storage.js';
import type { Storage } from '../../ports/storage.js';

/** Queues of sessions begin with `c:`, those of groups with `g:`. */
const UNFINISHED = 't:unfinished' as QueueId;

export const isUnfinishedMark = (fact: RestoredFact): boolean => fact.kind === 'queue' && fact.queue === UNFINISHED;

/** @throws StorageError if the fact says that the store was not filled to the end. */
export function refuseUnfinished(fact: RestoredFact): void {
  if (isUnfinishedMark(fact)) throw unfinished();
}

/** For who has to know before anything is loaded. @throws StorageError */
export async function refuseUnfinishedStore(storage: Pick<Storage, 'readQueue'>): Promise<void> {
  const [mark] = await storage.readQueue(UNFINISHED, 0 as Seq, { maxEntries: 1, maxBytes: 1 });
  if (mark !== undefined) throw unfinished();
}

const unfinished = (): StorageError =>
  new StorageError(
    'corrupt',
    'the storage is the target of a hexmq migrate or import that did not come to its end: run that again, it begins anew',
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

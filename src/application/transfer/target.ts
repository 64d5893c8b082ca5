// A store before it is filled: what is in it already, and how that is taken away.
import type { Change } from '../../domain/changes.js';
import { clientOf, sessionQueue } from '../../domain/identifiers.js';
import type { ClientId, QueueId } from '../../domain/identifiers.js';
import type { Storage } from '../../ports/storage.js';
import { isUnfinishedMark } from './unfinished.js';

export interface TargetContent {
  /** It bears the mark: an earlier attempt began to fill it and did not come to the end. */
  readonly isUnfinished: boolean;
  readonly sessions: number;
  readonly queues: number;
  readonly retained: number;
  readonly wills: number;
  readonly isEmpty: boolean;
  /** What takes everything away that is in it. */
  readonly removal: readonly Change[];
}

/** Of a storage that was opened and not loaded yet. Remembers names only. */
export async function surveyTarget(storage: Storage): Promise<TargetContent> {
  const removal: Change[] = [];
  const sessions = new Set<ClientId>();
  const counts = { sessions: 0, queues: 0, retained: 0, wills: 0 };
  let isUnfinished = false;
  for await (const fact of storage.load()) {
    switch (fact.kind) {
      case 'session': {
        const { clientId } = fact.session;
        counts.sessions++;
        sessions.add(clientId);
        removal.push({ kind: 'session.drop', clientId, queue: sessionQueue(clientId) });
        break;
      }
      case 'subscription': {
        // What belongs to a session goes with it.
        const { clientId, topicFilter } = fact.subscription;
        if (!sessions.has(clientId)) removal.push({ kind: 'subscription.drop', clientId, topicFilter });
        break;
      }
      case 'inbound':
        if (!sessions.has(fact.clientId)) removal.push({ kind: 'inbound.drop', clientId: fact.clientId, packetId: fact.packetId });
        break;
      case 'will':
        counts.wills++;
        removal.push({ kind: 'will.drop', clientId: fact.will.clientId });
        break;
      case 'queue':
        if (isUnfinishedMark(fact)) {
          isUnfinished = true;
          break;
        }
        counts.queues++;
        if (!hasSession(fact.queue, sessions)) removal.push({ kind: 'queue.drop', queue: fact.queue });
        break;
      case 'retained':
        counts.retained++;
        removal.push({ kind: 'retained.drop', topic: fact.topic });
        break;
      case 'last-message-id':
        break;
    }
  }
  return { ...counts, isUnfinished, isEmpty: removal.length === 0, removal };
}

function hasSession(queue: QueueId, sessions: ReadonlySet<ClientId>): boolean {
  const clientId = clientOf(queue);
  return clientId !== undefined && sessions.has(clientId);
}

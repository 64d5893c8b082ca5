// The content of a store before it is filled, and the changes that remove it.
import type { Change, RestoredFact } from '../../domain/changes.js';
import { clientOf, sessionQueue } from '../../domain/identifiers.js';
import type { ClientId } from '../../domain/identifiers.js';
import type { Storage } from '../../ports/storage.js';
import { isUnfinishedMark } from './unfinished.js';

export interface TargetContent {
  /** It has the mark: an earlier attempt to fill it was interrupted. */
  readonly isUnfinished: boolean;
  readonly sessions: number;
  readonly queues: number;
  readonly retained: number;
  readonly wills: number;
  readonly isEmpty: boolean;
  /** The changes that remove everything. */
  readonly removal: readonly Change[];
}

/** Surveys a storage that was opened and not loaded yet. Keeps only names in memory. */
export async function surveyTarget(storage: Storage): Promise<TargetContent> {
  const removal: Change[] = [];
  const sessions = new Set<ClientId>();
  const counts = { session: 0, subscription: 0, inbound: 0, will: 0, queue: 0, retained: 0, 'last-message-id': 0 };
  let isUnfinished = false;
  for await (const fact of storage.load()) {
    if (isUnfinishedMark(fact)) {
      isUnfinished = true;
      continue;
    }
    counts[fact.kind]++;
    if (fact.kind === 'session') sessions.add(fact.session.clientId);
    const change = removalOf(fact, sessions);
    if (change !== undefined) removal.push(change);
  }
  return {
    sessions: counts.session,
    queues: counts.queue,
    retained: counts.retained,
    wills: counts.will,
    isUnfinished,
    isEmpty: removal.length === 0,
    removal,
  };
}

/** @returns `undefined` if the fact is removed with its session, or is nothing to remove. */
function removalOf(fact: RestoredFact, sessions: ReadonlySet<ClientId>): Change | undefined {
  switch (fact.kind) {
    case 'session': {
      const { clientId } = fact.session;
      return { kind: 'session.drop', clientId, queue: sessionQueue(clientId) };
    }
    case 'subscription': {
      const { clientId, topicFilter } = fact.subscription;
      return sessions.has(clientId) ? undefined : { kind: 'subscription.drop', clientId, topicFilter };
    }
    case 'inbound':
      return sessions.has(fact.clientId)
        ? undefined
        : { kind: 'inbound.drop', clientId: fact.clientId, packetId: fact.packetId };
    case 'will':
      return { kind: 'will.drop', clientId: fact.will.clientId };
    case 'queue': {
      const clientId = clientOf(fact.queue);
      return clientId !== undefined && sessions.has(clientId) ? undefined : { kind: 'queue.drop', queue: fact.queue };
    }
    case 'retained':
      return { kind: 'retained.drop', topic: fact.topic };
    case 'last-message-id':
      return undefined;
  }
}

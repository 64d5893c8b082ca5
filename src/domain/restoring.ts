// What each fact that the store returns at start means for the core.
import type { RestoredFact } from './changes.js';
import { CLOCK_QUEUE } from './clock-mark.js';
import type { Wills } from './connect/wills.js';
import type { MessageDispatcher } from './publish/message-dispatcher.js';
import type { Sessions } from './session/sessions.js';

interface Restored {
  readonly sessions: Sessions;
  readonly wills: Wills;
  readonly dispatcher: MessageDispatcher;
}

export function restoreFact(fact: RestoredFact, { sessions, wills, dispatcher }: Restored): void {
  switch (fact.kind) {
    case 'session':
      sessions.restore(fact.session);
      return;
    case 'subscription':
      sessions.restoreSubscription(fact.subscription);
      return;
    case 'inbound':
      sessions.get(fact.clientId)?.restoreInbound(fact.packetId);
      return;
    case 'will':
      wills.restore(fact, sessions.get(fact.will.clientId)?.expiryIntervalS ?? 0);
      return;
    case 'queue':
      if (fact.queue !== CLOCK_QUEUE) sessions.restoreQueue(fact);
      return;
    case 'retained':
      dispatcher.restoreRetained(fact);
      return;
    case 'last-message-id':
      dispatcher.restoreLastId(fact.id);
      return;
  }
}

// One fact of a store, in the form that is copied, exported, imported and compared: as `load` yields it, but with the
// entries of queues and the retained messages themselves instead of their bounds and their index.
import type { RestoredFact } from '../../domain/changes.js';
import type { Message } from '../../domain/messages/message.js';
import type { StoredEntry } from '../../domain/inputs.js';
import type { QueueId } from '../../domain/identifiers.js';

export type StoredFact =
  | Extract<RestoredFact, { kind: 'session' | 'subscription' | 'inbound' | 'will' | 'last-message-id' }>
  /** The payload of a released entry is empty, because it is not needed again. */
  | { readonly kind: 'entry'; readonly queue: QueueId; readonly entry: StoredEntry }
  | { readonly kind: 'retained'; readonly message: Message };

export type FactKind = StoredFact['kind'];

/** The message that a fact refers to, if it does. */
export function messageOf(fact: StoredFact): Message | undefined {
  switch (fact.kind) {
    case 'entry':
      return fact.entry.message;
    case 'retained':
      return fact.message;
    case 'session':
    case 'subscription':
    case 'inbound':
    case 'will':
    case 'last-message-id':
      return undefined;
  }
}

// What a store holds, one fact after the other and nothing left out: what `load` gives, with the entries of the queues and the retained messages
// themselves where `load` gives only their bounds and their index. This is what is copied, exported, imported and compared.
import type { RestoredFact } from '../../domain/changes.js';
import type { Message } from '../../domain/delivery/message.js';
import type { StoredEntry } from '../../domain/inputs.js';
import type { QueueId } from '../../domain/identifiers.js';

export type StoredFact =
  | Extract<RestoredFact, { kind: 'session' | 'subscription' | 'inbound' | 'will' | 'last-message-id' }>
  /** The payload of a released entry is empty: nobody needs it again. */
  | { readonly kind: 'entry'; readonly queue: QueueId; readonly entry: StoredEntry }
  | { readonly kind: 'retained'; readonly message: Message };

export type FactKind = StoredFact['kind'];

/** The message that a fact is about, if it is about one. */
export function messageOf(fact: StoredFact): Message | undefined {
  switch (fact.kind) {
    case 'will':
      return fact.will.message;
    case 'entry':
      return fact.entry.message;
    case 'retained':
      return fact.message;
    case 'session':
    case 'subscription':
    case 'inbound':
    case 'last-message-id':
      return undefined;
  }
}

// For each kind of change: what it needs to know of the store, and what it writes.
import type { Change } from 'hexmq/ports';
import type { Clients } from './clients.js';
import type { Counters } from './counters.js';
import type { Writes } from './engine.js';
import { Space, namedKey } from './keys.js';
import type { Needs } from './needs.js';
import type { Queues } from './queues.js';
import * as records from './records/index.js';
import type { RetainedTable } from './retained-table.js';

/** What changes are applied to. */
export interface Tables {
  readonly queues: Queues;
  readonly clients: Clients;
  readonly retained: RetainedTable;
  readonly counters: Counters;
}

interface ChangeRule<Each> {
  needs(change: Each, needs: Needs): void;
  /** @returns a promise if the change is so large that other work must have a turn before it is done. */
  apply(change: Each, tables: Tables, writes: Writes): void | Promise<void>;
}

type ChangeRules = { readonly [Kind in Change['kind']]: ChangeRule<Extract<Change, { readonly kind: Kind }>> };

const RULES: ChangeRules = {
  'queue.append': {
    needs: ({ queue, seq, message }, needs) => {
      needs.reference(message);
      needs.entryToDelete(queue, seq);
    },
    apply: (change, { queues }, writes) => queues.append(change, writes),
  },
  'queue.trim': {
    needs: ({ queue, through }, needs) => needs.entriesToTrim(queue, through),
    apply: ({ queue, through }, { queues }, writes) => queues.trim(queue, through, writes),
  },
  'queue.remove': {
    needs: ({ queue, seq }, needs) => needs.entryToDelete(queue, seq),
    apply: ({ queue, seq }, { queues }, writes) => queues.remove(queue, seq, writes),
  },
  'queue.release': {
    needs: ({ queue, seq }, needs) => needs.entry(queue, seq),
    apply: ({ queue, seq }, { queues }, writes) => queues.release(queue, seq, writes),
  },
  'queue.drop': {
    needs: ({ queue }, needs) => needs.queueToDrop(queue),
    apply: ({ queue }, { queues }, writes) => queues.drop(queue, writes),
  },
  'session.put': {
    needs: ({ session }, needs) => needs.client(session.clientId),
    apply: ({ session }, { clients }, writes) => clients.putSession(session, writes),
  },
  'session.drop': {
    needs: ({ clientId, queue }, needs) => {
      needs.client(clientId);
      needs.queueToDrop(queue);
    },
    apply: ({ clientId, queue }, { clients, queues }, writes) => {
      clients.dropSession(clientId, writes);
      queues.drop(queue, writes);
    },
  },
  'subscription.put': {
    needs: ({ subscription }, needs) => needs.client(subscription.clientId),
    apply: ({ subscription }, { clients }, writes) => clients.putSubscription(subscription, writes),
  },
  'subscription.drop': {
    needs: ({ clientId }, needs) => needs.client(clientId),
    apply: ({ clientId, topicFilter }, { clients }, writes) => clients.dropSubscription(clientId, topicFilter, writes),
  },
  'inbound.put': {
    needs: ({ clientId }, needs) => needs.client(clientId),
    apply: ({ clientId, packetId }, { clients }, writes) => clients.putInbound(clientId, packetId, writes),
  },
  'inbound.drop': {
    needs: ({ clientId }, needs) => needs.client(clientId),
    apply: ({ clientId, packetId }, { clients }, writes) => clients.dropInbound(clientId, packetId, writes),
  },
  'retained.put': {
    needs: ({ message }, needs) => {
      needs.reference(message);
      needs.retained(message.topic);
    },
    apply: ({ message }, { retained }, writes) => retained.put(message, writes),
  },
  'retained.drop': {
    needs: ({ topic }, needs) => needs.retained(topic),
    apply: ({ topic }, { retained }, writes) => retained.drop(topic, writes),
  },
  'will.put': {
    needs: () => undefined,
    apply: ({ will }, _tables, writes) => {
      writes.put(namedKey(Space.will, will.clientId), records.encodeWill(will));
    },
  },
  'will.drop': {
    needs: () => undefined,
    apply: ({ clientId }, _tables, writes) => {
      writes.del(namedKey(Space.will, clientId));
    },
  },
};

export const ruleOf = (change: Change): ChangeRule<Change> => RULES[change.kind];

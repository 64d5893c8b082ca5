// What the killed process commits: batch k follows from k, so that the process that checks the store knows it too.
import type { Change } from '../../ports/index.js';
import { appendOf, messageOf, payloadOf, put, queueOf, release, seq, trim } from '../storage-contract/samples.js';

const KEPT = 40;
const QUEUES = ['a', 'b'] as const;

/** The queues of the batches. */
export const CRASH_QUEUES = QUEUES.map((name) => queueOf(name));
/** The topic of the retained message that each batch replaces: its id tells which batch was the last. */
export const LAST_TOPIC = 'last';

/**
 * Changes that belong together: entries of two queues that share a message, a retained message, records of a client,
 * and removals of what earlier batches stored.
 */
export function batchOf(k: number): Change[] {
  const [a, b] = CRASH_QUEUES as [ReturnType<typeof queueOf>, ReturnType<typeof queueOf>];
  const shared = messageOf(3 * k + 1, { payload: payloadOf(100 + (k % 7) * 1000) });
  const sentBelow = seq(k);
  return [
    put.session('a', k % 2 === 0 ? {} : { disconnectedAtMs: k, sentBelow, doubtBelow: sentBelow }),
    put.subscription('a', `filter/${String(k % 5)}`),
    put.inbound('a', (k % 100) + 1),
    appendOf(a, 2 * k, messageOf(3 * k)),
    appendOf(a, 2 * k + 1, shared),
    appendOf(b, k, shared, { qos: 2 }),
    put.retained(messageOf(3 * k + 2, { topic: LAST_TOPIC })),
    put.will('a', shared),
    trim(a, 2 * k - KEPT),
    release(b, k - 2),
    trim(b, k - KEPT),
  ];
}

/** The batch that stored the retained message with this id. */
export const batchOfLast = (id: number): number => (id - 2) / 3;

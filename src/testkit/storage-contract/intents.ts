// Random changes, as histories contain them. An intent is made concrete when it is known what the store holds: which
// seq comes next, and which entries there are.
import type { Arbitrary } from 'fast-check';
import type { Change, Message, QueueId, Seq } from '../../ports/index.js';
import type { FastCheck } from './fast-check.js';
import type { StorageModel } from './model.js';
import { appendOf, clientId, drop, groupQueueOf, put, queueOf, release, remove, seq, trim } from './samples.js';

export type Intent = (
  model: StorageModel,
  newMessage: (parts: { topic?: string; size: number; isRepeated: boolean }) => Message,
) => Change[];

interface Weighted {
  readonly weight: number;
  readonly arbitrary: Arbitrary<Intent>;
}

const CLIENTS = ['a', 'ab', 'a/b'];
const FILTERS = ['x', 'x/#', '$share/g/x'];
const TOPICS = ['t', 't/u', 'T'];
export const QUEUES: readonly QueueId[] = [...CLIENTS.map(queueOf), groupQueueOf('g', 'x'), groupQueueOf('g', 'x/#')];

export const intentOf = (fc: FastCheck): Arbitrary<Intent> =>
  fc.oneof(...queueIntents(fc), ...sessionIntents(fc), ...messageIntents(fc));

/** The changes of a session, which exists before them. */
const withSession =
  (id: string, ...changes: Change[]): Intent =>
  (model) => [...(model.sessions.has(clientId(id)) ? [] : [put.session(id)]), ...changes];

function queueIntents(fc: FastCheck): Weighted[] {
  const queue = fc.constantFrom(...QUEUES);
  const append = fc
    .record({
      queue,
      size: fc.nat(40),
      gap: fc.constantFrom(0, 0, 0, 1, 300),
      isRepeated: fc.boolean(),
      qos: fc.constantFrom<1 | 2>(1, 2),
    })
    .map(({ queue: q, size: bytes, gap, isRepeated, qos }): Intent => (model, newMessage) => {
      const change = appendOf(q, model.nextSeq(q) + gap, newMessage({ size: bytes, isRepeated }), { qos });
      return q.startsWith('c:') ? withSession(q.slice(2), change)(model, newMessage) : [change];
    });
  /** An entry that is there, or was: chosen by a number, which shrinks well. */
  const entry = (make: (q: QueueId, at: Seq) => Change): Arbitrary<Intent> =>
    fc.tuple(queue, fc.nat(30)).map(([q, choice]): Intent => (model) => {
      const entries = model.queue(q);
      const chosen = entries[choice % (entries.length + 1)]?.seq ?? seq(Math.max(0, model.nextSeq(q) - 1));
      return [make(q, chosen)];
    });
  return [
    { weight: 6, arbitrary: append },
    { weight: 2, arbitrary: entry(trim) },
    { weight: 2, arbitrary: entry(remove) },
    { weight: 2, arbitrary: entry(release) },
    { weight: 1, arbitrary: queue.map((q): Intent => () => [drop.queue(q)]) },
  ];
}

function sessionIntents(fc: FastCheck): Weighted[] {
  const client = fc.constantFrom(...CLIENTS);
  const filter = fc.constantFrom(...FILTERS);
  const packetId = fc.integer({ min: 1, max: 3 });
  const session = fc
    .tuple(client, fc.nat(9))
    .map(([id, n]): Intent => () => [
      put.session(id, { expiryIntervalS: n + 1, disconnectedAtMs: n % 2 === 0 ? undefined : n }),
    ]);
  const subscription = fc
    .tuple(client, filter, fc.constantFrom<0 | 1 | 2>(0, 1, 2))
    .map(([id, text, qos]) => withSession(id, put.subscription(id, text, { qos })));
  return [
    { weight: 1, arbitrary: session },
    { weight: 1, arbitrary: client.map((id): Intent => () => [drop.session(id)]) },
    { weight: 1, arbitrary: subscription },
    { weight: 1, arbitrary: fc.tuple(client, filter).map(([id, text]): Intent => () => [drop.subscription(id, text)]) },
    { weight: 1, arbitrary: fc.tuple(client, packetId).map(([id, n]) => withSession(id, put.inbound(id, n))) },
    { weight: 1, arbitrary: fc.tuple(client, packetId).map(([id, n]): Intent => () => [drop.inbound(id, n)]) },
  ];
}

/** Retained messages and wills. */
function messageIntents(fc: FastCheck): Weighted[] {
  const client = fc.constantFrom(...CLIENTS);
  const topic = fc.constantFrom(...TOPICS);
  const size = fc.integer({ min: 1, max: 40 });
  const retained = fc
    .tuple(topic, size, fc.boolean())
    .map(([name, bytes, isRepeated]): Intent => (_, newMessage) => [
      put.retained(newMessage({ topic: name, size: bytes, isRepeated })),
    ]);
  const will = fc
    .tuple(client, size, fc.nat(3))
    .map(([id, bytes, delayS]): Intent => (_, newMessage) => [
      put.will(id, newMessage({ size: bytes, isRepeated: false }), { delayS }),
    ]);
  return [
    { weight: 1, arbitrary: retained },
    { weight: 1, arbitrary: topic.map((name): Intent => () => [drop.retained(name)]) },
    { weight: 1, arbitrary: will },
    { weight: 1, arbitrary: client.map((id): Intent => () => [drop.will(id)]) },
  ];
}

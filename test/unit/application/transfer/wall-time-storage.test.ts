// A store whose times are off, as people and other stores get to see it.
import { expect, test } from '@jest/globals';
import { MemoryStorage } from '../../../../adapters/storage/memory/index.js';
import { WallTimeStorage } from '../../../../src/application/transfer/wall-time-storage.js';
import { appendOf } from '../../../../src/domain/clock-mark.js';
import type { ClientId, MessageId, QueueId, Seq, TopicName } from '../../../../src/domain/identifiers.js';
import type { Change, Message, RestoredFact } from '../../../../src/ports/index.js';

const AHEAD_MS = 1_000_000;
const clientId = 'a' as ClientId;
const queue = 'c:a' as QueueId;

const message = (id: number, expiresAtMs?: number): Message => ({
  id: id as MessageId,
  topic: 't' as TopicName,
  payload: new Uint8Array(1),
  qos: 1,
  retain: false,
  properties: undefined,
  publisher: undefined,
  acceptedAtMs: 10,
  expiresAtMs,
});

const FACTS: readonly Change[] = [
  {
    kind: 'session.put',
    session: { clientId, expiryIntervalS: 5, disconnectedAtMs: 20, sentBelow: undefined, doubtBelow: undefined },
  },
  { kind: 'will.put', will: { clientId, message: message(1), delayS: 1, dueAtMs: 30 } },
  {
    kind: 'queue.append',
    queue,
    seq: 0 as Seq,
    message: message(2, 40),
    qos: 1,
    retain: false,
    identifiers: undefined,
  },
  { kind: 'retained.put', message: message(3, 50) },
];

async function viewOf(...marks: readonly Change[]): Promise<{ view: WallTimeStorage; facts: RestoredFact[] }> {
  const storage = new MemoryStorage();
  await storage.open();
  await storage.commit([...FACTS, ...marks]);
  const view = await WallTimeStorage.of(storage);
  const facts: RestoredFact[] = [];
  for await (const fact of view.load()) facts.push(fact);
  return { view, facts };
}

const ahead = appendOf({ seq: 3 as Seq, atMs: 5, wallAheadMs: AHEAD_MS }, 4 as MessageId);

test('every time is what the date would have been, and the mark is not among the facts', async () => {
  const { view, facts } = await viewOf(ahead);
  const timesOf = (each: Message): unknown => [each.acceptedAtMs, each.expiresAtMs];
  const [entry] = await view.readQueue(queue, 0 as Seq, { maxEntries: 9, maxBytes: 99 });
  const [retained] = await view.readRetained(['t' as TopicName]);
  const by = <Kind extends RestoredFact['kind']>(kind: Kind): Extract<RestoredFact, { kind: Kind }> =>
    facts.find((fact) => fact.kind === kind) as Extract<RestoredFact, { kind: Kind }>;
  expect(by('session').session.disconnectedAtMs).toBe(20 + AHEAD_MS);
  expect(by('will').will.dueAtMs).toBe(30 + AHEAD_MS);
  expect(by('retained').expiresAtMs).toBe(50 + AHEAD_MS);
  expect(entry && timesOf(entry.message)).toEqual([10 + AHEAD_MS, 40 + AHEAD_MS]);
  expect(retained && timesOf(retained)).toEqual([10 + AHEAD_MS, 50 + AHEAD_MS]);
  expect(facts.flatMap((fact) => (fact.kind === 'queue' ? [fact.queue] : []))).toEqual([queue]);
});

test('without a mark the store is as it is', async () => {
  const { facts } = await viewOf();
  expect(facts.find((fact) => fact.kind === 'session')?.session.disconnectedAtMs).toBe(20);
});

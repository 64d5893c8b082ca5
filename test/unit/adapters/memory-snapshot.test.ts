// A snapshot of a store in memory costs as much as is added while it is open, so that has a limit.
import { expect, test } from '@jest/globals';
import { MemorySnapshot } from '../../../adapters/storage/memory/memory-snapshot.js';
import { MemoryStore } from '../../../adapters/storage/memory/memory-store.js';
import type { RestoredFact, TopicName } from '../../../src/ports/index.js';
import { messageOf, put } from '../../../src/testkit/storage-contract/samples.js';

const BYTES_MAX = 10_000;
const TOPIC = 't' as TopicName;

async function factsIn(snapshot: MemorySnapshot): Promise<RestoredFact[]> {
  const facts: RestoredFact[] = [];
  for await (const fact of snapshot.load()) facts.push(fact);
  return facts;
}

test('a snapshot in memory ends when too much is added, holds nothing then, and another one can be taken', async () => {
  const store = new MemoryStore();
  const retain = (id: number): void => {
    store.apply([put.retained(messageOf(id, { topic: 't', payload: Buffer.alloc(1000) }))]);
  };
  retain(1);
  const snapshot = await MemorySnapshot.take(store, () => undefined, BYTES_MAX);
  retain(2);
  const [before] = await snapshot.readRetained([TOPIC]);
  expect(before?.id).toBe(1);
  for (let id = 3; id < 20; id++) retain(id);
  await expect(factsIn(snapshot)).rejects.toThrow('more was stored while the snapshot was read');
  await expect(snapshot.readRetained([TOPIC])).rejects.toMatchObject({ kind: 'unavailable' });
  await snapshot.close();
  const next = await MemorySnapshot.take(store, () => undefined, BYTES_MAX);
  const [now] = await next.readRetained([TOPIC]);
  expect(now?.id).toBe(19);
});

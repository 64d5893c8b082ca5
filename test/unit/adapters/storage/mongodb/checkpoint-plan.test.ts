// The plan of the writes for several batches: a partial execution followed by a complete one must give the same result.
import { expect, test } from '@jest/globals';
import type { QueueId, Seq } from 'hexmq/ports';
import { CheckpointPlan } from '../../../../../adapters/storage/mongodb/checkpoint-plan.js';

test('an entry that replaces a released one is not released, however often the plan is carried out', () => {
  const plan = new CheckpointPlan();
  const [queue, seq] = ['c:a' as QueueId, 0 as Seq];
  const fields = { id: 1, topic: 't', qos: 2, retain: false, acceptedAtMs: 0 } as const;
  plan.add(7, [
    { kind: 'queue.release', queue, seq },
    { kind: 'queue.drop', queue },
    {
      kind: 'queue.append',
      queue,
      seq,
      message: { fields, payload: new Uint8Array(3), index: 0, uses: 1 },
      qos: 2,
      retain: false,
    },
  ]);
  expect([...plan.releases]).toEqual([]);
  expect([...plan.puts.queues.values()]).toEqual([expect.objectContaining({ released: false, bytes: 3 })]);
});

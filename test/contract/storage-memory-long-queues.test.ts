// Queues of a million messages in memory storage stay fast, whatever is removed from them.
import { describe, expect, test } from '@jest/globals';
import type { Seq } from 'hexmq/ports';
import { MemoryStorage } from '../../adapters/storage/memory/index.js';
import { append, entriesOf, messageOf, queue } from './changes.js';

describe('long queues in memory', () => {
  /**
   * Generous enough for a busy machine; anything that moves the rest of the queue for each entry would take minutes.
   */
  const PATIENCE_MS = 60_000;
  const LENGTH = 1_000_000;
  const message = messageOf(1, new Uint8Array(8), 't');

  async function longQueue(): Promise<MemoryStorage> {
    const storage = new MemoryStorage();
    await storage.open();
    const batch = 10_000;
    for (let from = 0; from < LENGTH; from += batch)
      await storage.commit(Array.from({ length: batch }, (_, i) => append('a', from + i, message)));
    return storage;
  }

  test(
    'a million entries are read by pages from any place, and trimmed one by one',
    async () => {
      const storage = await longQueue();
      for (let from = 0; from < LENGTH; from += 50_000) {
        const page = await storage.readQueue(queue('a'), from as Seq, { maxEntries: 2, maxBytes: 100 });
        expect(page.map(({ seq }) => seq)).toEqual([from, from + 1]);
      }
      for (let through = 0; through < LENGTH - 1; through++) {
        await storage.commit([{ kind: 'queue.trim', queue: queue('a'), through: through as Seq }]);
      }
      expect((await entriesOf(storage, 'a')).map(({ seq }) => seq)).toEqual([LENGTH - 1]);
    },
    PATIENCE_MS,
  );

  test(
    'entries are removed from all over a million, and entries sent again below it find their place',
    async () => {
      const storage = await longQueue();
      const kept: number[] = [];
      for (let i = 0; i < LENGTH; i++) {
        const seq = (i * 7919) % LENGTH;
        if (seq % 100_000 === 1) kept.push(seq);
        else if (i % 4 !== 0 || seq < 200_000)
          await storage.commit([{ kind: 'queue.remove', queue: queue('a'), seq: seq as Seq }]);
      }
      await storage.commit(Array.from({ length: 5000 }, (_, i) => append('a', i + 2, message)));
      const page = await storage.readQueue(queue('a'), 0 as Seq, { maxEntries: 5002, maxBytes: 1e9 });
      expect(page.map(({ seq }) => seq)).toEqual([1, ...Array.from({ length: 5000 }, (_, i) => i + 2), 100_001]);
      expect(kept).toHaveLength(10);
    },
    PATIENCE_MS,
  );
});

// What file storage remembers of entries is bounded over all queues, and what it forgets changes no result.
import { afterAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Change, Seq } from 'hexmq/ports';
import { BatchWriter } from '../../../../../adapters/storage/file/batch-writer.js';
import { engineOf } from '../../../../../adapters/storage/file/index.js';
import { readPage } from '../../../../../adapters/storage/file/pages.js';
import { ALL, append, messageOf, queue, remove, trim } from '../../../../contract/changes.js';

const ROOM = mkdtempSync(join(tmpdir(), 'hexmq-known-entries-'));
let stores = 0;

afterAll(() => {
  rmSync(ROOM, { recursive: true, force: true });
});

const BYTES_MAX = 64 * 1024;

async function withWriter(work: (writer: BatchWriter, seqsOf: (id: string) => Promise<number[]>) => Promise<void>) {
  const db = engineOf(join(ROOM, String(++stores)));
  await db.open();
  const writer = new BatchWriter(db, BYTES_MAX);
  await writer.load();
  await work(writer, async (id) => (await readPage(db, writer.queues, queue(id), 0 as Seq, ALL)).map(({ seq }) => seq));
  await db.close();
}

const idsOf = (count: number): string[] => Array.from({ length: count }, (_, i) => `client ${String(i)}`);
const fanOut = (ids: readonly string[], seq: number): Change[] => {
  const message = messageOf(seq);
  return ids.map((id) => append(id, seq, message));
};

describe('what file storage remembers of entries', () => {
  test.each([
    ['many queues, all of them used in each batch', 200, 50],
    ['more queues than fit with one entry each', 2000, 3],
    ['one queue', 1, 5000],
  ])('stays below one bound with %s', (_, queues, messages) =>
    withWriter(async (writer, seqsOf) => {
      const ids = idsOf(queues);
      for (let seq = 0; seq < messages; seq++) {
        await writer.commit(fanOut(ids, seq), false);
        expect(writer.queues.known.bytes).toBeLessThanOrEqual(BYTES_MAX);
      }
      const last = ids.at(-1) as string;
      expect(await seqsOf(ids[0] as string)).toHaveLength(messages);
      expect(await seqsOf(last)).toHaveLength(messages);
    }),
  );

  test('stays below it while pages are read and nothing is committed', () =>
    withWriter(async (writer, seqsOf) => {
      const ids = idsOf(100);
      for (let seq = 0; seq < 50; seq++) await writer.commit(fanOut(ids, seq), false);
      for (const id of ids) expect(await seqsOf(id)).toHaveLength(50);
      expect(writer.queues.known.bytes).toBeLessThanOrEqual(2 * BYTES_MAX);
      await writer.commit([append('other', 0, messageOf(1))], false);
      expect(writer.queues.known.bytes).toBeLessThanOrEqual(BYTES_MAX);
    }));

  test('is nothing when every entry is gone, and what was forgotten is removed all the same', () =>
    withWriter(async (writer, seqsOf) => {
      const ids = idsOf(200);
      for (let seq = 0; seq < 20; seq++) await writer.commit(fanOut(ids, seq), false);
      await writer.commit(
        ids.flatMap((id) => [remove(id, 5), { kind: 'queue.release', queue: queue(id), seq: 6 as Seq }, trim(id, 3)]),
        false,
      );
      for (const id of [ids[0], ids[120], ids[199]] as string[])
        expect(await seqsOf(id)).toEqual([4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
      await writer.commit(
        ids.map((id) => trim(id, 19)),
        false,
      );
      expect(await seqsOf(ids[0] as string)).toEqual([]);
      expect(writer.queues.known.bytes).toBe(0);
      await writer.load();
      expect(writer.queues.known.bytes).toBe(0);
    }));

  test('keeps what was used last', () =>
    withWriter(async (writer) => {
      const [recent = '', ...others] = idsOf(1001);
      for (let round = 0; round < 50; round++) {
        await writer.commit(fanOut(others.slice(20 * round, 20 * (round + 1)), 0), false);
        await writer.commit([append(recent, round, messageOf(round))], false);
      }
      expect(writer.queues.slots.get(queue(others[0] as string)).known.size).toBe(0);
      expect(writer.queues.slots.get(queue(recent)).known.size).toBe(50);
    }));
});

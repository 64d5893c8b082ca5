// A queue of memory storage against a sorted list: across the borders of its chunks, at both ends, with gaps, and with
// entries that are sent again.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Seq, StoredEntry } from 'hexmq/ports';
import { StoredQueue } from '../../../../../adapters/storage/memory/stored-queue.js';
import { messageOf } from '../../../../contract/changes.js';

const ALL = { maxEntries: Infinity, maxBytes: Infinity };
const entry = (seq: number): StoredEntry => ({
  seq: seq as Seq,
  message: messageOf(seq, new Uint8Array(seq % 7)),
  qos: 1,
  retain: false,
  identifiers: undefined,
  released: false,
});

/** Runs of seqs, so that histories reach across several chunks in few operations. */
const operation = fc.record({
  kind: fc.constantFrom('append', 'append', 'put', 'remove', 'trim', 'release'),
  at: fc.nat(200),
  count: fc.integer({ min: 1, max: 70 }),
});

describe('a queue of memory storage', () => {
  test('a queue of memory storage holds the same entries as a sorted list after every operation', () => {
    const property = fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
      const queue = new StoredQueue();
      const model = new Map<number, StoredEntry>();
      let next = 100;
      for (const { kind, at, count } of operations) {
        for (let i = 0; i < count; i++) {
          const seq = (kind === 'append' ? next++ : at + i) as Seq;
          if (kind === 'append' || (kind === 'put' && seq < next)) {
            queue.put(entry(seq));
            model.set(seq, entry(seq));
          } else if (kind === 'remove') {
            queue.remove(seq);
            model.delete(seq);
          } else if (kind === 'release') {
            queue.release(seq);
            const found = model.get(seq);
            if (found !== undefined) model.set(seq, { ...found, released: true });
          } else if (kind === 'trim' && i === 0) {
            queue.trim(seq);
            for (const each of model.keys()) if (each <= seq) model.delete(each);
          }
        }
        const sorted = [...model.values()].sort((one, other) => one.seq - other.seq);
        const read = queue.page((at - 3) as Seq, ALL);
        const shown = (entries: readonly StoredEntry[]) => entries.map(({ seq, released }) => [seq, released]);
        expect(shown(read)).toEqual(shown(sorted.filter(({ seq }) => seq >= at - 3)));
        expect(queue.count).toBe(sorted.length);
        const unreleased = sorted.filter(({ released }) => !released);
        expect(queue.bytes).toBe(unreleased.reduce((sum, { message }) => sum + message.payload.byteLength, 0));
        if (sorted.length === 0) continue;
        expect([queue.first, queue.next]).toEqual([sorted[0]?.seq, (sorted.at(-1) as StoredEntry).seq + 1]);
      }
    });
    fc.assert(property, { numRuns: 300 });
  });
});

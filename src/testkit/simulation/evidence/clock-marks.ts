// The mark of the clocks that the broker keeps on the disk: the only entry of a queue of its own
// (docs/decisions/0028). It is no message, so no other part of the evidence sees it.
import type { Change } from '../../../ports/index.js';

const CLOCK_QUEUE = 't:clock';

export const isClockQueue = (queue: string): boolean => queue === CLOCK_QUEUE;

export const withoutMarks = (batch: readonly Change[]): readonly Change[] =>
  batch.filter((change) => !('queue' in change) || !isClockQueue(change.queue));

/** How far the date is ahead of the time of the broker after the batch; `undefined` if it has no mark. */
export function clockAheadIn(batch: readonly Change[]): number | undefined {
  let aheadMs: number | undefined;
  for (const change of batch) {
    if (change.kind !== 'queue.append' || !isClockQueue(change.queue)) continue;
    const [first] = change.message.properties?.userProperties ?? [];
    aheadMs = Number(first?.[1]);
  }
  return aheadMs;
}

// What is known in memory of one queue: its header, and the size and body of those entries that were used recently.
import type { QueueId } from 'hexmq/ports';

/**
 * Steps to the next known entry after one is removed. A bound that falls short of it is corrected by the next removal.
 */
const BOUND_STEPS_MAX = 1024;

/** An entry: the bytes of its payload, or an object where there is more to say. */
export type EntryInfo = number | { readonly bytes: number; readonly body: number; readonly isReleased: boolean };

export const bytesOf = (entry: EntryInfo): number => (typeof entry === 'number' ? entry : entry.bytes);
export const bodyOf = (entry: EntryInfo): number => (typeof entry === 'number' ? 0 : entry.body);
export const isReleased = (entry: EntryInfo): boolean => typeof entry !== 'number' && entry.isReleased;

export interface QueueSlot {
  readonly id: QueueId;
  /** 0 while the queue has no record. */
  number: number;
  /** No entry is below `head`, and none at or above `tail`. */
  head: number;
  tail: number;
  count: number;
  /** Of the payloads that are not released. */
  bytes: number;
  /**
   * The last commit that removed or replaced an entry, or the one after which this was fetched: older reads say nothing
   * about it.
   */
  changedIn: number;
  /** All entries or some of them. While there are fewer than `count`, one that is missing here may be in the store. */
  known: Map<number, EntryInfo>;
}

/** Shared by the queues of which no entry is known, which can be many; never written to. */
export const NOTHING_KNOWN = new Map<number, EntryInfo>();

/** The known entries up to and including `through`. */
export function knownThrough({ known, head, tail }: QueueSlot, through: number): number[] {
  const last = Math.min(through, tail - 1);
  if (last - head >= known.size) return [...known.keys()].filter((seq) => seq <= last);
  const seqs: number[] = [];
  for (let seq = head; seq <= last; seq++) if (known.has(seq)) seqs.push(seq);
  return seqs;
}

/** The seqs up to and including `through` that may have an entry and are not known; no more than `countMax` and one. */
export function unknownThrough({ known, head }: QueueSlot, through: number, countMax: number): number[] {
  const seqs: number[] = [];
  for (let seq = head; seq <= through && seqs.length <= countMax; seq++) if (!known.has(seq)) seqs.push(seq);
  return seqs;
}

/** Moves the bounds over seqs that certainly have no entry. */
export function tightenBounds(slot: QueueSlot): void {
  if (slot.count === 0) {
    slot.head = slot.tail;
    return;
  }
  if (slot.known.size < slot.count) return;
  for (let steps = 0; steps < BOUND_STEPS_MAX && !slot.known.has(slot.head); steps++) slot.head++;
  for (let steps = 0; steps < BOUND_STEPS_MAX && !slot.known.has(slot.tail - 1); steps++) slot.tail--;
}

export function forgetHalf(known: Map<number, EntryInfo>): void {
  let left = known.size / 2;
  for (const seq of known.keys()) {
    if (left-- <= 0) return;
    known.delete(seq);
  }
}

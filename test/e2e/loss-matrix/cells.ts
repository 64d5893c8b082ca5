// The cells of the matrix and their promises. A cell is a storage, a level of acknowledgement, and an event that
// happens in the middle of traffic.
import type { Counts } from './tally.js';
import { QOS, READERS } from './tally.js';

export const STORAGES = ['memory', 'file', 'mongodb'] as const;
export const ACK_LEVELS = ['received', 'stored', 'flushed'] as const;
export const EVENTS = ['broker-killed', 'server-killed', 'stopped'] as const;

export interface Cell {
  readonly storage: (typeof STORAGES)[number];
  readonly ackLevel: (typeof ACK_LEVELS)[number];
  readonly event: (typeof EVENTS)[number];
}

export const cellName = ({ storage, ackLevel, event }: Cell): string => `${storage}/${ackLevel}/${event}`;

/** A server can be killed only where the storage has one. */
export const CELLS: readonly Cell[] = STORAGES.flatMap((storage) =>
  ACK_LEVELS.flatMap((ackLevel) =>
    EVENTS.filter((event) => event !== 'server-killed' || storage === 'mongodb').map((event) => ({
      storage,
      ackLevel,
      event,
    })),
  ),
);

/**
 * Whether the cell promises that no acknowledged message is lost and no QoS 2 message arrives twice. Other cells
 * promise nothing.
 */
export const promises = ({ storage, ackLevel }: Cell): boolean => storage !== 'memory' && ackLevel !== 'received';

/** The promises that the cell has broken, each as a sentence. */
export function brokenPromises(cell: Cell, { lost, twice }: Counts, faults: readonly string[]): string[] {
  if (!promises(cell)) return [];
  const broken = [...faults];
  for (const reader of READERS) {
    for (const qos of QOS)
      if (lost[reader][qos] > 0)
        broken.push(
          `${lost[reader][qos]} acknowledged messages at QoS ${qos} were lost to the subscriber that was ${reader}`,
        );
    if (twice[reader][2] > 0)
      broken.push(`${twice[reader][2]} messages at QoS 2 arrived twice at the subscriber that was ${reader}`);
  }
  return broken.map((problem) => `${cellName(cell)}: ${problem}`);
}

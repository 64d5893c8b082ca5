// The text of a backup: a snapshot in the export format, with pauses in which the broker serves its clients.
import type { RestoredFact } from '../../domain/changes.js';
import type { Clock } from '../../ports/clock.js';
import type { StorageReader } from '../../ports/storage.js';
import type { Hash } from './digest.js';
import { exportText } from './export-format.js';
import { readFacts } from './fact-reader.js';
import { WallTimeReader } from './wall-time-storage.js';

/** How long a backup may work before clients are served. */
const WORK_MS_MAX = 5;

/** A piece of the text, and how many facts the text has by then. */
export interface BackupText {
  readonly text: string;
  readonly facts: number;
}

export async function* backupText(snapshot: StorageReader, hash: Hash, clock: Clock): AsyncGenerator<BackupText> {
  const pauses = new Pauses(clock);
  const reader: StorageReader = {
    load: () => pauses.within<RestoredFact>(snapshot.load()),
    readQueue: (queue, from, limit) => snapshot.readQueue(queue, from, limit),
    readRetained: (topics) => snapshot.readRetained(topics),
  };
  const facts = pauses.within(readFacts(await WallTimeReader.over(reader)));
  for await (const { text, digest } of exportText(facts, hash, clock.wallMs())) {
    yield { text, facts: digest.facts };
    pauses.begin();
  }
}

/** Whether the work is for facts that are written or only remembered, it stops for a moment when it has taken long. */
class Pauses {
  #sinceMs: number;

  constructor(readonly clock: Clock) {
    this.#sinceMs = clock.nowMs();
  }

  begin(): void {
    this.#sinceMs = this.clock.nowMs();
  }

  async *within<Item>(items: AsyncIterable<Item>): AsyncGenerator<Item> {
    for await (const item of items) {
      yield item;
      if (this.clock.nowMs() - this.#sinceMs < WORK_MS_MAX) continue;
      await new Promise<void>((resolve) => this.clock.at(this.clock.nowMs() + 1, resolve));
      this.begin();
    }
  }
}

// When each queue and topic was last changed, as a number of the journal: a read waits until the journal has been
// applied up to there.
import type { Change, QueueId, TopicName } from 'hexmq/ports';

/** With more names than this, those whose changes have been applied are forgotten. */
const NAMES_MAX = 50_000;

export const queueName = (queue: QueueId): string => `q${queue}`;
export const topicName = (topic: TopicName): string => `t${topic}`;

export class ChangedNames {
  readonly #changedIn = new Map<string, number>();

  /** @param checkpoint the number up to which the journal has been applied. */
  add(names: ReadonlySet<string>, number: number, checkpoint: number): void {
    if (this.#changedIn.size > NAMES_MAX)
      for (const [name, changedIn] of this.#changedIn) if (changedIn <= checkpoint) this.#changedIn.delete(name);
    for (const name of names) this.#changedIn.set(name, number);
  }

  /** @returns the number of the last change to any of the names, or 0 if there is none to wait for. */
  lastChange(names: readonly string[]): number {
    return names.reduce((latest, name) => Math.max(latest, this.#changedIn.get(name) ?? 0), 0);
  }
}

/** The queues and topics that a batch changes. */
export function namesChangedBy(batch: readonly Change[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const change of batch) {
    if ('queue' in change) names.add(queueName(change.queue));
    else if (change.kind === 'retained.put') names.add(topicName(change.message.topic));
    else if (change.kind === 'retained.drop') names.add(topicName(change.topic));
  }
  return names;
}

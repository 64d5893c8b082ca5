// Drops what waits for a client, in slices: a queue may have a million messages. It ends with those that waited when
// the command came, or with the session.
import type { Context } from '../context.js';
import type { Session } from '../session/session.js';
import type { Task } from '../work-queue.js';

export class PurgeTask implements Task {
  readonly #below: number;
  #dropped = 0;

  constructor(
    readonly context: Context,
    readonly session: Session,
    readonly done: (dropped: number) => void,
  ) {
    this.#below = session.outboundIfAny?.queue.next ?? 0;
  }

  run(): boolean {
    const { context, session } = this;
    const queue = session.isOver ? undefined : session.outboundIfAny?.queue;
    while (queue?.dropOldest('purged', this.#below) === true) {
      this.#dropped++;
      if (--context.sliceLeft <= 0) return false;
    }
    this.done(this.#dropped);
    return true;
  }
}

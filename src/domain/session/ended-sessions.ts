// Sessions that have ended and still have subscriptions. A session may have so many that they are removed in later
// steps, in slices; until then whatever finds one of them has to skip it, because its session is over.
import type { Context } from '../context.js';
import { Fifo } from '../queues/fifo.js';
import type { Router } from '../routing/router.js';
import { filterCost } from '../topics/topic-filter.js';
import type { Task } from '../work-queue.js';
import type { Session } from './session.js';

export class EndedSessions implements Task {
  readonly #sessions = new Fifo<Session>();

  constructor(
    readonly context: Context,
    readonly router: Router,
  ) {}

  /** Removes the subscriptions of the session, at once if they are few. */
  add(session: Session): void {
    if (session.subscriptions === undefined) return;
    this.#sessions.push(session);
    if (this.#sessions.length > 1) this.router.forgetRoutes();
    else if (!this.run()) {
      this.router.forgetRoutes();
      this.context.work.add(this);
    }
  }

  run(): boolean {
    const { context } = this;
    for (let session = this.#sessions.peek(); session !== undefined; session = this.#sessions.peek()) {
      for (const topicFilter of session.subscriptions?.keys() ?? []) {
        if (context.sliceLeft <= 0) return false;
        const subscription = session.takeSubscription(topicFilter);
        if (subscription === undefined) continue;
        context.sliceLeft -= filterCost(topicFilter) + (subscription.group?.publishCost ?? 0);
        this.router.remove(subscription);
      }
      this.#sessions.shift();
    }
    return true;
  }
}

// A question about a client, as long as somebody waits for its answer. Most are answered at once, where nobody looks at a signal: it is made for those
// who do, because a hundred thousand clients that come at one time would leave as many behind for the garbage collector.
import type { RequestContext } from '../ports/auth.js';

export class PendingRequest implements RequestContext {
  #isAbandoned = false;
  #controller: AbortController | undefined;

  /** Whether nobody waits for the answer any more. */
  get isCancelled(): boolean {
    return this.#isAbandoned;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isAbandoned) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  cancel(): void {
    this.#isAbandoned = true;
    this.#controller?.abort();
  }
}

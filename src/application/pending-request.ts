// A request to an authenticator whose answer is still needed, and its cancellation. The `AbortSignal` is created only
// for an adapter that reads it: most adapters answer synchronously, and a hundred thousand clients that connect at once
// would otherwise leave as many signals for the garbage collector.
import type { RequestContext } from '../ports/auth.js';

export class PendingRequest implements RequestContext {
  #isCancelled = false;
  #controller: AbortController | undefined;

  /** Whether the answer is no longer needed. */
  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isCancelled) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#controller?.abort();
  }
}

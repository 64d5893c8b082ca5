// A listener of a plugin under the name that the configuration gives it: limits, authentication and events refer to
// that.
import type { ConnectionHandler, Listener } from '../../ports/index.js';

export class NamedListener implements Listener {
  readonly reload?: () => Promise<void>;
  readonly problems?: () => Promise<readonly string[]>;
  readonly warnings?: () => readonly string[];
  readonly #inner: Listener;

  constructor(
    readonly name: string,
    inner: Listener,
  ) {
    this.#inner = inner;
    // Only what it has: each of them means something by being there.
    if (inner.reload !== undefined) this.reload = inner.reload.bind(inner);
    if (inner.problems !== undefined) this.problems = inner.problems.bind(inner);
    if (inner.warnings !== undefined) this.warnings = inner.warnings.bind(inner);
  }

  listen(onConnection: ConnectionHandler): Promise<string> {
    return this.#inner.listen(onConnection);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

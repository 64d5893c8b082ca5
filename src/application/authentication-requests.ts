// The CONNECTs whose answer is awaited from authenticators and authorizers. Nothing more is read from such a
// connection, and a request is cancelled when its connection ends.
import type { AuthenticationRequest } from '../domain/effects.js';
import type { ConnectionId } from '../domain/identifiers.js';
import type { Admission } from './admission.js';
import type { EventLoop } from './event-loop.js';
import type { Link } from './link.js';
import { PendingRequest } from './pending-request.js';
import type { Reauthorization } from './reauthorization.js';

export interface AuthenticationRequestsParts {
  readonly admission: Admission;
  readonly reauthorization: Reauthorization;
  readonly loop: EventLoop;
}

export class AuthenticationRequests {
  readonly #parts: AuthenticationRequestsParts;
  readonly #pending = new Map<ConnectionId, PendingRequest>();

  constructor(parts: AuthenticationRequestsParts) {
    this.#parts = parts;
  }

  /** Answers with an `authenticated` input, unless the request is cancelled before. */
  authenticate({ id, input }: Link, request: AuthenticationRequest): void {
    const { admission, reauthorization, loop } = this.#parts;
    const { revision } = reauthorization;
    const pending = new PendingRequest();
    this.#pending.set(id, pending);
    input.park('authentication');
    admission.admit(
      request,
      (result, asked) => {
        loop.submit(() => {
          if (pending.isCancelled) return;
          this.#pending.delete(id);
          if (asked !== undefined) reauthorization.track(id, asked, revision);
          loop.step({ kind: 'authenticated', connection: id, result });
          input.unpark('authentication');
        });
      },
      pending,
    );
  }

  cancel(id: ConnectionId): void {
    this.#pending.get(id)?.cancel();
    this.#pending.delete(id);
  }
}

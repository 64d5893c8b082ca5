// Renewal of permissions: asks the authorizers again about every connected client when an authorizer's rules change.
// It starts a bounded number of requests per turn and waits for a bounded number of answers, so that the traffic of a
// hundred thousand clients continues meanwhile. Changes in quick succession are merged. A client for which there is no
// answer keeps the permissions it has.
import type { Permissions } from '../domain/access/permissions.js';
import type { ConnectionId } from '../domain/identifiers.js';
import type { AuthorizationRequest } from '../ports/auth.js';
import type { Clock, Timer } from '../ports/clock.js';
import type { LifecycleEvent } from '../ports/telemetry.js';
import type { Authorization, AuthorizationOutcome } from './authorization.js';
import { PendingRequest } from './pending-request.js';
import type { Settings } from '../domain/settings.js';

const REQUESTS_PER_TURN = 200;
const CONCURRENT_REQUESTS_MAX = 100;

export interface ReauthorizationParts {
  readonly authorization: Authorization;
  readonly clock: Clock;
  /** Read for every request: `authTimeoutMs` of the client's listener limits the wait for an answer. */
  readonly settings: Settings;
  readonly atEndOfTurn: (callback: () => void) => void;
  readonly applyPermissions: (connection: ConnectionId, permissions: Permissions) => void;
  readonly emit: (event: LifecycleEvent) => void;
}

interface TrackedClient {
  readonly request: AuthorizationRequest;
  /** The number of the latest request. Answers to earlier ones are ignored. */
  latestRequest: number;
}

interface Renewal {
  readonly connection: ConnectionId;
  /** The answer no longer matters. */
  readonly giveUp: () => void;
}

export class Reauthorization {
  readonly #parts: ReauthorizationParts;
  /** One entry for each established connection. */
  readonly #tracked = new Map<ConnectionId, TrackedClient>();
  /** Connections whose permissions have still to be requested. */
  readonly #due = new Set<ConnectionId>();
  #revision = 0;
  /** At most `CONCURRENT_REQUESTS_MAX`. */
  readonly #awaited = new Set<Renewal>();
  #isScheduled = false;
  /** Results since `#due` was last empty. */
  #results = { clients: 0, failed: 0 };
  readonly #turn = (): void => {
    this.#isScheduled = false;
    this.#startRequests();
  };

  constructor(parts: ReauthorizationParts) {
    this.#parts = parts;
  }

  /** Increases with every change. An answer to a request of an earlier revision may be out of date. */
  get revision(): number {
    return this.#revision;
  }

  /** @param revision the revision at which the client's permissions were requested. */
  track(connection: ConnectionId, request: AuthorizationRequest, revision: number): void {
    // Without authorizers, permissions never change.
    if (this.#parts.authorization.authorizers.length === 0) return;
    this.#tracked.set(connection, { request, latestRequest: 0 });
    if (revision === this.#revision) return;
    this.#due.add(connection);
    this.#schedule();
  }

  untrack(connection: ConnectionId): void {
    this.#tracked.delete(connection);
    this.#due.delete(connection);
    for (const renewal of this.#awaited) if (renewal.connection === connection) renewal.giveUp();
  }

  /** Requests the permissions of every tracked client; a renewal under way starts over. */
  refreshAll(): void {
    this.#revision++;
    for (const connection of this.#tracked.keys()) this.#due.add(connection);
    this.#schedule();
  }

  stop(): void {
    this.#tracked.clear();
    this.#due.clear();
    this.#results = { clients: 0, failed: 0 };
    for (const { giveUp } of this.#awaited) giveUp();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#due.size === 0) return;
    this.#isScheduled = true;
    this.#parts.atEndOfTurn(this.#turn);
  }

  #startRequests(): void {
    let started = 0;
    for (const connection of this.#due) {
      // The next answer to arrive schedules another turn.
      if (this.#awaited.size >= CONCURRENT_REQUESTS_MAX) return;
      if (++started > REQUESTS_PER_TURN) {
        this.#schedule();
        return;
      }
      this.#due.delete(connection);
      const client = this.#tracked.get(connection);
      if (client !== undefined) this.#request(connection, client);
    }
    this.#reportIfDone();
  }

  #request(connection: ConnectionId, client: TrackedClient): void {
    const { authorization, clock, settings } = this.#parts;
    const number = ++client.latestRequest;
    const pending = new PendingRequest();
    const timeout: { timer: Timer | undefined } = { timer: undefined };
    const settle = (result?: AuthorizationOutcome): void => {
      if (!this.#awaited.delete(renewal)) return;
      if (result !== undefined && this.#tracked.get(connection) === client && client.latestRequest === number)
        this.#apply(connection, client, result);
      // Without a timer the answer was synchronous, and `#startRequests` continues by itself.
      if (timeout.timer === undefined) return;
      timeout.timer.cancel();
      this.#schedule();
      this.#reportIfDone();
    };
    const giveUp = (): void => {
      pending.cancel();
      settle();
    };
    const renewal = { connection, giveUp };
    this.#awaited.add(renewal);
    authorization.authorize(client.request, settle, pending);
    if (!this.#awaited.has(renewal)) return;
    const timeoutMs = settings.forListener(client.request.listener).authTimeoutMs;
    const detail = `no answer within ${timeoutMs} ms`;
    timeout.timer = clock.at(clock.nowMs() + timeoutMs, () => {
      pending.cancel();
      settle({ decision: 'deny', reason: 'authorization-unavailable', detail });
    });
  }

  #apply(connection: ConnectionId, { request }: TrackedClient, result: AuthorizationOutcome): void {
    this.#results.clients++;
    if (result.decision === 'allow') {
      this.#parts.applyPermissions(connection, result.permissions);
      return;
    }
    this.#results.failed++;
    this.#parts.emit({ kind: 'permissions-kept', clientId: request.clientId, detail: result.detail });
  }

  #reportIfDone(): void {
    if (this.#due.size > 0 || this.#awaited.size > 0 || this.#results.clients === 0) return;
    const results = this.#results;
    this.#results = { clients: 0, failed: 0 };
    this.#parts.emit({ kind: 'permissions-renewed', ...results });
  }
}

// Asks anew what those who are connected may do, when an authorizer says that its answers have changed. A few are asked in each turn and few answers
// are waited for at once, so that the traffic of a hundred thousand clients goes on meanwhile; changes that come close together are one. Who gets no
// answer keeps what it may do.
import type { Permissions } from '../domain/access/permissions.js';
import type { ConnectionId } from '../domain/identifiers.js';
import type { AuthorizationRequest } from '../ports/auth.js';
import type { Clock, Timer } from '../ports/clock.js';
import type { LifecycleEvent } from '../ports/telemetry.js';
import type { Authorization, AuthorizationOutcome } from './authorization.js';

const ASKED_IN_A_TURN = 200;
const AWAITED_AT_ONCE = 100;

export interface ReauthorizationParts {
  readonly authorization: Authorization;
  readonly clock: Clock;
  /** How long an answer is waited for. */
  readonly timeoutMs: number;
  readonly atEndOfTurn: (callback: () => void) => void;
  readonly applyPermissions: (connection: ConnectionId, permissions: Permissions) => void;
  readonly emit: (event: LifecycleEvent) => void;
}

interface Admitted {
  readonly request: AuthorizationRequest;
  /** The number of the question asked last: only its answer counts. */
  asks: number;
}

export class Reauthorization {
  readonly #parts: ReauthorizationParts;
  /** As many as there are connections. */
  readonly #admitted = new Map<ConnectionId, Admitted>();
  /** Those still to be asked about. */
  readonly #due = new Set<ConnectionId>();
  #revision = 0;
  #awaited = 0;
  #isScheduled = false;
  /** Since nothing was due last. */
  #told = { clients: 0, failed: 0 };
  readonly #turn = (): void => {
    this.#isScheduled = false;
    this.#work();
  };

  constructor(parts: ReauthorizationParts) {
    this.#parts = parts;
  }

  /** Grows with every change: an answer to a question from before one is not to be relied on. */
  get revision(): number {
    return this.#revision;
  }

  /** `revision`: when it was asked about. */
  track(connection: ConnectionId, request: AuthorizationRequest, revision: number): void {
    // Where nobody is asked, nothing changes.
    if (this.#parts.authorization.authorizers.length === 0) return;
    this.#admitted.set(connection, { request, asks: 0 });
    if (revision === this.#revision) return;
    this.#due.add(connection);
    this.#schedule();
  }

  untrack(connection: ConnectionId): void {
    this.#admitted.delete(connection);
    this.#due.delete(connection);
  }

  /** Everyone is asked about, from the beginning. */
  refreshAll(): void {
    this.#revision++;
    for (const connection of this.#admitted.keys()) this.#due.add(connection);
    this.#schedule();
  }

  stop(): void {
    this.#admitted.clear();
    this.#due.clear();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#due.size === 0) return;
    this.#isScheduled = true;
    this.#parts.atEndOfTurn(this.#turn);
  }

  #work(): void {
    let asked = 0;
    for (const connection of this.#due) {
      // Answers make room: whoever gets one goes on.
      if (this.#awaited >= AWAITED_AT_ONCE) return;
      if (++asked > ASKED_IN_A_TURN) {
        this.#schedule();
        return;
      }
      this.#due.delete(connection);
      const admitted = this.#admitted.get(connection);
      if (admitted !== undefined) this.#ask(connection, admitted);
    }
    this.#tellIfDone();
  }

  #ask(connection: ConnectionId, admitted: Admitted): void {
    const { authorization, clock, timeoutMs } = this.#parts;
    const ask = ++admitted.asks;
    const question: { isOpen: boolean; timer: Timer | undefined } = { isOpen: true, timer: undefined };
    this.#awaited++;
    const settle = (result: AuthorizationOutcome): void => {
      if (!question.isOpen) return;
      question.isOpen = false;
      this.#awaited--;
      if (this.#admitted.get(connection) === admitted && admitted.asks === ask)
        this.#answered(connection, admitted, result);
      // At once: whoever asked goes on.
      if (question.timer === undefined) return;
      question.timer.cancel();
      this.#schedule();
      this.#tellIfDone();
    };
    authorization.authorize(admitted.request, settle);
    if (!question.isOpen) return;
    const detail = `no answer within ${timeoutMs} ms`;
    question.timer = clock.at(clock.nowMs() + timeoutMs, () => {
      settle({ decision: 'deny', reason: 'authorization-unavailable', detail });
    });
  }

  #answered(connection: ConnectionId, { request }: Admitted, result: AuthorizationOutcome): void {
    this.#told.clients++;
    if (result.decision === 'allow') {
      this.#parts.applyPermissions(connection, result.permissions);
      return;
    }
    this.#told.failed++;
    this.#parts.emit({ kind: 'permissions-kept', clientId: request.clientId, detail: result.detail });
  }

  #tellIfDone(): void {
    if (this.#due.size > 0 || this.#awaited > 0 || this.#told.clients === 0) return;
    const told = this.#told;
    this.#told = { clients: 0, failed: 0 };
    this.#parts.emit({ kind: 'permissions-renewed', ...told });
  }
}

// The date of the simulated machine, which is corrected while the broker runs, and tokens, which end at a date. A
// machine that restarts has the date that goes with what the disk knows of it: a correction that was not stored yet is
// undone, because no broker could know of it.
import type { AuthenticatorAnswer, AuthenticationRequest } from '../../ports/index.js';
import type { VirtualClock } from '../virtual-clock.js';
import type { DiskContents } from './evidence/disk-contents.js';
import type { Tokens } from './evidence/tokens.js';

const FAR_AHEAD_MS = 10 * 365 * 86_400_000;

export class Dates {
  /** The lifetime of new tokens; `undefined` for tokens that do not end. */
  #tokenMs: number | undefined;

  constructor(
    readonly clock: VirtualClock,
    readonly disk: DiskContents,
    readonly tokens: Tokens,
    tokenMs: number | undefined,
  ) {
    this.#tokenMs = tokenMs;
  }

  correct(byMs: number): void {
    this.clock.wallAheadMs += byMs;
  }

  restarts(): void {
    this.clock.wallAheadMs = this.disk.clockAheadMs;
  }

  authenticate({ peer }: AuthenticationRequest): AuthenticatorAnswer {
    const allowed = { decision: 'allow', permissions: { kind: 'allow-all' } } as const;
    if (this.#tokenMs === undefined) return allowed;
    const expiresAtMs = this.clock.wallMs() + this.#tokenMs;
    this.tokens.issued(peer.remoteAddress, expiresAtMs);
    return { ...allowed, expiresAtMs };
  }

  /** Ends all tokens at once, for good. @returns whether there were any. */
  endTokens(): boolean {
    if (this.#tokenMs === undefined) return false;
    this.#tokenMs = undefined;
    this.correct(FAR_AHEAD_MS);
    return true;
  }
}

// Credentials: a connection ends when its token is over by the date of the machine, however that is corrected, and not
// before.
import type { BrokerEvent, LifecycleEvent } from '../../../ports/index.js';
import type { Evidence } from '../evidence/evidence.js';
import type { Observations } from '../observations.js';
import type { Fail } from '../violation.js';

/** When nothing else happens, the broker looks at the date from time to time. */
const NOTICED_WITHIN_MS = 1000;

export class Credentials implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  event(event: BrokerEvent | LifecycleEvent): void {
    if (event.kind !== 'connection-ended' && event.kind !== 'connection-refused') return;
    const { tokens, options } = this.evidence;
    const token = tokens.of(event.remoteAddress);
    tokens.connectionEnded(event.remoteAddress);
    if (event.reason === 'credentials-expired' && (token?.expiresAtMs ?? Infinity) > options.wallMs())
      this.fail(`the connection of ${String(event.clientId)} was ended before its token was over`);
  }

  settled(): void {
    const { tokens, options, lifetimes } = this.evidence;
    if (lifetimes.isStopping) return;
    for (const token of tokens.all) {
      if (token.expiresAtMs > options.wallMs()) token.overSinceMs = undefined;
      else if ((token.overSinceMs ??= options.nowMs()) < options.nowMs() - NOTICED_WITHIN_MS)
        this.fail(`the connection ${token.address} goes on although its token is over`);
    }
  }

  crashed(): void {
    this.evidence.tokens.crashed();
  }
}

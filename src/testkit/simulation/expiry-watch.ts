// What is known from outside about when sessions end whose client is away: the time that each was left is seen on its connections, and the disk says
// what a crash leaves of that.
import type { Ledger } from './ledger.js';
import { subscriptionsOf } from './ledger.js';
import type { ConnectionEnd } from './network.js';
import type { Expiry, Subscriber } from './subscribers.js';
import type { Verdict } from './violation.js';

/** What counts of a connection. */
export interface Visit {
  readonly subscriber: Subscriber;
  readonly cameMs: number;
  /** When the session would have ended without it. */
  readonly expiry: Expiry | undefined;
  readonly isAccepted: boolean;
}

export interface ExpiryWatchOptions {
  readonly nowMs: () => number;
  /** How long a session outlives its connection. */
  readonly sessionExpiryMs: number;
  readonly verdict: Verdict;
  readonly ledger: Ledger;
}

export class ExpiryWatch {
  /** When the broker's life began; Infinity while there is none. */
  #aliveMs = Infinity;

  constructor(
    readonly options: ExpiryWatchOptions,
    readonly subscribers: ReadonlyMap<string, Subscriber>,
  ) {}

  /** A CONNECT has come. */
  came(subscriber: Subscriber): void {
    // To the millisecond: whoever comes then finds it over, whether the broker had looked or not.
    if (subscriber.connections++ === 0 && (subscriber.expiry?.latestMs ?? Infinity) <= this.options.nowMs())
      subscriber.expired();
  }

  /** From here on the time of the session counts, unless it has another connection. With the broker's own end it counts from the next start. */
  left({ subscriber, cameMs, isAccepted, expiry }: Visit, how: ConnectionEnd): void {
    if (--subscriber.connections > 0) return;
    subscriber.expiry = undefined;
    if (how === 'died') return;
    const { nowMs, sessionExpiryMs } = this.options;
    const endMs = nowMs() + sessionExpiryMs;
    // One that ended as soon as it came may not have been looked at.
    const mayNotCount = cameMs === nowMs() && !isAccepted;
    subscriber.expiry = {
      earliestMs: Math.min(endMs, mayNotCount ? (expiry?.earliestMs ?? endMs) : endMs),
      latestMs: endMs,
      isDoubtful: false,
    };
    subscriber.endsMs.add(nowMs());
  }

  /** Time has passed: sessions whose time was up have ended. */
  pass(): void {
    const nowMs = this.options.nowMs();
    for (const subscriber of this.subscribers.values()) {
      const { expiry, connections } = subscriber;
      if (expiry === undefined || connections > 0 || subscriber.stored === 'no') continue;
      if (expiry.latestMs < nowMs) subscriber.expired();
      else if (expiry.earliestMs <= nowMs && !expiry.isDoubtful) {
        expiry.isDoubtful = true;
        subscriber.mayHaveEnded();
        subscriber.stored = 'unknown';
      }
    }
  }

  /** The broker has died: what the disk has counts from its next start on. */
  died(): void {
    this.#aliveMs = Infinity;
    for (const subscriber of this.subscribers.values()) {
      subscriber.connections = 0;
      subscriber.expiry = undefined;
    }
  }

  /** What the disk has of sessions when the broker starts: whose connection had not ended by then, its time counts from now. */
  restart(): void {
    const { ledger, nowMs, sessionExpiryMs, verdict } = this.options;
    this.#aliveMs = nowMs();
    if (sessionExpiryMs === Infinity) return;
    for (const subscriber of this.subscribers.values()) {
      const { name, endsMs } = subscriber;
      if (!ledger.sessions.has(name)) {
        if (subscriber.stored === 'unknown') subscriber.expired();
        continue;
      }
      const awayMs = ledger.away.get(name) ?? nowMs();
      if (ledger.away.has(name) && !endsMs.has(awayMs))
        verdict.fail('session expiry', `the disk has it that ${name} was left at ${awayMs}, and it was not`);
      const endMs = awayMs + sessionExpiryMs;
      subscriber.expiry = { earliestMs: endMs, latestMs: endMs, isDoubtful: false };
      if (endMs <= nowMs()) subscriber.expired();
      // Its time was up, and the broker died before the disk knew of it.
      else if (subscriber.stored === 'no') subscriber.restored(subscriptionsOf(ledger, name));
    }
  }

  /** Nothing is left of sessions whose time was up before now. */
  settled(): void {
    const { ledger, nowMs, sessionExpiryMs, verdict } = this.options;
    if (sessionExpiryMs === Infinity) return;
    for (const [name] of ledger.sessions) {
      if ((this.subscribers.get(name)?.connections ?? 0) > 0) continue;
      const endMs = Math.max((ledger.away.get(name) ?? this.#aliveMs) + sessionExpiryMs, this.#aliveMs);
      if (endMs < nowMs()) verdict.fail('session expiry', `the disk still has the session of ${name}`);
    }
  }

  /** The broker says that it has ended the session. */
  told(name: string): void {
    const endMs = this.subscribers.get(name)?.expiry?.earliestMs ?? Infinity;
    if (endMs > this.options.nowMs())
      this.options.verdict.fail('session expiry', `the session of ${name} has expired before its time`);
  }
}

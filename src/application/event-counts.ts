// How often each event came, by its reason: an observer of the broker's own, for metrics.
import type { BrokerEvent } from '../domain/events.js';
import type { LifecycleEvent } from '../ports/telemetry.js';

export class EventCounts {
  connectionsAccepted = 0;
  subscriptionsDenied = 0;
  readonly connectionsRefused = new Map<string, number>();
  readonly connectionsEnded = new Map<string, number>();
  readonly handshakesFailed = new Map<string, number>();
  readonly sessionsEnded = new Map<string, number>();
  /** By operation. */
  readonly storageFailures = new Map<string, number>();

  emit(event: BrokerEvent | LifecycleEvent): void {
    if (event.kind === 'client-connected') this.connectionsAccepted++;
    else if (event.kind === 'subscribe-denied') this.subscriptionsDenied++;
    else if (event.kind === 'connection-refused') count(this.connectionsRefused, event.reason);
    else if (event.kind === 'connection-ended') count(this.connectionsEnded, event.reason);
    else if (event.kind === 'handshake-failed') count(this.handshakesFailed, event.reason);
    else if (event.kind === 'session-ended') count(this.sessionsEnded, event.reason);
    else if (event.kind === 'storage-failing') count(this.storageFailures, event.operation);
  }
}

function count(counts: Map<string, number>, word: string): void {
  counts.set(word, (counts.get(word) ?? 0) + 1);
}

// What the parts of the broker have measured, read together. Each part counts for itself, with plain additions; nothing
// here costs anything until it is read.
import type { Broker } from '../domain/broker.js';
import { PUBLISHER_PACKETS_BYTES_MAX } from '../domain/session/intake.js';
import type { Settings } from '../domain/settings.js';
import type { Clock } from '../ports/clock.js';
import type { AccountReading, Measures } from '../ports/measures.js';
import type { AuthenticationRequests } from './authentication-requests.js';
import { BATCH_BYTES_MAX } from './committer.js';
import type { Committer } from './committer.js';
import type { Egress } from './egress.js';
import type { EventCounts } from './event-counts.js';
import type { EventLoop } from './event-loop.js';
import { PUBLICATIONS_BYTES_MAX } from './ingress.js';
import type { Ingress } from './ingress.js';
import { LINGERING_BYTES_MAX } from './links.js';
import type { Links } from './links.js';

export interface MeasurementsParts {
  readonly core: Broker;
  readonly loop: EventLoop;
  readonly links: Links;
  readonly ingress: Ingress;
  readonly egress: Egress;
  readonly committer: Committer;
  readonly authentication: AuthenticationRequests;
  readonly events: EventCounts;
  readonly settings: Settings;
  readonly clock: Clock;
}

export class Measurements {
  readonly #parts: MeasurementsParts;
  readonly #startMs: number;

  constructor(parts: MeasurementsParts) {
    this.#parts = parts;
    this.#startMs = parts.clock.nowMs();
  }

  read(): Measures {
    const { core, loop, links, ingress, egress, committer, authentication, events, clock } = this.#parts;
    const { turns } = loop;
    return {
      counts: core.query({ kind: 'counts' }),
      uptimeS: (clock.nowMs() - this.#startMs) / 1000,
      openConnections: links.size,
      connectionsByVersion: links.byVersion,
      received: ingress.received.read(),
      sent: egress.sent.read(),
      connectionsAccepted: events.connectionsAccepted,
      connectionsRefused: events.connectionsRefused,
      connectionsEnded: events.connectionsEnded,
      handshakesFailed: events.handshakesFailed,
      sessionsEnded: events.sessionsEnded,
      subscriptionsDenied: events.subscriptionsDenied,
      storageFailures: events.storageFailures,
      authentications: authentication.results,
      authenticationSeconds: authentication.seconds.read(),
      commitSeconds: committer.commitSeconds.read(),
      commitChanges: committer.commitChanges.read(),
      gateSeconds: committer.gateSeconds.read(),
      waitingChanges: committer.waitingChanges,
      commitPendingS: committer.pendingSeconds,
      gatedConnections: egress.gatedCount,
      congestedConnections: egress.congestedCount,
      turns: turns.count,
      turnSeconds: turns.ms / 1000,
      turnsSpent: turns.spent,
      accounts: this.#accounts(),
    };
  }

  /** Named as the limits, where those are settings. */
  #accounts(): AccountReading[] {
    const { core, ingress, committer, links, settings } = this.#parts;
    const { held, waitingBytes, retainedBytes } = core.query({ kind: 'counts' });
    const { current } = settings;
    const account = (name: string, bytes: number, limitBytes?: number): AccountReading => ({
      account: name,
      bytes,
      limitBytes,
    });
    return [
      account('waiting', waitingBytes, current.maxWaitingBytes),
      account('incomplete', ingress.partialBytes, current.maxIncompleteBytes),
      account('unread', ingress.unreadBytes, current.maxUnreadBytes),
      account('sessions', held.sessions, current.maxSessionBytes),
      account('subscriptions', held.subscriptions, current.maxSubscriptionBytes),
      account('retained_topics', held.retainedTopics, current.maxRetainedTopicBytes),
      account('retained_payloads', retainedBytes, current.maxRetainedBytes),
      account('stored_queues', held.storedQueues, current.maxStoredQueueBytes),
      account('queue_buffers', held.queueBuffers),
      account('publisher_packets', held.publisherPackets, PUBLISHER_PACKETS_BYTES_MAX),
      account('publications', held.publications, PUBLICATIONS_BYTES_MAX),
      account('uncommitted', committer.waitingBytes, BATCH_BYTES_MAX),
      account('lingering', links.lingeringBytes, LINGERING_BYTES_MAX),
    ];
  }
}

// The level and the message text of each kind of event, for observers that show events to people: the log and the
// streams of the administration say the same of them. With them, how many lines of a log each kind may take.
import type { BrokerEvent } from '../domain/events.js';
import type { EndReason } from '../domain/reasons.js';
import type { LifecycleEvent } from './telemetry.js';

/** How severe an event is. */
export type EventLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** Lines per kind and reason and ten seconds, for events that clients can cause at will. */
const CLIENT_CAUSED_BURST = 20;

/** How severe this event is. It may depend on its reason. */
export function levelOf(event: BrokerEvent | LifecycleEvent): EventLevel {
  switch (event.kind) {
    case 'client-connected':
    case 'listening':
    case 'listener-reloaded':
    case 'ready':
    case 'stopping':
    case 'stopped':
    // Port scans and health checks cause these.
    case 'handshake-failed':
    case 'reloaded':
    case 'permissions-renewed':
    case 'client-reauthenticated':
    case 'operator-command':
    case 'plugin-started':
      return 'info';
    case 'plugin-log':
      return event.severity;
    case 'connection-ended':
      return isOrdinary(event.reason) ? 'info' : 'warn';
    case 'connection-refused':
    case 'publish-denied':
    case 'subscribe-denied':
    case 'retained-limited':
    case 'storage-recovered':
    case 'authenticator-passed-over':
    case 'interceptor-failed':
    case 'plugin-failed':
    case 'subscriber-failed':
    case 'subscriber-overflow':
    case 'event-listener-failed':
    case 'event-listener-overflow':
    case 'administration-refused':
    case 'attempts-slowed':
    case 'close-failed':
    case 'changes-abandoned':
    case 'restart-needed':
    case 'signal-ignored':
    case 'clock-corrected':
    case 'start-waits':
    case 'stop-waits':
    case 'warning':
      return 'warn';
    case 'message-dropped':
      // No fault: no client subscribed, or the offline client did not ask to have its messages stored.
      if (event.reason === 'no-subscriber' || event.reason === 'client-offline') return 'debug';
      // No fault: the rules restrict what a broad subscription delivers, and an expiry what waits.
      return event.reason === 'not-authorized' || event.reason === 'expired' ? 'info' : 'warn';
    case 'will-published':
      return 'debug';
    case 'session-ended':
      return event.reason === 'expired' || event.reason === 'administrative' ? 'info' : 'debug';
    case 'listener-reload-failed':
    case 'storage-failing':
    case 'reload-failed':
    case 'permissions-kept':
      return 'error';
    case 'backup-ended':
      return event.result === 'complete' ? 'info' : 'warn';
    case 'fatal':
      return 'fatal';
  }
}

/** Lines per ten seconds; `Infinity` for events that clients cannot cause at will. */
export function burstOf(event: BrokerEvent | LifecycleEvent): number {
  switch (event.kind) {
    case 'message-dropped':
      return 1;
    case 'connection-refused':
    case 'handshake-failed':
    case 'administration-refused':
    case 'publish-denied':
    case 'subscribe-denied':
    case 'retained-limited':
    case 'authenticator-passed-over':
    case 'interceptor-failed':
    case 'plugin-failed':
    case 'attempts-slowed':
    case 'permissions-kept':
    case 'client-reauthenticated':
      return CLIENT_CAUSED_BURST;
    case 'connection-ended':
      // Before CONNECT, a client is limited by no login.
      return isOrdinary(event.reason) && event.clientId !== undefined ? Infinity : CLIENT_CAUSED_BURST;
    case 'client-connected':
    case 'will-published':
    case 'session-ended':
    case 'listening':
    case 'listener-reloaded':
    case 'listener-reload-failed':
    case 'ready':
    case 'stopping':
    case 'stopped':
    case 'start-waits':
    case 'stop-waits':
    case 'changes-abandoned':
    case 'close-failed':
    case 'reloaded':
    case 'reload-failed':
    case 'restart-needed':
    case 'signal-ignored':
    case 'warning':
    case 'permissions-renewed':
    case 'operator-command':
    case 'backup-ended':
    case 'clock-corrected':
    case 'plugin-started':
    // Already limited where it is written.
    case 'plugin-log':
    case 'fatal':
    // Already gathered where they happen.
    case 'subscriber-failed':
    case 'subscriber-overflow':
    case 'event-listener-failed':
    case 'event-listener-overflow':
    // Already selected by `OutageFilter`.
    case 'storage-failing':
    case 'storage-recovered':
      return Infinity;
  }
}

const RENEWALS = {
  'permissions-renewed': 'clients were authorized again',
  'permissions-kept': 'client could not be authorized again; it keeps its permissions',
  'client-reauthenticated': 'client authenticated again',
};

/** The message text, constant for each kind, so that it can be searched for. Details are in the fields. */
export function describeEvent(event: BrokerEvent | LifecycleEvent): string {
  if (isOfExtension(event)) return OF_EXTENSIONS[event.kind];
  switch (event.kind) {
    case 'client-connected':
      return 'client connected';
    case 'connection-refused':
      return 'connection refused';
    case 'handshake-failed':
      return 'connection refused before MQTT';
    case 'administration-refused':
      return 'request to the administration refused';
    case 'connection-ended':
      return 'connection ended';
    case 'publish-denied':
      return 'publish denied';
    case 'subscribe-denied':
      return 'subscription denied';
    case 'message-dropped':
      return 'message dropped';
    case 'retained-limited':
      return 'subscription matches more retained messages than the limit';
    case 'will-published':
      return 'will published';
    case 'session-ended':
      return 'session ended';
    case 'operator-command':
      return 'operator command';
    case 'clock-corrected':
      return 'the clock of the machine was corrected';
    case 'listener-reloaded':
      return 'listener uses the changed certificates';
    case 'listener-reload-failed':
      return 'listener keeps its previous certificates';
    case 'start-waits':
    case 'stop-waits':
      return `the ${event.kind === 'start-waits' ? 'start' : 'stop'} waits for an adapter`;
    case 'storage-failing':
    case 'storage-recovered':
      return describeStorage(event);
    case 'attempts-slowed':
      return 'too many failed logins; further attempts are delayed';
    case 'changes-abandoned':
      return 'stopping although storage has not accepted all changes';
    case 'listening':
    case 'ready':
    case 'stopping':
    case 'stopped':
    case 'reloaded':
      return event.kind;
    case 'reload-failed':
      return 'reload failed; the previous state remains in use';
    case 'backup-ended':
      return event.result === 'complete' ? 'backup is complete' : 'backup ended before it was complete';
    case 'restart-needed':
      return 'configuration changes take effect only after a restart';
    case 'signal-ignored':
      return 'signal ignored; SIGTERM stops the broker, SIGHUP reloads it';
    case 'warning':
      return 'something needs attention';
    case 'permissions-renewed':
    case 'permissions-kept':
    case 'client-reauthenticated':
      return RENEWALS[event.kind];
    case 'fatal':
      return 'fatal error; the broker stops';
  }
}

const OF_EXTENSIONS = {
  'plugin-started': 'plugin started',
  'plugin-failed': 'a part of a plugin failed',
  'plugin-log': 'plugin log',
  'authenticator-passed-over': 'authenticator failed; the next one decides',
  'interceptor-failed': 'interceptor failed',
  'subscriber-failed': 'in-process subscription failed to handle a message',
  'subscriber-overflow': 'in-process subscription is too slow; messages were dropped',
  'event-listener-failed': 'listener of events failed',
  'event-listener-overflow': 'listener of events is too slow; events were dropped',
  'close-failed': 'authenticator, authorizer, interceptor or listener of events could not be stopped',
} as const;

type OfExtension = Extract<BrokerEvent | LifecycleEvent, { readonly kind: keyof typeof OF_EXTENSIONS }>;

const isOfExtension = (event: BrokerEvent | LifecycleEvent): event is OfExtension =>
  Object.hasOwn(OF_EXTENSIONS, event.kind);

function describeStorage(event: Extract<LifecycleEvent, { kind: 'storage-failing' | 'storage-recovered' }>): string {
  const { kind, operation } = event;
  if (kind === 'storage-recovered') return `storage ${operation}s succeed again`;
  if (operation === 'read') return 'storage reads fail; delivery of stored messages waits';
  return event.storageErrorKind === 'full'
    ? 'storage is full; acknowledgements wait'
    : 'storage writes fail; acknowledgements wait';
}

/** Ends of connections that are normal in a healthy network. */
function isOrdinary(reason: EndReason): boolean {
  switch (reason) {
    case 'client-disconnect':
    case 'connection-lost':
    case 'keep-alive-timeout':
    case 'session-taken-over':
    case 'server-shutting-down':
    case 'administrative-action':
    // An event with the reason of the refusal precedes it.
    case 'connection-refused':
      return true;
    case 'malformed-packet':
    case 'protocol-violation':
    case 'connect-timeout':
    case 'authentication-timeout':
    case 'reauthentication-failed':
    case 'credentials-expired':
    case 'storage-unavailable':
    case 'not-authorized':
    case 'topic-name-invalid':
    case 'too-many-filters':
    case 'topic-filter-invalid':
    case 'incomplete-packets':
    case 'unread-packets':
    case 'memory-full':
    case 'session-bytes-full':
    case 'unacknowledged':
    case 'drain-timeout':
    case 'queue-full':
    case 'packet-too-large':
    case 'properties-too-large':
    case 'payload-format-invalid':
    case 'receive-maximum-exceeded':
    case 'topic-alias-invalid':
    case 'subscription-identifiers-not-supported':
    case 'qos-not-supported':
    case 'retain-not-supported':
      return false;
  }
}

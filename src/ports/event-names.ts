// The names of all events, for configurations and requests that choose some of them.
import type { BrokerEvent } from '../domain/events.js';
import type { LifecycleEvent } from './telemetry.js';

/** The name of an event, as in the log. */
export type EventName = (BrokerEvent | LifecycleEvent)['kind'];

/** The compiler demands each of them. */
const NAMES: Readonly<Record<EventName, true>> = {
  'administration-refused': true,
  'attempts-slowed': true,
  'authenticator-passed-over': true,
  'backup-ended': true,
  'changes-abandoned': true,
  'client-connected': true,
  'client-reauthenticated': true,
  'clock-corrected': true,
  'close-failed': true,
  'connection-ended': true,
  'connection-refused': true,
  'event-listener-failed': true,
  'event-listener-overflow': true,
  fatal: true,
  'handshake-failed': true,
  'interceptor-failed': true,
  'listener-reload-failed': true,
  'listener-reloaded': true,
  listening: true,
  'message-dropped': true,
  'operator-command': true,
  'permissions-kept': true,
  'permissions-renewed': true,
  'plugin-failed': true,
  'plugin-log': true,
  'plugin-started': true,
  'publish-denied': true,
  ready: true,
  'reload-failed': true,
  reloaded: true,
  'restart-needed': true,
  'retained-limited': true,
  'session-ended': true,
  'signal-ignored': true,
  'start-waits': true,
  'stop-waits': true,
  stopped: true,
  stopping: true,
  'storage-failing': true,
  'storage-recovered': true,
  'subscribe-denied': true,
  'subscriber-failed': true,
  'subscriber-overflow': true,
  warning: true,
  'will-published': true,
};

/** All of them. */
export const EVENT_NAMES = Object.keys(NAMES) as readonly EventName[];

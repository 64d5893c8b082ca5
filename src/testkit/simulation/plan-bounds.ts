// What the limits of a plan mean for the model.
import { DEFAULT_LIMITS, NEVER_EXPIRES_S } from '../../domain/limits.js';
import { LARGEST_PAYLOAD_BYTES } from './everyday.js';
import type { Plan } from './operations.js';

/** How long a session outlives its connection. */
export function expiryOf({ limits: { sessionExpiryMax } }: Plan): number {
  return sessionExpiryMax === undefined || sessionExpiryMax >= NEVER_EXPIRES_S ? Infinity : sessionExpiryMax * 1000;
}

/** Whether publishers wait: there is little room, or an interceptor. */
export const publishersWait = ({
  limits: { maxQueueSize, maxQueueBytes, maxWaitingBytes },
  interceptor,
}: Plan): boolean => (maxQueueSize ?? maxQueueBytes ?? maxWaitingBytes ?? interceptor) !== undefined;

/** The buffer of a shared group's queue, which one step may assign to one member at QoS 0. */
const RUN_BYTES = 1024 * 1024;

/**
 * Bytes written before the broker noticed that the client does not read, a window, the QoS 0 messages that may wait,
 * and unread answers.
 */
export function maxBufferedAboveMark({ limits }: Plan): number {
  const messages = (limits.maxInflight ?? DEFAULT_LIMITS.maxInflight) + (limits.maxBufferedQos0Messages ?? 1000);
  return RUN_BYTES + 3 * 64 * 1024 + messages * (LARGEST_PAYLOAD_BYTES + 64);
}

/** The limits of which a plan sets one for a client to find no place. */
const PLACES = ['maxConnections', 'maxPendingConnections', 'maxSessions', 'maxSessionBytes'] as const;

/** The limits of a plan with a place for every client; `undefined` if they have one already. */
export function withPlaces(limits: Plan['limits']): Plan['limits'] | undefined {
  if (PLACES.every((limit) => limits[limit] === undefined)) return undefined;
  const { maxConnections, maxPendingConnections, maxSessions, maxSessionBytes } = DEFAULT_LIMITS;
  return { ...limits, maxConnections, maxPendingConnections, maxSessions, maxSessionBytes };
}

/** What the auditor subscribes to: where a client may have few subscriptions, only what clients publish. */
export const auditedFilters = ({ maxSubscriptionsPerClient }: Plan['limits']): readonly string[] =>
  maxSubscriptionsPerClient === undefined ? ['#', '$x/#', '$SYS/#'] : ['#', '$x/#'];

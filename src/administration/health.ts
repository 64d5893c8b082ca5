// Whether the broker can serve clients now, as a list of checks: what a load balancer, a container or a service manager
// wants to know.
import type { Measures } from '../ports/index.js';
import type { BrokerParts } from './broker-parts.js';

export interface HealthCheck {
  readonly check: 'storage' | 'listeners' | 'connections' | 'sessions' | 'backlog';
  readonly isOk: boolean;
  readonly detail: string;
}

/** A batch that has been with storage for longer counts as not answered. */
const COMMIT_SECONDS_MAX = 10;

/** The limits are those at which new clients are refused, or no client is read any more. */
export function checksOf(parts: BrokerParts, measures: Measures): HealthCheck[] {
  return [storageCheck(parts, measures), listenersCheck(parts), ...limitChecks(parts, measures)];
}

function storageCheck({ storageState }: BrokerParts, { commitPendingS }: Measures): HealthCheck {
  const { isWriting, isReading, error } = storageState;
  if (!isWriting || !isReading)
    return { check: 'storage', isOk: false, detail: `operations fail and are repeated: ${error ?? 'no reason given'}` };
  const isOk = commitPendingS <= COMMIT_SECONDS_MAX;
  const detail = isOk ? 'storage answers' : `storage has not answered for ${Math.floor(commitPendingS)} s`;
  return { check: 'storage', isOk, detail };
}

function listenersCheck({ addresses, listenerKinds }: BrokerParts): HealthCheck {
  const missing = [...listenerKinds.keys()].filter((name) => !addresses.has(name));
  const isOk = missing.length === 0;
  const detail = isOk ? `${addresses.size} listeners are open` : `not open: ${missing.join(', ')}`;
  return { check: 'listeners', isOk, detail };
}

function limitChecks({ limits }: BrokerParts, { counts, accounts }: Measures): HealthCheck[] {
  const { maxConnections, maxSessions } = limits.current as Readonly<Record<string, number | undefined>>;
  const backlog = accounts.find(({ account }) => account === 'uncommitted');
  return [
    below('connections', counts.connections, maxConnections, 'clients are connected'),
    below('sessions', counts.sessions, maxSessions, 'sessions'),
    below('backlog', backlog?.bytes ?? 0, backlog?.limitBytes, 'bytes of changes wait for storage'),
  ];
}

function below(check: HealthCheck['check'], count: number, limit: number | undefined, what: string): HealthCheck {
  // -1 means no limit.
  const most = limit === undefined || limit < 0 ? Infinity : limit;
  const bound = most === Infinity ? 'without a limit' : `of at most ${most}`;
  return { check, isOk: count < most, detail: `${count} ${what}, ${bound}` };
}

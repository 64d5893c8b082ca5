// What a broker without a shell has measured: its counts, and nothing else.
import type { Counts, Measures } from 'hexmq/ports';
import { Flow } from '../../src/application/flow.js';
import { COUNTS, Histogram, SECONDS } from '../../src/application/histogram.js';

export const measuresOf = (counts: Counts, more: Partial<Measures> = {}): Measures => ({
  counts,
  uptimeS: 60,
  openConnections: counts.connections,
  connectionsByVersion: new Map([[4, counts.connections]]),
  received: new Flow().read(),
  sent: new Flow().read(),
  connectionsAccepted: 0,
  connectionsRefused: new Map(),
  connectionsEnded: new Map(),
  handshakesFailed: new Map(),
  sessionsEnded: new Map(),
  subscriptionsDenied: 0,
  storageFailures: new Map(),
  authentications: new Map(),
  authenticationSeconds: new Histogram(SECONDS).read(),
  commitSeconds: new Histogram(SECONDS).read(),
  commitChanges: new Histogram(COUNTS).read(),
  gateSeconds: new Histogram(SECONDS).read(),
  waitingChanges: 0,
  commitPendingS: 0,
  gatedConnections: 0,
  congestedConnections: 0,
  turns: 0,
  turnSeconds: 0,
  turnsSpent: 0,
  accounts: [{ account: 'waiting', bytes: counts.waitingBytes, limitBytes: 1000 }],
  ...more,
});

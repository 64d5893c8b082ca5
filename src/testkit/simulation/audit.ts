// The end of a run: a new client subscribes to all retained messages, and the model judges what it gets.
import type { VirtualClock } from '../virtual-clock.js';
import { SimulatedClient } from './client.js';
import { valueOf } from './evidence/value-of.js';
import type { Model } from './model.js';
import type { SimulatedNetwork } from './network.js';
import { tagOf } from './payload.js';
import type { Script } from './script.js';

const AUDITOR = { name: 'auditor', version: 4, latencyMs: 0, cutBytes: 0, redialMs: 0 } as const;
const AUDIT_MS = 1000;

export interface AuditParts {
  readonly network: SimulatedNetwork;
  readonly clock: VirtualClock;
  readonly model: Model;
  readonly script: Script;
}

/**
 * @param filters what the new client subscribes to.
 * @param pass lets so many milliseconds pass.
 */
export async function audit(
  { network, clock, model, script }: AuditParts,
  filters: readonly string[],
  pass: (ms: number) => Promise<void>,
): Promise<void> {
  const retained = new Map<string, string[]>();
  const auditor = new SimulatedClient(
    AUDITOR,
    network,
    clock,
    {
      received: (_client, _connection, { retain, topic, payload }) => {
        if (retain) valueOf(retained, topic, () => []).push(tagOf(payload));
      },
      identifierReused: (client, confusion) => {
        model.identifierReused(client, confusion);
      },
    },
    script,
  );
  auditor.connect({
    kind: 'connect',
    client: AUDITOR.name,
    clean: true,
    keepAliveS: 0,
    will: undefined,
    eager: false,
  });
  await pass(AUDIT_MS);
  auditor.subscribe(filters.map((filter) => ({ filter, qos: 2 })));
  await pass(AUDIT_MS);
  model.audited(retained);
}

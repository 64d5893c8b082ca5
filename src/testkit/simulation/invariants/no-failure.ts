// No failure: the broker throws no error, does not give up, sends nothing before CONNECT, and accuses no client of
// breaking the protocol: those of a run keep to it.
import type { BrokerEvent, LifecycleEvent } from '../../../ports/index.js';
import type { EndReason } from '../../../domain/reasons.js';
import type { Evidence } from '../evidence/evidence.js';
import type { SimulatedConnection } from '../network.js';
import type { Observations } from '../observations.js';
import type { Fail } from '../violation.js';

const ACCUSATIONS: ReadonlySet<string> = new Set<EndReason>([
  'malformed-packet',
  'protocol-violation',
  'receive-maximum-exceeded',
  'topic-alias-invalid',
  'packet-too-large',
  'properties-too-large',
]);

export class NoFailure implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  failed(error: unknown): void {
    this.fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }

  event(event: BrokerEvent | LifecycleEvent): void {
    if (event.kind === 'fatal') this.failed(event.error);
    else if (event.kind === 'connection-ended' && ACCUSATIONS.has(event.reason))
      this.fail(`${String(event.clientId)} is accused: ${event.reason}, ${String(event.detail)}`);
  }

  departedEarly({ peer }: SimulatedConnection): void {
    this.fail(`${peer.remoteAddress} is sent something before its CONNECT`);
  }
}

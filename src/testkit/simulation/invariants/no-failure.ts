// No failure: the broker throws no error, does not give up, and sends nothing before CONNECT.
import type { BrokerEvent, LifecycleEvent } from '../../../ports/index.js';
import type { Evidence } from '../evidence/evidence.js';
import type { SimulatedConnection } from '../network.js';
import type { Observations } from '../observations.js';
import type { Fail } from '../violation.js';

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
  }

  departedEarly({ peer }: SimulatedConnection): void {
    this.fail(`${peer.remoteAddress} is sent something before its CONNECT`);
  }
}

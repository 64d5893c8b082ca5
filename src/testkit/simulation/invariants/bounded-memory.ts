// Bounded memory: no more bytes wait for a slow reader than the limits allow.
import type { Evidence } from '../evidence/evidence.js';
import type { Departure, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

export class BoundedMemory implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  departed({ link: { bufferedBytes, network, peer } }: Departure): void {
    const most = network.highWaterMark + this.evidence.options.maxBufferedAboveMark;
    if (bufferedBytes > most)
      this.fail(`${peer.remoteAddress} has ${bufferedBytes} bytes waiting, ${most} are allowed`);
  }
}
